"""A record as the JSON object that is logged: fields at their default are left out, so a line says what happened and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import orjson

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
