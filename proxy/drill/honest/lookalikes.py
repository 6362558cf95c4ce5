"""Honest groups that look like a campaign: many accounts, one text, one hour or one network. The hard negatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import chain
from random import Random
from typing import Final

from proxy.drill.clients import account, network
from proxy.drill.exchange import Account
from proxy.drill.fleet import Fleet, Temper, Work
from proxy.drill.honest.population import World, everyday
from proxy.drill.honest.rhythm import arrivals, hourly
from proxy.drill.honest.work import Settings, batch, conversation, settings
from proxy.drill.rota import DAY_S, Rota
from proxy.drill.wording import prose
from proxy.drill.wording.harvest import INSTRUCTIONS
from proxy.drill.wording.honest import Draft

Builder = Callable[[World, Random, str, int], Iterator[Fleet]]


def _members(rng: Random, name: str, count: int, *, together: bool = False, org: str = "", waived: bool = False) -> list[Account]:
    place = network(rng) if together else None
    return [account(rng, f"{name}-{index}", at=place, org=org, waived=waived) for index in range(count)]


def _each(
    world: World, rng: Random, kind: str, members: list[Account], work: Callable[[Random], Work], mean: float, *, start: float | None = None
) -> Iterator[Fleet]:
    """Every member on its own, in its own hours, each with its own software."""
    for member in members:
        own = Random(f"{world.seed}/{member.id}")
        times = arrivals(own, world.shape(own), mean * own.lognormvariate(0.0, 0.7), start=world.start, days=world.days)
        begin = start or world.start
        yield Fleet(
            own,
            Rota([member], start=world.start),
            work(own),
            f"benign:{kind}",
            start=world.start,
            arrivals=(at for at in times if at >= begin + own.random() * 20_000.0 * (start is not None)),
        )
    del rng


def _pool(
    world: World, rng: Random, kind: str, members: list[Account], work: Work, *, a_day: int, workers: int, sleep_s: float = 0.0
) -> Fleet:
    """One owner working all members in a closed loop from an hour of the last day on."""
    start = _launch(world, rng) + rng.random() * 60_000.0
    rota = Rota(members, start=start, quota=lambda: a_day, rng=rng)
    return Fleet(rng, rota, work, f"benign:{kind}", start=start, workers=workers, temper=Temper(sleep_s=sleep_s, retries=True))


def _launch(world: World, rng: Random) -> float:
    """The start of the day on which something new appears: any day after the settled ones."""
    return world.start + rng.randrange(min(world.settled_days, world.days - 1), world.days) * DAY_S


def rollout(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """A new tool reaches unrelated accounts within a day, with a template or a system prompt that nobody sent before."""
    draft, system = world.words.batch(rng), f"[{prose.name(rng)} {rng.randrange(9)}] {prose.sentence(rng)} {world.words.persona(rng)}"
    asked = rng.choice(("", "", "Think step by step before you decide. ", "Explain your reasoning, then give a rating from 1 to 5. "))
    if rng.random() < 0.5:
        draft = Draft(
            f"[{prose.name(rng)} {prose.name(rng)} v{rng.randrange(1, 9)}] {prose.passage(rng, 40)}\n{asked}{draft.before}",
            draft.after,
            draft.system,
        )
        return _each(
            world,
            rng,
            "rollout",
            _members(rng, name, count),
            lambda own: batch(draft, world.words.payload, settings(own)),
            12.0,
            start=_launch(world, rng),
        )
    return _each(
        world,
        rng,
        "rollout",
        _members(rng, name, count),
        lambda own: conversation(world.words.question, settings(own), system=system),
        10.0,
        start=_launch(world, rng),
    )


def harness(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """An evaluation of models on a public benchmark: one template, every question once, as fast as the semaphore lets it."""
    draft = Draft(
        f"{prose.name(rng)} eval. Answer the question. {rng.choice(('Think step by step.', 'Give the final answer on the last line.', 'Finish with: answer is X.'))}\n\nQ: ",
        "\nA:",
    )
    use = Settings(0.0, rng.choice((512, 1024, 2048, 8192)), rng.choice((1, 1, 1, 4)), reasoning=rng.random() < 0.4, output_tokens=400)
    yield _pool(
        world,
        rng,
        "harness",
        _members(rng, name, min(count, 8), together=True, org=f"lab-{name}"),
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
    yield _pool(
        world,
        rng,
        "judge",
        _members(rng, name, min(count, 6), org=f"lab-{name}"),
        batch(draft, pair, use),
        a_day=80,
        workers=rng.choice((2, 4, 8)),
    )


def ci(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Repositories of one company whose review jobs all start at the full hour."""
    draft = Draft(f"{prose.name(rng)} review bot. {prose.sentence(rng)} Comment on this change, list faults only.\n\n```\n", "\n```")
    hours = sorted(rng.sample(range(24), rng.choice((2, 4, 8))))
    for member in _members(rng, name, count, together=True, org=f"org-{name}"):
        own = Random(f"{world.seed}/{member.id}")
        times = hourly(own, start=world.start, days=world.days, hours=hours)
        yield Fleet(
            own,
            Rota([member], start=world.start),
            batch(draft, lambda r: prose.code(r, 12), settings(own)),
            "benign:ci",
            start=world.start,
            arrivals=times,
        )


