"""What an exchange leaves in its Record and shows to the detector: copied from what the stages said, nothing decided."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

from proxy import replies
from proxy.audit.record import Record
from proxy.decide import Decision
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Route
from proxy.identity.caller import Caller
from proxy.limits.reply_headers import reply_headers

WHO: Final = frozenset({"client.ip", "account.id", "request.end_user"})
"""Facts that name somebody."""


def note_caller(record: Record, caller: Caller, digest: Callable[[str], str]) -> None:
    """Who asked; address and account as `digest` makes them."""
    record.client, record.account = digest(caller.ip), digest(caller.account.id)
    record.country, record.asn, record.geo_status = caller.region.country, caller.region.asn, caller.region.status


def note_call(record: Record, call: ModelCall) -> None:
    """What was asked."""
    record.endpoint, record.model, record.stream = call.endpoint, call.model, call.stream
    record.inspected, record.estimated_tokens = call.inspected, call.input_tokens


def note_decision(record: Record, decision: Decision) -> None:
    """What was decided and why."""
    _, _, facts, _, _, strips, tags, hits, signals, _, held, _ = decision
    record.hits = tuple([(hit.rule, hit.counted, hit.effects, hit.waived_by) for hit in hits]) if hits else ()
    record.limits = tuple([(limit, allowed, remaining, shadow) for limit, allowed, remaining, _, _, _, _, shadow, _ in held.standings])
    record.limits_degraded = held.degraded
    record.stripped, record.tags = tuple(strips), tuple(tags)
    record.unscanned_chars = cast("int", facts["request.unscanned_chars"])
    record.risk_level, record.risk_score, record.risk_families, record.campaign, _, _ = signals


def note_facts(record: Record, decision: Decision, caller: Caller, digest: Callable[[str], str]) -> None:
    """What rules, limits and waivers could read, and where that of an account was said; whoever asks stays a digest, as `digest` makes it."""
    facts, reads = decision.facts, decision.rules.reads
    record.facts = {name: digest(str(facts[name])) if name in WHO else facts[name] for name in sorted(reads)}
    said = ((f"account.{'age_days' if name == 'opened' else name}", source) for name, source in caller.account.sources)
    record.fact_sources = {name: source for name, source in said if name in reads}


def own_headers(route: Route, decision: Decision, record: Record) -> bytes:
    """Lines of ours in an answer that was allowed: where its decision and its budgets can be looked up."""
    lines = f"{replies.DECISION_HEADER}: {record.id}\r\n{replies.POLICY_HEADER}: {record.revision}\r\n"
    for name, value in reply_headers(decision.held.standings, None, route.dialect.name, record.at):
        lines += f"{name}: {value}\r\n"
    return lines.encode("ascii", "replace")
