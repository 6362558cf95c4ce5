"""What is sound and still probably not meant. Loading refuses what is wrong; this tells what is odd, late or forgotten."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from proxy.errors import Problem
from proxy.policy.assembly.reading import Files, is_read, judges
from proxy.policy.cases import run_cases
from proxy.policy.facts import Facts, FactValue
from proxy.policy.judging.memo import ask
from proxy.policy.language.amounts import DAY_S, day_of, day_start, is_day
from proxy.policy.language.checked import Node, walk
from proxy.policy.language.closures import LISTS_PREFIX
from proxy.policy.language.shapes.case_file import ORDINARY
from proxy.policy.rules import ALWAYS, Limit, Origin, Rule, Waiver
from proxy.policy.ruleset import Ruleset
from proxy.policy.tools import domains
from proxy.policy.tools.findings import Finding
from proxy.policy.tools.possible import joint_truths
from proxy.policy.verdict import Mode

SOON_DAYS: Final = 30
OLD_SHADOW_DAYS: Final = 90
STALE_DAYS: Final = 365
_COMMON_SLIPS: Final = {"UK": "GB", "EL": "GR", "EN": "GB", "SU": "RU", "YU": "RS", "TP": "TL", "AN": "CW", "CS": "RS"}


def lint(ruleset: Ruleset, files: Files, now: float) -> list[Finding]:
    """Everything worth a look in a policy folder that loads, in the order of files and lines. `now` is seconds since the epoch."""
    found = [
        *_conditions(ruleset),
        *_codes(ruleset),
        *_separators(ruleset),
        *_forgotten_region(ruleset),
        *_dates(ruleset, now),
        *_shadows(ruleset, now),
        *_sources(ruleset, now),
        *_unused(ruleset, files),
        *_budgets(ruleset),
        *_without_effect(ruleset),
        *_cases(ruleset, files, now),
    ]
    return sorted(found, key=lambda finding: (finding.problem.file, finding.problem.line, finding.problem.column, finding.check))


def _problem(origin: Origin, path: str, what: str, fix: str = "") -> Problem:
    return Problem(origin.file, origin.line, origin.column, path, what, fix)


def _acting(ruleset: Ruleset) -> list[Rule | Limit]:
    items: list[Rule | Limit] = [*ruleset.rules, *ruleset.limits]
    return [item for item in items if item.mode is not Mode.OFF]


def _conditions(ruleset: Ruleset) -> Iterator[Finding]:
    items: list[Rule | Limit | Waiver] = [*_acting(ruleset), *ruleset.waivers]
    for item in items:
        if item.condition is None:
            continue
        joint = joint_truths([(item.condition, ruleset.vocabulary)])
        truths = joint.found if joint is not None else None
        if truths == {(False,)}:
            fix = "compare it with values that the facts can have, or delete it"
            yield Finding(
                "never-holds", "error", _problem(item.origin, item.id, f"the condition can never hold: {item.condition.text.strip()}", fix)
            )
        elif truths == {(True,)} and item.condition.text.strip() != "true":
            yield Finding(
                "always-holds", "warning", _problem(item.origin, item.id, "the condition always holds", "write true if that is meant")
            )


def _codes(ruleset: Ruleset) -> Iterator[Finding]:
    """Unknown countries, subdivisions and models in conditions, and in the lists that conditions hold against such facts."""
    told: set[tuple[str, str]] = set()
    items: list[Rule | Limit | Waiver] = [*ruleset.rules, *ruleset.limits, *ruleset.waivers]
    for item in items:
        if item.condition is None:
            continue
        for fact, value, name in _comparisons(item.condition.tree, ruleset):
            where, path = (item.origin, item.id) if not name else _list_place(ruleset, name)
            if (path, value) not in told:
                told.add((path, value))
                yield from _judge(ruleset, fact, value, where, path)


def _separators(ruleset: Ruleset) -> Iterator[Finding]:
    for name, named in ruleset.vocabulary.lists.items():
        value = next((value for value in sorted(map(str, named.values)) if value.endswith((",", ";"))), "")
        if value:
            where, path = _list_place(ruleset, name)
            what = f"the value {value!r} ends in a separator, which is part of it"
            yield Finding("odd-value", "error", _problem(where, path, what, "separate values by blanks or lines"))


def _list_place(ruleset: Ruleset, name: str) -> tuple[Origin, str]:
    named = ruleset.vocabulary.lists[name]
    return (Origin(named.file, 1, 1) if named.file else named.origin), f"lists.{name}"


def _comparisons(tree: Node, ruleset: Ruleset) -> Iterator[tuple[str, str, str]]:
    """Text constants by the fact they are compared with, and the list they stand in, if any."""
    for node in walk(tree):
        if node.op != "call" or node.name not in {"_==_", "_!=_", "@in"}:
            continue
        facts = [child.name for child in node.args if child.op == "fact" and not child.name.startswith(LISTS_PREFIX)]
        if len(facts) != 1:
            continue
        for inner in walk(node):
            if inner.op == "const" and isinstance(inner.value, str):
                yield facts[0], inner.value, ""
            elif inner.op == "fact" and inner.name.startswith(LISTS_PREFIX):
                name = inner.name.removeprefix(LISTS_PREFIX)
                for value in sorted(ruleset.vocabulary.lists[name].values, key=str):
                    yield facts[0], str(value), name


def _judge(ruleset: Ruleset, fact: str, value: str, where: Origin, path: str) -> Iterator[Finding]:
    def problem(what: str, fix: str = "") -> Problem:
        return Problem(where.file, where.line, where.column, path, what, fix)

    if fact in domains.COUNTRY_FACTS and value and value not in domains.COUNTRIES:
        fix = f"did you mean {_COMMON_SLIPS[value]!r}?" if value in _COMMON_SLIPS else ""
        fix = fix or (f"did you mean {value.upper()!r}?" if value.upper() in domains.COUNTRIES else "use ISO 3166-1 alpha-2 codes")
        yield Finding("unknown-country", "error", problem(f"no country has the code {value!r}", fix))
    elif fact == "client.subdivision" and value and not domains.is_subdivision(value):
        yield Finding(
            "unknown-subdivision", "error", problem(f"{value!r} isn't a subdivision code", "write country, dash and code, such as UA-43")
        )
    elif fact == "request.model" and value:
        models = ruleset.vocabulary.models
        if "*" in value:
            fix = f"write request.model.startsWith('{value.partition('*')[0]}')"
            yield Finding("unknown-model", "error", problem(f"{value!r} is compared as it stands: no model's name has a *", fix))
            return
        if value in models.aliases:
            fix = f"write {models.aliases[value]!r}"
            yield Finding("unknown-model", "error", problem(f"{value!r} is an alias, and rules see canonical names only", fix))
        elif models.known and not models.knows(value):
            yield Finding("unknown-model", "warning", problem(f"models.known doesn't cover {value!r}", "correct the name, or add it there"))


def _forgotten_region(ruleset: Ruleset) -> Iterator[Finding]:
    timeless = ruleset.undated()
    for rule, base in _allow_lists(ruleset):
        for status in ("unknown", "error"):
            facts = {**base, "client.country": "", "client.subdivision": "", "client.geo_status": status}
            if timeless.judge(facts, 0.0).refusal is None:
                what = f"an allow-list of countries is enforced, but an address without a country (geo_status {status}) passes"
                fix = "refuse client.country == '' as well, except where geo_status is private"
                yield Finding("unknown-region-passes", "error", _problem(rule.origin, rule.id, what, fix))
                return


def _allow_lists(ruleset: Ruleset) -> Iterator[tuple[Rule, Facts]]:
    """Rules that refuse most countries and not all of them, by what is asked of the country alone; and the requests of which they do."""
    for rule in ruleset.rules:
        about = [atom.reads for atom in rule.condition.atoms if "client.country" in atom.reads]
        if rule.mode is Mode.ENFORCE and rule.effects.refusal and about and all(reads == {"client.country"} for reads in about):
            for base in _requests_like(rule.condition.tree):
                refused = sum(bool(ask((rule,), {**base, "client.country": country})) for country in domains.COUNTRIES)
                if len(domains.COUNTRIES) / 2 < refused < len(domains.COUNTRIES):
                    yield rule, base


def _requests_like(tree: Node) -> Iterator[Facts]:
    """The ordinary request, also with the values that a condition names, and with its truth values either way."""
    named: dict[str, FactValue] = {}
    for node in walk(tree):
        if node.op == "call" and node.name in {"_==_", "@in"} and node.args[0].op == "fact":
            named.update((node.args[0].name, inner.value) for inner in walk(node.args[1]) if inner.op == "const")
    switches = [node.name for node in walk(tree) if node.op == "fact" and isinstance(ORDINARY.get(node.name), bool)]
    for changed in ({}, named):
        yield from ({**ORDINARY, **changed, **dict.fromkeys(switches, truth)} for truth in (True, False))


def _dates(ruleset: Ruleset, now: float) -> Iterator[Finding]:
    items: list[Rule | Waiver] = [
        *(rule for rule in ruleset.rules if rule.mode is not Mode.OFF and rule.ends_at != ALWAYS),
        *ruleset.waivers,
    ]
    for item in items:
        kind = "rule" if isinstance(item, Rule) else "waiver"
        last_day = day_of(item.ends_at - DAY_S)
        if item.ends_at <= now:
            what = f"the {kind} ended with {last_day} and does nothing any more"
            yield Finding("expired", "error", _problem(item.origin, item.id, what, "delete it, or give it a new end"))
        elif item.ends_at - now < SOON_DAYS * DAY_S:
            yield Finding(
                "expires-soon", "warning", _problem(item.origin, item.id, f"the {kind} ends with {last_day}", "decide what follows")
            )


def _shadows(ruleset: Ruleset, now: float) -> Iterator[Finding]:
    for item in _acting(ruleset):
        if item.mode is not Mode.SHADOW:
            continue
        if not item.about.shadow_since:
            yield Finding("undated-shadow", "note", _problem(item.origin, item.id, "in shadow, but not since when", "write shadow_since"))
        elif now - day_start(item.about.shadow_since) > OLD_SHADOW_DAYS * DAY_S:
            what = f"in shadow since {item.about.shadow_since}"
            yield Finding("old-shadow", "warning", _problem(item.origin, item.id, what, "enforce it or delete it"))


def _sources(ruleset: Ruleset, now: float) -> Iterator[Finding]:
    files = {named.file: named for named in ruleset.vocabulary.lists.values() if named.file}
    dated = [(file, f"lists.{named.name}", "list", named.date) for file, named in files.items()]
    dated += [(f"{preset.name}.yaml", "preset", "preset", preset.date) for preset in ruleset.vocabulary.presets]
    for file, path, kind, date in dated:
        if date and not is_day(_last_day(date)):
            what = f"the {kind} says its source was read in {date[:40]!r}"
            fix = "write a day, a month or a year: 2025-09-15, 2025-09 or 2025"
            yield Finding("undated-source", "note", Problem(file, 1, 1, path, what, fix))
        elif not date:
            fix = "write # source: and # date: at the top of the file" if kind == "list" else "write provider, date and source under preset"
            yield Finding("undated-source", "note", Problem(file, 1, 1, path, f"the {kind} doesn't say when its source was read", fix))
        elif now - day_start(_last_day(date)) > STALE_DAYS * DAY_S:
            what = f"the {kind}'s source was read in {date}"
            yield Finding("stale-source", "warning", Problem(file, 1, 1, path, what, "compare it with the source and date it anew"))


def _last_day(date: str) -> str:
    """The latest day that a day, month or year may mean; what is none of them isn't a day either."""
    return date + {4: "-12-28", 7: "-28"}.get(len(date), "")


