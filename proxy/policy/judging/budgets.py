"""Which limits apply to a request, and the key of each budget. Run once a request: what can be prepared is prepared."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from proxy.policy.facts import BY_NAME, Facts, Kind
from proxy.policy.judging.memory import is_short, remember, values_of
from proxy.policy.judging.merging import covering
from proxy.policy.language.closures import CelFault
from proxy.policy.rules import AppliedLimit, Limit, Waiver
from proxy.policy.verdict import Hit, Mode
from proxy.recollection import Recollection

SEPARATOR: Final = "\x1f"
DIGEST_MARK: Final = "#"
MAX_SUBJECT_CHARS: Final = 200
REMEMBERED: Final = 4096

_new = tuple.__new__


class Due(NamedTuple):
    """Limits to ask of the store, and what is worth recording about those that aren't."""

    limits: tuple[AppliedLimit, ...]
    hits: tuple[Hit, ...]
    """Limits set aside by a waiver, and limits whose condition failed (they apply)."""


class _Budget(NamedTuple):
    """One limit with the parts of its answer that never change."""

    limit: Limit
    key_head: str
    subject: int
    """Index of its `per` among those that occur."""
    tail: tuple[float, float, bool, str, Limit]


class _Chosen(NamedTuple):
    budget: _Budget
    error: bool


class Budgets:
    """The limits of a rule set, with the waivers in force."""

    __slots__ = ("_budgets", "_due", "_few", "_key", "_key_and_subjects", "_seen", "_subjects", "_waivers", "_wide")

    def __init__(self, limits: Sequence[Limit], waivers: Mapping[str, Sequence[Waiver]]) -> None:
        acting = [limit for limit in limits if limit.mode is not Mode.OFF]
        self._waivers = {limit.id: waivers[limit.id] for limit in acting if limit.id in waivers}
        subjects = sorted({limit.per for limit in acting})
        self._subjects = tuple(_subject_of(per) for per in subjects)
        self._budgets = tuple(_prepared(limit, subjects.index(limit.per)) for limit in acting)
        self._few = tuple(budget for budget in self._budgets if _few_valued(budget.limit))
        self._wide = tuple(budget for budget in self._budgets if not _few_valued(budget.limit))
        self._key = values_of(sorted({name for budget in self._few for name in _reads(budget.limit)}))
        self._seen: dict[Any, tuple[_Chosen, ...]] = {}
        self._key_and_subjects = self._whole_key()
        self._due: Recollection[Any, Due] = Recollection(REMEMBERED)

    def due(self, facts: Facts) -> Due:
        """The limits that apply to these facts, and the hits of those waived or in error."""
        if self._key_and_subjects is None:
            return self.due_unremembered(facts)
        try:
            key = self._key_and_subjects(facts)
            due = self._due.get(key)
        except (KeyError, TypeError):  # a fact is missing or isn't hashable: each condition that reads it must fail for itself
            return self.due_unremembered(facts)
        if due is None:
            due = self.due_unremembered(facts)
            if is_short(key):
                self._due.keep(key, due)
        return due

    def due_unremembered(self, facts: Facts) -> Due:
        """The same without the memory of whole answers."""
        chosen = self._chosen(facts)
        if not chosen:
            return _NOTHING
        subjects = [subject(facts) for subject in self._subjects]
        if self._waivers or any(error for _, error in chosen):
            return self._with_hits(chosen, subjects, facts)
        return Due(tuple([_applied(budget, subjects) for budget, _ in chosen]), ())

    def _whole_key(self) -> Callable[[Facts], Any] | None:
        """Reads all that an answer depends on, where callers repeat that: who they are, and facts with few values. Else None.

        Two equal texts are one subject; equal numbers of different types wouldn't be.
        """
        subjects = {name for budget in self._budgets for name in budget.limit.per}
        reads = {name for budget in self._budgets for name in _reads(budget.limit)}
        texts = all(BY_NAME[name].kind is Kind.STRING for name in subjects)
        repeated = all(BY_NAME[name].few or name in subjects for name in reads)
        return values_of(sorted(subjects | reads)) if texts and repeated and not self._waivers else None

    def _chosen(self, facts: Facts) -> tuple[_Chosen, ...]:
        try:
            key = self._key(facts)
            chosen = self._seen.get(key)
        except (KeyError, TypeError):  # a fact is missing or isn't hashable: each condition that reads it must fail for itself
            return _choose(self._budgets, facts)
        if chosen is None:
            chosen = _choose(self._few, facts)
            remember(self._seen, key, chosen, REMEMBERED)
        return chosen + _choose(self._wide, facts) if self._wide else chosen

    def _with_hits(self, chosen: Sequence[_Chosen], subjects: Sequence[str], facts: Facts) -> Due:
        limits: list[AppliedLimit] = []
        hits: list[Hit] = []
        for budget, error in chosen:
            limit = budget.limit
            waived_by = covering(self._waivers.get(limit.id, ()), facts)
            if waived_by or error:
                hits.append(Hit(limit.id, limit.mode, ("limit",), waived_by, error))
            if not waived_by:
                limits.append(_applied(budget, subjects))
        return Due(tuple(limits), tuple(hits))


_NOTHING: Final = Due((), ())


def _choose(budgets: Sequence[_Budget], facts: Facts) -> tuple[_Chosen, ...]:
    chosen: list[_Chosen] = []
    for budget in budgets:
        condition = budget.limit.condition
        try:
            if condition is None or condition.holds(facts):
                chosen.append(_Chosen(budget, error=False))
        except (CelFault, KeyError, TypeError, AttributeError):  # a budget that can't tell whom it is for is for everyone
            chosen.append(_Chosen(budget, error=True))
    return tuple(chosen)


def _applied(budget: _Budget, subjects: Sequence[str]) -> AppliedLimit:
    # tuple.__new__ takes a third of the time of the class's own constructor; this runs several times a request
    return _new(AppliedLimit, (budget.limit.id, budget.limit.count, budget.key_head + subjects[budget.subject], *budget.tail))


def _prepared(limit: Limit, subject: int) -> _Budget:
    # What is owed is kept as time: under another rate it would be another amount, so a limit whose rate is changed starts anew.
    head = f"{limit.id}{SEPARATOR}{limit.rate!r}{SEPARATOR}" if limit.rate else limit.id + SEPARATOR
    return _Budget(limit, head, subject, (limit.rate, limit.burst, limit.mode is Mode.SHADOW, limit.message, limit))


def _reads(limit: Limit) -> frozenset[str]:
    return limit.condition.reads if limit.condition is not None else frozenset()


def _few_valued(limit: Limit) -> bool:
    return all(BY_NAME[name].few for name in _reads(limit))


def _subject_of(names: Sequence[str]) -> Callable[[Facts], str]:
    """The values a budget is kept for, joined so that no value can imitate another's border, and never long."""
    if len(names) == 1:
        name = names[0]
        return lambda facts: _part(facts.get(name, ""))
    return lambda facts: SEPARATOR.join([_part(facts.get(name, "")) for name in names])


def _part(value: Any) -> str:
    text = value if isinstance(value, str) else str(value)
    if len(text) <= MAX_SUBJECT_CHARS and text.isascii() and SEPARATOR not in text and not text.startswith(DIGEST_MARK):
        return text
    return DIGEST_MARK + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
