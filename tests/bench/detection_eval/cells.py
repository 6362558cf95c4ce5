"""One cell: the judged day of the honest world with campaigns in it, and what became of every account."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from proxy.detection.detector import Detector
from proxy.detection.observation import Signals
from proxy.drill.campaign.campaign import Shape, campaign
from proxy.drill.campaign.pipeline import Pipeline
from proxy.drill.exchange import Exchange, Source
from proxy.drill.loop import run
from proxy.drill.rota import DAY_S
from proxy.drill.timeline import CampaignTimeline, Timeline
from proxy.drill.wording.honest import Draft
from proxy.drill.wording.paraphrase import rewritten
from tests.bench.detection_eval.traffic.pipelines import Sharded
from tests.bench.detection_eval.worlds import SWEEP_S, Ladder, Recorded, Setting, Watcher

LEVELS = (1, 2, 3, 4)


class Entry(NamedTuple):
    """One campaign of a cell and the row of the table it counts for."""

    row: str
    pipeline: Pipeline
    shape: Shape
    copies: int = 1


@dataclass(slots=True)
class Fate:
    """One account of a cell."""

    label: str
    campaign: str = ""
    requests: int = 0
    harvested: int = 0
    """Of them, those that are the harvest rather than ordinary traffic mixed in."""
    level: int = 0
    score: float = 0.0
    first: dict[int, int] = field(default_factory=dict)
    """Own requests sent when a level was first in force, that one included."""
    groups: Counter[str] = field(default_factory=Counter)
    peak: int = 0
    """Most requests within a minute."""
    recent: deque[float] = field(default_factory=deque)


class Cost(NamedTuple):
    """What the detector took in a cell."""

    requests: int
    spent_s: float
    sweeps: int
    swept_s: float


class CellResult(NamedTuple):
    fates: dict[str, Fate]
    timelines: dict[str, CampaignTimeline]
    rows: dict[str, list[str]]
    """Names of the campaigns of each row."""
    cost: Cost
    touched: dict[str, list[str]]
    """For each kind of honest account that reached level 2, what was held against one of them."""


def run_cell(setting: Setting, warm: Detector, entries: list[Entry], *, days: int = 1, ladder: bool = False) -> CellResult:
    """Play `days` of traffic: every campaign in `entries` beside the judged day (repeated texts and all, if longer than one day)."""
    watcher = Watcher(setting.copied(warm), Ladder() if ladder else None)
    sources: list[Source] = [Recorded(_repeated(setting, days))]
    rows: dict[str, list[str]] = defaultdict(list)
    planned: dict[str, int] = {}
    used: set[str] = set()
    for number, entry in enumerate(entries):
        for copied in range(entry.copies):
            name = f"{entry.pipeline.name}.{number}.{copied}"
            start = setting.start + 1800 + setting.rng(name).random() * setting.day_s / 8
            shape = entry.shape._replace(shift_s=setting.day_s * setting.rng(f"{name}/shift").uniform(0.1, 0.75))
            pipeline = _own_words(entry.pipeline, setting.rng(f"{name}/words")) if entry.pipeline.name in used else entry.pipeline
            used.add(entry.pipeline.name)
            if isinstance(pipeline.payload, Sharded):
                pipeline = pipeline._replace(payload=pipeline.payload.at(len(planned)))
            sources += campaign(pipeline, shape, setting.wording(setting.seed + 7), name=name, start=start, days=days, seed=setting.seed)
            rows[entry.row].append(name)
            planned[name] = round(entry.shape.accounts * entry.shape.requests_per_account_per_day * entry.shape.dilution * days)
    timeline = Timeline(planned)
    fates: dict[str, Fate] = {}
    end = setting.start + (days - 1) * DAY_S + setting.day_s + 3600
    for decided in run(sources, watcher, until=end, sweep_every_s=SWEEP_S):
        exchange, outcome = decided
        timeline.add(decided)
        holder = exchange.observation.account
        fate = fates.get(holder) or fates.setdefault(holder, Fate(exchange.label, exchange.campaign))
        _count(fate, exchange.at)
        fate.harvested += bool(exchange.campaign) and not exchange.filler
        _raise(fate, outcome.signals)
    for holder, fate in fates.items():
        _raise(fate, watcher.detector.assess(holder, end))
    cost = Cost(watcher.requests, watcher.spent_s, watcher.sweeps, watcher.swept_s)
    return CellResult(fates, {one.name: one for one in timeline.campaigns()}, dict(rows), cost, _touched(watcher.detector, fates, end))


def _touched(detector: Detector, fates: dict[str, Fate], end: float) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for holder, fate in fates.items():
        if not fate.campaign and fate.level >= 2 and fate.label not in found:
            report = detector.account(holder, end)
            evidence = report.evidence if report else ()
            found[fate.label] = [f"level {fate.level}: [{one.family} {one.log10:+.2f}] {one.sentence}" for one in evidence]
    return found


def _own_words(pipeline: Pipeline, rng: Random) -> Pipeline:
    """The pipeline with a template of its own: two campaigns of one cell must not pass for one."""
    return pipeline._replace(
        drafts=tuple(Draft(*(rewritten(part, rng) if part.strip() else part for part in draft)) for draft in pipeline.drafts)
    )


def _count(fate: Fate, at: float) -> None:
    fate.requests += 1
    fate.recent.append(at)
    while fate.recent[0] < at - 60.0:
        fate.recent.popleft()
    fate.peak = max(fate.peak, len(fate.recent))


def _raise(fate: Fate, signals: Signals) -> None:
    fate.score = max(fate.score, signals.score)
    for level in range(fate.level + 1, signals.level + 1):
        fate.first[level] = fate.requests
    fate.level = max(fate.level, signals.level)
    if signals.campaign:
        fate.groups[signals.campaign] += 1


def _repeated(setting: Setting, days: int) -> list[Exchange]:
    """The judged day, and for longer cells the same honest traffic again a day later."""
    if days == 1:
        return setting.day
    return [one._replace(at=one.at + day * DAY_S) for day in range(days) for one in setting.day]


def purity_and_recall(result: CellResult, campaigns: list[str]) -> tuple[float, float, int]:
    """Of the groups that hold the campaigns' accounts: how many of their members belong, how many of the campaigns' that sent any of the harvest they hold, how many groups."""
    groups: dict[str, Counter[str]] = defaultdict(Counter)
    for fate in result.fates.values():
        if fate.groups:
            groups[fate.groups.most_common(1)[0][0]][fate.campaign or "honest"] += 1
    members, own, count = 0, 0, 0
    for held in groups.values():
        owner, size = held.most_common(1)[0]
        if owner in campaigns:
            members += sum(held.values())
            own += size
            count += 1
    accounts = sum(fate.campaign in campaigns and fate.harvested > 0 for fate in result.fates.values())
    return own / max(members, 1), min(own / max(accounts, 1), 1.0), count