def _unused(ruleset: Ruleset, files: Files) -> Iterator[Finding]:
    items: list[Rule | Limit | Waiver] = [*ruleset.rules, *ruleset.limits, *ruleset.waivers]
    conditions = [item.condition for item in items if item.condition is not None]
    asked = {name for condition in conditions for name in condition.lists}
    for name, named in ruleset.vocabulary.lists.items():
        if name not in asked:
            yield Finding(
                "unused", "warning", _problem(named.origin, f"lists.{name}", "no condition asks for this list", "use it or delete it")
            )
    texts = {node.value for condition in conditions for node in walk(condition.tree) if node.op == "const"}
    for name, origin in ruleset.vocabulary.pattern_origins.items():
        if name not in texts:
            yield Finding(
                "unused", "warning", _problem(origin, f"patterns.{name}", "no condition asks for this pattern set", "use it or delete it")
            )
    mentioned = b"\n".join(data for path, data in files.items() if path.endswith((".yaml", ".yml")))
    for path in files:
        if judges(path) and path.endswith(".txt") and path.encode() not in mentioned:
            yield Finding("unused", "note", Problem(path, 0, 0, "", "no policy file reads this file", "delete it"))
        elif path.lower().endswith((".yaml", ".yml")) and not is_read(path):
            what = "this file is never read, whatever it rules"
            yield Finding("unused", "warning", Problem(path, 0, 0, "", what, "put policies at the top of the folder, as NAME.yaml"))


