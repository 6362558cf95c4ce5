"""Rows of Anthropic, Gemini, Bedrock and Ollama."""

from __future__ import annotations

from typing import Any

from tests.dialects.corpus import CANARY, Probe, Row

_TEXT = {"type": "text", "text": CANARY}
_MODEL = (Probe(("model",), "claude-x", "claude-x"),)
_STREAM = (Probe(("stream",), True, True),)
_TEMPERATURE = (Probe(("temperature",), 0.25, 0.25), Probe(("temperature",), 1, 1.0))

BLOCKS: tuple[Any, ...] = (
    _TEXT,
    {"type": "document", "title": CANARY, "source": {"type": "url", "url": "u"}},
    {"type": "document", "context": CANARY, "source": {"type": "url", "url": "u"}},
    {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": CANARY}},
    {"type": "document", "source": {"type": "content", "content": CANARY}},
    {"type": "document", "source": {"type": "content", "content": [_TEXT]}},
    {"type": "search_result", "source": "u", "title": "t", "content": [_TEXT]},
    {"type": "tool_use", "id": "1", "name": "f", "input": {"deep": [{"er": CANARY}]}},
    {"type": "server_tool_use", "id": "1", "name": "web_search", "input": {"query": CANARY}},
    {"type": "tool_result", "tool_use_id": "1", "content": CANARY},
    {"type": "tool_result", "tool_use_id": "1", "content": [_TEXT]},
    {"type": "tool_result", "tool_use_id": "1", "content": [{"type": "search_result", "content": [_TEXT], "source": "u", "title": "t"}]},
    {"type": "mcp_tool_result", "tool_use_id": "1", "content": [_TEXT]},
    {"type": "bash_code_execution_tool_result", "content": {"type": "bash_code_execution_result", "stdout": CANARY, "content": []}},
    {
        "type": "web_fetch_tool_result",
        "content": {"type": "web_fetch_result", "content": {"type": "document", "source": {"type": "text", "data": CANARY}}},
    },
    {"type": "thinking", "thinking": CANARY, "signature": "AA"},
    {"type": "of_tomorrow", "inside": {"deep": [CANARY]}},
)

MESSAGES = Row(
    path="/v1/messages",
    least={"messages": [{"role": "user", "content": "hello"}]},
    probes={
        "model": _MODEL,
        "stream": _STREAM,
        "images": (
            Probe(("messages", 0, "content"), [{"type": "image", "source": {"type": "base64", "data": "AA"}}], 1),
            Probe(("messages", 0, "content"), [{"type": "tool_result", "content": [{"type": "image", "source": {"type": "url"}}]}], 1),
        ),
        "tools": (
            Probe(("tools",), [{"name": "look_up", "input_schema": {"type": "object"}}], ("look_up",)),
            Probe(("tools",), [{"type": "web_search_20260318", "name": "web_search"}], ("web_search",)),
            Probe(("mcp_servers",), [{"type": "url", "name": "srv", "url": "u"}], ("srv",)),
        ),
        "tool_results": (Probe(("messages", 0, "content"), [{"type": "tool_result", "tool_use_id": "1", "content": "x"}], 1),),
        "turns": (Probe(("messages", 1), {"role": "user", "content": "again"}, 2),),
        "max_output_tokens": (Probe(("max_tokens",), 77, 77),),
        "temperature": _TEMPERATURE,
        "reasoning": (
            Probe(("thinking",), {"type": "enabled", "budget_tokens": 2000}, True),
            Probe(("thinking", "type"), "adaptive", True),
        ),
        "reasoning_effort": (Probe(("output_config", "effort"), "high", "high"),),
        "reasoning_budget": (Probe(("thinking",), {"type": "enabled", "budget_tokens": 2000}, 2000),),
        "end_user": (Probe(("metadata", "user_id"), "someone", "someone"),),
        "unseen": (
            Probe(("messages", 0, "content"), [{"type": "document", "source": {"type": "base64", "data": "AA"}}], 1),
            Probe(("messages", 0, "content"), [{"type": "image", "source": {"type": "file", "file_id": "1"}}], 1),
            Probe(("messages", 0, "content"), [{"type": "container_upload", "file_id": "1"}], 1),
            Probe(("container",), "c_1", 1),
        ),
    },
    words=(
        (("messages", 0, "content"), CANARY),
        *((("messages", 0, "content"), [block]) for block in BLOCKS),
        (("messages", 1), {"role": "system", "content": [_TEXT]}),
        (("system",), CANARY),
        (("system",), [_TEXT]),
        (("tools",), [{"name": "f", "description": CANARY}]),
        (("tools",), [{"name": "f", "input_schema": {"properties": {"a": {"description": CANARY}}}}]),
        (("context_management",), {"edits": [{"type": "compact_20260112", "instructions": CANARY}]}),
        (("output_config", "format"), {"type": "json_schema", "schema": {"description": CANARY}}),
    ),
)

COMPLETE = Row(
    path="/v1/complete",
    least={"prompt": "\n\nHuman: hi\n\nAssistant:"},
    probes={
        "model": _MODEL,
        "stream": _STREAM,
        "turns": (Probe(("prompt",), "\n\nHuman: a\n\nAssistant: b\n\nHuman: c", 2),),
        "max_output_tokens": (Probe(("max_tokens_to_sample",), 77, 77),),
        "temperature": _TEMPERATURE,
        "end_user": (Probe(("metadata", "user_id"), "someone", "someone"),),
    },
    words=((("prompt",), CANARY),),
)

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
    ),
)

