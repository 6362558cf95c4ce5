"""What a caller is told about its limits: Retry-After, the IETF RateLimit fields, and the headers that each provider's SDKs read.

Outside names: draft-ietf-httpapi-ratelimit-headers-10 (RateLimit, RateLimit-Policy, their parameters q, w, qu, r, t); OpenAI's guide
"Rate limits" (x-ratelimit-*, durations such as 6m0s); Anthropic's API reference "Rate limits" (anthropic-ratelimit-*, RFC 3339 times).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil, inf
from typing import Final

from proxy.limits.ask import Standing

Headers = list[tuple[str, str]]

_LARGEST: Final = 999_999_999_999_999
"""The largest integer of a structured field (RFC 9651, 3.3.1)."""

_QUOTA_UNITS: Final = {
    "requests": "requests",
    "concurrent": "concurrent-requests",
    "usd": "usd-cents",
    "input_tokens": "input-tokens",
    "output_tokens": "output-tokens",
    "total_tokens": "tokens",
}
_OPENAI_KINDS: Final = {"requests": "requests", "input_tokens": "tokens", "output_tokens": "tokens", "total_tokens": "tokens"}
_ANTHROPIC_KINDS: Final = {
    "requests": "requests",
    "input_tokens": "input-tokens",
    "output_tokens": "output-tokens",
    "total_tokens": "tokens",
}
_KINDS: Final = {"openai": _OPENAI_KINDS, "azure": _OPENAI_KINDS, "anthropic": _ANTHROPIC_KINDS}
"""What a provider's headers call each unit; units it has no headers for are missing."""
_NO_KINDS: Final[dict[str, str]] = {}


def refusal_code(denied: Standing) -> str:
    """The error code of a limit's refusal: waiting helps with the first two, only a smaller request with the third."""
    if denied.retry_after_s == inf:
        return "cost_above_limit"
    return "concurrency_limit_exceeded" if denied.rate == 0.0 else "rate_limit_exceeded"


def refusal_message(denied: Standing) -> str:
    """One sentence for the caller that names the limit and says what to do."""
    if denied.retry_after_s == inf:
        return f"This request costs more than limit '{denied.limit}' ever allows at once; make it smaller."
    if denied.rate == 0.0:
        return f"Limit '{denied.limit}' allows {_integer(denied.burst)} requests at the same time; try again when one of yours has ended."
    return f"Limit '{denied.limit}' is spent; try again in {_seconds(denied.retry_after_s)} s."


def reply_headers(standings: Sequence[Standing], denied: Standing | None, dialect: str, now: float) -> Headers:
    """Headers of a reply, lower-case. All describe the limit that denied; when none did, the tightest (of each kind the provider names).

    Shadow limits never show. A cost above the burst has no Retry-After and asks the SDKs not to retry.
    """
    told, named = _shown(standings if denied is None else (denied,), _KINDS.get(dialect, _NO_KINDS))
    if denied is not None:
        told = denied
    if told is None:
        return []
    headers = _ietf(told)
    if denied is not None:
        headers.append(("x-should-retry", "false") if denied[3] == inf else ("retry-after", _seconds(denied[3])))
    for kind, standing in named.items():
        headers += _anthropic(kind, standing, now) if dialect == "anthropic" else _openai(kind, standing)
    return headers


def _shown(standings: Sequence[Standing], kinds: Mapping[str, str]) -> tuple[Standing | None, dict[str, Standing]]:
    """The enforced limit with the smallest share left, of all and of each kind. Of equals the last."""
    tightest: Standing | None = None
    least = inf
    named: dict[str, Standing] = {}
    shares: dict[str, float] = {}
    for standing in standings:
        _, _, remaining, _, _, burst, _, shadow, unit = standing
        if shadow:
            continue
        share = remaining / burst if burst > 0.0 else 0.0
        if share <= least:
            tightest, least = standing, share
        kind = kinds.get(unit)
        if kind is not None and share <= shares.get(kind, inf):
            named[kind], shares[kind] = standing, share
    return tightest, named


def _ietf(told: Standing) -> Headers:
    limit, allowed, remaining, retry_after_s, reset_s, burst, rate, _, unit = told
    name, policy = _policy(limit, burst, rate, unit)
    wait = reset_s if allowed or retry_after_s == inf else retry_after_s
    return [policy, ("ratelimit", f"{name};r={_amount(unit, remaining)};t={_seconds(wait)}")]


def _openai(kind: str, standing: Standing) -> Headers:
    _, _, left, _, reset_s, burst, _, _, _ = standing
    limit, remaining, reset = _OPENAI_HEADERS[kind]
    return [(limit, _burst(burst)), (remaining, _integer(left)), (reset, _duration(reset_s))]


_OPENAI_HEADERS: Final = {
    kind: (f"x-ratelimit-limit-{kind}", f"x-ratelimit-remaining-{kind}", f"x-ratelimit-reset-{kind}") for kind in ("requests", "tokens")
}


def _anthropic(kind: str, standing: Standing, now: float) -> Headers:
    return [
        (f"anthropic-ratelimit-{kind}-limit", _integer(standing.burst)),
        (f"anthropic-ratelimit-{kind}-remaining", _integer(standing.remaining)),
        (f"anthropic-ratelimit-{kind}-reset", _moment(ceil(now + min(standing.reset_s, _LONGEST_S)))),
    ]


@lru_cache(maxsize=1024)
def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


_LONGEST_S: Final = 366 * 86_400.0
"""A reset further away than a year is written as a year away: no client plans beyond, and dates stay four digits long."""


@lru_cache(maxsize=1024)
def _policy(limit: str, burst: float, rate: float, unit: str) -> tuple[str, tuple[str, str]]:
    """The quoted name and the RateLimit-Policy header of a limit; the same for all its subjects, so worth remembering."""
    name = f'"{_sf_string(limit)}"'
    window = f";w={_seconds(burst / rate)}" if rate else ""
    return name, ("ratelimit-policy", f'{name};q={_amount(unit, burst)};qu="{_sf_string(_QUOTA_UNITS.get(unit, unit))}"{window}')


def _amount(unit: str, units: float) -> str:
    return _integer(units * 100.0 if unit == "usd" else units)


def _integer(units: float) -> str:
    return str(int(units + 1e-6)) if 0.0 <= units < _LARGEST else "0" if units < 0.0 else str(_LARGEST)


_burst: Final = lru_cache(maxsize=1024)(_integer)
"""The same for all subjects of a limit, unlike what is left of it."""


def _seconds(seconds: float) -> str:
    return str(ceil(seconds - 1e-6)) if 0.0 < seconds < _LARGEST else "0" if seconds <= 0.0 else str(_LARGEST)


def _duration(seconds: float) -> str:
    if seconds < 1.0:
        return f"{ceil(seconds * 1000.0)}ms"
    minutes, rest = divmod(ceil(min(seconds, _LARGEST)), 60)
    hours, minutes = divmod(minutes, 60)
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if hours or minutes else "") + f"{rest}s"


def _sf_string(text: str) -> str:
    visible = "".join(char for char in text if " " <= char <= "~")
    return visible.replace("\\", "\\\\").replace('"', '\\"')