def synthetic(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Synthetic data made with permission: everything a harvest does, under a waiver."""
    draft = rng.choice(INSTRUCTIONS)
    use = Settings(1.0, 4096, output_tokens=900)
    members = _members(rng, name, min(count, 12), org=f"org-{name}", waived=True)
    yield _pool(world, rng, "synthetic", members, batch(draft, lambda r: prose.passage(r, 80), use), a_day=60, workers=8)


def university(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """A class behind one address that pastes the same exercise sheet on the day before it is due."""
    sheet = [world.words.exercise(rng) for _ in range(8)]
    asides = ("", "", "help", "explain step by step please", "is this right?", "just the answer", "how do I start?", "show your work")

    def pasted(own: Random) -> str:
        return f"{own.choice(sheet)} {own.choice(asides)}" if own.random() < 0.6 else world.words.question(own)

    return _each(
        world,
        rng,
        "university",
        _members(rng, name, count, together=True),
        lambda own: conversation(pasted, settings(own)),
        8.0,
        start=_launch(world, rng),
    )


def corporate(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Employees behind one egress address, most of them through the house assistant."""
    system = world.words.persona(rng)
    members = _members(rng, name, count, together=True, org=f"org-{name}")
    return _each(
        world,
        rng,
        "corporate",
        members,
        lambda own: conversation(world.words.question, settings(own), system=system if own.random() < 0.7 else ""),
        9.0,
    )


def cron(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Unrelated accounts that run the same new open-source script at the full hour."""
    draft = Draft(f"[{prose.name(rng)}] {prose.sentence(rng)} Digest these lines for {prose.name(rng)}:\n", "")
    hours, begin = sorted(rng.sample(range(24), rng.choice((3, 6, 12)))), _launch(world, rng)
    for member in _members(rng, name, count):
        own = Random(f"{world.seed}/{member.id}")
        times = (at for at in hourly(own, start=world.start, days=world.days, hours=hours) if at >= begin)
        yield Fleet(
            own,
            Rota([member], start=world.start),
            batch(draft, world.words.payload, settings(own)),
            "benign:cron",
            start=world.start,
            arrivals=times,
        )


def key_pool(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """A company's honest batch job, new today, spread over its own keys behind one semaphore."""
    members = _members(rng, name, min(count, 10), together=True, org=f"org-{name}")
    yield _pool(
        world,
        rng,
        "key_pool",
        members,
        batch(world.words.batch(rng), world.words.payload, settings(rng)),
        a_day=90,
        workers=rng.choice((4, 8, 16)),
    )


def viral(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """A prompt that goes round: strangers paste it within a day, each about a matter of their own."""
    text = (
        f"{prose.passage(rng, 30)} Think step by step and be brutally honest about my {rng.choice(('habits', 'plans', 'style', 'budget'))}:"
    )

    def pasted(own: Random) -> str:
        return f"{text} {prose.sentence(own)}" if own.random() < 0.4 else world.words.question(own)

    return _each(
        world, rng, "viral", _members(rng, name, count), lambda own: conversation(pasted, settings(own)), 7.0, start=_launch(world, rng)
    )


def course(world: World, rng: Random, name: str, count: int) -> Iterator[Fleet]:
    """Learners who run the same notebook of a prompting course, each when they like: a public benchmark's questions under one reasoning template."""
    draft = Draft(
        f"{prose.name(rng)} course, lab {rng.randrange(1, 9)}. {prose.sentence(rng)} Let's think step by step.\n\nQ: ",
        "\nA: reasoning first, then the answer",
    )
    questions = [world.words.benchmark(rng) for _ in range(rng.choice((12, 25, 40)))]
    use = Settings(0.0, 1024, output_tokens=350)
    begin = _launch(world, rng)
    for member in _members(rng, name, count):
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


KINDS: Final[dict[str, Builder]] = {
    "rollout": rollout, "harness": harness, "judge": judging, "ci": ci, "synthetic": synthetic, "university": university, "corporate": corporate, "cron": cron, "key_pool": key_pool, "viral": viral, "course": course,
}  # fmt: skip
_GROUP: Final = {
    "rollout": 30,
    "harness": 6,
    "judge": 4,
    "ci": 12,
    "synthetic": 8,
    "university": 60,
    "corporate": 40,
    "cron": 25,
    "key_pool": 8,
    "viral": 40,
    "course": 30,
}


def lookalikes(world: World, count: int, *, kinds: tuple[str, ...] = tuple(KINDS)) -> Iterator[Fleet]:
    """Groups of every kind in turn, about `count` accounts in all; at least one group of each."""
    made, turn = 0, 0
    while made < count or turn < len(kinds):
        kind = kinds[turn % len(kinds)]
        name = f"{kind}{turn}"
        size = _GROUP[kind]
        yield from KINDS[kind](world, Random(f"{world.seed}/{name}"), name, size)
        made += size
        turn += 1


def honest(world: World, accounts: int, *, lookalike_share: float = 0.25) -> Iterator[Fleet]:
    """The whole honest world: everyday accounts, and look-alikes in their share."""
    apart = int(accounts * lookalike_share)
    return chain(everyday(world, accounts - apart), lookalikes(world, apart))
