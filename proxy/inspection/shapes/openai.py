"""OpenAI chat completions, completions and embeddings, with what vLLM, llama.cpp, DeepSeek, OpenRouter and LiteLLM add."""

from __future__ import annotations

from typing import Final

import orjson

from proxy.inspection.shapes import responses
from proxy.inspection.shapes.shape import Fate, Json, Shape, Thoughts, drop, report_openai_usage
from proxy.inspection.tally import Tally, count

REASONING_KEYS: Final = frozenset({"reasoning_content", "reasoning", "reasoning_details", "thinking_blocks", "thinking"})
"""DeepSeek, vLLM and llama.cpp; vLLM and OpenRouter; OpenRouter; LiteLLM; some Ollama front ends."""

LOGPROB_KEYS: Final = frozenset({"logprobs", "prompt_logprobs", "completion_probabilities"})
"""OpenAI; vLLM; llama.cpp."""

TOKEN_KEYS: Final = frozenset({"token_ids", "__verbose"})
"""vLLM's ids of every token written and llama.cpp's raw answer: both hold the reasoning, in another form."""

_CHOICE_KEYS: Final = TOKEN_KEYS | REASONING_KEYS

_USAGE_CHUNK_KEYS: Final = frozenset(
    {"id", "object", "created", "model", "choices", "service_tier", "system_fingerprint", "obfuscation", "timings"}
)
"""What the chunk that only tells usage has besides (timings: llama.cpp): anything more (Azure's filter results) has to be forwarded."""

_THINKING_PARTS: Final = frozenset({"thinking", "reasoning"})
"""Types of content parts that are reasoning (Mistral sends content as a list)."""


def read(event: Json, tally: Tally) -> None:
    """Read a chat completion, a completion, an embedding answer, a response, or one event of any of their streams."""
    choices = event.get("choices")
    if choices is None and _is_response(event):
        responses.read(event, tally)
        return
    for choice in choices or ():
        message = choice.get("delta") or choice.get("message")
        if message:
            text = message.get("content")
            if type(text) is str and (len(message) == 1 or (len(message) == 2 and "role" in message)):
                tally.wrote(text)
            else:
                _read_message(message, tally)
        elif "text" in choice:
            tally.wrote(choice["text"])
        if choice.get("finish_reason"):
            tally.finished(choice["finish_reason"])
    usage = event.get("usage")
    if usage:
        report_openai_usage(usage, tally)
    elif "timings" in event:
        _read_timings(event["timings"], tally)


def _is_response(event: Json) -> bool:
    return "choices" not in event and ("type" in event or "output" in event)


def _read_message(message: Json, tally: Tally) -> None:
    for key in ("content", "reasoning_content", "reasoning", "refusal"):
        text = message.get(key)
        if text:
            tally.wrote(text if type(text) is str else orjson.dumps(text).decode())
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        tally.wrote(function.get("name"))
        tally.wrote(function.get("arguments"))


def _read_timings(timings: Json, tally: Tally) -> None:
    """llama.cpp counts every chunk in its timings, also when no usage was asked for."""
    tally.report(
        prompt=count(timings.get("prompt_n")) + count(timings.get("cache_n")),
        output=count(timings.get("predicted_n")),
        cached=count(timings.get("cache_n")),
    )


class ChatStripper:
    """Strips choices, whether they hold a message, a delta or a text."""

    def __init__(self, strips: frozenset[str]) -> None:
        self._reasoning = "reasoning" in strips
        self._logprobs = "logprobs" in strips
        self._usage = "usage" in strips
        self._thoughts = Thoughts(strips)

    def body(self, answer: Json) -> bool:
        """A body keeps its usage: only a stream's is ever forced."""
        changed = self._envelope(answer)
        for choice in answer.get("choices") or ():
            changed |= self._choice(choice, choice.get("message"))
            if self._reasoning:
                changed |= self._untag(choice, choice.get("message"))
        return changed

    def event(self, event: Json) -> Fate:
        """A choice left with nothing is dropped, and so is a chunk left without choices: what usage it tells is told again."""
        changed = self._envelope(event)
        if self._usage and "usage" in event:
            changed = True
            if event.pop("usage") and not event.get("choices") and event.keys() <= _USAGE_CHUNK_KEYS:
                return Fate.DROP
        kept = []
        for choice in event.get("choices") or ():
            removed = self._choice(choice, choice.get("delta"))
            if self._reasoning:
                removed |= self._untag(choice, choice.get("delta"), streamed=True)
            changed |= removed
            if not (removed and _is_empty(choice)):
                kept.append(choice)
        if changed and event.get("choices"):
            if not kept:
                return Fate.DROP
            event["choices"] = kept
        return Fate.CHANGED if changed else Fate.KEEP

    def _untag(self, choice: Json, message: Json | None, *, streamed: bool = False) -> bool:
        """Remove a thought between tags from a choice's text; true if that changed anything."""
        holder, key = (choice, "text") if message is None else (message, "content")
        if type(holder.get(key)) is list:
            return False
        if streamed:
            changed = self._thoughts.untag_piece(holder, key, choice.get("index", 0), last=_ends(choice))
        else:
            changed = self._thoughts.untag(holder, key)
        if changed:
            drop(choice, LOGPROB_KEYS)
        return changed

    def _envelope(self, holder: Json) -> bool:
        changed = self._logprobs and drop(holder, LOGPROB_KEYS)
        return (self._reasoning and drop(holder, TOKEN_KEYS)) or changed

    def _choice(self, choice: Json, message: Json | None) -> bool:
        logprobs = self._logprobs
        changed = False
        if self._reasoning:
            changed = drop(choice, _CHOICE_KEYS)
            if message and strip_message(message):
                changed = logprobs = True  # the removed tokens have log-probabilities too, and those spell them
        return (logprobs and drop(choice, LOGPROB_KEYS)) or changed


def _ends(choice: Json) -> bool:
    """It is the last of its choice; DeepSeek's on Bedrock have another name for it."""
    return bool(choice.get("finish_reason") or choice.get("stop_reason"))


def strip_message(message: Json) -> bool:
    """Remove reasoning from a message or a delta in place."""
    changed = drop(message, REASONING_KEYS)
    extra = message.get("provider_specific_fields")
    if extra:
        changed |= drop(extra, REASONING_KEYS)
    content = message.get("content")
    if type(content) is list:
        kept = [part for part in content if part.get("type") not in _THINKING_PARTS]
        if len(kept) < len(content):
            message["content"] = kept
            changed = True
    return changed


def _is_empty(choice: Json) -> bool:
    if _ends(choice) or choice.get("text"):
        return False
    return not any((choice.get("delta") or {}).values())


class AnswerStripper:
    """Strips whichever of OpenAI's answers it is."""

    def __init__(self, strips: frozenset[str]) -> None:
        self._chat = ChatStripper(strips)
        self._response = responses.ResponseStripper(strips)

    def body(self, answer: Json) -> bool:
        """Strip a whole answer."""
        return self._response.body(answer) if _is_response(answer) else self._chat.body(answer)

    def event(self, event: Json) -> Fate:
        """Strip one event of a stream."""
        return self._response.event(event) if _is_response(event) else self._chat.event(event)


ANSWERS: Final = Shape(read, AnswerStripper)
