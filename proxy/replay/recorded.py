"""Recorded: one exchange of recorded traffic. A line is read strictly: a key that isn't known is an error unless it begins with x_."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, Final, NamedTuple

import orjson

from proxy.accounts.attributes import READERS, read_attributes
from proxy.dialects.call import NO_USAGE, Usage
from proxy.errors import ConfigError, Problem
from proxy.identity.caller import Account
from proxy.identity.networks import canonical

DAY_S: Final = 86_400.0
LATEST_AT: Final = 253_402_300_800.0
"""The year 10000: later times have no calendar."""
MOST_PROBLEMS: Final = 20
MOST_TOKENS: Final = 1 << 40
_KEYS: Final = frozenset({"at", "duration_s", "client_ip", "account", "method", "path", "headers", "body", "response"})
_REQUIRED: Final = ("at", "duration_s", "client_ip", "account", "method", "path")
_ATTRIBUTES: Final = frozenset(READERS) - {"opened"}
_ACCOUNT_KEYS: Final = _ATTRIBUTES | {"id", "source", "listed", "age_days"}
_SOURCES: Final = ("header", "token", "credential", "none")
_RESPONSE_KEYS: Final = frozenset({"status", "input_tokens", "output_tokens", "reasoning_tokens"})
_ID_CHARS: Final = 512
_REMEMBERED: Final = 16_384


class Response(NamedTuple):
    """What came back."""

    status: int
    usage: Usage


class Recorded(NamedTuple):
    """One exchange. Times are seconds since the epoch."""

    line: int
    at: float
    duration_s: float
    client_ip: str
    """Canonical; "" where the peer had no address."""
    account: Account
    method: str
    path: str
    """Without the query."""
    headers: list[tuple[str, str]]
    """Lower-case names, in the order received."""
    body: dict[str, Any] | None
    response: Response | None
    label: str = ""
    """`benign:<kind>` or `attack:<pipeline>`; "" when the line doesn't say."""
    campaign: str = ""
    filler: bool = False
    """Ordinary traffic that a campaign mixes in: no part of its volume."""
    outlined: bool = False
    """Of the body's texts only the lengths were recorded: whoever judges by words sees none, which doesn't mean that there were none."""


_OPENED_AT: Final = Account._fields.index("opened_at")

Faults = list[tuple[str, str, str]]
"""Path, what is wrong, what to write."""


def read_trace(lines: Iterable[tuple[int, bytes]], file: str) -> Iterator[Recorded]:
    """The exchanges of numbered lines. Raises ConfigError with the problems of the first lines that can't be used, at most twenty.

    After the first such line nothing more is given, only further problems are looked for.
    """
    problems: list[Problem] = []
    previous = 0.0
    for number, line in lines:
        faults: Faults = []
        recorded = read_line(line, number, faults)
        if recorded is not None:
            if recorded.at < previous:
                faults.append(("at", "is earlier than the line before", "sort the file by at"))
            previous = recorded.at
        problems += [Problem(file, number, 1, path, what, fix) for path, what, fix in faults]
        if len(problems) >= MOST_PROBLEMS:
            break
        if recorded is not None and not problems:
            yield recorded
    if problems:
        raise ConfigError(problems[:MOST_PROBLEMS])


def read_line(line: bytes, number: int, faults: Faults) -> Recorded | None:
    """One exchange; None, with every reason in `faults`, when the line isn't one."""
    try:
        document = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        faults.append(("", f"isn't JSON: {error.msg.split(':')[0]}", "write one JSON object a line"))
        return None
    if type(document) is not dict:
        faults.append(("", "isn't a JSON object", "write one JSON object a line"))
        return None
    return read_document(document, number, faults)


def read_document(document: Mapping[str, Any], number: int, faults: Faults) -> Recorded | None:
    """The same from a line's JSON object."""
    before = len(faults)
    if not document.keys() <= _KEYS:
        _unknown(document, _KEYS, "", faults)
    missing = [name for name in _REQUIRED if name not in document]
    if missing:
        faults += [(name, "is missing", "every line needs it") for name in missing]
        return None
    at = _number(document["at"], "at", LATEST_AT, faults)
    account = _account(document["account"], at, faults)
    path = _word(document["path"], "path", faults)
    if path and not path.startswith("/"):
        faults.append(("path", "must begin with /", "write the path as received"))
    body = document.get("body")
    if body is not None and type(body) is not dict:
        faults.append(("body", "must be a JSON object or null", "write the parsed body"))
    recorded = Recorded(
        number, at, _number(document["duration_s"], "duration_s", LATEST_AT, faults), _address(document["client_ip"], faults), account,
        _word(document["method"], "method", faults), path.partition("?")[0], _headers(document.get("headers"), faults), body,
        _response(document.get("response"), faults), _label(document.get("x_label")), _label(document.get("x_campaign")),
        document.get("x_filler") is True, document.get("x_outlined") is True,
    )  # fmt: skip
    return recorded if len(faults) == before else None


