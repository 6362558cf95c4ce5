"""Rows of the OpenAI API."""

from __future__ import annotations

from typing import Any

from tests.dialects.corpus import CANARY, TALK, WRITTEN, Path, Probe, Row
from tests.dialects.rows.responses import RESPONSES
from tests.dialects.rows.sampling import SAMPLING

TEXT = {"type": "text", "text": CANARY}
SEARCHES: Any = (("web_search_options", {}, "web_search"), ("plugins", [{"id": "web"}], "web"))
FUNCTION = {"type": "function", "function": {"name": "look_up", "description": "Looks up", "parameters": {"type": "object"}}}

MESSAGE_WORDS: tuple[tuple[Path, Any], ...] = (
    (("messages", 0, "content"), CANARY),
    (("messages", 0, "content"), [TEXT]),
    (("messages", 0, "content"), [CANARY]),
    (("messages", 0, "content"), [{"text": CANARY}]),
    (("messages", 0, "content"), [{"type": "refusal", "refusal": CANARY}]),
    (("messages", 0, "content"), [{"type": "thinking", "thinking": CANARY}]),
    (("messages", 0, "content"), [{"type": "of_tomorrow", "inside": [{"deep": CANARY}]}]),
    (("messages", 0, "name"), CANARY),
    (("messages", 1), {"role": "system", "content": CANARY}),
    (("messages", 1), {"role": "developer", "content": [TEXT]}),
    (("messages", 1), {"role": "assistant", "content": None, "refusal": CANARY}),
    (("messages", 1), {"role": "assistant", "content": None, "reasoning_content": CANARY}),
    (("messages", 1), {"role": "assistant", "content": None, "reasoning": CANARY}),
    (("messages", 1), {"role": "assistant", "reasoning_details": [{"type": "reasoning.text", "text": CANARY}]}),
    (("messages", 1), {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": CANARY}}]}),
    (("messages", 1), {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": "f", "input": CANARY}}]}),
    (("messages", 1), {"role": "assistant", "function_call": {"name": "f", "arguments": CANARY}}),
    (("messages", 1), {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": CANARY, "arguments": "{}"}}]}),
    (("messages", 1), {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": CANARY, "input": ""}}]}),
    (("messages", 1), {"role": "assistant", "function_call": {"name": CANARY, "arguments": "{}"}}),
    (("messages", 1), {"role": "tool", "tool_call_id": "1", "content": CANARY}),
    (("messages", 1), {"role": "function", "name": "f", "content": [TEXT]}),
    (("messages", 1), {"role": "ipython", "content": CANARY}),
)

CHAT = Row(
    path="/v1/chat/completions",
    least={"messages": [{"role": "user", "content": "hello"}]},
    probes={
        **SAMPLING,
        "service_tier": (Probe(("service_tier",), "priority", "priority"),),
        "images": (
            Probe(("messages", 0, "content"), [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}], 1),
            Probe(("messages", 0, "content"), [{"image_url": "https://example.com/a.png"}, {"type": "video_url", "video_url": {}}], 2),
        ),
        "audio": (
            Probe(("messages", 0, "content"), [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}], 1),
            Probe(("messages", 1), {"role": "assistant", "audio": {"id": "audio_1"}}, 1),
        ),
        "tools": (
            Probe(("tools",), [FUNCTION], ("look_up",)),
            Probe(("tools",), [{"type": "custom", "custom": {"name": "shell"}}], ("shell",)),
            Probe(("functions",), [{"name": "old"}], ("old",)),
            *(Probe((key,), value, (name,)) for key, value, name in SEARCHES),
        ),
        "tool_results": (Probe(("messages", 1), {"role": "tool", "tool_call_id": "1", "content": "x"}, 1),),
        "turns": (Probe(("messages", 1), {"role": "user", "content": "again"}, 2),),
        "unseen": (
            Probe(("messages", 0, "content"), [{"type": "file", "file": {"file_id": "file-1"}}], 1),
            Probe(("prompt_embeds",), "AAAA", 1),
            Probe(("data_sources",), [{"type": "azure_search", "parameters": {}}], 1),
            Probe(("extra_body", "google", "cached_content"), "cachedContents/1", 1),
            Probe(("messages", 1), {"role": "assistant", "audio": {"id": "audio_1"}}, 1),
        ),
    },
    words=(
        *MESSAGE_WORDS,
        (("tools",), [{"type": "function", "function": {"name": "f", "description": CANARY}}]),
        (("tools",), [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"description": CANARY}}}}}]),
        (("functions",), [{"name": "f", "description": CANARY}]),
        (("response_format",), {"type": "json_schema", "json_schema": {"schema": {"description": CANARY}}}),
        (("prediction",), {"type": "content", "content": CANARY}),
        (("prediction",), {"type": "content", "content": [TEXT]}),
        (("data_sources",), [{"type": "azure_search", "parameters": {"role_information": CANARY}}]),
        (("chat_template",), CANARY),
        (("reasoning_budget_message",), CANARY),
        (("chat_template_kwargs",), {"x": CANARY}),
        (("documents",), [{"title": "t", "text": CANARY}]),
        (("plugins",), [{"id": "web", "search_prompt": CANARY}]),
    ),
)

COMPLETIONS = Row(
    path="/v1/completions",
    least={"prompt": "once"},
    probes={
        **SAMPLING,
        "logprobs": (*SAMPLING["logprobs"], Probe(("logprobs",), 0, True)),
        "top_logprobs": (*SAMPLING["top_logprobs"], Probe(("logprobs",), 4, 4)),
        "turns": (Probe(("prompt",), ["one", "two", "three"], 3),),
        "unseen": (Probe(("prompt",), [1, 2, 3], 1), Probe(("prompt",), [[1], [2]], 2), Probe(("prompt_embeds",), "AAAA", 1)),
    },
    words=((("prompt",), CANARY), (("prompt",), ["a", CANARY]), (("suffix",), CANARY)),
    never=f"{TALK} images audio service_tier",
)

_USER = {"end_user": SAMPLING["end_user"], "model": SAMPLING["model"]}
EMBEDDINGS = Row(
    path="/v1/embeddings",
    least={"input": "once"},
    probes={
        **_USER,
        "images": (Probe(("messages",), [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}], 1),),
        "audio": (Probe(("messages",), [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], 1),),
        "turns": (Probe(("input",), ["a", "b"], 2),),
        "unseen": (Probe(("input",), [5, 6], 1),),
    },
    words=((("input",), CANARY), (("input",), ["a", CANARY]), (("messages",), [{"role": "user", "content": [TEXT]}])),
    never=f"{WRITTEN} {TALK} n stream",
)