def _budgets(ruleset: Ruleset) -> Iterator[Finding]:
    for limit in ruleset.limits:
        if limit.mode is Mode.OFF or "campaign.id" not in limit.per or not {"account.id", "client.ip"}.isdisjoint(limit.per):
            continue
        if limit.condition is None or "campaign.id" not in limit.condition.reads:
            what = "everyone outside a campaign shares one budget"
            yield Finding("shared-budget", "error", _problem(limit.origin, limit.id, what, "write when: \"campaign.id != ''\""))


def _without_effect(ruleset: Ruleset) -> Iterator[Finding]:
    for rule in ruleset.rules:
        if rule.sampled and rule.mode is not Mode.ENFORCE:
            what = f"enforce_percent has no meaning in mode {rule.mode.value}"
            yield Finding("no-effect", "note", _problem(rule.origin, rule.id, what, "remove it, or enforce the rule"))


def _cases(ruleset: Ruleset, files: Files, now: float) -> Iterator[Finding]:
    report = run_cases(ruleset, files, now)
    yield from (Finding("failing-case", "error", problem) for problem in report.failures)
    yield from (Finding("missing-case", "warning", problem) for problem in report.gaps)


def worst(findings: Sequence[Finding]) -> str:
    """The highest level among the findings: error, warning, note or ""."""
    return next((level for level in ("error", "warning", "note") if any(finding.level == level for finding in findings)), "")
