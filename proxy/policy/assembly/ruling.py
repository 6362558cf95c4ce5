"""From documents to rules, limits and waivers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple, TypeVar

from proxy.documents.strict_yaml import Path
from proxy.errors import Problem
from proxy.policy.assembly.naming import origin
from proxy.policy.assembly.reading import Parts
from proxy.policy.facts import Phase
from proxy.policy.language.amounts import day_end, day_start, parse_rate
from proxy.policy.language.checked import walk
from proxy.policy.language.complaints import Part, suggest
from proxy.policy.language.expression import Condition, Expressions, FaultyExpression
from proxy.policy.language.shapes.policy_file import EffectsDoc, LimitDoc, PolicyDoc, RuleDoc, WaiverDoc
from proxy.policy.names.vocabulary import Vocabulary
from proxy.policy.rules import ALWAYS, Described, Effects, Limit, Origin, Rule, Waiver, matches_glob
from proxy.policy.verdict import Mode, Refusal

_UNKNOWN_LIST: Final = "unknown list"
D = TypeVar("D")


class Ruled(NamedTuple):
    """What the files rule."""

    rules: tuple[Rule, ...]
    limits: tuple[Limit, ...]
    waivers: tuple[Waiver, ...]


class _Bench:
    """What compiling needs at hand, and where faults go."""

    def __init__(self, parts: Parts, names: Vocabulary, expressions: Expressions, problems: list[Problem]) -> None:
        self.complete = parts.complete
        self.priced = any(part.policy.prices for part in parts.parts)
        self.names = names
        self.expressions = expressions
        self.problems = problems
        self.taken: dict[str, Origin] = {}

    def condition(self, part: Part, path: Path, text: str) -> Condition | None:
        """The condition at `path`, or None after noting its faults."""
        try:
            condition = self.expressions.compile(text)
        except FaultyExpression as error:
            for fault in error.faults:
                if self.complete or not fault.what.startswith(_UNKNOWN_LIST):
                    at = part.document.inside(path, text, fault.line, fault.column)
                    self.problems.append(part.document.problem(path, fault.what, fault.fix, at=at))
            return None
        if self.complete:
            self._check_pattern_names(part, path, condition)
        return condition

    def _check_pattern_names(self, part: Part, path: Path, condition: Condition) -> None:
        for node in walk(condition.tree):
            if node.op != "call" or node.name != "@in" or node.args[1].name != "request.patterns" or node.args[0].op != "const":
                continue
            name, known = node.args[0].value, self.names.patterns.names
            if name not in known:
                at = part.document.inside(path, condition.text, *_line_column(condition.text, node.args[0].offset))
                fix = suggest(name, known) or "declare it under patterns"
                self.problems.append(part.document.problem(path, f"there is no pattern set {name!r}", fix, at=at))

    def claim(self, part: Part, path: Path, identity: str) -> Origin:
        """Where the item stands; notes a fault when its id is taken."""
        where = origin(part, (*path, "id"))
        first = self.taken.setdefault(identity, where)
        if first is not where:
            self.problems.append(
                part.document.problem((*path, "id"), f"the id {identity!r} is used twice (first at {first})", "rename one of them")
            )
        return where


def rule_everything(parts: Parts, names: Vocabulary, expressions: Expressions, problems: list[Problem]) -> Ruled:
    """The rules, limits and waivers of all files. Faults are added to `problems`."""
    bench = _Bench(parts, names, expressions, problems)
    rules = [rule for part, path, doc in _items(parts, "rules", lambda policy: policy.rules) if (rule := _rule(bench, part, path, doc))]
    limits = [
        limit for part, path, doc in _items(parts, "limits", lambda policy: policy.limits) if (limit := _limit(bench, part, path, doc))
    ]
    waivers = [
        waiver
        for part, path, doc in _items(parts, "waivers", lambda policy: policy.waivers)
        if (waiver := _waiver(bench, part, path, doc, rules, limits))
    ]
    _check_dropped(bench, parts)
    if not problems and not rules:
        problems.append(
            Problem("policies", 0, 0, "", "the folder holds no rule", "a folder that allows everything must say so with a rule")
        )
    return Ruled(tuple(rules), tuple(limits), tuple(waivers))


def _items(parts: Parts, section: str, of: Callable[[PolicyDoc], Sequence[D]]) -> Iterator[tuple[Part, Path, D]]:
    for part in parts.parts:
        for doc, index in zip(of(part.policy), part.kept.get(section, ()), strict=True):
            yield part, (section, index), doc


def _check_dropped(bench: _Bench, parts: Parts) -> None:
    """Conditions of items whose shape is wrong: their faults are told in the same go."""
    for part in parts.parts:
        value = part.document.value if isinstance(part.document.value, dict) else {}
        for section in ("rules", "limits", "waivers"):
            items = value.get(section)
            for index, item in enumerate(items if isinstance(items, list) else ()):
                text = item.get("when") if isinstance(item, dict) else None
                if isinstance(text, str) and text and index not in part.kept.get(section, ()):
                    bench.condition(part, (section, index, "when"), text)


def _rule(bench: _Bench, part: Part, path: Path, doc: RuleDoc) -> Rule | None:
    where = bench.claim(part, path, doc.id)
    condition = bench.condition(part, (*path, "when"), doc.when)
    if condition is None:
        return None
    on_error = doc.on_error or ("refuse" if doc.then.refuse else "apply")
    return Rule(
        id=doc.id,
        condition=condition,
        effects=_effects(doc.id, doc.source, doc.then),
        mode=Mode(doc.mode),
        percent=float(doc.enforce_percent),
        starts_at=day_start(doc.not_before) if doc.not_before else -ALWAYS,
        ends_at=day_end(doc.expires) if doc.expires else ALWAYS,
        error_counts=on_error != "skip",
        about=Described(doc.source, doc.owner, doc.description, doc.shadow_since or ""),
        origin=where,
    )


def _effects(identity: str, source: str, doc: EffectsDoc) -> Effects:
    refusal = None
    if doc.refuse is not None:
        refusal = Refusal(identity, doc.refuse.code, doc.refuse.message, source, doc.refuse.step_up_url or "")
    clamps = doc.clamp.model_dump(exclude_none=True) if doc.clamp is not None else {}
    return Effects(refusal, MappingProxyType(clamps), frozenset(doc.strip or ()), frozenset(doc.tag or ()))


def _limit(bench: _Bench, part: Part, path: Path, doc: LimitDoc) -> Limit | None:
    where = bench.claim(part, path, doc.id)
    if len(set(doc.per)) < len(doc.per):
        bench.problems.append(part.document.problem((*path, "per"), "a fact stands twice in per", "write each fact once"))
    if doc.count == "usd" and not bench.priced:
        bench.problems.append(part.document.problem((*path, "count"), "a limit in US dollars needs prices", "add a section prices"))
    condition = bench.condition(part, (*path, "when"), doc.when) if doc.when is not None else None
    if doc.when is not None and condition is None:
        return None
    amount, seconds = parse_rate(doc.rate) if doc.rate else (float(doc.max or 0), 0.0)
    rate = amount / seconds if seconds else 0.0
    about = Described(doc.source, doc.owner, doc.description, doc.shadow_since or "")
    burst, message = float(doc.burst or amount), doc.message or ""
    return Limit(doc.id, tuple(doc.per), doc.count, rate, burst, condition, Mode(doc.mode), message, about, where)


def _waiver(bench: _Bench, part: Part, path: Path, doc: WaiverDoc, rules: Sequence[Rule], limits: Sequence[Limit]) -> Waiver | None:
    where = bench.claim(part, path, doc.id)
    condition = bench.condition(part, (*path, "when"), doc.when)
    phases: Mapping[str, Phase] = {**{rule.id: rule.phase for rule in rules}, **{limit.id: Phase.SIGNALS for limit in limits}}
    targets: set[str] = set()
    for index, glob in enumerate(doc.waives):
        found = {identity for identity in phases if matches_glob(glob, identity)}
        if not found and bench.complete:
            bench.problems.append(
                part.document.problem((*path, "waives", index), f"{glob!r} matches no rule or limit", suggest(glob, phases))
            )
        targets |= found
    if condition is None:
        return None
    early = sorted(identity for identity in targets if phases[identity] is Phase.REQUEST)
    if condition.phase is Phase.SIGNALS and early:
        what = f"the waiver reads facts of the signals phase, but {early[0]} is judged before it"
        bench.problems.append(part.document.problem((*path, "when"), what, "use facts of the request phase, or waive other rules"))
    return Waiver(
        doc.id, tuple(doc.waives), frozenset(targets), condition, day_end(doc.expires), doc.expires, doc.reason, doc.approver, where
    )  # fmt: skip


def _line_column(text: str, offset: int) -> tuple[int, int]:
    before = text[: max(offset, 0)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")
