"""Stages 3 to 5 in order: rules, signals, limits. The live handler, replay and drill all decide through here.

Nothing in this file waits for the network except the limit store, and nothing reads a clock: `now` comes in.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.detector import Detector
from proxy.detection.observation import NO_SIGNALS, Observation, Signals
from proxy.dialects.call import ModelCall, Usage
from proxy.identity.caller import Caller
from proxy.identity.movement import STILL, Movement, Movements
from proxy.limits import costs
from proxy.limits.ask import Ask, LimitStore, Reservation, Standing
from proxy.policy.facts import Facts, FactValue
from proxy.policy.ruleset import AppliedLimit, Ruleset
from proxy.policy.verdict import ClampValue, Hit, Refusal

DAY_S: Final = 86_400.0
HOUR_S: Final = 3_600.0
DETECTION_RULES: Final = "distillation."
"""A waiver of any rule with such an id also keeps the account from founding or joining a campaign."""
NOTHING_HELD: Final = Reservation((), (), None, 0.0)
EVERY_COUNT: Final = frozenset(costs.COUNTS)
OUTPUT_COUNTS: Final = frozenset({"output_tokens", "total_tokens", "usd"})


class Decision(NamedTuple):
    """What was decided on one request, and what must be settled when it ends."""

    rules: Ruleset
    call: ModelCall
    facts: Facts
    refusal: Refusal | None
    clamps: Mapping[str, ClampValue]
    strips: frozenset[str]
    tags: frozenset[str]
    hits: tuple[Hit, ...]
    signals: Signals
    limits: tuple[AppliedLimit, ...] = ()
    held: Reservation = NOTHING_HELD
    prepaid: Usage | None = None
    """What a batch was charged in advance: its answers come later and aren't metered."""

    @property
    def allowed(self) -> bool:
        """Neither a rule nor a limit said no."""
        return self.refusal is None and self.held.denied is None

    @property
    def denial_message(self) -> str:
        """The wording of the limit that denied; "" when none did or it has none of its own."""
        denied = self.held.denied
        return next((limit.message for limit in self.limits if denied is not None and limit.id == denied.limit), "")

    @property
    def counts_tokens(self) -> bool:
        """Some limit needs the answer's real usage."""
        return any(limit.count not in {"requests", "concurrent"} for limit in self.limits)


class Decider:
    """Holds what outlives a request: the limit store, the detector, where accounts have been."""

    def __init__(self, store: LimitStore, detector: Detector | None, movements: Movements) -> None:
        self.store = store
        self.detector = detector
        self.movements = movements

    async def decide(self, rules: Ruleset, caller: Caller, call: ModelCall, observation: Observation, now: float) -> Decision:
        """Judge one call. A refusal by a rule reserves nothing; a denial by a limit leaves every limit untouched."""
        judged = self.judge(rules, caller, call, observation, now)
        return judged if judged.refusal is not None else await self.reserve(judged, now)

    def judge(
        self, rules: Ruleset, caller: Caller, call: ModelCall, observation: Observation, now: float, signals: Signals | None = None
    ) -> Decision:
        """What the rules say of one call; no limit has been asked yet. `signals` are given where they are known already."""
        account = caller.account.id
        if signals is None:
            signals = self.detector.assess(account, now, observation) if self.detector and account else NO_SIGNALS
        movement = self.movements.observe(account, caller.region, now) if rules.reads_movement else STILL
        patterns = tuple(rules.patterns_in([text.text for text in call.texts])) if rules.reads_patterns else ()
        facts = facts_of(rules, caller, call, patterns, signals, movement, now)
        verdict = rules.judge(facts, now)
        return Decision(rules, call, facts, verdict.refusal, verdict.clamps, verdict.strips, verdict.tags, verdict.hits, signals)

    async def reserve(self, judged: Decision, now: float, counts: frozenset[str] = EVERY_COUNT) -> Decision:
        """Ask every limit that applies and counts one of `counts` for what the call needs."""
        due = judged.rules.due(judged.facts, now)
        limits = due.limits if counts is EVERY_COUNT else tuple(limit for limit in due.limits if limit.count in counts)
        held = await self.store.reserve(asks_of(judged.rules, limits, judged.call), now) if limits else NOTHING_HELD
        return Decision(*judged[:7], judged.hits + due.hits, judged.signals, limits, held)

    async def settle(self, decision: Decision, usage: Usage, now: float, reserved_since: int = 0) -> None:
        """Put the real cost in place of the estimate and end the leases, whichever way the exchange ended.

        `reserved_since` are output tokens that `extend` has reserved already. What a batch costs later stays as it was reserved.
        """
        held = decision.held
        if not held.asks or held.denied is not None:
            return
        if reserved_since:
            usage = usage._replace(output_tokens=max(0, usage.output_tokens - reserved_since))
        if decision.prepaid is not None and usage == decision.prepaid:
            spent = [ask.cost for ask in held.asks]
        else:
            dear = any(ask.unit == "usd" for ask in held.asks)
            price = costs.Price(*decision.rules.price(decision.call.model)) if dear else costs.FREE
            spent = [costs.actual(ask.unit, ask.cost, usage, price) for ask in held.asks]
        await self.store.settle(held, spent, now)

    async def extend(self, decision: Decision, tokens: int, now: float) -> Standing | None:
        """Reserve `tokens` more of output for a call that runs. Gives the limit that denies them."""
        price = costs.Price(*decision.rules.price(decision.call.model)).of(0, tokens)
        asks = [ask._replace(cost=price if ask.unit == "usd" else float(tokens)) for ask in decision.held.asks if ask.unit in OUTPUT_COUNTS]
        return (await self.store.reserve(asks, now)).denied if asks else None

    def watch(self, decision: Decision, observation: Observation, now: float) -> Ticket | None:
        """Tell the detector that a served exchange begins. Exchanges that nobody's account stands for tell it nothing."""
        if self.detector is None or not observation.account or not observation.call.texts:
            return None
        waived = bool(decision.rules.waivers) and decision.rules.waives(DETECTION_RULES, decision.facts, now)
        return self.detector.started(observation._replace(waived=True) if waived else observation, now)

    def turned_away(self, observation: Observation, status: int, now: float) -> None:
        """Tell the detector that an exchange was refused: how an account takes a 429 is evidence too."""
        if self.detector is not None and observation.account:
            self.detector.refused(observation, now, status)

    def watched(self, ticket: Ticket | None, usage: Usage, status: int, now: float) -> None:
        """Tell the detector that it ended."""
        if self.detector and ticket is not None:
            self.detector.finished(ticket, usage, status, now)


