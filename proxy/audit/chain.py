"""A log in which tampering shows: every line names the one before it and carries a MAC over its own bytes.

    {"n":7,"kind":"record","key":"k1","prev":"<mac of line 6>","body":{...},"mac":"<HMAC-SHA-256 of all before this field>"}

`n` and `prev` run on through all files (segments) of a log. A segment begins with a line of kind open and ends with one of kind seal.
The MAC covers the bytes as they are, so verifying needs no canonical form and finds a change of any bit. Without the key no line can be
made, so what is left to an attacker is to leave lines out: in the middle the chain shows it, at the end only the `head` (the number and
MAC of the last line) shows it, and only as well as the head was kept elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

import orjson

from proxy.audit.document import write_json

OPEN: Final = "open"
SEAL: Final = "seal"

_MAC_FIELD: Final = b',"mac":"'
_TAIL_BYTES: Final = len(_MAC_FIELD) + 64 + len(b'"}')
_NO_MAC: Final = "0" * 64
_MOST_LINES: Final = 10**15


class ChainKey(NamedTuple):
    """A key and the name that lines give it. A new key begins with a new segment."""

    id: str
    secret: bytes


class Head(NamedTuple):
    """The last line of a chain."""

    number: int
    mac: str


GENESIS: Final = Head(0, _NO_MAC)


class Finding(NamedTuple):
    """One thing wrong with a log. `line` counts from 1; 0 means the file or log as a whole."""

    file: str
    line: int
    kind: str
    """malformed, unknown_key, edited, deleted, reordered, repeated, truncated, unsealed or headless."""
    what: str


class Verified(NamedTuple):
    """What verifying found. `lines` that are sound, and the head of the chain they form."""

    findings: tuple[Finding, ...]
    lines: int
    head: Head
    first: int = 0
    """Number of the first line, as the first sound one tells it: above 1 where older files are gone, as retention takes them. 0 without a sound one."""


def chain_key(secret: bytes) -> ChainKey:
    """The key made from an operator's secret, named by a fingerprint, so that rotating the secret needs no second setting."""
    made = hashlib.blake2b(secret, digest_size=32, person=b"tosproxy.chain").digest()
    return ChainKey(hashlib.blake2b(made, digest_size=4, person=b"tosproxy.key id").hexdigest(), made)


def forge(head: Head, kind: str, body: object, key: ChainKey) -> tuple[bytes, Head]:
    """The next line, without its newline, and the new head."""
    number = head.number + 1
    fields = {"n": number, "kind": kind, "key": key.id, "prev": head.mac, "body": body}
    signed = write_json(fields)[:-1]
    mac = _mac(key.secret, signed)
    return signed + _MAC_FIELD + mac.encode() + b'"}', Head(number, mac)


def read_head(line: bytes, keys: Mapping[str, bytes]) -> Head | None:
    """The head that `line` makes, to go on from; None when it isn't a sound line."""
    read = _read(line, keys)
    return Head(read.number, read.mac) if read is not None and read.sound else None


def claimed_head(line: bytes) -> Head | None:
    """The head that `line` says it makes, whoever wrote it; None when it doesn't look like a line."""
    read = _read(line, {})
    return Head(read.number, read.mac) if read is not None and 0 < read.number < _MOST_LINES else None


def verify(files: Iterable[tuple[str, Iterable[bytes]]], keys: Mapping[str, bytes], head: Head | None = None) -> Verified:
    """Every way in which the log, given as its files in order, was tampered with.

    Older files may be gone, as retention takes them: the first line must then be a segment's first. `head` is the last one known from
    elsewhere, and the log may have grown since; without it a log that was cut at its end can't be told from one that is still being written.
    """
    walk = _Walk(keys, head)
    for name, lines in files:
        walk.file, walk.line = name, 0
        for line in lines:
            walk.line += 1
            walk.step(line.rstrip(b"\n"))
    return walk.end()


class _Line(NamedTuple):
    number: int
    kind: str
    previous: str
    mac: str
    sound: bool
    known_key: bool


def _read(line: bytes, keys: Mapping[str, bytes]) -> _Line | None:
    try:
        fields: Any = orjson.loads(line)
        number, kind, key, previous, mac = (fields[name] for name in ("n", "kind", "key", "prev", "mac"))
    except (orjson.JSONDecodeError, KeyError, TypeError):
        return None
    if not (isinstance(number, int) and isinstance(mac, str) and isinstance(key, str)):
        return None
    secret = keys.get(key)
    if secret is None:
        return _Line(number, kind, previous, mac, sound=False, known_key=False)
    wanted = _mac(secret, line[:-_TAIL_BYTES])
    sound = hmac.compare_digest(line[-_TAIL_BYTES:], _MAC_FIELD + wanted.encode() + b'"}')
    return _Line(number, kind, previous, mac, sound, known_key=True)


