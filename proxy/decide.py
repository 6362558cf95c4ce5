"""Stages 3 to 5 in order: rules, signals, limits. The live handler, replay and drill all decide through here.

Nothing in this file waits for the network except the limit store, and nothing reads a clock: `now` comes in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, NamedTuple, cast

from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.detector import Detector
from proxy.detection.observation import NO_SIGNALS, Observation, Signals
from proxy.dialects.call import ModelCall, Usage
from proxy.identity.caller import Caller
from proxy.identity.identify import network_of
from proxy.identity.movement import STILL, Movement, Movements
from proxy.limits import costs
from proxy.limits.ask import Ask, LimitStore, Reservation, Standing
from proxy.policy.facts import FACTS, Facts, FactValue
from proxy.policy.names.patterns import NOTHING_FOUND, Scan
from proxy.policy.ruleset import AppliedLimit, Ruleset
from proxy.policy.verdict import ClampValue, Hit, Refusal

DAY_S: Final = 86_400.0
HOUR_S: Final = 3_600.0
DETECTION_RULES: Final = "distillation."
"""A waiver of any rule with such an id also keeps the account from founding or joining a campaign."""
NOTHING_HELD: Final = Reservation((), (), None, 0.0)
NO_FACTS: Final = dict.fromkeys((fact.name for fact in FACTS), cast("FactValue", "")) | {
    "account.age_days": -1.0, "risk.level": NO_SIGNALS.level, "risk.score": NO_SIGNALS.score, "risk.families": NO_SIGNALS.families,
    "campaign.id": NO_SIGNALS.campaign, "campaign.size": NO_SIGNALS.campaign_size, "campaign.age_hours": 0.0,
}  # fmt: skip
"""What `facts_of` leaves as it is where nothing is known; it sets all others."""
EVERY_COUNT: Final = frozenset(costs.COUNTS)
OUTPUT_COUNTS: Final = frozenset({"output_tokens", "total_tokens", "usd"})

_new = tuple.__new__
"""Builds a NamedTuple in half the time its own constructor takes."""


class Decision(NamedTuple):
    """What was decided on one request, and what must be settled when it ends."""

    rules: Ruleset
    call: ModelCall
    """What was asked; once limits were asked, within the clamps."""
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

    def price(self, prompt_tokens: int) -> costs.Price:
        """What its tokens cost with so long a prompt; nothing where no limit counts money, which spares looking it up."""
        for limit in self.limits:
            if limit.count == "usd":
                return self.rules.price(self.call.model, prompt_tokens, self.call.service_tier)
        return costs.FREE

    @property
    def counts_tokens(self) -> bool:
        """Some limit needs the answer's real usage."""
        for limit in self.limits:  # noqa: SIM110  any() with a generator takes three times as long, and this is asked several times
            if limit[1] not in costs.UNMETERED:
                return True
        return False


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
        scan = rules.scan([text.text for text in call.texts]) if rules.scans else NOTHING_FOUND
        facts = facts_of(rules, caller, call, scan, signals, movement, now)
        verdict = rules.judge(facts, now)
        return _new(Decision, (rules, call, facts, *verdict, signals, (), NOTHING_HELD, None))

    async def reserve(self, judged: Decision, now: float, counts: frozenset[str] = EVERY_COUNT) -> Decision:
        """Ask every limit that applies and counts one of `counts` for what the call needs once it is within its clamps."""
        rules, call, facts, refusal, clamps, strips, tags, hits, signals, _, _, _ = judged
        if clamps:
            call = costs.bounded(call, int(clamps.get("max_tokens", 0)), int(clamps.get("n", 0)))
        limits, more_hits = rules.due(facts, now)
        held = NOTHING_HELD
        if counts is not EVERY_COUNT:
            limits = tuple(limit for limit in limits if limit.count in counts)
        if limits:
            held = await self.store.reserve(asks_of(rules, limits, call), now)
        return _new(Decision, (rules, call, facts, refusal, clamps, strips, tags, hits + more_hits, signals, limits, held, None))

    async def settle(self, decision: Decision, usage: Usage, now: float) -> None:
        """Put the real cost in place of the estimate and end the leases, whichever way the exchange ended.

        What a batch costs later stays as it was reserved.
        """
        held = decision.held
        if not held.asks or held.denied is not None:
            return
        kept = usage == decision.prepaid
        spent = [ask.cost for ask in held.asks] if kept else costs.settled(held.asks, usage, decision.price(usage.input_tokens))
        await self.store.settle(held, spent, now)

    async def extend(self, decision: Decision, tokens: int, now: float) -> tuple[Decision, Standing | None]:
        """Reserve `tokens` more of output for one call that runs: the decision that holds them too, or the limit that denies them."""
        held, price = decision.held, decision.price(decision.call.input_tokens)
        growing = [
            place for place, (ask, at) in enumerate(zip(held.asks, held.standings, strict=True)) if ask.unit in OUTPUT_COUNTS and at.allowed
        ]
        asks = []
        for place in growing:
            # Of the whole limit, where a replica alone held a share.
            identity, count, key, rate, burst, shadow, _, _ = decision.limits[place]
            asks.append(Ask(identity, key, costs.of_tokens(count, 0, tokens, price), rate, burst, shadow, count))
        if not asks:
            return decision, None
        more = await self.store.reserve(asks, now)
        if more.denied is not None or more.degraded != held.degraded:
            return decision, more.denied
        grown = list(held.asks)
        for place, ask, standing in zip(growing, asks, more.standings, strict=True):
            if standing.allowed:
                grown[place] = grown[place]._replace(cost=grown[place].cost + ask.cost)
        return decision._replace(held=held._replace(asks=tuple(grown))), None

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


