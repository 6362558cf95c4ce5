"""Endpoints that are passed although no reader understands them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_DISPUTABLE: Final = re.compile(r"%|\\|\.\.|//|;|[^\x21-\x7e]")
"""Paths that an upstream might read as another path than we do."""


class Passes:
    """Method and path patterns: `*` stands for one segment, a final `**` for any rest."""

    __slots__ = ("_patterns", "listed")

    def __init__(self, listed: Iterable[tuple[str, str]]) -> None:
        self.listed = tuple(listed)
        by_method: dict[str, list[str]] = {}
        for method, path in self.listed:
            by_method.setdefault(method, []).append(_expression(path))
        self._patterns = {method: re.compile("|".join(paths)) for method, paths in by_method.items()}

    def passes(self, method: str, path: str) -> bool:
        """Whether this request may pass unread. Never for a path that could be read in two ways."""
        pattern = self._patterns.get(method)
        return pattern is not None and _DISPUTABLE.search(path) is None and pattern.fullmatch(path) is not None


def _expression(path: str) -> str:
    return "/".join(_segment(segment) for segment in path.split("/"))


def _segment(segment: str) -> str:
    if segment == "*":
        return "[^/]+"
    return ".*" if segment == "**" else re.escape(segment)
