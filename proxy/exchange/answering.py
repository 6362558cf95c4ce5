"""Answers of our own: sent, or cut where an answer has begun already, and noted."""

from __future__ import annotations

from proxy import replies
from proxy.adapters.traffic.downstream import Downstream
from proxy.audit.record import Record
from proxy.decide import Decision
from proxy.dialects.dialect import Route
from proxy.replies import Reply


async def answer(down: Downstream, record: Record, reply: Reply, outcome: str) -> None:
    """Send an answer of our own, or break off where one has begun already."""
    record.outcome, record.code = outcome, reply.code
    if down.started:
        down.cut()
        return
    record.status = reply.status
    record.response_bytes = len(reply.body)
    stamp = f"{replies.POLICY_HEADER}: {record.revision}\r\n".encode("ascii")
    await down.send(reply.status, stamp + reply.headers, reply.body)


def said_no(route: Route, decision: Decision, record: Record) -> tuple[Reply, str]:
    """The words of the rule or limit that said no, and what that makes of the exchange."""
    if decision.refusal is not None:
        record.rule = decision.refusal.rule
        return replies.refused(route.dialect, decision.refusal, record.id), "refused"
    denied = decision.held.denied
    assert denied is not None  # noqa: S101 - not allowed and not refused means denied
    record.rule = denied.limit
    return replies.limited(route.dialect, denied, decision.held.standings, decision.denial_message, record.id, record.at), "limited"
