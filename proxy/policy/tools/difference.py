"""What changes between two policy folders: rules added, removed and changed, and whether that is stricter or milder.

A changed condition is compared by what it can say: over every combination of fact values that tells the old and the new one apart, does
the new one also hold where the old one did? Where that can't be settled the answer is "unclear", never a guess.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple

from proxy.policy.effects import lower_bound
from proxy.policy.language.expression import Condition
from proxy.policy.language.spans import plain
from proxy.policy.rules import Limit, Rule, Waiver
from proxy.policy.ruleset import Ruleset
from proxy.policy.tools.possible import joint_truths
from proxy.policy.verdict import Mode

STRICTER, MILDER, NEUTRAL, MIXED, UNCLEAR = "stricter", "milder", "neutral", "mixed", "unclear"
_MOST_SHOWN: Final = 60
_OPPOSITE: Final = {STRICTER: MILDER, MILDER: STRICTER}


class Change(NamedTuple):
    """One difference."""

    kind: str
    """rule, limit, waiver, list, patterns, uninspected, models or prices."""
    id: str
    what: str
    """added, removed or changed."""
    direction: str
    """stricter, milder, neutral, mixed (stricter for some, milder for others) or unclear."""
    details: tuple[str, ...]
    place: str

    def __str__(self) -> str:
        sign = {"added": "+", "removed": "-", "changed": "~"}[self.what]
        details = f": {'; '.join(self.details)}" if self.details else ""
        return f"{sign} {self.kind} {self.id} ({self.direction}){details}"


class _Aspect(NamedTuple):
    direction: str
    detail: str


def compare(old: Ruleset, new: Ruleset) -> tuple[Change, ...]:
    """Every difference that matters to a request, by kind and id."""
    changes = [*_rules(old, new), *_limits(old, new), *_waivers(old, new), *_lists(old, new), *_patterns(old, new), *_names(old, new)]
    return tuple(sorted(changes, key=lambda change: (change.kind, change.id)))


def as_json(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """All changes for JSON."""
    return [{**change._asdict(), "details": list(change.details)} for change in changes]


def _rules(old: Ruleset, new: Ruleset) -> Iterator[Change]:
    before, after = {rule.id: rule for rule in old.rules}, {rule.id: rule for rule in new.rules}
    for identity in before.keys() - after.keys():
        rule = before[identity]
        yield Change("rule", identity, "removed", MILDER if _bites(rule) else NEUTRAL, (), str(rule.origin))
    for identity in after.keys() - before.keys():
        rule = after[identity]
        yield Change("rule", identity, "added", STRICTER if _bites(rule) else NEUTRAL, (), str(rule.origin))
    for identity in before.keys() & after.keys():
        was, now = before[identity], after[identity]
        aspects = [*_rule_aspects(was, now), *_condition(was.condition, now.condition, old, new)]
        if aspects:
            yield _changed("rule", identity, aspects, str(now.origin), direction=_teeth(before=_bites(was), after=_bites(now)))


def _bites(rule: Rule) -> bool:
    """The rule can change what happens to a request."""
    return rule.mode is Mode.ENFORCE and bool(set(rule.effects.names) - {"tag"})


def _teeth(*, before: bool, after: bool) -> str:
    """The direction of a change of what did nothing before or does nothing after, whatever else changed; "" otherwise."""
    if before and after:
        return ""
    return STRICTER if after else MILDER if before else NEUTRAL


def _rule_aspects(was: Rule, now: Rule) -> Iterator[_Aspect]:
    yield from _modes(was.mode, now.mode)
    yield from _number("enforce_percent", was.percent, now.percent)
    yield from _number("starts", -was.starts_at, -now.starts_at, show=False)
    yield from _number("ends", was.ends_at, now.ends_at, show=False)
    yield from _number("on_error", float(was.error_counts), float(now.error_counts), show=False)
    yield from _effects(was, now)


def _effects(was: Rule, now: Rule) -> Iterator[_Aspect]:
    old, new = was.effects, now.effects
    if (old.refusal is None) != (new.refusal is None):
        yield _Aspect(STRICTER if new.refusal else MILDER, "refuses now" if new.refusal else "no longer refuses")
    elif old.refusal != new.refusal:
        yield _Aspect(NEUTRAL, "words the refusal differently")
    refuses = old.refusal is not None or new.refusal is not None  # then nothing else matters to whom it refuses
    for name in sorted(old.clamps.keys() | new.clamps.keys()):
        first, second = old.clamps.get(name), new.clamps.get(name)
        if first == second:
            continue
        lower = second is not None and (first is None or lower_bound(first, second) == second)
        yield _Aspect(NEUTRAL if refuses else STRICTER if lower else MILDER, f"clamp {name}: {_show(first)} -> {_show(second)}")
    yield from _sets("strip", old.strips, new.strips, NEUTRAL if refuses else STRICTER)
    yield from _sets("tag", old.tags, new.tags, NEUTRAL)


def _limits(old: Ruleset, new: Ruleset) -> Iterator[Change]:
    before, after = {limit.id: limit for limit in old.limits}, {limit.id: limit for limit in new.limits}
    for identity in before.keys() - after.keys():
        limit = before[identity]
        yield Change("limit", identity, "removed", MILDER if limit.mode is Mode.ENFORCE else NEUTRAL, (), str(limit.origin))
    for identity in after.keys() - before.keys():
        limit = after[identity]
        yield Change("limit", identity, "added", STRICTER if limit.mode is Mode.ENFORCE else NEUTRAL, (), str(limit.origin))
    for identity in before.keys() & after.keys():
        was, now = before[identity], after[identity]
        aspects = [*_limit_aspects(was, now), *_condition(was.condition, now.condition, old, new)]
        if aspects:
            direction = _teeth(before=was.mode is Mode.ENFORCE, after=now.mode is Mode.ENFORCE)
            yield _changed("limit", identity, aspects, str(now.origin), direction=direction)


def _limit_aspects(was: Limit, now: Limit) -> Iterator[_Aspect]:
    yield from _modes(was.mode, now.mode)
    if was.count != now.count:
        yield _Aspect(UNCLEAR, f"count: {was.count} -> {now.count}")
    if was.per != now.per:
        old, new = set(was.per), set(now.per)
        direction = NEUTRAL if old == new else MILDER if old < new else STRICTER if new < old else UNCLEAR
        yield _Aspect(direction, f"per: {', '.join(was.per)} -> {', '.join(now.per)}")
    for name, first, second in (("rate", was.rate, now.rate), ("burst", was.burst, now.burst)):
        yield from (_Aspect(_OPPOSITE[aspect.direction], aspect.detail) for aspect in _number(name, first, second))
    if was.message != now.message:
        yield _Aspect(NEUTRAL, "words the refusal differently")


def _waivers(old: Ruleset, new: Ruleset) -> Iterator[Change]:
    before, after = {waiver.id: waiver for waiver in old.waivers}, {waiver.id: waiver for waiver in new.waivers}
    both = _ids(old) & _ids(new)
    for identity in before.keys() - after.keys():
        yield Change("waiver", identity, "removed", STRICTER, _waives(before[identity]), str(before[identity].origin))
    for identity in after.keys() - before.keys():
        yield Change("waiver", identity, "added", MILDER, _waives(after[identity]), str(after[identity].origin))
    for identity in before.keys() & after.keys():
        was, now = before[identity], after[identity]
        aspects = [*_condition(was.condition, now.condition, old, new), *_sets("waives", was.targets & both, now.targets & both, STRICTER)]
        aspects += list(_number("expires", was.ends_at, now.ends_at, show=False))
        if aspects:
            loosening = [_Aspect(_OPPOSITE.get(aspect.direction, aspect.direction), aspect.detail) for aspect in aspects]
            yield _changed("waiver", identity, loosening, str(now.origin))


def _ids(ruleset: Ruleset) -> set[str]:
    return {rule.id for rule in ruleset.rules} | {limit.id for limit in ruleset.limits}


def _waives(waiver: Waiver) -> tuple[str, ...]:
    return (f"waives {', '.join(waiver.waives)} until {waiver.expires}",)


def _lists(old: Ruleset, new: Ruleset) -> Iterator[Change]:
    before, after = old.vocabulary.lists, new.vocabulary.lists
    for name in before.keys() | after.keys():
        was, now = before.get(name), after.get(name)
        gone: set[Any] = set(was.values if was else ()) - set(now.values if now else ())
        come: set[Any] = set(now.values if now else ()) - set(was.values if was else ())
        if gone or come or was is None or now is None:
            what = "added" if was is None else "removed" if now is None else "changed"
            details = [f"{sign}{value}" for sign, values in (("+", come), ("-", gone)) for value in sorted(values, key=str)]
            if len(details) > _MOST_SHOWN:
                details[_MOST_SHOWN:] = [f"and {len(details) - _MOST_SHOWN} more"]
            named = now or was
            yield Change("list", name, what, NEUTRAL, (" ".join(details),), str(named.origin) if named else "")


def _patterns(old: Ruleset, new: Ruleset) -> Iterator[Change]:
    before, after = old.vocabulary.patterns.expressions, new.vocabulary.patterns.expressions
    for name in before.keys() | after.keys():
        was, now = before.get(name, ()), after.get(name, ())
        if set(was) == set(now):
            continue
        what, direction = ("added", NEUTRAL) if not was else ("removed", NEUTRAL) if not now else ("changed", UNCLEAR)
        origins = new.vocabulary.pattern_origins if now else old.vocabulary.pattern_origins
        yield Change("patterns", name, what, direction, tuple(_listed(was, now)), str(origins[name]))


def _names(old: Ruleset, new: Ruleset) -> Iterator[Change]:
    before, after = set(old.vocabulary.uninspected.listed), set(new.vocabulary.uninspected.listed)
    for method, path in sorted(after - before):
        yield Change("uninspected", f"{method} {path}", "added", MILDER, (), "")
    for method, path in sorted(before - after):
        yield Change("uninspected", f"{method} {path}", "removed", STRICTER, (), "")
    was, now = old.vocabulary.models, new.vocabulary.models
    if (was.aliases, sorted(was.known)) != (now.aliases, sorted(now.known)):
        yield Change("models", "models", "changed", UNCLEAR, (*_listed(was.known, now.known), *_listed(was.aliases, now.aliases)), "")
    priced, repriced = old.vocabulary.prices, new.vocabulary.prices
    if any(getattr(priced, part) != getattr(repriced, part) for part in ("models", "default", "tiers", "batch")):
        yield Change("prices", "prices", "changed", UNCLEAR, (), "")


def _listed(old: Iterable[str], new: Iterable[str]) -> Iterator[str]:
    come, gone = set(new) - set(old), set(old) - set(new)
    yield from (f"+{name}" for name in sorted(come))
    yield from (f"-{name}" for name in sorted(gone))


def _condition(was: Condition | None, now: Condition | None, old: Ruleset, new: Ruleset) -> Iterator[_Aspect]:
    """How a condition changed, by its words or by the lists it asks."""
    if was is None or now is None:
        if was is not now:
            yield _Aspect(STRICTER if now is None else MILDER, "has no condition now" if now is None else "has a condition now")
        return
    same_lists = all(_values(old, name) == _values(new, name) for name in was.lists | now.lists)
    if plain(was.text) == plain(now.text) and same_lists:
        return
    joint = joint_truths([(was, old.vocabulary), (now, new.vocabulary)])
    detail = "when" if plain(was.text) != plain(now.text) else f"what its lists hold ({', '.join(sorted(now.lists))})"
    wider, narrower = joint is None or (False, True) in joint.found, joint is None or (True, False) in joint.found
    if joint is None or (wider and narrower and not joint.exact):
        yield _Aspect(UNCLEAR, f"{detail}: can't be compared")
        return
    direction = MIXED if wider and narrower else STRICTER if wider else MILDER if narrower else NEUTRAL
    words = {MIXED: "other requests", STRICTER: "more requests", MILDER: "fewer requests", NEUTRAL: "the same requests"}[direction]
    yield _Aspect(direction, f"{detail}: holds for {words}")


def _values(ruleset: Ruleset, name: str) -> Any:
    named = ruleset.vocabulary.lists.get(name)
    return None if named is None else named.values


def _modes(was: Mode, now: Mode) -> Iterator[_Aspect]:
    if was is not now:
        direction = STRICTER if now is Mode.ENFORCE else MILDER if was is Mode.ENFORCE else NEUTRAL
        yield _Aspect(direction, f"mode: {was.value} -> {now.value}")


def _number(name: str, was: float, now: float, *, show: bool = True) -> Iterator[_Aspect]:
    """A number of which more is stricter."""
    if was != now:
        yield _Aspect(
            STRICTER if now > was else MILDER, f"{name}: {was:g} -> {now:g}" if show else f"{name} {'more' if now > was else 'less'}"
        )


def _sets(name: str, was: frozenset[str], now: frozenset[str], direction: str) -> Iterator[_Aspect]:
    """A set of which more members are `direction`."""
    for come in sorted(now - was):
        yield _Aspect(direction, f"{name} +{come}")
    for gone in sorted(was - now):
        yield _Aspect(_OPPOSITE.get(direction, direction), f"{name} -{gone}")


def _show(value: Any) -> str:
    return "none" if value is None else str(value).lower()


def _changed(kind: str, identity: str, aspects: list[_Aspect], place: str, *, direction: str = "") -> Change:
    return Change(
        kind,
        identity,
        "changed",
        direction or _overall({aspect.direction for aspect in aspects}),
        tuple(aspect.detail for aspect in aspects),
        place,
    )


def _overall(directions: set[str]) -> str:
    if UNCLEAR in directions:
        return UNCLEAR
    if MIXED in directions or {STRICTER, MILDER} <= directions:
        return MIXED
    return next(iter(directions - {NEUTRAL}), NEUTRAL)


def by_direction(changes: Iterable[Change]) -> Mapping[str, int]:
    """How many changes go which way."""
    counts: dict[str, int] = {}
    for change in changes:
        counts[change.direction] = counts.get(change.direction, 0) + 1
    return counts
