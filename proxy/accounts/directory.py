"""Directory: the accounts an operator lists, read from rows that an adapter took out of a file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from proxy.accounts.attributes import Attributes, read_attributes
from proxy.errors import ConfigError, Problem

_ID = re.compile(r"[!-~]{1,128}\Z")
_MOST_PROBLEMS: Final = 100


class Row(NamedTuple):
    """One account as a file says it, with the place of each attribute (line and column from 1)."""

    id: str
    values: Mapping[str, Any]
    line: int
    column: int = 1
    places: Mapping[str, tuple[int, int]] = {}
    """Line and column by attribute; the row's own place where one is missing."""


class Directory:
    """An immutable set of accounts."""

    __slots__ = ("_accounts",)

    def __init__(self, accounts: Mapping[str, Attributes]) -> None:
        self._accounts = accounts

    def __len__(self) -> int:
        return len(self._accounts)

    def find(self, account_id: str) -> Attributes | None:
        """What the operator says of an account; None when it isn't listed."""
        return self._accounts.get(account_id)


def build_directory(file: str, rows: Iterable[Row]) -> Directory:
    """Read the rows of one file. Raises ConfigError with every problem (the first hundred of a file that is all wrong)."""
    accounts: dict[str, Attributes] = {}
    lines: dict[str, int] = {}
    problems: list[Problem] = []
    for row in rows:
        if not _ID.match(row.id):
            problems.append(
                Problem(file, row.line, row.column, row.id[:40], "isn't an account id", "write 1 to 128 visible ASCII characters")
            )
        elif row.id in lines:
            problems.append(
                Problem(file, row.line, row.column, row.id, f"is listed twice (first on line {lines[row.id]})", "keep one of them")
            )
        else:
            lines[row.id] = row.line
            accounts[row.id] = _attributes(file, row, problems)
        if len(problems) >= _MOST_PROBLEMS:
            break
    if problems:
        raise ConfigError(problems)
    return Directory(accounts)


def _attributes(file: str, row: Row, problems: list[Problem]) -> Attributes:
    here = (row.line, row.column)
    attributes, faults = read_attributes(row.values, lambda name: f"{file}:{row.places.get(name, here)[0]}")
    for fault in faults:
        line, column = row.places.get(fault.name, here)
        problems.append(Problem(file, line, column, f"{row.id}.{fault.name}", fault.what, fault.fix))
    if attributes.owner_share > 0.5 and not attributes.owner_country:
        problems.append(
            Problem(file, *here, row.id, "owner_share is over a half but owner_country is missing", "say which country the owner is in")
        )
    return attributes