COUNT_TOKENS = GENERATE._replace(
    path="/v1beta/models/gemini-x:countTokens",
    words=(*GENERATE.words, (("generateContentRequest",), {"contents": [{"parts": [{"text": CANARY}]}]})),
)

EMBED = Row(
    path="/v1beta/models/gemini-x:embedContent",
    path_model="gemini-x",
    least={"content": {"parts": [{"text": "hello"}]}},
    probes={"images": (Probe(("content", "parts"), [{"inlineData": {"mimeType": "image/png", "data": "AA"}}], 1),)},
    words=((("content", "parts"), [{"text": CANARY}]), (("title",), CANARY)),
)

BATCH_EMBED = Row(
    path="/v1beta/models/gemini-x:batchEmbedContents",
    path_model="gemini-x",
    least={"requests": [{"content": {"parts": [{"text": "hello"}]}}]},
    probes={"turns": (Probe(("requests", 1), {"model": "models/gemini-x", "content": {"parts": [{"text": "b"}]}}, 2),)},
    words=((("requests", 1), {"content": {"parts": [{"text": CANARY}]}}),),
)

_CONTENT: tuple[Any, ...] = (
    {"text": CANARY},
    {"document": {"name": CANARY, "format": "pdf", "source": {"bytes": "AA"}}},
    {"document": {"name": "d", "format": "txt", "source": {"text": CANARY}}},
    {"document": {"name": "d", "format": "txt", "context": CANARY, "source": {"content": [{"text": CANARY}]}}},
    {"toolUse": {"toolUseId": "1", "name": "f", "input": {"deep": [CANARY]}}},
    {"toolResult": {"toolUseId": "1", "content": [{"text": CANARY}]}},
    {"toolResult": {"toolUseId": "1", "content": [{"json": {"deep": CANARY}}]}},
    {"guardContent": {"text": {"text": CANARY}}},
    {"reasoningContent": {"reasoningText": {"text": CANARY, "signature": "AA"}}},
    {"searchResult": {"source": "u", "title": "t", "content": [{"text": CANARY}]}},
    {"citationsContent": {"content": [{"text": CANARY}]}},
)

CONVERSE = Row(
    path="/model/us.anthropic.claude-x-v1%3A0/converse",
    path_model="us.anthropic.claude-x-v1:0",
    least={"messages": [{"role": "user", "content": [{"text": "hello"}]}]},
    probes={
        "images": (Probe(("messages", 0, "content"), [{"image": {"format": "png", "source": {"bytes": "AA"}}}], 1),),
        "audio": (Probe(("messages", 0, "content"), [{"audio": {"format": "wav", "source": {"bytes": "AA"}}}], 1),),
        "tools": (Probe(("toolConfig", "tools"), [{"toolSpec": {"name": "look_up", "inputSchema": {"json": {}}}}], ("look_up",)),),
        "tool_results": (Probe(("messages", 1), {"role": "user", "content": [{"toolResult": {"toolUseId": "1", "content": []}}]}, 1),),
        "turns": (Probe(("messages", 1), {"role": "user", "content": [{"text": "again"}]}, 2),),
        "max_output_tokens": (Probe(("inferenceConfig", "maxTokens"), 77, 77),),
        "temperature": (Probe(("inferenceConfig", "temperature"), 0.25, 0.25),),
        "reasoning": (
            Probe(("additionalModelRequestFields", "thinking"), {"type": "enabled", "budget_tokens": 2000}, True),
            Probe(("additionalModelRequestFields", "reasoning_config"), {"type": "enabled", "budget_tokens": 2000}, True),
            Probe(("additionalModelRequestFields", "reasoning_effort"), "low", True),
        ),
        "reasoning_effort": (
            Probe(("additionalModelRequestFields", "reasoning_effort"), "high", "high"),
            Probe(("additionalModelRequestFields", "reasoningConfig"), {"type": "enabled", "maxReasoningEffort": "high"}, "high"),
            Probe(("outputConfig", "effort"), "high", "high"),
        ),
        "reasoning_budget": (
            Probe(("additionalModelRequestFields", "thinking"), {"type": "enabled", "budget_tokens": 2000}, 2000),
            Probe(("additionalModelRequestFields", "reasoning_config"), {"type": "enabled", "budget_tokens": 2001}, 2001),
        ),
        "unseen": (
            Probe(("promptVariables",), {"a": {"text": "b"}}, 1),
            Probe(("messages", 0, "content"), [{"document": {"name": "d", "format": "pdf", "source": {"bytes": "AA"}}}], 1),
        ),
    },
    words=(
        *((("messages", 0, "content"), [block]) for block in _CONTENT),
        (("system",), [{"text": CANARY}]),
        (("system",), [{"guardContent": {"text": {"text": CANARY}}}]),
        (("toolConfig", "tools"), [{"toolSpec": {"name": "f", "description": CANARY}}]),
        (("toolConfig", "tools"), [{"toolSpec": {"name": "f", "inputSchema": {"json": {"description": CANARY}}}}]),
        (("promptVariables",), {"a": {"text": CANARY}}),
        (("outputConfig", "textFormat"), {"type": "json_schema", "structure": {"jsonSchema": {"schema": CANARY}}}),
    ),
)

