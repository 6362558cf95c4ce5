"""Rows of Ollama."""

from __future__ import annotations

from tests.dialects.corpus import CANARY, TALK, WRITTEN, Probe, Row

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
        (("messages", 1), {"role": "assistant", "tool_calls": [{"function": {"name": CANARY, "arguments": {}}}]}),
        (("messages", 1), {"role": "tool", "tool_name": CANARY, "content": "x"}),
        (("tools",), [{"type": "function", "function": {"name": "f", "description": CANARY}}]),
        (("format",), {"type": "object", "description": CANARY}),
    ),
    never="audio n reasoning_budget end_user unseen service_tier",
)

_GENERATE_PROBES = {name: probes for name, probes in CHAT.probes.items() if name not in {"images", "tools", "tool_results", "turns"}}
GENERATE = Row(
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
    never=f"{TALK} audio n reasoning_budget end_user turns service_tier",
)

EMBED = Row(
    path="/api/embed",
    least={"input": "once"},
    probes={
        "model": CHAT.probes["model"],
        "turns": (Probe(("input",), ["a", "b"], 2),),
        "unseen": (Probe(("input",), [5, 6], 1),),
    },
    words=((("input",), CANARY), (("input",), ["a", CANARY])),
    never=f"{WRITTEN} {TALK} n images audio end_user stream",
)
SHOW = Row(
    "/api/show", {}, {"model": (*CHAT.probes["model"], Probe(("name",), "llama-x", "llama-x"))}, (), never=f"{EMBED.never} turns unseen"
)

ROWS = {
    "chat": CHAT,
    "generate": GENERATE,
    "embed": EMBED,
    "models.show": SHOW,
}
