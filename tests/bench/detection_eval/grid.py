"""The rows of the table: which campaigns, in which settings, and how they are packed into cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.drill.campaign.campaign import Pacing, Shape
from proxy.drill.campaign.pipeline import Paraphrase, Pipeline
from proxy.drill.honest.work import Settings
from proxy.drill.wording import prose
from proxy.drill.wording.harvest import REASONING
from tests.bench.detection_eval.cells import Entry
from tests.bench.detection_eval.traffic.pipelines import Attack

ROTATION: Final = 1000
GRID_PIPELINES: Final = ("openthoughts", "evol-instruct", "four-aspects")
"""One of each purpose, for the rows that vary something else."""


class Scale(NamedTuple):
    """How much of everything a run does."""

    honest: int
    day_s: float
    reference_accounts: int
    reference_days: int
    dilutions: tuple[float, ...]
    diluted_stride: int
    """Every so many pipelines are diluted too."""
    grid_pipelines: int
    accounts: tuple[int, ...]
    large_dilutions: tuple[float, ...]
    most_attackers: int
    volume_accounts: int
    volume_days: int
    mmd_streams: int
    memory_accounts: int


QUICK: Final = Scale(1200, 8 * 3600.0, 1200, 1, (1.0, 0.1, 0.05), 4, 1, (1, 10), (), 1500, 1000, 1, 12, 100_000)
FULL: Final = Scale(2000, 12 * 3600.0, 5000, 5, (1.0, 0.5, 0.1, 0.05), 1, 3, (1, 10, 1000, 24_000), (1.0, 0.1), 2000, 1000, 4, 90, 100_000)


def headline(attacks: list[Attack], scale: Scale) -> Iterator[Entry]:
    """Every pipeline undiluted, and those with a template at each dilution: 100 accounts, 26 requests each."""
    for dilution in scale.dilutions:
        chosen = attacks if dilution >= 1.0 else [attack for attack in attacks if attack.templated][:: scale.diluted_stride]
        for attack in chosen:
            kind = "template" if attack.templated else "bare"
            yield Entry(f"{kind}/{dilution:.0%}", attack.pipeline, Shape(100, 26, dilution))


def grid(attacks: list[Attack], scale: Scale) -> Iterator[Entry]:
    """One thing varied at a time."""
    named = {attack.pipeline.name: attack.pipeline for attack in attacks}
    chosen = ([named[name] for name in GRID_PIPELINES if name in named] or [attacks[0].pipeline])[: scale.grid_pipelines]
    thin = scale.dilutions[-2]
    for pipeline in chosen:
        for accounts in scale.accounts:
            if accounts >= 100:
                continue
            copies = max(2, 60 // accounts if scale is FULL else 20 // accounts)
            for dilution in scale.dilutions:
                yield Entry(f"accounts {accounts}, {dilution:.0%}", pipeline, Shape(accounts, 26, dilution), copies)
        for dilution in (1.0, thin):
            for rate in (5, 200) if scale is FULL else (5,):
                yield Entry(f"{rate} a day, {dilution:.0%}", pipeline, Shape(100, rate, dilution))
            yield Entry(f"960 wordings, {dilution:.0%}", pipeline, Shape(100, 26, dilution, paraphrase=Paraphrase.SLOTS))
            yield Entry(f"one network, {dilution:.0%}", pipeline, Shape(100, 26, dilution, one_network=True))
            yield Entry(f"Poisson pacing, {dilution:.0%}", pipeline, Shape(100, 26, dilution, pacing=Pacing.POISSON))
        yield Entry("one account after another, 100%", pipeline, Shape(100, 26, in_turn=True))
        yield Entry("sleeping workers, 100%", pipeline, Shape(100, 26, pacing=Pacing.SLEEP))
        yield Entry("two pools with the same settings, 10%", pipeline, Shape(100, 26, 0.1), 2)
        yield Entry("resold, several clients, 10%", pipeline, Shape(100, 26, 0.1, resold=True))
        yield Entry("no five words twice, 100%", pipeline, Shape(100, 26, paraphrase=Paraphrase.STRONG))


def large(attacks: list[Attack], scale: Scale) -> Iterator[Entry]:
    """Campaigns of a thousand accounts and more; the largest sends 5 requests a day from each."""
    pipeline = next((attack.pipeline for attack in attacks if attack.pipeline.name == GRID_PIPELINES[0]), attacks[0].pipeline)
    for accounts in scale.accounts:
        for dilution in scale.large_dilutions if accounts >= 1000 else ():
            rate = 26 if accounts < 24_000 else 5
            yield Entry(f"accounts {accounts:,}, {dilution:.0%}", pipeline, Shape(accounts, rate, dilution))


def volume(attacks: list[Attack], scale: Scale) -> list[Entry]:
    """What a thousand accounts get before they are throttled: with one template, and with a new one every 1,000 requests."""
    pipeline = next((attack.pipeline for attack in attacks if attack.pipeline.name == GRID_PIPELINES[0]), attacks[0].pipeline)
    return [
        Entry("volume, fixed template", pipeline, Shape(scale.volume_accounts, 26)),
        Entry("volume, rotated every 1,000", pipeline, Shape(scale.volume_accounts, 26, rotation=ROTATION)),
    ]


def beyond() -> list[Entry]:
    """All at once what defeats each family of evidence: nothing shared, no common pace, no common place, no published question."""
    private = Pipeline("private", REASONING[:1], prose.exercise, Settings(0.6, 8192, reasoning=True, output_tokens=900))
    shape = Shape(100, 26, paraphrase=Paraphrase.STRONG, pacing=Pacing.POISSON)
    return [Entry("all together, 100%", private, shape), Entry("all together, 10%", private, shape._replace(dilution=0.1))]


def packed(entries: list[Entry], most: int) -> list[list[Entry]]:
    """Cells of one row each, so that no row's figure depends on which others are measured; with at most `most` campaign accounts, unless one campaign alone has more."""
    cells: list[list[Entry]] = []
    for row in dict.fromkeys(entry.row for entry in entries):
        cell: list[Entry] = []
        for entry in (entry for entry in entries if entry.row == row):
            if cell and size([*cell, entry]) > most:
                cells.append(cell)
                cell = []
            cell.append(entry)
        cells.append(cell)
    return cells


def size(cell: list[Entry]) -> int:
    """Campaign accounts of a cell."""
    return sum(entry.shape.accounts * entry.copies for entry in cell)