_CLAUDE = {name: probes for name, probes in MESSAGES.probes.items() if name not in {"model", "stream"}}
INVOKE = Row(
    path="/model/us.anthropic.claude-x-v1%3A0/invoke",
    path_model="us.anthropic.claude-x-v1:0",
    least={"anthropic_version": "bedrock-2023-05-31", **MESSAGES.least},
    probes=_CLAUDE,
    words=MESSAGES.words,
)

CHAT = Row(
    path="/api/chat",
    least={"messages": [{"role": "user", "content": "hello"}]},
    probes={
        "model": (
            Probe(("model",), "llama-x", "llama-x"),
            Probe(("model",), "Registry.Ollama.ai/library/Llama-X:latest", "llama-x"),
        ),
        "stream": (Probe(("stream",), False, False), Probe(("stream",), True, True)),
        "images": (Probe(("messages", 0, "images"), ["AA", "AA"], 2),),
        "tools": (Probe(("tools",), [{"type": "function", "function": {"name": "look_up"}}], ("look_up",)),),
        "tool_results": (Probe(("messages", 1), {"role": "tool", "content": "x"}, 1),),
        "turns": (Probe(("messages", 1), {"role": "user", "content": "again"}, 2),),
        "max_output_tokens": (Probe(("options", "num_predict"), 77, 77),),
        "temperature": (Probe(("options", "temperature"), 0.25, 0.25),),
        "seed": (Probe(("options", "seed"), 9, 9),),
        "logprobs": (Probe(("logprobs",), True, True), Probe(("top_logprobs",), 3, True)),
        "top_logprobs": (Probe(("top_logprobs",), 3, 3),),
        "reasoning": (Probe(("think",), True, True), Probe(("think",), "low", True)),
        "reasoning_effort": (Probe(("think",), "high", "high"),),
    },
    words=(
        (("messages", 0, "content"), CANARY),
        (("messages", 1), {"role": "system", "content": CANARY}),
        (("messages", 1), {"role": "assistant", "content": "", "thinking": CANARY}),
        (("messages", 1), {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": [CANARY]}}}]}),
        (("messages", 1), {"role": "tool", "tool_name": CANARY, "content": "x"}),
        (("tools",), [{"type": "function", "function": {"name": "f", "description": CANARY}}]),
        (("format",), {"type": "object", "description": CANARY}),
    ),
)

_GENERATE_PROBES = {name: probes for name, probes in CHAT.probes.items() if name not in {"images", "tools", "tool_results", "turns"}}
OLLAMA_GENERATE = Row(
    path="/api/generate",
    least={"prompt": "once"},
    probes={
        **_GENERATE_PROBES,
        "images": (Probe(("images",), ["AA"], 1),),
        "unseen": (Probe(("context",), [1, 2, 3], 1),),
    },
    words=(
        (("prompt",), CANARY),
        (("suffix",), CANARY),
        (("system",), CANARY),
        (("template",), CANARY),
        (("format",), {"description": CANARY}),
    ),
)

OLLAMA_EMBED = Row(
    path="/api/embed",
    least={"input": "once"},
    probes={"model": CHAT.probes["model"], "turns": (Probe(("input",), ["a", "b"], 2),)},
    words=((("input",), CANARY), (("input",), ["a", CANARY])),
)
SHOW = Row("/api/show", {}, {"model": (*CHAT.probes["model"], Probe(("name",), "llama-x", "llama-x"))}, ())

ROWS = {
    ("anthropic", "messages"): MESSAGES,
    ("anthropic", "messages.count_tokens"): MESSAGES._replace(path="/v1/messages/count_tokens"),
    ("anthropic", "complete"): COMPLETE,
    ("gemini", "generate_content"): GENERATE,
    ("gemini", "stream_generate_content"): GENERATE._replace(path="/v1beta/models/gemini-x:streamGenerateContent"),
    ("gemini", "count_tokens"): COUNT_TOKENS,
    ("gemini", "embed_content"): EMBED,
    ("gemini", "batch_embed_contents"): BATCH_EMBED,
    ("bedrock", "invoke"): INVOKE,
    ("bedrock", "invoke_stream"): INVOKE._replace(path=INVOKE.path + "-with-response-stream"),
    ("bedrock", "converse"): CONVERSE,
    ("bedrock", "converse_stream"): CONVERSE._replace(path=CONVERSE.path + "-stream"),
    ("ollama", "chat"): CHAT,
    ("ollama", "generate"): OLLAMA_GENERATE,
    ("ollama", "embed"): OLLAMA_EMBED,
    ("ollama", "models.show"): SHOW,
}
