"""Where a part of a condition is written: the serialised tree gives the place of operators only, not of what they join."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TOKEN: Final = re.compile(
    r"""[rR]?(?:'''[\s\S]*?'''|\"\"\"[\s\S]*?\"\"\"|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*")|//[^\n]*|[()\[\]{}]|\s+|.""",
)


class Span(NamedTuple):
    """Characters from `start` up to, not including, `end`."""

    start: int
    end: int


def span_of(text: str, span: Span) -> Span:
    """The span without blanks and without parentheses around the whole of it."""
    while True:
        tokens = [
            token for token in _TOKEN.finditer(text, span.start, span.end) if not token[0].isspace() and not token[0].startswith("//")
        ]
        if not tokens:
            return span
        span = Span(tokens[0].start(), tokens[-1].end())
        if tokens[0][0] != "(" or _partner(tokens) != len(tokens) - 1:
            return span
        span = Span(span.start + 1, span.end - 1)


def plain(text: str) -> str:
    """The condition with one blank for each gap between words, and without comments; quoted texts stay as they are."""
    parts: list[str] = []
    for token in _TOKEN.finditer(text):
        gap = token[0].isspace() or token[0].startswith("//")
        if not gap:
            parts.append(token[0])
        elif parts and parts[-1] != " ":
            parts.append(" ")
    return "".join(parts).rstrip(" ")


def _partner(tokens: list[re.Match[str]]) -> int:
    """Index of the token that closes the first one."""
    depth = 0
    for index, token in enumerate(tokens):
        if token[0] in "([{":
            depth += 1
        elif token[0] in ")]}":
            depth -= 1
            if depth == 0:
                return index
    return -1
