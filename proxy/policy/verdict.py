"""Verdict: what the terms say about one request, as a value. An exception never means no."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from types import MappingProxyType
from typing import Final, NamedTuple


class Mode(Enum):
    """How far a rule or limit reaches: enforce acts, shadow only counts what it would have done, off isn't evaluated."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


class Refusal(NamedTuple):
    """Why a request is refused, worded for the caller."""

    rule: str
    code: str
    message: str
    source: str = ""
    """The clause of the terms that the rule enforces."""
    step_up_url: str = ""
    """Where the caller can verify itself; "" when that isn't offered."""


class Hit(NamedTuple):
    """One rule that matched, or that failed to evaluate."""

    rule: str
    mode: Mode
    effects: tuple[str, ...]
    """Which of refuse, clamp, strip, tag it carries."""
    waived_by: str = ""
    """The waiver that set it aside; "" when none did."""
    error: bool = False
    """Its condition failed and `on_error` decided."""
    sampled_out: bool = False
    """It matched, but the subject lies outside `enforce_percent`."""

    @property
    def counted(self) -> str:
        """How it counts: its mode, unless a waiver, its percentage or an error of its own set that aside."""
        if self.error:
            return "error"
        if self.waived_by:
            return "waived"
        return "sampled_out" if self.sampled_out else self.mode.value


ClampValue = int | float | bool | str


class Verdict(NamedTuple):
    """The joint effect of every rule of one phase. Order of rules never matters.

    Several refusals: the one with the smallest rule id is told to the caller, all are in `hits`.
    """

    refusal: Refusal | None = None
    clamps: Mapping[str, ClampValue] = MappingProxyType({})
    """Parameter to upper bound (numbers), false (switches) or lower effort (strings)."""
    strips: frozenset[str] = frozenset()
    """Parts to remove from the answer: reasoning, logprobs."""
    tags: frozenset[str] = frozenset()
    hits: tuple[Hit, ...] = ()


ALLOW: Final = Verdict()
