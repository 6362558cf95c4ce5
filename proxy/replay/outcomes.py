"""What became of an exchange, in one word and the rule behind it, and the line that says so."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from proxy.decide import Decision
from proxy.detection.observation import NO_SIGNALS, Signals
from proxy.policy.verdict import Hit, Mode
from proxy.replay.recorded import Recorded

REFUSE, THROTTLE, CLAMP, TAG, ALLOW = "refuse", "throttle", "clamp", "tag", "allow"
OUTCOMES: Final = (ALLOW, TAG, CLAMP, THROTTLE, REFUSE)
"""From the mildest to the strictest. An answer with parts stripped counts as clamped."""
REJECTED: Final = "rejected."
"""What stands before the fault's code in place of a rule, where no rule was asked because the bytes can't be accepted."""
REFUSED_STATUS: Final = 403
LIMITED_STATUS: Final = 429


class Replayed(NamedTuple):
    """One exchange and what became of it."""

    recorded: Recorded
    outcome: str
    rule: str
    """The rule or limit that decided; "" when everything was allowed as it came."""
    shadow: tuple[str, ...]
    """Rules that matched and limits that were over, in shadow."""
    signals: Signals
    revision: str
    decision: Decision | None
    """None for a request that can't be accepted."""

    @property
    def served(self) -> bool:
        """Policy let it pass."""
        return self.outcome not in {REFUSE, THROTTLE}


def rejected(recorded: Recorded, code: str, revision: str) -> Replayed:
    """A request whose address or body can't be read."""
    return Replayed(recorded, REFUSE, REJECTED + code, (), NO_SIGNALS, revision, None)


def judged(recorded: Recorded, decision: Decision) -> Replayed:
    """A request that was decided about."""
    outcome, rule = _outcome(decision)
    shadow = _shadow(decision) if decision.hits or decision.held.standings else ()
    return Replayed(recorded, outcome, rule, shadow, decision.signals, decision.rules.revision, decision)


def _outcome(decision: Decision) -> tuple[str, str]:
    if decision.refusal is not None:
        return REFUSE, decision.refusal.rule
    if decision.held.denied is not None:
        return THROTTLE, decision.held.denied.limit
    if decision.clamps or decision.strips:
        return CLAMP, _first(decision.hits, {"clamp", "strip"})
    if decision.tags:
        return TAG, _first(decision.hits, {"tag"})
    return ALLOW, ""


def _first(hits: tuple[Hit, ...], effects: set[str]) -> str:
    return next((hit.rule for hit in hits if counts(hit) and not effects.isdisjoint(hit.effects)), "")


def counts(hit: Hit) -> bool:
    """Its effects are part of the verdict."""
    return hit.mode is Mode.ENFORCE and not hit.waived_by and not hit.sampled_out


def _shadow(decision: Decision) -> tuple[str, ...]:
    rules = [hit.rule for hit in decision.hits if hit.mode is Mode.SHADOW and not hit.waived_by and not hit.sampled_out]
    over = [standing.limit for standing in decision.held.standings if standing.shadow and not standing.allowed]
    return (*rules, *over)


def as_line(replayed: Replayed, families: dict[str, float]) -> dict[str, Any]:
    """The line that `replay --out` writes. `families` are the supporting ones with their weights, log10."""
    recorded, signals = replayed.recorded, replayed.signals
    return {
        "at": recorded.at,
        "account": recorded.account.id,
        "outcome": replayed.outcome,
        "rule": replayed.rule,
        "shadow": replayed.shadow,
        "risk": {"level": signals.level, "score": signals.score, "families": families},
        "campaign": signals.campaign,
        "revision": replayed.revision,
    }
