"""Finding the request that `explain` is asked about."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from proxy.adapters.audit_log import log_files
from proxy.adapters.audit_log.search import Found, find_record
from proxy.adapters.recording import TraceFile
from proxy.cli.console import unusable
from proxy.cli.inputs.folders import Opened
from proxy.cli.inputs.offline import open_offline
from proxy.errors import ConfigError, Problem
from proxy.replay.inquiry import Inquiry, of_document, of_record, of_replayed
from proxy.replay.outcomes import Replayed
from proxy.replay.recorded import read_trace

_LARGEST_FILE_BYTES: Final = 64 << 20
_TRACE_KEYS: Final = frozenset({"path", "client_ip", "method"})
_FIX: Final = "give a file with facts, a file of recorded traffic, or a decision id with --log"


class Question(NamedTuple):
    """The request, and what was recorded of it where that is known."""

    inquiry: Inquiry
    found: Found | None = None
    replayed: Replayed | None = None


def question(request: str, opened: Opened, log: Path | None, line: int | None, settings_file: Path | None) -> Question:
    """The request that the words mean. Raises ConfigError where they mean none."""
    if log is not None:
        found = find(log, request)
        return Question(of_record(found.record, opened.ruleset, opened.now), found)
    path = Path(request)
    if not path.is_file():
        what = "isn't a file" if path.exists() else "there is no such file"
        name, _, number = request.rpartition(":")  # as our own tools tell a place
        raise unusable(request, what, f"write {name} --line {number}" if number.isdecimal() and Path(name).is_file() else _FIX)
    document = _only_object(path) if line is None else None
    if document is not None and not _TRACE_KEYS & document.keys():
        return Question(of_document(document, opened.ruleset, request, opened.now))
    replayed = _replayed(path, opened, line, settings_file, document)
    return Question(of_replayed(replayed), replayed=replayed)


def find(log: Path, decision: str) -> Found:
    """The record of a decision. Raises ConfigError when the log can't be read or has none."""
    check_log(log)
    try:
        found = find_record(log, decision)
    except OSError as error:
        raise unusable(str(log), f"can't be read: {error.strerror}", "", "--log") from error
    if found is None:
        raise unusable(
            str(log), f"holds no record of decision {decision[:80]}", "decision ids are in the answers' header x-tosproxy-decision"
        )
    return found


def check_log(log: Path) -> None:
    """Raises ConfigError for a log that isn't there, or that somebody compressed."""
    files = log_files(log)
    if not files:
        raise unusable(str(log), "there is no such log", "give the record file of the proxy (log.file), or a file of what it printed")
    for file in filter(Path.is_file, files):  # a pipe can be read only once
        try:
            with file.open("rb") as opened:
                packed = opened.read(2) == b"\x1f\x8b"
        except OSError as error:
            raise unusable(str(file), f"can't be read: {error.strerror}") from error
        if packed:
            raise unusable(str(file), "is compressed", "unpack it first, such as with gunzip")


def _only_object(path: Path) -> dict[str, Any] | None:
    """The JSON object that is all of a file; None where it holds something else, such as lines."""
    try:
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            return None
        value = json.loads(path.read_bytes())
    except OSError as error:
        raise unusable(str(path), f"can't be read: {error.strerror}") from error
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _replayed(path: Path, opened: Opened, line: int | None, settings_file: Path | None, document: dict[str, Any] | None) -> Replayed:
    """An exchange of recorded traffic, after all that came before it in the file: so limits and signals stand as they would have."""
    replayer = open_offline(settings_file).replayer(opened.ruleset)
    last: Replayed | None = None
    with closing(TraceFile(path).lines()) as stored:  # it may not be read to its end
        for recorded in read_trace([(1, json.dumps(document).encode())] if document is not None else stored, str(path)):
            if last is not None and line is None:
                raise unusable(str(path), "holds more than one exchange", "say which with --line")
            last = replayer.step(recorded)
            if recorded.line == line:
                return last
    if last is None or line is not None:
        raise ConfigError([Problem(str(path), line or 0, 1 if line else 0, "", "there is no exchange on this line", _FIX)])
    return last