MODERATIONS = Row(
    path="/v1/moderations",
    least={"input": "once"},
    probes={
        **_USER,
        "images": (Probe(("input",), [{"type": "image_url", "image_url": {"url": "u"}}], 1),),
        "audio": (Probe(("input",), [{"type": "input_audio", "input_audio": {}}], 1),),
        "turns": (Probe(("input",), ["a", "b"], 2),),
        "unseen": (Probe(("input",), [5, 6], 1),),
    },
    words=((("input",), CANARY), (("input",), [CANARY]), (("input",), [TEXT])),
    never=f"{WRITTEN} {TALK} n stream",
)

IMAGES = Row(
    path="/v1/images/generations",
    least={"prompt": "a cat"},
    probes={**_USER, "n": (Probe(("n",), 4, 4),), "stream": (Probe(("stream",), True, True),)},
    words=((("prompt",), CANARY),),
    never=f"{WRITTEN} {TALK} images audio turns unseen",
)

SPEECH = Row(
    path="/v1/audio/speech",
    least={"input": "hello", "voice": "alloy"},
    probes={**_USER, "stream": (Probe(("stream_format",), "sse", True),)},
    words=((("input",), CANARY), (("instructions",), CANARY)),
    never=f"{WRITTEN} {TALK} n images audio turns unseen",
)

_NO_JOB = f"{WRITTEN.replace('seed ', '')} {TALK} n stream images audio turns end_user"
BATCH = Row("/v1/batches", {"input_file_id": "file-1"}, {"model": SAMPLING["model"]}, (), never=f"{_NO_JOB} seed unseen")
FINE_TUNING = Row(
    "/v1/fine_tuning/jobs",
    {"training_file": "file-1"},
    {"model": SAMPLING["model"], "seed": SAMPLING["seed"], "unseen": (Probe(("validation_file",), "file-2", 2),)},
    (),
    never=_NO_JOB,
)

ROWS = {
    "chat.completions": CHAT,
    "completions": COMPLETIONS,
    "embeddings": EMBEDDINGS,
    "moderations": MODERATIONS,
    "images.generate": IMAGES,
    "audio.speech": SPEECH,
    "responses": RESPONSES,
    "responses.compact": RESPONSES._replace(path="/v1/responses/compact"),
    "responses.input_tokens": RESPONSES._replace(path="/v1/responses/input_tokens"),
    "batches.create": BATCH,
    "fine_tuning.create": FINE_TUNING,
}
