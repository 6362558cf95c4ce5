"""AccountsFile: the accounts directory in a YAML or CSV file, followed as it changes; a bad version keeps the last good one."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

import watchfiles

from proxy.accounts.directory import Directory, Row, build_directory
from proxy.documents.strict_yaml import Document, decode_text, read_yaml
from proxy.errors import ConfigError, Problem

_SETTING: Final = "identity.accounts_file"
_LARGEST_BYTES: Final = 256 * 1024 * 1024
_FIX: Final = "begin it with `accounts:` and one account id a line below, each with its attributes"


class AccountsStatus(NamedTuple):
    """Where the directory stands, for metrics and readiness."""

    accounts: int
    revision: str
    """Digest of the file in use."""
    reloads: int
    failures: int
    problems: tuple[Problem, ...]
    """Why the newest file isn't in use; empty when it is."""


class AccountsFile:
    """The newest good version of an accounts file. `directory` is replaced whole, never changed."""

    def __init__(self, path: Path) -> None:
        """Read the file; raises ConfigError with every problem."""
        self.path = path
        self._reloads = 0
        self._failures = 0
        self._problems: tuple[Problem, ...] = ()
        content = _read(path)
        self._seen = self._revision = _digest(content)
        self.directory = parse_accounts(path, content)

    def refresh(self) -> bool:
        """Read the file again if its content changed. Says whether the directory was replaced. Safe from another thread."""
        try:
            content = _read(self.path)
            seen = _digest(content)
            if seen == self._seen:
                return False
            self._seen = seen
            if seen != self._revision:
                self.directory = parse_accounts(self.path, content)
        except ConfigError as error:
            if self._problems != tuple(error.problems):
                self._failures += 1
            self._problems = tuple(error.problems)
            if len(error.problems) == 1 and error.problems[0].path == _SETTING:
                self._seen = ""
            return False
        self._problems = ()
        changed = seen != self._revision
        self._reloads += changed
        self._revision = seen
        return changed

    async def watch(self, report: Callable[[AccountsStatus], None], look_every_s: float = 5.0) -> None:
        """Follow the file until cancelled. `report` gets the status when anything happened.

        The folder is watched, since editors and mounted volumes replace files; file systems without events are looked at every
        `look_every_s` seconds.
        """
        events = watchfiles.awatch(
            self.path.parent, watch_filter=None, recursive=False, yield_on_timeout=True, rust_timeout=int(look_every_s * 1000)
        )
        async for _ in events:
            before = self.status
            await asyncio.to_thread(self.refresh)
            if self.status != before:
                report(self.status)

    @property
    def status(self) -> AccountsStatus:
        """Size, revision and problems."""
        return AccountsStatus(len(self.directory), self._revision, self._reloads, self._failures, self._problems)


def parse_accounts(path: Path, content: bytes) -> Directory:
    """Read a directory; the name's ending says whether it is YAML or CSV. Raises ConfigError with every problem."""
    file = path.name
    if path.suffix.lower() == ".csv":
        return build_directory(file, _csv_rows(file, decode_text(file, content, _LARGEST_BYTES)))
    return build_directory(file, _yaml_rows(read_yaml(file, content)))


def _read(path: Path) -> bytes:
    what, cause = "isn't a file", None
    try:
        if path.is_file():  # a pipe would be waited for without end
            if path.stat().st_size <= _LARGEST_BYTES:
                return path.read_bytes()
            what = f"has more than {_LARGEST_BYTES} bytes"
        elif not path.exists():
            what = "can't be read: No such file or directory"
    except OSError as error:
        what, cause = f"can't be read: {error.strerror}", error
    raise ConfigError([Problem(str(path), 0, 0, _SETTING, what, "give a readable YAML or CSV file")]) from cause


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()


def _yaml_rows(document: Document) -> Iterator[Row]:
    value: Any = document.value
    if not isinstance(value, dict) or list(value) != ["accounts"] or not isinstance(value["accounts"], dict | None):
        raise ConfigError([document.problem((), "isn't an accounts file", _FIX)])
    for account_id, values in (value["accounts"] or {}).items():
        path = ("accounts", account_id)
        place = document.keys[path]
        if not isinstance(values, dict | None):
            raise ConfigError([document.problem(path, "expected attributes", "write them as `tier: gold` below it or in { }")])
        places = {name: document.place((*path, name))[:2] for name in values or {}}
        yield Row(account_id, values or {}, place.line, place.column, places)


def _csv_rows(file: str, text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] = []
    try:
        for cells in reader:
            if not header:
                header = [cell.strip() for cell in cells]
                _check_header(file, header)
            elif cells:
                if len(cells) != len(header):
                    what = f"has {len(cells)} cells, the first line has {len(header)}"
                    raise ConfigError([Problem(file, reader.line_num, 1, "", what, "quote cells that hold a comma")])
                values = dict(zip(header, (cell.strip() for cell in cells), strict=True))
                yield Row(values.pop("id"), values, reader.line_num)
    except csv.Error as error:
        raise ConfigError([Problem(file, reader.line_num, 1, "", f"not CSV: {error}", "check the quotes")]) from error


def _check_header(file: str, header: list[str]) -> None:
    if "id" not in header or len(set(header)) != len(header):
        what = "the first line names no id column" if "id" not in header else "the first line names a column twice"
        raise ConfigError([Problem(file, 1, 1, "", what, "begin the file with a line such as id,org,tier,verified,country")])
