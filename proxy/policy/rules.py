"""Rules, limits and waivers as they are judged: everything checked, nothing left to look up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from proxy.policy.facts import Facts, Phase
from proxy.policy.language.closures import CelFault
from proxy.policy.language.expression import Condition
from proxy.policy.verdict import ClampValue, Mode, Refusal

ALWAYS: Final = float("inf")


class Origin(NamedTuple):
    """Where something is written."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


class Effects(NamedTuple):
    """What a rule does when its condition holds."""

    refusal: Refusal | None
    clamps: Mapping[str, ClampValue]
    strips: frozenset[str]
    tags: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """Which of refuse, clamp, strip, tag it carries."""
        present = (
            ("refuse", self.refusal is not None),
            ("clamp", bool(self.clamps)),
            ("strip", bool(self.strips)),
            ("tag", bool(self.tags)),
        )
        return tuple(name for name, there in present if there)


class Described(NamedTuple):
    """What a rule or limit says of itself to people."""

    source: str = ""
    owner: str = ""
    description: str = ""
    shadow_since: str = ""
    """Day, or "" when not given."""


class Rule(NamedTuple):
    """One rule. Times are seconds since the epoch."""

    id: str
    condition: Condition
    effects: Effects
    mode: Mode
    percent: float
    starts_at: float
    ends_at: float
    error_counts: bool
    """A condition that fails to evaluate counts as one that holds."""
    about: Described
    origin: Origin

    @property
    def phase(self) -> Phase:
        """The latest phase among the facts it reads."""
        return self.condition.phase

    @property
    def sampled(self) -> bool:
        """Acts for some subjects only."""
        return self.percent < 100.0

    def counts_at(self, now: float) -> bool:
        """Inside its dates and not switched off."""
        return self.mode is not Mode.OFF and self.starts_at <= now < self.ends_at


class Limit(NamedTuple):
    """One budget. `rate` is units per second, 0.0 for concurrency; `burst` units at once, or the most open leases."""

    id: str
    per: tuple[str, ...]
    count: str  # type: ignore[assignment]  # a tuple's own count isn't used
    rate: float
    burst: float
    condition: Condition | None
    mode: Mode
    message: str
    """What the caller is told; "" for words that name the limit."""
    about: Described
    origin: Origin


class Waiver(NamedTuple):
    """Sets rules and limits aside until `ends_at`."""

    id: str
    waives: tuple[str, ...]
    """Globs as written."""
    targets: frozenset[str]
    """Ids of the rules and limits they match."""
    condition: Condition
    ends_at: float
    expires: str
    reason: str
    approver: str
    origin: Origin

    def covers(self, facts: Facts) -> bool:
        """The condition holds. One that fails to evaluate waives nothing."""
        try:
            return self.condition.holds(facts)
        except (CelFault, KeyError, TypeError, AttributeError):
            return False


class AppliedLimit(NamedTuple):
    """One limit that applies to a request, with the key of its budget."""

    id: str
    count: str  # type: ignore[assignment]  # a tuple's own count isn't used
    key: str
    """Unique for limit and subject, whatever bytes the subject is made of."""
    rate: float
    """Units per second; 0.0 for concurrency."""
    burst: float
    shadow: bool
    message: str
    limit: Limit


def matches_glob(glob: str, identity: str) -> bool:
    """Whether an id matches a waiver's glob; * stands for any text."""
    return re.fullmatch(".*".join(map(re.escape, glob.split("*"))), identity) is not None
