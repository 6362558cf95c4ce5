"""Sampling, reasoning and log-probability parameters, with the spellings that vLLM, llama.cpp and routers add to OpenAI's."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from proxy.dialects.dialect import Document
from proxy.dialects.gemini import generate as gemini
from proxy.dialects.gemini.content import camel
from proxy.dialects.models.claude import QUIET
from proxy.dialects.reading import count, fields, inner, limit, switch, text, whole, wrong
from proxy.dialects.rewrite import EFFORTS
from proxy.dialects.wire.strict import malformed

COMMON_LIMITS: Final = ("max_tokens", "max_completion_tokens")
OUTPUT_LIMITS: Final = (*COMMON_LIMITS, "n_predict")
"""`n_predict` is llama.cpp's, which takes it before the others."""

ANSWERS: Final = ("n", "best_of", "n_cmpl")
"""vLLM and OpenAI draw `best_of` and return `n`; `n_cmpl` is llama.cpp's, and counts before `n`."""

BUDGETS: Final = ("thinking_budget", "thinking_token_budget", "thinking_budget_tokens", "reasoning_budget_tokens")
"""Qwen's, vLLM's, and two of llama.cpp's."""

ALL_ALTERNATIVES: Final = 1_000_000
"""What a negative number of alternatives asks for, more than any vocabulary has: vLLM takes -1 for all of it."""

OTHER_MODELS: Final = ("models", "fallbacks", "model_list")
"""Routers (OpenRouter, LiteLLM) answer from these when the named model fails: a model that nobody judged."""

_REASONING: Final = """
reasoning_effort reasoning thinking enable_thinking include_reasoning chat_template_kwargs extra_body google
"""
REASONING: Final = frozenset(_REASONING.split()) | frozenset(BUDGETS)
LOGPROBS: Final = frozenset({"logprobs", "top_logprobs", "prompt_logprobs", "n_probs", "logprob_token_ids", "logprobs_token_ids"})


class Reasoning(NamedTuple):
    """What was asked of the model's reasoning."""

    asked: bool = False
    effort: str = ""
    budget: int = 0


NO_REASONING: Final = Reasoning()


def answers(document: Document) -> int:
    """How many samples are drawn, by whichever name asks for the most."""
    if "best_of" in document or "n_cmpl" in document:
        return max(count(document, name) for name in ANSWERS)
    return count(document, "n")


def output_limit(document: Document, names: tuple[str, ...] = COMMON_LIMITS) -> int:
    """The output limit; 0 where none of `names` gives one, since any other is a limit to some servers only."""
    most = limit(document, *OUTPUT_LIMITS, *names)
    return most if any(document.get(name) is not None for name in names) else 0


def refuse_other_models(document: Document) -> None:
    """Refuse a list of models to fall back to."""
    for key in OTHER_MODELS:
        if document.get(key):
            raise malformed(f"{key} names further models; send one request for one model.", "several_models", key)


def highest(*efforts: str) -> str:
    """The highest effort asked for; one without a rank counts as higher than all."""
    return max(efforts, key=lambda effort: EFFORTS.index(effort) if effort in EFFORTS else len(EFFORTS) if effort else -1)


def reasoning(document: Document) -> Reasoning:
    """Effort and budget, however they are spelt: the most of what is asked for, since servers disagree about which spelling counts."""
    if REASONING.isdisjoint(document):
        return NO_REASONING
    effort = text(document, "reasoning_effort")
    nested = document.get("reasoning")
    budget = max(limit(document, name) for name in BUDGETS)  # one without a bound, told to some other server, takes none from the rest
    enabled, included = switch(document, "enable_thinking"), switch(document, "include_reasoning")
    asked = enabled or included
    if nested is not None:
        inside = fields(nested, "reasoning")
        effort = highest(effort, text(inside, "effort"))
        budget = max(budget, limit(inside, "max_tokens"))
        told = text(inside, "summary"), text(inside, "generate_summary")
        asked = any([asked, switch(inside, "enabled"), *told, text(inside, "mode") not in {"", "standard"}])
    thinking = document.get("thinking")
    if thinking is not None:
        more, tokens = _thinking(thinking)
        asked, budget = asked or more, max(budget, tokens)
    for google in googles(document):
        more, level, tokens = gemini.thinking(google)
        asked, effort, budget = asked or more, highest(effort, level), max(budget, tokens)
    template = inner(document, "chat_template_kwargs")
    asked = any([asked, switch(template, "enable_thinking"), switch(template, "thinking")])
    effort = highest(effort, text(template, "reasoning_effort"))
    return Reasoning(asked or budget > 0 or effort not in {"", "none"}, effort, budget)


def googles(document: Document) -> tuple[Document, Document]:
    """Gemini's own parameters, in camelCase, as its compatible paths and routers take them."""
    places = inner(document, "google"), inner(inner(document, "extra_body"), "google")
    return camel(places[0], "google"), camel(places[1], "extra_body.google")


def _thinking(value: Any) -> tuple[bool, int]:
    """`thinking` as DeepSeek, Z.ai and Anthropic-compatible servers take it."""
    if type(value) is bool:
        return value, 0
    inside = fields(value, "thinking")
    return text(inside, "type") not in QUIET, limit(inside, "budget_tokens")


def logprobs(document: Document) -> tuple[bool, int]:
    """Whether log-probabilities are asked for, and how many alternatives at each token."""
    if LOGPROBS.isdisjoint(document):
        return False, 0
    asked = document.get("logprobs")
    if asked is None or type(asked) is bool:
        alternatives = 0
    elif type(asked) is int:
        alternatives = _alternatives(asked)  # the legacy completions API gives the number itself
    else:
        raise wrong("logprobs", "true, false or an integer")
    wanted = asked is not None and asked is not False
    for key in ("top_logprobs", "prompt_logprobs", "n_probs"):
        if document.get(key) is not None:
            number = whole(document, key)
            wanted = wanted or number != 0 or key == "prompt_logprobs"
            alternatives = max(alternatives, _alternatives(number))
    wanted = wanted or bool(document.get("logprob_token_ids") or document.get("logprobs_token_ids"))
    return wanted, alternatives


def _alternatives(number: int) -> int:
    return number if number >= 0 else ALL_ALTERNATIVES


def streamed(document: Document) -> bool:
    """Whether the answer is to be streamed."""
    if document.get("stream_options") is not None:
        switch(inner(document, "stream_options"), "include_usage")  # read here because `rewrite.force_usage` relies on its type
    return switch(document, "stream")


def end_user(document: Document) -> str:
    """The caller's own end-user identifier."""
    named, user = text(document, "safety_identifier"), text(document, "user")
    return named or user
