"""The shape of a request, as bits, and the client's signature.

Cannot see: what a client forges. Every header can be, so a signature groups accounts and never convicts one.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from xxhash import xxh3_64_intdigest

from proxy.detection.observation import Observation
from proxy.dialects.call import ModelCall

REASONING: Final = 1
"""Reasoning or thinking asked for."""
MAXIMISED: Final = 2
"""An output limit high enough for any answer."""
SAMPLED: Final = 4
"""Several answers to one prompt, or token probabilities."""
EMPTY: Final = 8
"""No text at all: reads the limits from the answer's headers."""

STEP: Final = 16
"""Goes on with something: a tool's result, or an earlier turn."""

LONG_OUTPUT_TOKENS: Final = 2048
_VARIES: Final = frozenset(
    {
        "content-length",
        "x-stainless-retry-count",
        "traceparent",
        "tracestate",
        "x-request-id",
        "cookie",
        "idempotency-key",
        "x-stainless-timeout",
    }
)


def shape(call: ModelCall) -> int:
    """The bits that apply to a call."""
    bits = 0
    if call.reasoning or call.reasoning_budget or call.reasoning_effort in {"medium", "high", "xhigh", "max"}:
        bits |= REASONING
    if call.max_output_tokens >= LONG_OUTPUT_TOKENS:
        bits |= MAXIMISED
    if call.n > 1 or call.logprobs or call.top_logprobs:
        bits |= SAMPLED
    for text in call.texts:
        if text.text:
            break
    else:
        bits |= EMPTY
    if call.tool_results or call.turns > 1:
        bits |= STEP
    return bits


def signature(observation: Observation) -> int:
    """Odd hash of header names in order, user agent and TLS fingerprint; 0 when nothing is known."""
    return _signed(tuple(observation.header_names), observation.user_agent, observation.tls_fingerprint)


@lru_cache(256)  # of up to 32 kB of headers each
def _signed(header_names: tuple[str, ...], user_agent: str, tls_fingerprint: str) -> int:
    names = ",".join(name for name in header_names if name not in _VARIES)
    if not names and not user_agent and not tls_fingerprint:
        return 0
    return xxh3_64_intdigest(f"{names}\0{user_agent}\0{tls_fingerprint}".encode("utf-8", "replace")) | 1


def network(observation: Observation) -> int:
    """Even hash of the client's network; 0 when unknown."""
    return xxh3_64_intdigest(observation.network.encode("utf-8", "replace")) & ~1 if observation.network else 0
