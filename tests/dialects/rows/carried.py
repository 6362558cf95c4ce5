"""Rows of endpoints whose calls don't come as a JSON body: forms, batches, realtime sessions."""

from __future__ import annotations

from typing import Any

from tests.dialects.corpus import CANARY, Path, Probe, Row, as_events, as_form, as_line, as_params
from tests.dialects.rows import anthropic, openai, responses

_MODEL = (Probe(("model",), "m-form", "m-form"),)
_UNKNOWN_TO_FORMS = "seed top_logprobs reasoning reasoning_effort reasoning_budget tools tool_results turns unseen service_tier"
_SPOKEN: dict[str, tuple[Probe, ...]] = {
    "model": _MODEL,
    "stream": (Probe(("stream",), "true", True), Probe(("stream",), "True", True)),
    "max_output_tokens": (Probe(("max_tokens",), "77", 77), Probe(("max_completion_tokens",), "78", 78)),
    "audio": (Probe(("file",), b"RIFF", 1),),
    "temperature": (Probe(("temperature",), "0.25", 0.25),),
    "n": (Probe(("n",), "3", 3),),
    "logprobs": (Probe(("include[]",), ["logprobs"], True), Probe(("include",), "logprobs", True)),
    "end_user": (Probe(("user",), "someone", "someone"),),
}
TRANSCRIPTION = Row(
    path="/v1/audio/transcriptions",
    least={"prompt": "a hint"},
    probes=_SPOKEN,
    words=((("prompt",), CANARY), (("keywords[]",), [CANARY])),
    never=f"{_UNKNOWN_TO_FORMS} images",
    carry=as_form,
)

_PAINTED = {name: probes for name, probes in _SPOKEN.items() if name != "audio"}
EDIT = Row(
    path="/v1/images/edits",
    least={"prompt": "a cat"},
    probes={**_PAINTED, "images": (Probe(("image",), b"PNG", 1), Probe(("image[]",), [b"PNG", b"PNG"], 2))},
    words=((("prompt",), CANARY),),
    never=f"{_UNKNOWN_TO_FORMS} audio",
    carry=as_form,
)

REALTIME_WORDS: tuple[tuple[Path, Any], ...] = (
    (("session", "instructions"), CANARY),
    (("session", "tools"), [{"type": "function", "name": "f", "description": CANARY}]),
    (("session", "audio"), {"input": {"transcription": {"prompt": CANARY}}}),
    (("session", "audio"), {"input": {"transcription": {"keywords": [CANARY]}}}),
    (("session", "prompt"), {"id": "pmpt_1", "variables": {"topic": CANARY}}),
    (("response", "instructions"), CANARY),
    (("response", "prompt"), {"id": "pmpt_1", "variables": {"topic": CANARY}}),
    (("item",), {"type": "message", "role": "user", "content": [{"type": "input_audio", "audio": "AA", "transcript": CANARY}]}),
    *((("item",), item) for item in responses.ITEMS),
    *((("response", "input"), [item]) for item in responses.ITEMS),
)


def _in_both(path: Path, value: Any, expected: Any) -> tuple[Probe, ...]:
    return tuple(Probe((place, *path), value, expected) for place in ("session", "response"))


def _item(*parts: Any, expected: int = 1, role: str = "user") -> Probe:
    return Probe(("item",), {"type": "message", "role": role, "content": list(parts)}, expected)


REALTIME = Row(
    path="/v1/realtime",
    least={"session": {"instructions": "hello"}},
    probes={
        "model": _in_both(("model",), "gpt-x", "gpt-x"),
        "images": (_item({"type": "input_image", "image_url": "u"}),),
        "audio": (_item({"type": "input_audio", "audio": "AA"}),),
        "tools": _in_both(("tools",), [{"type": "function", "name": "look_up"}], ("look_up",)),
        "tool_results": (Probe(("item",), {"type": "function_call_output", "call_id": "1", "output": "x"}, 1),),
        "turns": (_item({"type": "input_text", "text": "x"}),),
        "max_output_tokens": (*_in_both(("max_output_tokens",), 77, 77), *_in_both(("max_response_output_tokens",), 78, 78)),
        "temperature": _in_both(("temperature",), 0.25, 0.25),
        "logprobs": _in_both(("include",), ["item.input_audio_transcription.logprobs"], True),
        "reasoning": _in_both(("reasoning", "effort"), "low", True),
        "reasoning_effort": _in_both(("reasoning", "effort"), "high", "high"),
        "reasoning_budget": _in_both(("reasoning", "max_tokens"), 512, 512),
        "unseen": (*_in_both(("prompt",), {"id": "pmpt_1"}, 1), _item({"type": "input_file", "file_id": "1"})),
    },
    words=REALTIME_WORDS,
    never="stream n seed top_logprobs end_user service_tier",
    carry=as_events,
    method="GET",
)

ROWS = {
    "audio.transcriptions": TRANSCRIPTION,
    "audio.translations": TRANSCRIPTION._replace(path="/v1/audio/translations"),
    "images.edit": EDIT,
    "images.variation": EDIT._replace(path="/v1/images/variations"),
    "files.upload": openai.CHAT._replace(path="/v1/files", carry=as_line, endpoint="chat.completions"),
    "realtime": REALTIME,
}
MESSAGES = anthropic.MESSAGES._replace(path="/v1/messages/batches", carry=as_params, endpoint="messages")
