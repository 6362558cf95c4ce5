"""DrillPlan: what an operator asks to rehearse, checked as a whole, and the sources it makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from itertools import chain
from typing import Final

from proxy.drill.campaign.campaign import Pacing, Shape, campaign
from proxy.drill.campaign.pipeline import OWN, Paraphrase
from proxy.drill.exchange import Exchange, Source
from proxy.drill.honest.lookalikes import honest
from proxy.drill.honest.population import World
from proxy.drill.loop import Everything, run
from proxy.drill.rota import DAY_S
from proxy.drill.wording.honest import OwnWording
from proxy.errors import ConfigError, Problem

KINDS: Final = tuple(OWN)
START: Final = 1_790_000_000.0
"""Event time at which a drill begins unless told otherwise: a Monday in September 2026, 13:33 UTC."""
_MOST_ACCOUNTS: Final = 100_000
_REPLACE_AFTER_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class DrillPlan:
    """One rehearsal. `honest_days` run before the campaign so that there is a history, then `days` with both."""

    kind: str = "reasoning-harvest"
    accounts: int = 100
    requests_per_account_per_day: float = 26.0
    dilution: float = 1.0
    """Share of the harvest in the campaign accounts' traffic: above 0, at most 1."""
    paraphrase: str = Paraphrase.FIXED.value
    pacing: str = Pacing.CLOSED_LOOP.value
    rotation: int = 0
    """Requests after which each template is replaced; 0 for never."""
    one_network: bool = False
    replace_blocked: bool = True
    days: int = 1
    honest_accounts: int = 1000
    honest_days: int = 1
    start: float = START
    seed: int = 1

    def __post_init__(self) -> None:
        """Raises ConfigError with every field that can't be."""
        problems = [Problem("drill plan", 0, 0, name, what, fix) for name, what, fix in _faults(self)]
        if problems:
            raise ConfigError(problems)

    @property
    def campaign_start(self) -> float:
        """When the campaign's first request may come."""
        return self.start + self.honest_days * DAY_S


def _faults(plan: DrillPlan) -> Iterator[tuple[str, str, str]]:
    choices = {"kind": KINDS, "paraphrase": tuple(p.value for p in Paraphrase), "pacing": tuple(p.value for p in Pacing)}
    for name, allowed in choices.items():
        if getattr(plan, name) not in allowed:
            yield name, f"{getattr(plan, name)!r} is none of the choices", f"choose {', '.join(allowed)}"
    ranges = {
        "accounts": (1, _MOST_ACCOUNTS), "requests_per_account_per_day": (0.01, 100_000), "dilution": (0.001, 1), "rotation": (0, 10**9), "days": (1, 90), "honest_accounts": (0, _MOST_ACCOUNTS),
        "honest_days": (0, 30), "start": (0, 10**11), "seed": (-(2**63), 2**63),
    }  # fmt: skip
    for field in fields(plan):
        low, high = ranges.get(field.name, (0, 0))
        if field.name in ranges and not low <= getattr(plan, field.name) <= high:
            yield field.name, f"{getattr(plan, field.name)} is out of range", f"choose {low} to {high}"


def sources(plan: DrillPlan) -> list[Source]:
    """The honest world and the campaign of a plan; a campaign of several pipelines divides its accounts among them."""
    words = OwnWording(plan.seed)
    world = World(plan.seed, plan.start, plan.honest_days + plan.days, words, plan.honest_days)
    pipelines = OWN[plan.kind][: plan.accounts]
    made: list[Source] = list(honest(world, plan.honest_accounts)) if plan.honest_accounts else []
    for index, pipeline in enumerate(pipelines):
        members = plan.accounts // len(pipelines) + (index < plan.accounts % len(pipelines))
        shape = Shape(
            members,
            plan.requests_per_account_per_day,
            plan.dilution,
            Pacing(plan.pacing),
            Paraphrase(plan.paraphrase),
            plan.rotation,
            plan.one_network,
            resold=plan.kind == "resold-hydra",
            replace_after_s=_REPLACE_AFTER_S if plan.replace_blocked else float("inf"),
        )
        made += campaign(pipeline, shape, words, name=f"drill-{pipeline.name}", start=plan.campaign_start, days=plan.days, seed=plan.seed)
    return made


def exchanges(plan: DrillPlan) -> Iterator[Exchange]:
    """The plan's traffic in the order of time, as it would be if everything were served."""
    return (decided.exchange for decided in chain(run(sources(plan), Everything(), until=plan.campaign_start + plan.days * DAY_S)))


def planned_volume(plan: DrillPlan) -> dict[str, int]:
    """Harvest requests that the plan asks of each of its campaigns, by name: the denominator of every share served."""
    pipelines = OWN[plan.kind][: plan.accounts]
    a_day = plan.requests_per_account_per_day * plan.dilution * plan.days
    return {
        f"drill-{pipeline.name}": round((plan.accounts // len(pipelines) + (index < plan.accounts % len(pipelines))) * a_day)
        for index, pipeline in enumerate(pipelines)
    }
