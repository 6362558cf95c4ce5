"""One owner with several accounts: evaluations, judges, permitted synthetic data, a batch job over a pool of keys."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from proxy.drill.fleet import Fleet
from proxy.drill.honest.members import members, pool
from proxy.drill.honest.population import World
from proxy.drill.honest.work import Settings, batch, settings
from proxy.drill.wording import prose
from proxy.drill.wording.harvest import INSTRUCTIONS
from proxy.drill.wording.honest import Draft


def harness(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """An evaluation of models on a public benchmark: one template, every question once, as fast as the semaphore lets it."""
    draft = Draft(
        f"{prose.name(rng)} eval. Answer the question. {rng.choice(('Think step by step.', 'Give the final answer on the last line.', 'Finish with: answer is X.'))}\n\nQ: ",
        "\nA:",
    )
    use = Settings(0.0, rng.choice((512, 1024, 2048, 8192)), rng.choice((1, 1, 1, 4)), reasoning=rng.random() < 0.4, output_tokens=400)
    yield pool(
        world,
        rng,
        "harness",
        members(rng, name, min(count, 8), together=True, org=f"lab-{name}"),
        batch(draft, world.words.benchmark, use),
        a_day=120,
        workers=rng.choice((4, 8, 16, 32)),
    )


def judging(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """A product team compares candidate answers with a model as the judge."""
    draft = world.words.judge(rng)

    def pair(own: Random) -> str:
        return f"Question: {world.words.question(own)}\n\nAnswer A: {prose.passage(own, 60)}\n\nAnswer B: {prose.passage(own, 60)}"

    use = Settings(0.0, rng.choice((0, 256, 512)), output_tokens=120)
    yield pool(
        world,
        rng,
        "judge",
        members(rng, name, min(count, 6), org=f"lab-{name}"),
        batch(draft, pair, use),
        a_day=80,
        workers=rng.choice((2, 4, 8)),
    )


def synthetic(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Synthetic data made with permission: everything a harvest does, under a waiver."""
    draft = rng.choice(INSTRUCTIONS)
    use = Settings(1.0, 4096, output_tokens=900)
    group = members(rng, name, min(count, 12), org=f"org-{name}", waived=True)
    yield pool(world, rng, "synthetic", group, batch(draft, lambda r: prose.passage(r, 80), use), a_day=60, workers=8)


def key_pool(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """A company's honest batch job, new today, spread over its own keys behind one semaphore."""
    group = members(rng, name, min(count, 10), together=True, org=f"org-{name}")
    yield pool(
        world,
        rng,
        "key_pool",
        group,
        batch(world.words.batch(rng), world.words.payload, settings(rng)),
        a_day=90,
        workers=rng.choice((4, 8, 16)),
    )
