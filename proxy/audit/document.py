"""A record as the JSON object that is logged: fields at their default are left out, so a line says what happened and nothing else."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

from proxy.audit.record import Record
from proxy.dialects.call import NO_USAGE

_SHAPED: Final = frozenset({"hits", "limits", "usage", "inspected", "facts"})
_DURATIONS: Final = frozenset({"decide_s", "first_byte_s", "total_s"})
_PLAIN: Final = tuple(field.name for field in fields(Record) if field.name not in _SHAPED | _DURATIONS)


def document(record: Record) -> dict[str, Any]:
    """The fields of `record` that say something, by name. Durations are in seconds, to the microsecond."""
    shown: dict[str, Any] = {name: value for name in _PLAIN if (value := getattr(record, name))}
    for name in _DURATIONS:
        if value := getattr(record, name):
            shown[name] = round(value, 6)
    if record.hits:
        shown["hits"] = [_hit(*hit) for hit in record.hits]
    if record.limits:
        shown["limits"] = [_limit(*limit) for limit in record.limits]
    if record.usage != NO_USAGE:
        shown["usage"] = {name: value for name, value in record.usage._asdict().items() if value}
    if not record.inspected:
        shown["inspected"] = False
    if record.facts:
        shown["facts"] = record.facts
    return shown


def _hit(rule: str, mode: str, effects: tuple[str, ...], waived_by: str) -> dict[str, Any]:
    hit: dict[str, Any] = {"rule": rule, "mode": mode, "effects": effects}
    return hit | {"waived_by": waived_by} if waived_by else hit


def _limit(limit: str, allowed: bool, remaining: float, shadow: bool) -> dict[str, Any]:  # noqa: FBT001  the order of Record.limits
    told: dict[str, Any] = {"limit": limit, "allowed": allowed, "remaining": round(remaining, 6)}
    return told | {"shadow": True} if shadow else told
