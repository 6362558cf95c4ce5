"""A policy's own cases: requests described by their facts, and what must become of them.

Cases say what rules say, apart from when and for how many: dates and percentages don't count unless a case names a day with `on`.
Modes do count: a shadow rule is expected by name while the outcome stays allow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from proxy.documents.strict_yaml import Document, read_yaml
from proxy.errors import ConfigError, Problem
from proxy.policy.assembly.reading import PRESETS, Files
from proxy.policy.facts import BY_NAME, Facts, FactValue, Kind
from proxy.policy.language.amounts import DAY_S, day_start
from proxy.policy.language.complaints import shape_problems, suggest
from proxy.policy.language.shapes.case_file import ORDINARY, CaseDoc, CasesDoc
from proxy.policy.rules import Limit, Rule
from proxy.policy.ruleset import Ruleset
from proxy.policy.verdict import Mode, Verdict


class Case(NamedTuple):
    """One case, ready to be judged."""

    doc: CaseDoc
    facts: Facts
    document: Document
    position: int

    def problem(self, what: str, fix: str = "") -> Problem:
        """A fault of this case, where it stands."""
        return self.document.problem(("cases", self.position, "expect"), f"{self.doc.name}: {what}", fix)


class CaseReport(NamedTuple):
    """What running the cases found."""

    ran: int
    failures: tuple[Problem, ...]
    """Cases that can't be read, and cases whose expectation isn't met."""
    gaps: tuple[Problem, ...]
    """Rules and limits that no case would miss, or that lack a firing case or a near miss."""

    @property
    def passed(self) -> bool:
        """Every case holds. Gaps don't count here: they are for the people who write policies."""
        return not self.failures


class _Outcome(NamedTuple):
    case: Case
    verdict: Verdict
    limits: frozenset[str]
    waived: Mapping[str, str]
    fired: frozenset[str]


def run_cases(ruleset: Ruleset, files: Files, now: float, *, coverage: bool = True) -> CaseReport:
    """Judge every case under cases/ and those of the presets in use; with `coverage`, look for rules they say too little about."""
    problems: list[Problem] = []
    cases = list(read_cases(ruleset, files, problems))
    timeless = ruleset.undated()
    outcomes = [_judge(ruleset if case.doc.on else timeless, case, now) for case in cases]
    for outcome in outcomes:
        problems.extend(outcome.case.problem(what) for what in _differences(outcome))
    gaps = tuple(_gaps(ruleset, timeless, outcomes, now)) if coverage and not problems else ()
    return CaseReport(len(cases), tuple(problems), gaps)


def read_cases(ruleset: Ruleset, files: Files, problems: list[Problem]) -> Iterator[Case]:
    """The cases of a folder; what can't be read goes to `problems`."""
    used = {f"{PRESETS}cases/{preset.name.removeprefix(PRESETS)}.yaml" for preset in ruleset.vocabulary.presets}
    for path in sorted(files):
        if not (path.startswith("cases/") and path.endswith((".yaml", ".yml"))) and path not in used:
            continue
        try:
            document = read_yaml(path, files[path])
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        faults = shape_problems(CasesDoc, document)
        problems.extend(faults)
        if not faults:
            for index, doc in enumerate(CasesDoc.model_validate(document.value).cases):
                yield from _ready(ruleset, document, index, doc, problems)


def _ready(ruleset: Ruleset, document: Document, index: int, doc: CaseDoc, problems: list[Problem]) -> Iterator[Case]:
    facts: dict[str, FactValue] = dict(ORDINARY)
    sound = True
    for name, value in doc.facts.items():
        path = ("cases", index, "facts", name)
        if name not in BY_NAME:
            problems.append(document.problem(path, f"unknown fact {name!r}", suggest(name, BY_NAME), at=document.keys.get(path)))
            sound = False
        elif not _fits(BY_NAME[name].kind, value):
            problems.append(document.problem(path, f"{name} must be {BY_NAME[name].kind.words}, not {value!r}"))
            sound = False
        else:
            facts[name] = tuple(value) if isinstance(value, list) else value
    if doc.texts is not None:
        facts["request.patterns"], facts["request.unscanned_chars"] = ruleset.scan(doc.texts)
    if sound:
        yield Case(doc, facts, document, index)


