"""What an exchange leaves in its Record and shows to the detector: copied from what the stages said, nothing decided."""

from __future__ import annotations

from collections.abc import Callable

from proxy import replies
from proxy.adapters.traffic.http1 import Head
from proxy.audit.record import Record
from proxy.decide import Decision
from proxy.detection.observation import Observation
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Route
from proxy.identity.caller import Caller
from proxy.identity.identify import network_of
from proxy.limits.reply_headers import reply_headers
from proxy.policy.verdict import Hit


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
    _, _, _, _, _, strips, tags, hits, signals, _, held, _ = decision
    record.hits = tuple([(hit.rule, _mode(hit), hit.effects, hit.waived_by) for hit in hits]) if hits else ()
    record.limits = tuple([(limit, allowed, remaining, shadow) for limit, allowed, remaining, _, _, _, _, shadow, _ in held.standings])
    record.limits_degraded = held.degraded
    record.stripped, record.tags = tuple(strips), tuple(tags)
    record.risk_level, record.risk_score, record.risk_families, record.campaign, _, _ = signals


def _mode(hit: Hit) -> str:
    """How a hit counts: its mode, unless a waiver, its percentage or an error of its own set that aside."""
    if hit.error:
        return "error"
    if hit.waived_by:
        return "waived"
    return "sampled_out" if hit.sampled_out else hit.mode.value


def observation_of(caller: Caller, call: ModelCall, head: Head, tls_fingerprint: str) -> Observation:
    """What the detector may see of it. `tls_fingerprint` comes from a trusted edge or is ""."""
    names = [name for name, _ in head.headers]
    agent = head.headers[names.index("user-agent")][1] if "user-agent" in names else ""
    account = caller.account
    return Observation(
        account.id, call, names, agent, tls_fingerprint, network_of(caller.ip), caller.region.asn, account.org,
    )  # fmt: skip


def own_headers(route: Route, decision: Decision, record: Record) -> bytes:
    """Lines of ours in an answer that was allowed: where its decision and its budgets can be looked up."""
    lines = f"{replies.DECISION_HEADER}: {record.id}\r\n{replies.POLICY_HEADER}: {record.revision}\r\n"
    for name, value in reply_headers(decision.held.standings, None, route.dialect.name, record.at):
        lines += f"{name}: {value}\r\n"
    return lines.encode("ascii", "replace")
