"""One honest world per benchmark: a settled day that warms the detector up, and a judged day that every cell replays beside its campaigns."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from math import inf
from random import Random
from time import process_time

from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.detection.observation import Signals
from proxy.detection.shipped import shipped_evidence, shipped_intents
from proxy.detection.text.bank import QuestionBank, build_bank
from proxy.drill.exchange import Exchange, Outcome
from proxy.drill.honest.lookalikes import honest
from proxy.drill.honest.population import World
from proxy.drill.honest.rhythm import usual
from proxy.drill.honest.work import usual_length
from proxy.drill.loop import Decided, Everything, run
from proxy.drill.plan import START
from proxy.drill.rota import DAY_S
from proxy.drill.wording.honest import OwnWording
from tests.bench.detection_eval.traffic import data
from tests.bench.detection_eval.traffic.rhythm import answer_lengths, client_shape
from tests.bench.detection_eval.traffic.wording import RealWording

SWEEP_S = 15.0
"""As the server is shipped."""
BURST = 6.0
HOURLY_ACCOUNT = 12.0
HOURLY_CAMPAIGN = 60.0
TOO_MANY, FORBIDDEN = 429, 403


class Ladder:
    """The shipped ladder with every rule enforced: budgets from level 1, stripping at 2, refusal from 3."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}

    def __call__(self, account: str, signals: Signals, now: float) -> Outcome:
        if signals.level < 1:
            return Outcome(signals=signals)
        if signals.level >= 3:
            return Outcome(FORBIDDEN, signals)
        waits = [self._wait(f"a/{account}", HOURLY_ACCOUNT, BURST, now)]
        if signals.campaign:
            waits.append(self._wait(f"c/{signals.campaign}", HOURLY_CAMPAIGN, HOURLY_CAMPAIGN, now))
        if max(waits) > 0:
            return Outcome(TOO_MANY, signals, retry_after_s=max(waits))
        for key in (f"a/{account}", *([f"c/{signals.campaign}"] if signals.campaign else [])):
            level, at = self._buckets[key]
            self._buckets[key] = (level - 1.0, at)
        return Outcome(200, signals, stripped=signals.level >= 2)

    def _wait(self, key: str, hourly: float, burst: float, now: float) -> float:
        level, at = self._buckets.get(key, (burst, now))
        level = min(burst, level + (now - at) * hourly / 3600)
        self._buckets[key] = (level, now)
        return 0.0 if level >= 1.0 else (1.0 - level) * 3600 / hourly


class Watcher:
    """A judge that asks the detector, and serves everything unless it is given a ladder. Counts its own CPU time."""

    def __init__(self, detector: Detector, ladder: Ladder | None = None) -> None:
        self.detector = detector
        self.spent_s = 0.0
        self.swept_s = 0.0
        self.sweeps = 0
        self.requests = 0
        self._ladder = ladder
        self._tickets: dict[int, Ticket] = {}

    def begin(self, exchange: Exchange) -> Outcome:
        begun = process_time()
        seen, now = exchange.observation, exchange.at
        signals = self.detector.assess(seen.account, now, seen)
        outcome = self._ladder(seen.account, signals, now) if self._ladder else Outcome(signals=signals)
        if outcome.served:
            self._tickets[id(exchange)] = self.detector.started(seen, now)
        else:
            self.detector.refused(seen, now, outcome.status)
        self.spent_s += process_time() - begun
        self.requests += 1
        return outcome

    def end(self, exchange: Exchange, outcome: Outcome, now: float) -> None:
        begun = process_time()
        self.detector.finished(self._tickets.pop(id(exchange)), exchange.usage, outcome.status, now)
        self.spent_s += process_time() - begun

    def sweep(self, now: float) -> None:
        begun = process_time()
        self.detector.sweep(now)
        self.swept_s += process_time() - begun
        self.sweeps += 1


class Recorded:
    """A source that replays exchanges as they were."""

    def __init__(self, day: list[Exchange]) -> None:
        self._day, self._at = day, 0

    def due(self) -> float:
        return self._day[self._at].at if self._at < len(self._day) else inf

    def send(self, now: float) -> Exchange:
        del now
        self._at += 1
        return self._day[self._at - 1]

    def answered(self, exchange: Exchange, outcome: Outcome, now: float) -> None:
        pass


class Setting:
    """What all cells of a run share: the data half, the detector's parts, the honest world."""

    def __init__(self, split: str, seed: int, accounts: int, day_s: float = DAY_S) -> None:
        self.split, self.seed, self.accounts, self.day_s = split, seed, accounts, day_s
        self.real = data.material(split) if data.present() else None
        self.evidence, self.intents = shipped_evidence(), shipped_intents()
        self.bank = self._bank()
        self.config = DetectionConfig(brake_share=1.0, promote_s=(15.0, 120.0, 300.0, 600.0))
        self.whole_day: list[Exchange] = []
        self.day: list[Exchange] = []
        self.start = START + DAY_S

    def _bank(self) -> QuestionBank:
        questions = data.bank_questions() if self.real else self.wording(self.seed)._benchmark
        return build_bank(questions)

    def wording(self, seed: int) -> RealWording | OwnWording:
        return RealWording(seed, self.real) if self.real else OwnWording(seed)

    def fresh(self) -> Detector:
        return Detector(self.evidence, self.config, self.bank, self.seed, self.intents)

    def copied(self, detector: Detector) -> Detector:
        shared = (self.evidence, self.intents, self.bank, self.config)
        return copy.deepcopy(detector, {id(part): part for part in shared})

    def world(self, seed: int, days: int, settled_days: int = 1) -> World:
        shape = client_shape if self.real else usual
        lengths = answer_lengths() if self.real else ()
        return World(
            seed,
            START,
            days,
            self.wording(seed),
            settled_days,
            shape,
            (lambda rng: max(8, rng.choice(lengths))) if lengths else usual_length,
        )

    def warm(self) -> Detector:
        """Run the settled day through a fresh detector; remember the judged day, all 24 hours of it."""
        detector = self.fresh()
        sources = list(honest(self.world(self.seed, 2), self.accounts))
        for _ in run(sources, Watcher(detector), until=self.start, sweep_every_s=SWEEP_S):
            pass
        self.whole_day = [decided.exchange for decided in run(sources, Everything(), until=self.start + DAY_S)]
        self.day = [exchange for exchange in self.whole_day if exchange.at < self.start + self.day_s]
        return detector

    def judged_days(self, warm: Detector, days: int, accounts: int) -> Iterator[Decided]:
        """Honest traffic alone: the judged day, or with `days` a longer and larger world whose first day is for settling."""
        if days < 2:
            return run([Recorded(self.whole_day)], Watcher(self.copied(warm)), sweep_every_s=SWEEP_S)
        every = run(
            honest(self.world(self.seed + 100, days), accounts), Watcher(self.fresh()), until=START + days * DAY_S, sweep_every_s=SWEEP_S
        )
        return (decided for decided in every if decided.exchange.at >= self.start)

    def rng(self, name: str) -> Random:
        return Random(f"{self.seed}/{name}")
