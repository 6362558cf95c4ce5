"""Named pattern sets: one pass of RE2 over a prompt says which of them match, in time that doesn't grow with their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import re2

SCANNED_CHARS: Final = 262_144
"""A longer prompt is scanned at its beginning and end, half of this each: where instructions stand. RE2 takes 1.3 us a kB."""


class Scan(NamedTuple):
    """What a prompt's texts hold."""

    found: tuple[str, ...]
    """Names of the sets that match, sorted."""
    unscanned_chars: int
    """Characters between the beginning and the end of a longer prompt: no pattern was looked for in them."""


NOTHING_FOUND: Final = Scan((), 0)


class BadPattern(Exception):  # noqa: N818  (collected and turned into problems by the loader)
    """RE2 refuses an expression; the text says why."""


class PatternSets:
    """Every pattern of every named set, in one automaton."""

    __slots__ = ("_owners", "_set", "expressions", "names")

    def __init__(self, sets: Mapping[str, Sequence[str]]) -> None:
        self.names = frozenset(sets)
        self.expressions = {name: tuple(patterns) for name, patterns in sets.items()}
        self._owners: list[str] = []
        self._set = re2.Set.SearchSet(_options())
        for name, patterns in sets.items():
            for pattern in patterns:
                self._set.Add(pattern)
                self._owners.append(name)
        if self._owners:
            self._set.Compile()

    def scan(self, texts: Sequence[str]) -> Scan:
        """Which sets match in the texts. They are read as one prompt: an expression may span two of them."""
        unscanned = max(0, sum(map(len, texts)) - SCANNED_CHARS)
        found = self._found_in(_ends_of(texts) if unscanned else "\n".join(texts)) if self._owners else ()
        return Scan(found, unscanned) if found or unscanned else NOTHING_FOUND

    def _found_in(self, prompt: str) -> tuple[str, ...]:
        found = self._set.Match(prompt.encode("utf-8", "replace"))
        return tuple(sorted({self._owners[index] for index in found})) if found else ()


def check_pattern(pattern: str) -> None:
    """Raises BadPattern, with RE2's reason, for an expression that can't be used."""
    try:
        compiled = re2.compile(pattern, _options())
    except re2.error as error:
        reason = error.args[0] if error.args else ""
        raise BadPattern(reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)) from None
    if compiled.search("") is not None:
        raise BadPattern("it matches the empty text, so every prompt")


def _options() -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 64 << 20
    return options


def _ends_of(texts: Sequence[str]) -> str:
    half = SCANNED_CHARS // 2
    return "\n".join((*_taken(texts, half), *reversed(_taken([text[-half:] for text in reversed(texts)], half, tail=True))))


def _taken(texts: Sequence[str], chars: int, *, tail: bool = False) -> list[str]:
    """Pieces from the front of the sequence, up to so many characters in all."""
    pieces: list[str] = []
    for text in texts:
        if chars <= 0:
            break
        pieces.append(text[-chars:] if tail else text[:chars])
        chars -= len(pieces[-1])
    return pieces
