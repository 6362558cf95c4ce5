"""The judge of a drill: rehearsed exchanges through the real decider, without a byte sent to anyone."""

from __future__ import annotations

from typing import Final

from proxy.decide import Decider, Decision
from proxy.detection.campaigns.ticket import Ticket
from proxy.drill.exchange import Exchange, Outcome
from proxy.identity.caller import Account, Caller, Region
from proxy.policy.ruleset import Ruleset
from proxy.replay.immediate import immediately
from proxy.replay.outcomes import LIMITED_STATUS, REFUSED_STATUS
from proxy.replay.recorded import DAY_S

SERVED_STATUS: Final = 200


class Rehearsal:
    """Implements `drill.loop.Judge`. Addresses of a drill are private, so that it rehearses behaviour and not regions."""

    def __init__(self, rules: Ruleset, decider: Decider) -> None:
        self.rules = rules
        self.decider = decider
        self._flying: dict[int, tuple[Decision, Ticket | None]] = {}

    def begin(self, exchange: Exchange) -> Outcome:
        """Decide about a request that arrives at `exchange.at`."""
        seen, at = exchange.observation, exchange.at
        decision = immediately(self.decider.decide(self.rules, _caller(exchange), seen.call, seen, at))
        stripped = "reasoning" in decision.strips
        if decision.allowed:
            self._flying[id(exchange)] = decision, self.decider.watch(decision, seen, at)
            return Outcome(SERVED_STATUS, decision.signals, stripped)
        refusal, denied = decision.refusal, decision.held.denied
        status = REFUSED_STATUS if refusal is not None else LIMITED_STATUS
        self.decider.turned_away(seen, status, at)
        by = refusal.rule if refusal is not None else denied.limit if denied is not None else ""
        return Outcome(status, decision.signals, stripped, denied.retry_after_s if denied is not None else 0.0, by)

    def end(self, exchange: Exchange, outcome: Outcome, now: float) -> None:
        """The answer to a served request came to its end."""
        decision, ticket = self._flying.pop(id(exchange))
        self.decider.watched(ticket, exchange.usage, outcome.status, now)
        immediately(self.decider.settle(decision, exchange.usage, now))

    def sweep(self, now: float) -> None:
        """Periodic work."""
        if self.decider.detector is not None:
            self.decider.detector.sweep(now)


def _caller(exchange: Exchange) -> Caller:
    seen = exchange.observation
    opened_at = exchange.at - seen.age_days * DAY_S if seen.age_days >= 0 else None
    account = Account(
        seen.account, "header", listed=True, org=seen.org, tier=exchange.tier, verified=exchange.verified, opened_at=opened_at
    )
    return Caller(exchange.client_ip, Region(asn=seen.asn, status="private"), account)