def _fits(kind: Kind, value: Any) -> bool:
    if kind is Kind.STRINGS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if kind is Kind.DOUBLE:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is {Kind.STRING: str, Kind.INT: int, Kind.BOOL: bool}[kind]


def _judge(ruleset: Ruleset, case: Case, now: float) -> _Outcome:
    at = day_start(case.doc.on) + DAY_S / 2 if case.doc.on else now
    verdict = ruleset.judge(case.facts, at)
    due = ruleset.due(case.facts, at)
    limits = frozenset(limit.id for limit in due.limits)
    waived = {hit.rule: hit.waived_by for hit in (*verdict.hits, *due.hits) if hit.waived_by}
    return _Outcome(case, verdict, limits, waived, frozenset(hit.rule for hit in verdict.hits) | limits | waived.keys())


def _differences(outcome: _Outcome) -> Iterator[str]:
    """Where the outcome isn't what the case expects."""
    expect, verdict = outcome.case.doc.expect, outcome.verdict
    refusal = verdict.refusal
    got = "refuse" if refusal else "allow"
    if got != expect.outcome:
        yield f"expected {expect.outcome}, got {got}" + (f" by {refusal.rule}" if refusal else "")
    elif refusal and expect.rule not in {None, refusal.rule}:
        yield f"expected {expect.rule} to refuse, but {refusal.rule} did"
    elif not refusal and expect.rule is not None and expect.rule not in outcome.fired:
        yield f"expected {expect.rule} to match, but it didn't"
    if expect.code is not None and refusal and refusal.code != expect.code:
        yield f"expected code {expect.code}, got {refusal.code}"
    if expect.clamps is not None and dict(verdict.clamps) != expect.clamps:
        yield f"expected clamps {expect.clamps}, got {dict(verdict.clamps)}"
    for name, wanted, found in (("strips", expect.strips, verdict.strips), ("tags", expect.tags, verdict.tags)):
        if wanted is not None and set(wanted) != found:
            yield f"expected {name} {sorted(wanted)}, got {sorted(found)}"
    missing = set(expect.limits or ()) - outcome.limits
    if missing:
        yield f"expected the limit {min(missing)} to apply, but it didn't"
    if expect.waived_by is not None and expect.waived_by not in outcome.waived.values():
        yield f"expected {expect.waived_by} to set something aside, but it didn't"


def _gaps(ruleset: Ruleset, timeless: Ruleset, outcomes: Sequence[_Outcome], now: float) -> Iterator[Problem]:
    items: list[Rule | Limit] = [*ruleset.rules, *ruleset.limits]
    for item in items:
        if item.mode is Mode.OFF:
            continue
        firing = [outcome for outcome in outcomes if item.id in outcome.fired]
        quiet = [outcome for outcome in outcomes if item.id not in outcome.fired]
        place = item.origin
        if not firing:
            yield Problem(place.file, place.line, place.column, item.id, "no case in which it applies", "add one under cases/")
            continue
        if item.condition and not any(_near(one.case.facts, other.case.facts, item.condition.reads) for one in firing for other in quiet):
            fix = "add one that differs from a firing case in one fact the condition reads"
            yield Problem(place.file, place.line, place.column, item.id, "no case in which it just doesn't apply", fix)
        if not _missed(item.id, ruleset, timeless, firing, now):
            fix = "let a case expect its effect, or name it as rule or limits"
            yield Problem(place.file, place.line, place.column, item.id, "no case would notice if it were deleted", fix)


def _missed(identity: str, ruleset: Ruleset, timeless: Ruleset, firing: Sequence[_Outcome], now: float) -> bool:
    """Whether some case fails when the rule or limit is deleted."""
    dated, undated = ruleset.without(identity), timeless.without(identity)
    cases = [outcome.case for outcome in firing]
    return any(list(_differences(_judge(dated if case.doc.on else undated, case, now))) for case in cases)


def _near(one: Facts, other: Facts, reads: frozenset[str]) -> bool:
    return sum(one[name] != other[name] for name in reads) == 1
