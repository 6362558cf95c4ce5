"""Rows of Amazon Bedrock."""

from __future__ import annotations

from typing import Any

from tests.dialects.corpus import CANARY, Probe, Row
from tests.dialects.rows import anthropic

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

EXTRA = "additionalModelRequestFields"

CONVERSE = Row(
    path="/model/us.anthropic.claude-x-v1%3A0/converse",
    path_model="us.anthropic.claude-x-v1:0",
    least={"messages": [{"role": "user", "content": [{"text": "hello"}]}]},
    probes={
        "images": (Probe(("messages", 0, "content"), [{"image": {"format": "png", "source": {"bytes": "AA"}}}], 1),),
        "audio": (Probe(("messages", 0, "content"), [{"audio": {"format": "wav", "source": {"bytes": "AA"}}}], 1),),
        "tools": (
            Probe(("toolConfig", "tools"), [{"toolSpec": {"name": "look_up", "inputSchema": {"json": {}}}}], ("look_up",)),
            Probe((EXTRA, "tools"), [{"type": "computer_20250124", "name": "computer"}], ("computer",)),
            Probe((EXTRA, "mcp_servers"), [{"type": "url", "name": "srv", "url": "u"}], ("srv",)),
        ),
        "tool_results": (Probe(("messages", 1), {"role": "user", "content": [{"toolResult": {"toolUseId": "1", "content": []}}]}, 1),),
        "turns": (Probe(("messages", 1), {"role": "user", "content": [{"text": "again"}]}, 2),),
        "max_output_tokens": (Probe(("inferenceConfig", "maxTokens"), 77, 77),),
        "temperature": (Probe(("inferenceConfig", "temperature"), 0.25, 0.25),),
        "seed": (Probe((EXTRA, "seed"), 9, 9),),
        "logprobs": (Probe((EXTRA, "logprobs"), True, True), Probe((EXTRA, "top_logprobs"), 3, True)),
        "top_logprobs": (Probe((EXTRA, "top_logprobs"), 3, 3),),
        "reasoning": (
            Probe((EXTRA, "thinking"), {"type": "enabled", "budget_tokens": 2000}, True),
            Probe((EXTRA, "reasoning_config"), {"type": "enabled", "budget_tokens": 2000}, True),
            Probe((EXTRA, "reasoning_effort"), "low", True),
        ),
        "service_tier": (
            Probe(("serviceTier",), {"type": "priority"}, "priority"),
            Probe(("performanceConfig",), {"latency": "optimized"}, "optimized"),
            Probe((EXTRA, "speed"), "fast", "fast"),
        ),
        "reasoning_effort": (
            Probe((EXTRA, "reasoning_effort"), "high", "high"),
            Probe((EXTRA, "reasoningConfig"), {"type": "enabled", "maxReasoningEffort": "high"}, "high"),
            Probe(("outputConfig", "effort"), "high", "high"),
            Probe((EXTRA, "output_config", "effort"), "high", "high"),
            Probe((EXTRA, "reasoning", "effort"), "high", "high"),
        ),
        "reasoning_budget": (
            Probe((EXTRA, "thinking"), {"type": "enabled", "budget_tokens": 2000}, 2000),
            Probe((EXTRA, "reasoning_config"), {"type": "enabled", "budget_tokens": 2001}, 2001),
            Probe((EXTRA, "thinking_budget"), 2002, 2002),
        ),
        "unseen": (
            Probe(("promptVariables",), {"a": {"text": "b"}}, 1),
            Probe(("messages", 0, "content"), [{"image": {"format": "png", "source": {"s3Location": {"uri": "s3://b/k"}}}}], 1),
            Probe(("messages", 0, "content"), [{"audio": {"format": "wav", "source": {"s3Location": {"uri": "s3://b/k"}}}}], 1),
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
        ((EXTRA, "tools"), [{"name": "f", "description": CANARY}]),
        ((EXTRA, "of_tomorrow"), {"deep": [CANARY]}),
        (("outputConfig", "textFormat"), {"type": "json_schema", "structure": {"jsonSchema": {"schema": CANARY}}}),
    ),
    never="n end_user",
)

_CLAUDE = {name: probes for name, probes in anthropic.MESSAGES.probes.items() if name not in {"model", "stream"}}
INVOKE = Row(
    path="/model/us.anthropic.claude-x-v1%3A0/invoke",
    path_model="us.anthropic.claude-x-v1:0",
    least={"anthropic_version": "bedrock-2023-05-31", **anthropic.MESSAGES.least},
    probes=_CLAUDE,
    words=anthropic.MESSAGES.words,
    never=anthropic.MESSAGES.never,
)

ROWS = {
    "invoke": INVOKE,
    "invoke_stream": INVOKE._replace(path=INVOKE.path + "-with-response-stream"),
    "converse": CONVERSE,
    "converse_stream": CONVERSE._replace(path=CONVERSE.path + "-stream"),
}
