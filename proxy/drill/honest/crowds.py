"""Strangers who have something in common: a tool, a sheet, an hour, an address. Nobody works them together."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from proxy.drill.fleet import Fleet, Temper
from proxy.drill.honest.members import each, launch, members
from proxy.drill.honest.population import World
from proxy.drill.honest.rhythm import hourly
from proxy.drill.honest.work import Settings, batch, conversation, settings
from proxy.drill.rota import Rota
from proxy.drill.wording import prose
from proxy.drill.wording.honest import Draft


def rollout(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """A new tool reaches unrelated accounts within a day, with a template or a system prompt that nobody sent before."""
    draft, system = world.words.batch(rng), f"[{prose.name(rng)} {rng.randrange(9)}] {prose.sentence(rng)} {world.words.persona(rng)}"
    use = settings(rng)
    asked = rng.choice(("", "", "Think step by step before you decide. ", "Explain your reasoning, then give a rating from 1 to 5. "))
    if rng.random() < 0.5:
        draft = Draft(
            f"[{prose.name(rng)} {prose.name(rng)} v{rng.randrange(1, 9)}] {prose.passage(rng, 40)}\n{asked}{draft.before}",
            draft.after,
            draft.system,
        )
        return each(
            world,
            "rollout",
            members(rng, name, count),
            lambda _: batch(draft, world.words.payload, use),
            12.0,
            start=launch(world, rng),
        )
    return each(
        world,
        "rollout",
        members(rng, name, count),
        lambda _: conversation(world.words.question, use, system=system),
        10.0,
        start=launch(world, rng),
    )


def ci(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Repositories of one company whose review jobs all start at the full hour."""
    draft = Draft(f"{prose.name(rng)} review bot. {prose.sentence(rng)} Comment on this change, list faults only.\n\n```\n", "\n```")
    hours, use = sorted(rng.sample(range(24), rng.choice((2, 4, 8)))), settings(rng)
    for member in members(rng, name, count, together=True, org=f"org-{name}"):
        own = Random(f"{world.seed}/{member.id}")
        times = hourly(own, start=world.start, days=world.days, hours=hours)
        yield Fleet(
            own,
            Rota([member], start=world.start),
            batch(draft, lambda r: prose.code(r, 12), use),
            "benign:ci",
            start=world.start,
            arrivals=times,
        )


def university(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """A class behind one address that pastes the same exercise sheet on the day before it is due."""
    sheet = [world.words.exercise(rng) for _ in range(8)]
    asides = ("", "", "help", "explain step by step please", "is this right?", "just the answer", "how do I start?", "show your work")

    def pasted(own: Random) -> str:
        return f"{own.choice(sheet)} {own.choice(asides)}" if own.random() < 0.6 else world.words.question(own)

    return each(
        world,
        "university",
        members(rng, name, count, together=True, software=False),
        lambda own: conversation(pasted, settings(own)),
        8.0,
        start=launch(world, rng),
    )


def corporate(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Employees behind one egress address, most of them through the house assistant."""
    system = world.words.persona(rng)
    group, use = members(rng, name, count, together=True, org=f"org-{name}"), settings(rng)
    return each(
        world,
        "corporate",
        group,
        lambda own: conversation(world.words.question, use, system=system if own.random() < 0.7 else ""),
        9.0,
    )


def cron(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Unrelated accounts that run the same new open-source script at the full hour."""
    draft = Draft(f"[{prose.name(rng)}] {prose.sentence(rng)} Digest these lines for {prose.name(rng)}:\n", "")
    hours, begin, use = sorted(rng.sample(range(24), rng.choice((3, 6, 12)))), launch(world, rng), settings(rng)
    for member in members(rng, name, count):
        own = Random(f"{world.seed}/{member.id}")
        times = (at for at in hourly(own, start=world.start, days=world.days, hours=hours) if at >= begin)
        yield Fleet(
            own,
            Rota([member], start=world.start),
            batch(draft, world.words.payload, use),
            "benign:cron",
            start=world.start,
            arrivals=times,
        )


def viral(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """A prompt that goes round: strangers paste it within a day, each about a matter of their own."""
    text = (
        f"{prose.passage(rng, 30)} Think step by step and be brutally honest about my {rng.choice(('habits', 'plans', 'style', 'budget'))}:"
    )

    def pasted(own: Random) -> str:
        return f"{text} {prose.sentence(own)}" if own.random() < 0.4 else world.words.question(own)

    return each(
        world,
        "viral",
        members(rng, name, count, software=False),
        lambda own: conversation(pasted, settings(own)),
        7.0,
        start=launch(world, rng),
    )


def course(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Learners who run the same notebook of a prompting course, each when they like: a public benchmark's questions under one reasoning template."""
    draft = Draft(
        f"{prose.name(rng)} course, lab {rng.randrange(1, 9)}. {prose.sentence(rng)} Let's think step by step.\n\nQ: ",
        "\nA: reasoning first, then the answer",
    )
    questions = [world.words.benchmark(rng) for _ in range(rng.choice((12, 25, 40)))]
    use = Settings(0.0, 1024, output_tokens=350)
    begin = launch(world, rng)
    for member in members(rng, name, count):
        own = Random(f"{world.seed}/{member.id}")
        start = begin + own.random() * 70_000.0
        rota = Rota([member], start=start, quota=lambda: len(questions))
        yield Fleet(
            own,
            rota,
            batch(draft, lambda r: r.choice(questions), use),
            "benign:course",
            start=start,
            workers=1,
            temper=Temper(sleep_s=own.choice((0.0, 0.5, 5.0))),
        )