def facts_of(
    rules: Ruleset, caller: Caller, call: ModelCall, patterns: tuple[str, ...], signals: Signals, movement: Movement, now: float
) -> Facts:
    """Every fact of both phases, by name."""
    region, account = caller.region, caller.account
    moment = datetime.fromtimestamp(now, UTC)
    model = rules.canonical_model(call.model)
    facts: dict[str, FactValue] = {
        "client.ip": caller.ip,
        "client.country": region.country,
        "client.subdivision": region.subdivision,
        "client.asn": region.asn,
        "client.as_org": region.as_org,
        "client.anonymous": region.anonymous,
        "client.hosting": region.hosting,
        "client.geo_status": region.status,
        "account.id": account.id,
        "account.source": account.source,
        "account.listed": account.listed,
        "account.org": account.org,
        "account.tier": account.tier,
        "account.verified": account.verified,
        "account.country": account.country,
        "account.owner_country": account.owner_country,
        "account.owner_share": account.owner_share,
        "account.age_days": -1.0 if account.opened_at is None else max(0.0, (now - account.opened_at) / DAY_S),
        "account.tags": account.tags,
        "request.dialect": call.dialect,
        "request.endpoint": call.endpoint,
        "request.model": model,
        "request.model_known": rules.knows_model(model),
        "request.stream": call.stream,
        "request.max_tokens": call.max_output_tokens,
        "request.n": call.n,
        "request.temperature": -1.0 if call.temperature is None else call.temperature,
        "request.seeded": call.seed is not None,
        "request.logprobs": call.logprobs,
        "request.top_logprobs": call.top_logprobs,
        "request.reasoning": call.reasoning,
        "request.reasoning_effort": call.reasoning_effort,
        "request.reasoning_budget": call.reasoning_budget,
        "request.input_tokens": call.input_tokens,
        "request.turns": call.turns,
        "request.images": call.images,
        "request.audio": call.audio,
        "request.tools": call.tools,
        "request.tool_results": call.tool_results,
        "request.end_user": call.end_user,
        "request.patterns": patterns,
        "request.batch_size": call.batch_size,
        "request.unseen": call.unseen,
        "request.inspected": call.inspected,
        "time.hour": moment.hour,
        "time.weekday": moment.isoweekday(),
        "risk.level": signals.level,
        "risk.score": signals.score,
        "risk.families": signals.families,
        "campaign.id": signals.campaign,
        "campaign.size": signals.campaign_size,
        "campaign.age_hours": (now - signals.campaign_since) / HOUR_S if signals.campaign else 0.0,
        "account.countries_24h": movement.countries_24h,
        "account.asns_24h": movement.asns_24h,
        "account.travel_kmh": movement.travel_kmh,
    }
    return facts


def asks_of(rules: Ruleset, limits: tuple[AppliedLimit, ...], call: ModelCall) -> list[Ask]:
    """What the limits that apply to a call ask of the store."""
    price = costs.Price(*rules.price(call.model)) if any(limit.count == "usd" for limit in limits) else costs.FREE
    return [
        Ask(each.id, each.key, costs.reserved(each.count, call, price), each.rate, each.burst, each.shadow, each.count) for each in limits
    ]
