"""One record, found again by its decision id in a log, or in what was printed to standard output."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from proxy.adapters.audit_log.file import log_files
from proxy.audit.chain import read_head


class Found(NamedTuple):
    """A record and where it stands."""

    file: str
    line: int
    record: Mapping[str, Any]
    chained: bool
    """The line is part of a chain, so that its MAC can be checked."""
    sound: bool | None
    """The line is as it was written; None when no key for it was given, or it isn't chained."""


def find_record(log: Path, decision: str, keys: Mapping[str, bytes] | None = None) -> Found | None:
    """The record of a decision, the newest file first; None when there is none. Raises OSError when a file can't be read."""
    wanted = decision.encode("utf-8", "surrogatepass")
    for file in reversed(log_files(log)):
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if wanted in line and (found := _read(line, decision)) is not None:
                    chained = "mac" in found
                    record = found["body"] if chained else found
                    return Found(str(file), number, record, chained, _sound(line.rstrip(b"\n"), found, keys or {}))
    return None


def _read(line: bytes, decision: str) -> dict[str, Any] | None:
    try:
        fields: Any = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(fields, dict):
        return None
    body = fields.get("body") if fields.get("kind") == "record" else fields if fields.get("event") == "record" else None
    return fields if isinstance(body, dict) and body.get("id") == decision else None


def _sound(line: bytes, fields: Mapping[str, Any], keys: Mapping[str, bytes]) -> bool | None:
    return read_head(line, keys) is not None if fields.get("key") in keys else None
