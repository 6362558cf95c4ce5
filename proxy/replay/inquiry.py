"""Inquiry: the facts of one request with where each came from, for an explanation. From facts written down, a replayed exchange or a record."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from difflib import get_close_matches
from math import isfinite
from typing import Any, Final, NamedTuple

from proxy.errors import ConfigError, Problem
from proxy.identity.caller import Account
from proxy.limits.ask import Standing
from proxy.policy.facts import BY_NAME, Facts, FactValue, Kind
from proxy.policy.language.shapes.case_file import ORDINARY
from proxy.policy.ruleset import Ruleset
from proxy.policy.verdict import Verdict
from proxy.replay.outcomes import Replayed
from proxy.replay.recorded import LATEST_AT

ASSUMED: Final = "assumed: an ordinary request's"
GIVEN: Final = "the request file"
RECORDED: Final = "the record"
DEFAULT: Final = "the default, since nobody said"
_DETECTOR: Final = "the detector, from earlier exchanges"
_MOVEMENT: Final = "where the account was seen"
_NOT_FACTS: Final = frozenset({"at", "texts", "facts"})

_FROM_BODY: Final = "the request"
_BY_PREFIX: Final = {
    "client.": "region databases",
    "request.": _FROM_BODY,
    "time.": "the time of the request",
    "risk.": _DETECTOR,
    "campaign.": _DETECTOR,
}
_BY_NAME: Final = {
    "client.ip": "the trace",
    "request.model": "the request, under the policies' aliases",
    "request.model_known": "models.known of the policies",
    "request.patterns": "the policies' patterns, found in the prompt",
    "request.unscanned_chars": "the prompt's length",
    "request.input_tokens": "a local estimate",
    "account.countries_24h": _MOVEMENT,
    "account.asns_24h": _MOVEMENT,
    "account.travel_kmh": _MOVEMENT,
}
_IN_RECORD: Final = {
    "client.ip": "client", "client.country": "country", "client.asn": "asn", "client.geo_status": "geo_status", "account.id": "account",
    "request.endpoint": "endpoint", "request.dialect": "dialect", "request.model": "model", "request.stream": "stream",
    "request.inspected": "inspected", "request.input_tokens": "estimated_tokens", "risk.level": "risk_level", "risk.score": "risk_score",
    "risk.families": "risk_families", "campaign.id": "campaign", "request.unscanned_chars": "unscanned_chars",
}  # fmt: skip
"""Facts by the record's own fields; one that says nothing is left out of a record."""
_WHO: Final = ("account.id", "client.ip", "request.end_user")
_DIGEST: Final = re.compile(r"[0-9]+\.[0-9a-f]{24}\Z")
_LEFT_OUT: Final = {
    "request.stream": False,
    "risk.level": 0,
    "risk.score": 0.0,
    "risk.families": (),
    "campaign.id": "",
    "request.unscanned_chars": 0,
}


class Inquiry(NamedTuple):
    """One request to explain."""

    facts: Facts
    sources: Mapping[str, str]
    at: float
    """When it is judged, seconds since the epoch."""
    standings: tuple[Standing, ...] = ()
    """Where limits stood, where that is known."""
    notes: tuple[str, ...] = ()


def of_document(document: Mapping[str, Any], ruleset: Ruleset, file: str, now: float) -> Inquiry:
    """Facts that somebody wrote: `{"facts": {...}, "texts": [...], "at": ...}` or just the facts. What isn't said is an ordinary request's.

    Raises ConfigError with every fact that isn't one.
    """
    given = document.get("facts", {name: value for name, value in document.items() if name not in _NOT_FACTS})
    problems: list[Problem] = []
    if not isinstance(given, Mapping):
        raise ConfigError([Problem(file, 0, 0, "facts", "must be an object", 'write facts such as {"client.country": "CU"}')])
    said = {name: _checked(name, value, file, problems) for name, value in given.items()}
    beside = sorted(document.keys() - _NOT_FACTS) if "facts" in document else ()
    problems += [
        Problem(file, 0, 0, name[:80], "unknown key", "beside facts stand texts and at; a fact stands inside facts") for name in beside
    ]
    at = document.get("at", now)
    if not isinstance(at, int | float) or isinstance(at, bool) or not (isfinite(at) and 0 <= at < LATEST_AT):
        problems.append(Problem(file, 0, 0, "at", "must be a time, in seconds since the epoch"))
    texts = document.get("texts")
    if texts is not None and not (isinstance(texts, list) and all(isinstance(text, str) for text in texts)):
        problems.append(Problem(file, 0, 0, "texts", "must be a list of texts"))
    if problems:
        raise ConfigError(problems)
    sources = dict.fromkeys(ORDINARY, ASSUMED) | dict.fromkeys(said, GIVEN)
    facts = {**ORDINARY, **_clock_facts(at), **said}
    if texts is not None:
        facts["request.patterns"], facts["request.unscanned_chars"] = ruleset.scan(texts)
        sources |= {name: _BY_NAME[name] for name in ("request.patterns", "request.unscanned_chars")}
    return Inquiry(facts, sources, float(at))