def _unknown(document: Mapping[str, Any], known: frozenset[str], path: str, faults: Faults) -> None:
    for name in document.keys() - known:
        if not name.startswith("x_"):
            faults.append((f"{path}{name[:40]}", "unknown key", f"known: {', '.join(sorted(known))}; others must begin with x_"))


def _number(value: Any, path: str, most: float, faults: Faults) -> float:
    if (type(value) is float or type(value) is int) and 0 <= value < most and isfinite(value):
        return float(value)
    faults.append((path, f"must be a number from 0 to {most:.0f}", ""))
    return 0.0


def _word(value: Any, path: str, faults: Faults) -> str:
    if type(value) is str and value:
        return value
    faults.append((path, "must be a text", ""))
    return ""


def _label(value: Any) -> str:
    return value if type(value) is str else ""


_canonical: Callable[[str], str] = lru_cache(_REMEMBERED)(canonical)


def _address(value: Any, faults: Faults) -> str:
    if value == "":
        return ""
    found = _canonical(value) if type(value) is str and len(value) < 64 else ""
    if not found:
        faults.append(("client_ip", "isn't an IP address", "write the address after the trusted-proxy walk"))
    return found


def _headers(value: Any, faults: Faults) -> list[tuple[str, str]]:
    if value is None:
        return []
    try:
        return [(name.lower(), text + "") for name, text in value]
    except (TypeError, ValueError, AttributeError):
        faults.append(("headers", "must be a list of [name, value]", "write names and values as texts, in the order received"))
        return []


def _response(value: Any, faults: Faults) -> Response | None:
    if value is None:
        return None
    if type(value) is not dict:
        faults.append(("response", "must be an object or null", ""))
        return None
    if not value.keys() <= _RESPONSE_KEYS:
        _unknown(value, _RESPONSE_KEYS, "response.", faults)
    said = value.get
    numbers = status, given, written, thought = (
        said("status", 0),
        said("input_tokens", 0),
        said("output_tokens", 0),
        said("reasoning_tokens", 0),
    )
    for number in numbers:
        if type(number) is not int or not 0 <= number <= MOST_TOKENS:
            faults.append(("response", "status and tokens must be whole numbers, 0 or more", ""))
            return None
    return Response(status, Usage(given, written, 0, thought) if given or written else NO_USAGE)


def _account(value: Any, at: float, faults: Faults) -> Account:
    if type(value) is not dict or type(value.get("id")) is not str or len(value["id"]) > _ID_CHARS:
        faults.append(("account", f"must be an object with an id, a text of at most {_ID_CHARS} characters", ""))
        return Account()
    rest = dict(value)
    age_days = rest.pop("age_days", None)
    account, found = _described(orjson.dumps(rest))
    faults += found
    if age_days is None:
        return account
    opened_at = at - _number(age_days, "account.age_days", LATEST_AT / DAY_S, faults) * DAY_S
    return tuple.__new__(Account, (*account[:_OPENED_AT], opened_at, *account[_OPENED_AT + 1 :]))  # _replace takes three times as long


@lru_cache(_REMEMBERED)
def _described(text: bytes) -> tuple[Account, tuple[tuple[str, str, str], ...]]:
    """An account without its age, and what is wrong with it; accounts come again and again."""
    value = orjson.loads(text)
    faults: Faults = []
    _unknown(value, _ACCOUNT_KEYS, "account.", faults)
    known = {name: said for name, said in value.items() if name in _ATTRIBUTES}
    attributes, wrong = read_attributes(known, lambda _: "the trace")
    faults += [(f"account.{fault.name}", fault.what, fault.fix) for fault in wrong]
    source = value.get("source", "header" if value["id"] else "none")
    listed = value.get("listed", False)
    if source not in _SOURCES:
        faults.append(("account.source", "unknown source", f"known: {', '.join(_SOURCES)}"))
    if type(listed) is not bool:
        faults.append(("account.listed", "must be true or false", ""))
    return Account(value["id"], source, listed, *attributes), tuple(faults)
