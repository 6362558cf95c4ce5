"""Attributes: what an operator, a gateway or a token says of an account, each with its source."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple


class Attributes(NamedTuple):
    """What is known of one account. The fields are the tail of `identity.caller.Account`, in its order.

    So `Account(id, source, listed, *attributes)` is an account. Unknown is a value, and has no entry in `sources`.
    """

    org: str = ""
    tier: str = ""
    verified: bool = False
    country: str = ""
    owner_country: str = ""
    owner_share: float = 0.0
    opened_at: float | None = None
    tags: tuple[str, ...] = ()
    sources: tuple[tuple[str, str], ...] = ()
    """Attribute and where it was said, such as ("tier", "accounts.yaml:12")."""


class Fault(NamedTuple):
    """One attribute that can't be read: its name, what is wrong, what to write."""

    name: str
    what: str
    fix: str


NO_ATTRIBUTES: Final = Attributes()
Value = str | bool | float | tuple[str, ...]

_FIELD: Final = {"opened": "opened_at"}
"""Attributes are named as an operator writes them; these fields are named differently."""
_WORD = re.compile(r"[^\x00-\x1f\x7f]{1,128}\Z")
_TAG = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}\Z")
_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_NOT_ISO: Final = {"UK": "GB", "EL": "GR", "EN": "GB", "EU": "the country, not the union"}
_MOST_TAGS: Final = 64


def read_attributes(values: Mapping[str, Any], source: Callable[[str], str]) -> tuple[Attributes, list[Fault]]:
    """Read attributes from typed values (YAML, claims) or texts (CSV, headers), where "" and None are unknown.

    `source` words where an attribute was said. What can't be read is left unknown and told as a fault.
    """
    found: dict[str, Any] = {}
    said: list[tuple[str, str]] = []
    faults: list[Fault] = []
    for name, value in values.items():
        read = READERS.get(name)
        if read is None:
            faults.append(Fault(name, f"unknown attribute {name!r}", f"known: {', '.join(READERS)}"))
        elif value is not None and value != "":
            try:
                found[_FIELD.get(name, name)] = read(value)
            except ValueError as error:
                what, _, fix = str(error).partition("; ")
                faults.append(Fault(name, what, fix))
            else:
                said.append((name, source(name)))
    return Attributes(**found, sources=tuple(said)), faults


def overlay(*layers: Attributes) -> Attributes:
    """Join what several sources say; for each attribute the first layer that knows it wins."""
    known = [layer for layer in layers if layer.sources]
    if len(known) < 2:
        return known[0] if known else NO_ATTRIBUTES
    found: dict[str, Any] = {}
    said: dict[str, str] = {}
    for layer in known:
        for name, source in layer.sources:
            if name not in said:
                field = _FIELD.get(name, name)
                said[name], found[field] = source, getattr(layer, field)
    return Attributes(**found, sources=tuple(said.items()))


def _word(value: object) -> str:
    if isinstance(value, str) and _WORD.match(value):
        return value
    raise ValueError(f"{_shown(value)} isn't a name; write a text of at most 128 characters")


def _country(value: object) -> str:
    if isinstance(value, str) and _COUNTRY.match(value) and value not in _NOT_ISO:
        return value
    known = _NOT_ISO.get(value, "") if isinstance(value, str) else ""
    raise ValueError(
        f"{_shown(value)} isn't an ISO 3166-1 country; write {known or 'two upper-case letters, in quotes where YAML needs them'}"
    )


def _verified(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    raise ValueError(f"{_shown(value)} isn't a truth value; write true or false")


def _share(value: object) -> float:
    try:
        share = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1.0
    except (ValueError, OverflowError):
        share = -1.0
    if 0.0 <= share <= 1.0:
        return share
    raise ValueError(f"{_shown(value)} isn't a share; write a number from 0.0 to 1.0, such as 0.51 for 51 %")


def _opened(value: object) -> float:
    """Days and times are UTC unless they say otherwise; a number is seconds since the epoch, and none of 20260131's size, which is a day."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 1e9 <= value < 1e11:
        return float(value)
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise ValueError(f"{_shown(value)} isn't a date; write it like 2026-01-31")
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _tags(value: object) -> tuple[str, ...]:
    items: Sequence[object] = [part.strip() for part in value.split(";")] if isinstance(value, str) else ()
    items = value if isinstance(value, list | tuple) else [item for item in items if item]
    if len(items) <= _MOST_TAGS and (items or isinstance(value, list | tuple)):
        tags = [item for item in items if isinstance(item, str) and _TAG.match(item)]
        if len(tags) == len(items):
            return tuple(dict.fromkeys(tags))
    raise ValueError(
        f"{_shown(value)} isn't a list of tags; write at most {_MOST_TAGS} words of letters, digits and _.:/-, in CSV with ; between them"
    )


def _shown(value: object) -> str:
    return repr(value)[:40]


READERS: Final[Mapping[str, Callable[[object], Value]]] = {
    "org": _word,
    "tier": _word,
    "verified": _verified,
    "country": _country,
    "owner_country": _country,
    "owner_share": _share,
    "opened": _opened,
    "tags": _tags,
}
"""Every attribute by the name under which files, headers and claims give it."""


def words(attributes: Attributes) -> Iterator[tuple[str, Value, str]]:
    """Each known attribute with its value and its source."""
    for name, source in attributes.sources:
        yield name, getattr(attributes, _FIELD.get(name, name)), source
