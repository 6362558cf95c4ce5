"""Rows of the Anthropic API."""

from __future__ import annotations

from typing import Any

from tests.dialects.corpus import CANARY, TALK, Probe, Row

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
            Probe(("chat_template_kwargs", "enable_thinking"), True, True),
        ),
        "reasoning_effort": (
            Probe(("output_config", "effort"), "high", "high"),
            Probe(("chat_template_kwargs", "reasoning_effort"), "high", "high"),
        ),
        "reasoning_budget": (Probe(("thinking",), {"type": "enabled", "budget_tokens": 2000}, 2000),),
        "end_user": (Probe(("metadata", "user_id"), "someone", "someone"),),
        "service_tier": (Probe(("service_tier",), "standard_only", "standard_only"), Probe(("speed",), "fast", "fast")),
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
        (("chat_template_kwargs",), {"x": CANARY}),
        (("compaction",), {"type": "summarize", "instructions": CANARY}),
        (("output_config", "format"), {"type": "json_schema", "schema": {"description": CANARY}}),
    ),
    never="audio n seed logprobs top_logprobs",
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
    never=f"{TALK} images audio n seed logprobs top_logprobs reasoning reasoning_effort reasoning_budget unseen service_tier",
)

ROWS = {
    "messages": MESSAGES,
    "messages.count_tokens": MESSAGES._replace(path="/v1/messages/count_tokens"),
    "complete": COMPLETE,
}