def _mac(secret: bytes, signed: bytes) -> str:
    keyed = _keyed(secret).copy()
    keyed.update(signed)
    return keyed.hexdigest()


@lru_cache(maxsize=16)
def _keyed(secret: bytes) -> hmac.HMAC:
    """Setting a key up costs as much as the MAC of a line."""
    return hmac.new(secret, digestmod=hashlib.sha256)


class _Walk:
    """Goes through the lines and remembers what should come next.

    `_unsure` lines since the last sound one can't be relied on: each may stand in for a line or have been put in between. `_previous` is
    None after them.
    """

    def __init__(self, keys: Mapping[str, bytes], anchor: Head | None) -> None:
        self.file, self.line = "", 0
        self._keys, self._anchor = keys, anchor
        self._findings: list[Finding] = []
        self._missing: dict[int, tuple[str, int, int]] = {}
        self._next = 0
        self._unsure = 0
        self._previous: str | None = None
        self._last_kind = ""
        self._sound = self._first = 0
        self._run = 0
        """Lines that the last finding of an unknown key stands for."""

    def step(self, line: bytes) -> None:
        """Judge the next line."""
        read = _read(line, self._keys)
        if read is None or not read.sound:
            self._unsound(read)
            return
        self._sound += 1
        if self._anchor is not None and read.number == self._anchor.number and read.mac != self._anchor.mac:
            self._find("headless", f"line {read.number} isn't the one that the head names: the log was cut before it, and written on")
        if self._next == 0:
            self._first = max(read.number - self._unsure, 1)
            if read.kind != OPEN:
                self._find("truncated", f"the log begins with line {read.number}, which isn't the first of a segment")
            self._go_on(read)
        elif read.number >= self._next:
            self._forward(read)
        elif (gap := self._gap_of(read.number)) is not None:
            self._split(gap, read.number)
            self._find("reordered", f"line {read.number} belongs further up")
        else:
            self._find("repeated", f"line {read.number} is here a second time")

    def end(self) -> Verified:
        """The findings, with what only the end can tell."""
        for first, (file, line, last) in self._missing.items():
            lines = f"line {first} is" if first == last else f"lines {first} to {last} are"
            self._findings.append(Finding(file, line, "deleted", f"{lines} missing before this one"))
        head = Head(max(self._next - 1, 0) + self._unsure, self._previous or _NO_MAC)
        anchor = self._anchor
        if anchor is not None and anchor.number > head.number:
            self._find("truncated", f"the log ends at line {head.number}, its head is line {anchor.number}")
        elif anchor is None and self._last_kind != SEAL:
            self._find("unsealed", "the last segment has no seal: without a head, lines cut off its end can't be noticed")
        return Verified(tuple(self._findings), self._sound, head, self._first)

    def _unsound(self, read: _Line | None) -> None:
        if read is None:
            self._find("malformed", "not a line of this log")
        elif not read.known_key:
            self._strange()
        else:
            self._find("edited", "changed after it was written, or put in by someone without the key")
        self._unsure += 1
        self._previous, self._last_kind = None, ""

    def _strange(self) -> None:
        """Lines of a key that wasn't given are one finding while they follow each other: all lines from before a change of the key are."""
        last = self._findings[-1] if self._findings else None
        if last is not None and last.kind == "unknown_key" and (last.file, last.line + self._run) == (self.file, self.line):
            self._run += 1
            self._findings[-1] = last._replace(what=f"{self._run} lines from here on are signed with a key that wasn't given")
        else:
            self._run = 1
            self._find("unknown_key", "signed with a key that wasn't given")

    def _forward(self, read: _Line) -> None:
        if read.number > self._next + self._unsure:
            self._missing[self._next + self._unsure] = (self.file, self.line, read.number - 1)
        elif self._previous is not None and read.previous != self._previous:
            self._find("edited", f"line {read.number} doesn't follow the line before it")
        self._go_on(read)

    def _go_on(self, read: _Line) -> None:
        self._next, self._unsure, self._previous, self._last_kind = read.number + 1, 0, read.mac, read.kind

    def _gap_of(self, number: int) -> int | None:
        return next((first for first, (_, _, last) in self._missing.items() if first <= number <= last), None)

    def _split(self, first: int, number: int) -> None:
        file, line, last = self._missing.pop(first)
        if first < number:
            self._missing[first] = (file, line, number - 1)
        if number < last:
            self._missing[number + 1] = (file, line, last)

    def _find(self, kind: str, what: str) -> None:
        self._findings.append(Finding(self.file, self.line, kind, what))