def facts_of(rules: Ruleset, caller: Caller, call: ModelCall, scan: Scan, signals: Signals, movement: Movement, now: float) -> Facts:
    """Every fact of both phases, by name."""
    # A copy has room for every name, where a literal of this length is grown again and again; tuples taken apart need no look-ups.
    f = NO_FACTS.copy()
    f["client.ip"], region, account, _ = caller
    (
        f["client.country"], f["client.subdivision"], f["client.asn"], f["client.as_org"], f["client.anonymous"], f["client.hosting"],
        f["client.geo_status"], _, _,
    ) = region  # fmt: skip
    (
        f["account.id"], f["account.source"], f["account.listed"], f["account.org"], f["account.tier"], f["account.verified"],
        f["account.country"], f["account.owner_country"], f["account.owner_share"], opened_at, f["account.tags"], _,
    ) = account  # fmt: skip
    if opened_at is not None:
        f["account.age_days"] = max(0.0, (now - opened_at) / DAY_S)
    (
        f["request.dialect"], f["request.endpoint"], named, f["request.stream"], _, f["request.images"], f["request.audio"],
        f["request.tools"], f["request.tool_results"], f["request.turns"], f["request.max_tokens"], f["request.n"], temperature, seed,
        f["request.logprobs"], f["request.top_logprobs"], f["request.reasoning"], f["request.reasoning_effort"],
        f["request.reasoning_budget"], f["request.end_user"], f["request.input_tokens"], f["request.inspected"], f["request.batch_size"],
        f["request.unseen"], f["request.service_tier"],
    ) = call  # fmt: skip
    model = f["request.model"] = rules.canonical_model(named)
    f["request.model_known"] = rules.knows_model(model)
    f["request.temperature"] = -1.0 if temperature is None else temperature
    f["request.seeded"] = seed is not None
    f["request.patterns"], f["request.unscanned_chars"] = scan
    f["time.hour"], f["time.weekday"] = _hour_of(now // HOUR_S)
    if signals is not NO_SIGNALS:
        f["risk.level"], f["risk.score"], f["risk.families"], f["campaign.id"], f["campaign.size"], since = signals
        f["campaign.age_hours"] = (now - since) / HOUR_S if signals.campaign else 0.0
    f["account.countries_24h"], f["account.asns_24h"], f["account.travel_kmh"] = movement
    return f


def observation_of(caller: Caller, call: ModelCall, headers: Sequence[tuple[str, str]], tls_fingerprint: str, now: float) -> Observation:
    """What the detector may see of an exchange. `tls_fingerprint` comes from a trusted edge or is ""."""
    account = caller.account
    names = [name for name, _ in headers]
    agent = headers[names.index("user-agent")][1] if "user-agent" in names else ""
    age_days = -1.0 if account.opened_at is None else max(0.0, (now - account.opened_at) / DAY_S)
    return Observation(
        account.id, call, names, agent, tls_fingerprint, network_of(caller.ip), caller.region.asn, account.org, age_days
    )  # fmt: skip


@lru_cache(4)
def _hour_of(hour: float) -> tuple[int, int]:
    """Hour of the day and ISO day of the week, UTC, of an hour counted since the epoch."""
    moment = datetime.fromtimestamp(hour * HOUR_S, UTC)
    return moment.hour, moment.isoweekday()


def asks_of(rules: Ruleset, limits: tuple[AppliedLimit, ...], call: ModelCall, *, batch: bool = False) -> list[Ask]:
    """What the limits that apply to a call, alone or in a batch, ask of the store."""
    asks: list[Ask] = []
    given, output = costs.tokens(call)
    for identity, count, key, rate, burst, shadow, _, _ in limits:
        price = rules.price(call.model, given, call.service_tier, batch=batch) if count == "usd" else costs.FREE
        cost = costs.reserved(count, call, given, output, price)
        asks.append(_new(Ask, (identity, key, cost, rate, burst, shadow, count)))
    return asks
