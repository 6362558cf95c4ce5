"""A pattern's parts: where it may be cut, how much text a part takes at least, and whether a word begins with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

ANY_CHARACTERS: Final = "…"
GAPS: Final = (" ... ", ANY_CHARACTERS)
"""Any words, any characters, of the same sentence."""

_OPTIONAL: Final = ("?", "*", "{")


def split(pattern: str, separators: Sequence[str]) -> list[str]:
    """Cut a pattern at the separators that stand outside groups and classes."""
    parts = [""]
    place = depth = 0
    while place < len(pattern):
        step = _step(pattern, place)
        taken = pattern[place : place + step]
        depth += (taken == "(") - (taken == ")")
        separator = next((one for one in separators if pattern.startswith(one, place)), "") if depth == 0 else ""
        if separator:
            parts.append("")
        else:
            parts[-1] += taken
        place += len(separator) or step
    return parts


def width(pattern: str) -> int:
    """The fewest characters that a match takes; what may be left out counts nothing."""
    return min(_sequence(alternative) for alternative in split(pattern, ("|",)))


def begins_word(pattern: str) -> bool:
    """Whether every match begins with an ASCII letter, so that it may be asked to begin where a word does."""
    return all(_begins_word(alternative) for alternative in split(pattern, ("|",)))


def _begins_word(pattern: str) -> bool:
    if not pattern.startswith("("):
        return "a" <= pattern[:1] <= "z" and pattern[1:2] not in _OPTIONAL
    end = _closing(pattern, 0)
    return pattern[end + 1 : end + 2] not in _OPTIONAL and begins_word(pattern[1:end].removeprefix("?:"))


def _sequence(pattern: str) -> int:
    total = place = 0
    while place < len(pattern):
        if pattern[place] == "(":
            end = _closing(pattern, place)
            taken = width(pattern[place + 1 : end].removeprefix("?:"))
        else:
            end = place + _step(pattern, place) - 1
            taken = 0 if pattern[place] in "^$" or pattern[place : place + 2] == "\\b" else 1
        place = end + 1
        if place < len(pattern) and pattern[place] in "?*{+":
            taken = taken if pattern[place] == "+" else 0
            place = pattern.index("}", place) + 1 if pattern[place] == "{" else place + 1
        total += taken
    return total


def _step(pattern: str, place: int) -> int:
    """Length of the token at a place: an escape, a class, or one character."""
    if pattern[place] == "\\":
        return min(2, len(pattern) - place)
    if pattern[place] == "[":
        end = place + 1
        while end < len(pattern) and (pattern[end] != "]" or end == place + 1):
            end += _step(pattern, end) if pattern[end] == "\\" else 1
        return end + 1 - place
    return 1


def _closing(pattern: str, place: int) -> int:
    depth = 0
    while place < len(pattern):
        step = _step(pattern, place)
        depth += (pattern[place] == "(") - (pattern[place] == ")")
        if depth == 0:
            return place
        place += step
    return len(pattern)
