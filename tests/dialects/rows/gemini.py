"""Rows of the Gemini API."""

from __future__ import annotations

from typing import Any

from tests.dialects.corpus import CANARY, TALK, WRITTEN, Probe, Row

_PARTS: tuple[Any, ...] = (
    [{"text": CANARY}],
    {"text": CANARY},
    [{"text": CANARY, "thought": True}],
    [{"functionCall": {"name": "f", "args": {"a": [CANARY]}}}],
    [{"functionResponse": {"name": "f", "response": {"a": CANARY}}}],
    [{"function_response": {"name": "f", "parts": [{"text": CANARY}]}}],
    [{"executableCode": {"code": CANARY, "language": "PYTHON"}}],
    [{"codeExecutionResult": {"output": CANARY}}],
    [{"ofTomorrow": {"deep": CANARY}}],
)


def _config(key: str, value: Any, expected: Any) -> Probe:
    return Probe(("generationConfig", key), value, expected)


GENERATE = Row(
    path="/v1beta/models/gemini-x:generateContent",
    path_model="gemini-x",
    least={"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    probes={
        "service_tier": (Probe(("serviceTier",), "flex", "flex"), Probe(("service_tier",), "PRIORITY", "priority")),
        "images": (
            Probe(("contents", 0, "parts"), [{"inlineData": {"mimeType": "image/png", "data": "AA"}}], 1),
            Probe(("contents", 0, "parts"), [{"inline_data": {"mime_type": "image/png", "data": "AA"}}], 1),
        ),
        "audio": (Probe(("contents", 0, "parts"), [{"inlineData": {"mimeType": "audio/wav", "data": "AA"}}], 1),),
        "tools": (
            Probe(("tools",), [{"functionDeclarations": [{"name": "look_up"}]}], ("look_up",)),
            Probe(("tools",), {"function_declarations": [{"name": "look_up"}]}, ("look_up",)),
            Probe(("tools",), [{"googleSearch": {}}], ("googleSearch",)),
        ),
        "tool_results": (Probe(("contents", 1), {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {}}}]}, 1),),
        "turns": (Probe(("contents", 1), {"role": "user", "parts": [{"text": "again"}]}, 2),),
        "max_output_tokens": (_config("maxOutputTokens", 77, 77), Probe(("generation_config", "max_output_tokens"), 78, 78)),
        "n": (_config("candidateCount", 3, 3),),
        "temperature": (_config("temperature", 0.25, 0.25),),
        "seed": (_config("seed", 9, 9),),
        "logprobs": (_config("responseLogprobs", True, True), _config("response_logprobs", True, True), _config("logprobs", 2, True)),
        "top_logprobs": (_config("logprobs", 5, 5),),
        "reasoning": (
            _config("thinkingConfig", {"includeThoughts": True}, True),
            _config("thinkingConfig", {"thinkingBudget": -1}, True),
            _config("thinking_config", {"thinking_level": "HIGH"}, True),
        ),
        "reasoning_effort": (_config("thinkingConfig", {"thinkingLevel": "HIGH"}, "high"),),
        "reasoning_budget": (_config("thinkingConfig", {"thinkingBudget": 512}, 512),),
        "unseen": (
            Probe(("cachedContent",), "cachedContents/1", 1),
            Probe(("cached_content",), "cachedContents/1", 1),
            Probe(("continuationToken",), "AA", 1),
            Probe(("contents", 0, "parts"), [{"fileData": {"mimeType": "image/png", "fileUri": "u"}}], 1),
            Probe(("contents", 0, "parts"), [{"inlineData": {"mimeType": "application/pdf", "data": "AA"}}], 1),
        ),
    },
    words=(
        *((("contents", 0, "parts"), part) for part in _PARTS),
        (("contents", 1), {"role": "model", "parts": [{"text": CANARY}]}),
        (("systemInstruction",), {"parts": [{"text": CANARY}]}),
        (("system_instruction",), {"parts": {"text": CANARY}}),
        (("tools",), [{"functionDeclarations": [{"name": "f", "description": CANARY}]}]),
        (("tools",), [{"functionDeclarations": [{"name": "f", "parameters": {"properties": {"a": {"description": CANARY}}}}]}]),
        (("generationConfig", "responseSchema"), {"description": CANARY}),
        (("generation_config", "response_json_schema"), {"description": CANARY}),
        (("generationConfig", "audioTranscriptionConfig"), {"sourceText": CANARY}),
    ),
    never="end_user",
)

COUNT_TOKENS = GENERATE._replace(
    path="/v1beta/models/gemini-x:countTokens",
    words=(*GENERATE.words, (("generateContentRequest",), {"contents": [{"parts": [{"text": CANARY}]}]})),
)

EMBED = Row(
    path="/v1beta/models/gemini-x:embedContent",
    path_model="gemini-x",
    least={"content": {"parts": [{"text": "hello"}]}},
    probes={
        "images": (Probe(("content", "parts"), [{"inlineData": {"mimeType": "image/png", "data": "AA"}}], 1),),
        "audio": (Probe(("content", "parts"), [{"inlineData": {"mimeType": "audio/wav", "data": "AA"}}], 1),),
        "turns": (Probe(("content", "parts"), [{"text": "a"}, {"text": "b"}], 2),),
        "unseen": (Probe(("content", "parts"), [{"fileData": {"mimeType": "image/png", "fileUri": "u"}}], 1),),
    },
    words=((("content", "parts"), [{"text": CANARY}]), (("title",), CANARY)),
    never=f"{WRITTEN} {TALK} n end_user",
)

BATCH_EMBED = Row(
    path="/v1beta/models/gemini-x:batchEmbedContents",
    path_model="gemini-x",
    least={"requests": [{"content": {"parts": [{"text": "hello"}]}}]},
    probes={
        name: tuple(Probe(("requests", 1, *probe.path), probe.value, probe.expected) for probe in probes)
        for name, probes in EMBED.probes.items()
        if name != "turns"
    }
    | {"turns": (Probe(("requests", 1), {"model": "models/gemini-x", "content": {"parts": [{"text": "b"}]}}, 2),)},
    words=((("requests", 1), {"content": {"parts": [{"text": CANARY}]}}),),
    never=EMBED.never,
)

ROWS = {
    "generate_content": GENERATE,
    "stream_generate_content": GENERATE._replace(path="/v1beta/models/gemini-x:streamGenerateContent"),
    "count_tokens": COUNT_TOKENS,
    "embed_content": EMBED,
    "batch_embed_contents": BATCH_EMBED,
}
