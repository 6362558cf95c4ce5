"""A realtime session: client events are read one by one, against what the session has been told so far.

Only three kinds of event carry words or settings. Known others pass unread; an unknown one is refused. With voice activity detection
the server answers by itself when the caller stops speaking: no client event marks that, so usage is what tells.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import NO_NAMES, Clamps, Document, Names, Route
from proxy.dialects.openai import content, sampling
from proxy.dialects.openai.lowering import effort
from proxy.dialects.openai.responses import read_item
from proxy.dialects.reading import MAX_NAME_CHARS, Prompt, fields, inner, items, limit, number, text, wrong
from proxy.dialects.rewrite import Bound, apply, bound
from proxy.dialects.wire.strict import DEFAULT_LIMITS, JsonLimits, malformed, read_json

PASSED: Final = frozenset(
    {
        "input_audio_buffer.append",
        "input_audio_buffer.clear",
        "input_audio_buffer.commit",
        "output_audio_buffer.clear",
        "conversation.item.delete",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "response.cancel",
    }
)
"""Events that bring neither words nor settings: audio, and housekeeping."""

SETTINGS: Final = {"session.update": "session", "response.create": "response"}
"""Events that set parameters, and where in them."""

_OUTPUT_LIMITS: Final = ("max_output_tokens", "max_response_output_tokens")


class Event(NamedTuple):
    """One client event that has to be judged."""

    call: ModelCall
    document: Document
    generates: bool
    """The event makes the model answer: it is a request of its own. The others only prepare one."""
    transcribed: ModelCall | None = None
    """The settings have what the caller says written down, by a model of its own: to be judged as well."""


class RealtimeSession:
    """What a session has been told. Memory is bounded: settings and counts are kept, words are not."""

    def __init__(self, route: Route, model: str, names: Names = NO_NAMES, limits: JsonLimits = DEFAULT_LIMITS) -> None:
        """`model` is the one in the query, "" without one. Raises CallerError when it isn't a printable name."""
        self._names = names
        self._limits = limits
        self._call = ModelCall(route.dialect.name, route.endpoint, self._named(model), stream=True)

    @property
    def call(self) -> ModelCall:
        """The session as it stands, without words: what is judged when it opens."""
        return self._call

    def read_event(self, raw: bytes) -> Event | None:
        """What an event asks for; None for one that needs no judgement.

        Raises CallerError MALFORMED for an event that has two readings or an unknown type.
        """
        document = fields(read_json(raw, self._limits), "")
        kind = text(document, "type")
        if kind in PASSED:
            return None
        prompt = Prompt()
        call = self._call
        transcribed = None
        if kind == "conversation.item.create":
            read_item(prompt, fields(document.get("item"), "item"))
        elif kind in SETTINGS:
            settings = inner(document, SETTINGS[kind])
            transcribed = self._transcribed(settings)
            call = self._set(prompt, settings)
        else:
            raise malformed("This event type isn't known, so it can't be judged.", "unknown_event", "type")
        call = call._replace(
            images=call.images + prompt.images,
            audio=call.audio + prompt.audio,
            tool_results=call.tool_results + prompt.tool_results,
            turns=call.turns + prompt.turns,
            input_tokens=call.input_tokens + prompt.length(),
            unseen=call.unseen + prompt.unseen,
        )
        generates = kind == "response.create"
        if not generates:  # what a response sets for itself doesn't last
            self._call = call
        return Event(call._replace(texts=tuple(prompt.texts)), document, generates, transcribed)

    def _transcribed(self, settings: Document) -> ModelCall | None:
        names = {self._named(text(transcription, "model")) for transcription in _transcriptions(settings)} - {""}
        if len(names) > 1:
            raise malformed("The settings name two models for one transcription.", "ambiguous_model", "session")
        return self._call._replace(model=names.pop()) if names else None

    def _set(self, prompt: Prompt, settings: Document) -> ModelCall:
        prompt.say("system", text(settings, "instructions"))
        for tool in items(settings, "tools"):
            content.tool(prompt, tool)
        for item in items(settings, "input"):
            read_item(prompt, fields(item, "input"))
        prompt.unseen += settings.get("prompt") is not None
        prompt.say_all("user", inner(settings, "prompt").get("variables"))
        for transcription in _transcriptions(settings):
            prompt.say("system", text(transcription, "prompt"))
            prompt.say_all("system", items(transcription, "keywords"))
        thinking = sampling.reasoning(settings)
        temperature = number(settings, "temperature")
        call = self._call
        return call._replace(
            model=self._named(text(settings, "model")) or call.model,
            tools=tuple(prompt.tools) or call.tools,
            max_output_tokens=_output_limit(settings, call.max_output_tokens),
            temperature=call.temperature if temperature is None else temperature,
            logprobs=any(str(name).endswith("logprobs") for name in items(settings, "include")) or call.logprobs,
            reasoning=thinking.asked or call.reasoning,
            reasoning_effort=thinking.effort or call.reasoning_effort,
            reasoning_budget=thinking.budget or call.reasoning_budget,
        )

    def _named(self, name: str) -> str:
        if not name.isprintable() or len(name) > MAX_NAME_CHARS:
            raise wrong("model", f"a printable string of at most {MAX_NAME_CHARS} characters")
        return self._names.get(name, name)