def of_replayed(replayed: Replayed) -> Inquiry:
    """A replayed exchange, with what earlier ones made of it. Raises ConfigError when it never came to be judged."""
    decision, recorded = replayed.decision, replayed.recorded
    if decision is None:
        what = f"no rule was asked: the request can't be accepted ({replayed.rule})"
        raise ConfigError([Problem("request", recorded.line, 1, "", what, "see method, path and body")])
    account = dict(recorded.account.sources)
    sources = {name: _source(name, account, recorded.account) for name in decision.facts}
    notes = (
        ("the line was recorded without its texts, so that no pattern can match (capture.bodies records them)",)
        if recorded.outlined
        else ()
    )
    return Inquiry(decision.facts, sources, recorded.at, decision.held.standings, notes)


def of_record(record: Mapping[str, Any], ruleset: Ruleset, now: float) -> Inquiry:
    """A record of the log. Without log.facts it holds only some facts; the others are those of an ordinary request, and said to be so."""
    facts: dict[str, FactValue] = dict(ORDINARY)
    sources = dict.fromkeys(ORDINARY, ASSUMED)
    at = record.get("at")
    at = float(at) if isinstance(at, int | float) and 0 <= at < LATEST_AT else now
    known: dict[str, Any] = dict(_clock_facts(at))
    known |= {name: record.get(field, _LEFT_OUT.get(name)) for name, field in _IN_RECORD.items()}
    told = record.get("facts")
    known |= told if isinstance(told, Mapping) else {}
    for name, value in known.items():
        if name in BY_NAME and _fits(BY_NAME[name].kind, value):
            facts[name] = tuple(value) if isinstance(value, list) else value
            sources[name] = RECORDED
    said = record.get("fact_sources")
    sources |= {name: str(source) for name, source in said.items() if name in BY_NAME} if isinstance(said, Mapping) else {}
    if sources["request.model"] == RECORDED:
        facts["request.model_known"] = ruleset.knows_model(str(facts["request.model"]))
        sources["request.model_known"] = _BY_NAME["request.model_known"]
    return Inquiry(facts, sources, at, (), tuple(_notes(record, ruleset, facts, sources)))


def contradictions(record: Mapping[str, Any], verdict: Verdict, ruleset: Ruleset) -> Iterator[str]:
    """What rules did as the record says, and didn't do by the facts it holds, or the reverse."""
    hits = record.get("hits")
    told = {(str(hit.get("rule")), str(hit.get("mode"))) for hit in (hits if isinstance(hits, list) else ()) if isinstance(hit, Mapping)}
    rules = {rule.id for rule in ruleset.rules}
    recorded = {f"{rule} ({mode})" for rule, mode in told if rule in rules}
    repeated = {f"{hit.rule} ({hit.counted})" for hit in verdict.hits}
    if lost := sorted(recorded - repeated):
        yield f"recorded as matching, though not by the facts below: {', '.join(lost)}"
    if new := sorted(repeated - recorded):
        yield f"matching by the facts below, though not as recorded: {', '.join(new)}"


def _notes(record: Mapping[str, Any], ruleset: Ruleset, facts: Facts, sources: Mapping[str, str]) -> list[str]:
    notes = []
    if record.get("revision") != ruleset.revision:
        notes.append(f"it was judged by {record.get('revision')}, not by these policies ({ruleset.revision})")
    missing = sorted(name for name in ruleset.reads if sources.get(name) == ASSUMED)
    if missing:
        notes.append(
            f"the record doesn't hold {', '.join(missing)}: taken from an ordinary request (log.facts records all that rules read)"
        )
    if hidden := [name for name in _WHO if name in ruleset.reads and _DIGEST.match(str(facts[name]))]:
        notes.append(
            f"{', '.join(hidden)}: the record holds a digest, so no test of it can be repeated (log.addresses records it in clear)"
        )
    return notes


def _clock_facts(at: float) -> dict[str, FactValue]:
    moment = datetime.fromtimestamp(at, UTC)
    return {"time.hour": moment.hour, "time.weekday": moment.isoweekday()}


def _source(name: str, account: Mapping[str, str], known: Account) -> str:
    if name in _BY_NAME:
        return _BY_NAME[name]
    prefix, _, attribute = name.partition(".")
    if prefix == "account":
        said = attribute in {"id", "source"} or attribute in account or (attribute == "age_days" and known.opened_at is not None)
        return "the trace" if said or (attribute == "listed" and known.listed) else DEFAULT
    return _BY_PREFIX[f"{prefix}."]


def _checked(name: str, value: Any, file: str, problems: list[Problem]) -> FactValue:
    fact = BY_NAME.get(name)
    if fact is None:
        close = get_close_matches(name, BY_NAME, n=1)
        fix = f"did you mean {close[0]}?" if close else "policies/README.md lists all facts"
        problems.append(Problem(file, 0, 0, name[:80], "unknown fact", fix))
        return ""
    if not _fits(fact.kind, value):
        problems.append(Problem(file, 0, 0, name, f"must be {fact.kind.words}, not {json.dumps(value)[:40]}"))
        return ""
    if fact.kind is Kind.DOUBLE:
        return float(value)
    return tuple(value) if isinstance(value, list | tuple) else value


def _fits(kind: Kind, value: Any) -> bool:
    if kind is Kind.STRINGS:
        return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
    if kind is Kind.DOUBLE:
        return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    if kind is Kind.INT:
        return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63
    return isinstance(value, str if kind is Kind.STRING else bool)
