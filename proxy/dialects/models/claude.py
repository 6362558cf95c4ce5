"""Claude, by any of its names on whichever platform."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from proxy.dialects.dialect import Document
from proxy.dialects.rewrite import bound_temperature

_VERSION: Final = re.compile(r"claude-([a-z]+)-([0-9]{1,2})(?:-([0-9]{1,2}))?(?![0-9])")

QUIET: Final = frozenset({"", "disabled", "between_tools"})
"""Kinds of thinking that ask for none. With the last, notes between tool calls come as thinking blocks (anthropic SDK, BetaThinkingTypes)."""

_ONE_OF_TWO: Final = (4, 1)
"""From here on `temperature` and `top_p` exclude each other (migration guide of Claude 4.5; Opus 4.1 was the first)."""

_UNSAMPLED: Final = (4, 7)
"""From here on any temperature but the default is refused (migration guides of Opus 4.7 and of all later models)."""


class Thinking(NamedTuple):
    """Kinds of thinking."""

    unasked: str
    """What a model does where the request says nothing about it."""
    least: str
    """The least that it can be told to do."""

    def kind(self, asked: Any) -> str:
        """What the model does where the request's thinking object is `asked`."""
        return str(asked.get("type") or "disabled") if type(asked) is dict else self.unasked


RESTS: Final = Thinking("disabled", "disabled")
_ALWAYS: Final = Thinking("adaptive", "adaptive")
"""Refuses to be told not to think (migration guides of Fable 5 and Opus 5.5); its effort can be lowered all the same."""


def thinking_of(*names: str) -> Thinking:
    """How a model thinks. From the fifth generation on, models do unless they are told not to (thinking guide)."""
    found = _VERSION.search(" ".join(names))
    if found is None:
        return _ALWAYS if _is_preview(names) else RESTS
    family, version = found[1], _version(names)
    if version < (5, 0):
        return RESTS
    if family in {"fable", "mythos"} or (family == "opus" and version >= (5, 5)):
        return _ALWAYS
    return Thinking("adaptive", "between_tools" if family == "sonnet" and version >= (5, 5) else "disabled")


def lower_temperature(document: Document, most: float, names: tuple[str, ...], *, thinks: bool, top_p: str = "top_p") -> bool:
    """Lower the temperature in this object; it is set in place of `top_p` for models that take one of the two. `thinks`: the request asks for it."""
    left_out = document.get("temperature") is None
    if not bound_temperature(document, most, settable=_takes_temperature(names, thinks=thinks)):
        return False
    if left_out and _version(names) >= _ONE_OF_TWO:
        document.pop(top_p, None)
    return True


def _takes_temperature(names: tuple[str, ...], *, thinks: bool) -> bool:
    """Whether a model takes a temperature of the caller's choice; none does while it thinks (thinking guide). True for other makers' models."""
    return not _is_claude(names) or (not thinks and _version(names) < _UNSAMPLED)


def _version(names: tuple[str, ...]) -> tuple[int, int]:
    """(0, 0) for other makers' models, and for those before the fourth generation, whose names stood the other way round."""
    found = _VERSION.search(" ".join(names))
    if found is None:
        return (5, 0) if _is_preview(names) else (0, 0)
    return int(found[2]), int(found[3] or 0)


def _is_preview(names: tuple[str, ...]) -> bool:
    return any("claude-mythos-preview" in name for name in names)


def _is_claude(names: tuple[str, ...]) -> bool:
    return any("claude" in name for name in names)