def _transcriptions(settings: Document) -> tuple[Document, Document]:
    """Where settings speak of a transcription of what the caller says, in the newer and the older API."""
    return inner(inner(inner(settings, "audio"), "input"), "transcription"), inner(settings, "input_audio_transcription")


def _output_limit(settings: Document, before: int) -> int:
    """The output limit: `before` when left out, 0 for "inf"."""
    told = {key: settings[key] for key in _OUTPUT_LIMITS if settings.get(key) is not None}
    if not told:
        return before
    counted = limit({key: value for key, value in told.items() if value != "inf"}, *_OUTPUT_LIMITS)
    return 0 if "inf" in told.values() else counted


def clamp_event(document: Document, clamps: Clamps, call: ModelCall) -> tuple[Document, tuple[str, ...]]:
    """The event within the bounds, and the parameters that changed. `call` is what the event asks for, the session's settings included.

    What an event leaves out is the session's, which may have been set when other bounds held: it is lowered, and never raised to a bound.
    """
    place = SETTINGS.get(document["type"])
    if place is None:
        return document, ()
    settings, changed = apply(_with_inherited(document.get(place) or {}, clamps, call), clamps, _BOUNDS)
    return ({**document, place: settings}, changed) if changed else (document, ())


def _with_inherited(settings: Document, clamps: Clamps, call: ModelCall) -> Document:
    """The settings with what they leave out of the bounded parameters."""
    settings = dict(settings)
    if "max_tokens" in clamps and call.max_output_tokens and all(settings.get(key) is None for key in _OUTPUT_LIMITS):
        settings[_OUTPUT_LIMITS[0]] = call.max_output_tokens
    if "temperature" in clamps and settings.get("temperature") is None and call.temperature is not None:
        settings["temperature"] = call.temperature
    reasoning = settings.get("reasoning") or {}
    if "reasoning_effort" in clamps and reasoning.get("effort") is None and call.reasoning_effort:
        settings["reasoning"] = {**reasoning, "effort": call.reasoning_effort}
    return settings


def _lower_limit(settings: Document, most: Any) -> bool:
    present = [key for key in _OUTPUT_LIMITS if settings.get(key) is not None]
    over = [key for key in present if settings[key] == "inf" or not 0 <= settings[key] <= most]
    for key in over or ([] if present else _OUTPUT_LIMITS[:1]):
        settings[key] = most
    return bool(over) or not present


def _lower_temperature(settings: Document, most: Any) -> bool:
    return bound(settings, "temperature", most)


def _no_logprobs(settings: Document, _: Any) -> bool:
    included = settings.get("include") or []
    kept = [name for name in included if not str(name).endswith("logprobs")]
    if len(kept) == len(included):
        return False
    settings["include"] = kept
    return True


_BOUNDS: Final[dict[str, Bound]] = {
    "max_tokens": _lower_limit,
    "temperature": _lower_temperature,
    "reasoning_effort": effort.lower,
    "reasoning_budget": effort.budget,
    "logprobs": _no_logprobs,
}
