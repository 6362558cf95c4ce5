"""A record as the JSON object that is logged: what every exchange has, and of the rest what says something."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from proxy.audit.record import Record
from proxy.dialects.call import NO_USAGE

_OFTEN_EMPTY: Final = (
    "rule", "code", "stream", "unscanned_chars", "limits_degraded", "clamped", "unmet", "stripped", "tags", "risk_level", "risk_score", "risk_families",
    "campaign", "upstream", "upstream_status", "upstream_error", "upstream_retries", "facts", "fact_sources",
)  # fmt: skip
"""Left out when they say nothing."""


def document(record: Record) -> dict[str, Any]:
    """The fields of `record` by name. Durations are in seconds, cut to the microsecond (round() takes as long as all the rest)."""
    shown: dict[str, Any] = {
        "id": record.id,
        "at": record.at,
        "revision": record.revision,
        "method": record.method,
        "endpoint": record.endpoint,
        "dialect": record.dialect,
        "model": record.model,
        "client": record.client,
        "account": record.account,
        "country": record.country,
        "asn": record.asn,
        "geo_status": record.geo_status,
        "outcome": record.outcome,
        "status": record.status,
        "inspected": record.inspected,
        "estimated_tokens": record.estimated_tokens,
        "request_bytes": record.request_bytes,
        "response_bytes": record.response_bytes,
        "decide_s": int(record.decide_s * 1e6) / 1e6,
        "first_byte_s": int(record.first_byte_s * 1e6) / 1e6,
        "total_s": int(record.total_s * 1e6) / 1e6,
    }
    for name in _OFTEN_EMPTY:
        if value := getattr(record, name):
            shown[name] = value
    if record.hits:
        shown["hits"] = [_hit(*hit) for hit in record.hits]
    if record.limits:
        shown["limits"] = [_limit(*limit) for limit in record.limits]
    if record.usage != NO_USAGE:
        shown["usage"] = {name: value for name, value in record.usage._asdict().items() if value}
    return shown


def _hit(rule: str, mode: str, effects: tuple[str, ...], waived_by: str) -> dict[str, Any]:
    hit: dict[str, Any] = {"rule": rule, "mode": mode, "effects": effects}
    if waived_by:
        hit["waived_by"] = waived_by
    return hit


def _limit(limit: str, allowed: bool, remaining: float, shadow: bool) -> dict[str, Any]:  # noqa: FBT001  the order of Record.limits
    told: dict[str, Any] = {"limit": limit, "allowed": allowed, "remaining": int(remaining * 1e6) / 1e6}
    if shadow:
        told["shadow"] = True
    return told


def write_json(value: object) -> bytes:
    """`value` as JSON, whatever it holds: callers choose names, and a lone surrogate or a number of a hundred digits must not stop the log."""
    try:
        return orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS)
    except TypeError:
        return orjson.dumps(_writable(value))


def _writable(value: object) -> object:
    if isinstance(value, Mapping):
        return {_text(str(name)): _writable(each) for name, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_writable(each) for each in value]
    if value is None or isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 1 << 63):
        return value
    return _text(str(value))


def _text(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
