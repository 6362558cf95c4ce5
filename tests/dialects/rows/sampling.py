"""How the APIs of OpenAI and compatible servers name a model, its sampling and its reasoning."""

from __future__ import annotations

from tests.dialects.corpus import Probe

SAMPLING: dict[str, tuple[Probe, ...]] = {
    "model": (Probe(("model",), "gpt-x", "gpt-x"),),
    "stream": (Probe(("stream",), True, True),),
    "max_output_tokens": (
        Probe(("max_tokens",), 77, 77),
        Probe(("max_completion_tokens",), 78, 78),
    ),
    "n": (Probe(("n",), 3, 3), Probe(("best_of",), 4, 4), Probe(("n_cmpl",), 5, 5)),
    "temperature": (Probe(("temperature",), 0.25, 0.25), Probe(("temperature",), 2, 2.0)),
    "seed": (Probe(("seed",), 9, 9),),
    "logprobs": (
        Probe(("logprobs",), True, True),
        Probe(("top_logprobs",), 2, True),
        Probe(("prompt_logprobs",), 0, True),
        Probe(("n_probs",), 3, True),
    ),
    "top_logprobs": (Probe(("top_logprobs",), 5, 5), Probe(("prompt_logprobs",), 6, 6), Probe(("n_probs",), 7, 7)),
    "reasoning": (
        Probe(("reasoning_effort",), "low", True),
        Probe(("reasoning", "effort"), "low", True),
        Probe(("reasoning", "enabled"), True, True),
        Probe(("thinking", "type"), "enabled", True),
        Probe(("enable_thinking",), True, True),
        Probe(("include_reasoning",), True, True),
        Probe(("thinking_budget",), 512, True),
        Probe(("thinking_token_budget",), 512, True),
        Probe(("chat_template_kwargs", "enable_thinking"), True, True),
        Probe(("chat_template_kwargs", "thinking"), True, True),
        Probe(("extra_body", "google", "thinking_config"), {"include_thoughts": True}, True),
        Probe(("google", "thinkingConfig"), {"includeThoughts": True}, True),
    ),
    "reasoning_effort": (
        Probe(("reasoning_effort",), "high", "high"),
        Probe(("reasoning", "effort"), "high", "high"),
        Probe(("chat_template_kwargs", "reasoning_effort"), "high", "high"),
        Probe(("extra_body", "google", "thinking_config", "thinking_level"), "HIGH", "high"),
    ),
    "reasoning_budget": (
        Probe(("thinking_budget",), 512, 512),
        Probe(("thinking_token_budget",), 517, 517),
        Probe(("thinking_budget_tokens",), 518, 518),
        Probe(("reasoning_budget_tokens",), 519, 519),
        Probe(("reasoning", "max_tokens"), 513, 513),
        Probe(("thinking", "budget_tokens"), 514, 514),
        Probe(("extra_body", "google", "thinking_config", "thinking_budget"), 515, 515),
        Probe(("google", "thinking_config", "thinking_budget"), 516, 516),
    ),
    "end_user": (Probe(("user",), "someone", "someone"), Probe(("safety_identifier",), "other", "other")),
}
