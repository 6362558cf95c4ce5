"""The everyday honest population: each account alone, with its own volume, hours, words and software."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import Final, NamedTuple

from proxy.drill.clients import account
from proxy.drill.exchange import Account
from proxy.drill.fleet import Fleet, Temper, Work
from proxy.drill.honest.rhythm import Rhythm, arrivals, rhythm, usual
from proxy.drill.honest.work import Settings, agent, bare, batch, conversation, either, settings, usual_length
from proxy.drill.rota import Rota
from proxy.drill.wording.honest import Wording

SHARES: Final = {"people": 26, "office": 8, "app": 15, "etl": 16, "mixed": 10, "agent": 5, "maths": 6, "code": 6, "research": 8}
"""Percent of everyday accounts by kind; a judgement."""
_MEAN_A_DAY: Final = {
    "people": 10.0,
    "office": 26.0,
    "app": 32.0,
    "etl": 45.0,
    "mixed": 28.0,
    "agent": 30.0,
    "maths": 10.0,
    "code": 18.0,
    "research": 26.0,
}
"""Requests a day of the middle account; accounts spread log-normally around it, as heavy-tailed as real users."""
_SPREAD: Final = 0.9
_MOST_A_DAY: Final = 400.0
_TURNS: Final = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 2.5)
"""Mean turns a conversation by account: most software behind an API key never shows a model two turns."""


class World(NamedTuple):
    """Where and when honest accounts live. New tools, sheets and jobs appear after the `settled_days`; `shape` draws daily rhythms."""

    seed: int
    start: float
    days: int
    words: Wording
    settled_days: int = 1
    shape: Callable[[Random], Rhythm] = usual
    written: Callable[[Random], int] = usual_length
    """Draws the mean answer length of a piece of software, in tokens."""


def everyday(world: World, count: int, *, prefix: str = "a") -> Iterator[Fleet]:
    """`count` accounts, of each kind in its share."""
    kinds = list(SHARES)
    for index in range(count):
        rng = Random(f"{world.seed}/{prefix}{index}")
        kind = rng.choices(kinds, list(SHARES.values()))[0]
        yield one(world, kind, account(rng, f"{prefix}{index}"), rng)


def one(world: World, kind: str, holder: Account, rng: Random) -> Fleet:
    """One account of a kind."""
    mean = min(_MOST_A_DAY, _MEAN_A_DAY[kind] * rng.lognormvariate(0.0, _SPREAD))
    use = settings(rng)._replace(output_tokens=world.written(rng))
    if kind == "etl":
        return _job_runner(world, holder, rng, batch(world.words.batch(rng), world.words.payload, use), mean)
    if kind == "office":
        return _staff(world, holder, rng, bare(world.words.question, use), mean)
    work, steps = _work(world, kind, rng, use)
    times = arrivals(rng, world.shape(rng), mean / steps, start=world.start, days=world.days)
    return Fleet(rng, Rota([holder], start=world.start), work, f"benign:{kind}", start=world.start, arrivals=times)


def _work(world: World, kind: str, rng: Random, use: Settings) -> tuple[Work, float]:
    words = world.words
    chat = rng.choice(_TURNS)
    match kind:
        case "app":
            return conversation(words.question, use, system=words.persona(rng), users=rng.choice((0, 0, 0, 40, 900)), turns_mean=chat), chat
        case "mixed":
            job = batch(words.batch(rng), words.payload, settings(rng))
            return either(conversation(rng.choice((words.code, words.question)), use, turns_mean=chat), job, rng.uniform(0.15, 0.9)), (
                1.0 + chat
            ) / 2
        case "agent":
            product = words.agent(rng)  # the product brings its settings along
            return agent(words, settings(Random(product)), system=product), 7.0
        case "maths":
            return conversation(words.exercise, use, turns_mean=chat), chat
        case "code":
            return conversation(words.code, use, turns_mean=chat), chat
        case "research":
            deep = use._replace(
                temperature=rng.choice((0.6, 0.7, 1.0)),
                max_output_tokens=rng.choice((4096, 8192, 16384, 2048)),
                n=rng.choice((1, 2, 4)),
                reasoning=True,
                output_tokens=1200,
            )
            return bare(rng.choice((words.question, words.exercise, words.code)), deep), 1.0
    return conversation(words.question, use, turns_mean=chat), chat


def _staff(world: World, holder: Account, rng: Random, work: Work, mean: float) -> Fleet:
    """An internal tool: single questions through one working day, whoever asks them."""
    first, hours = rng.randrange(24 * 6), rng.randrange(36, 60)
    day = rhythm([float((slot - first) % (24 * 6) < hours) for slot in range(24 * 6)], 1.0)
    times = arrivals(rng, day, mean, start=world.start, days=world.days, spread=0.2)
    return Fleet(rng, Rota([holder], start=world.start), work, "benign:office", start=world.start, arrivals=times)


def _job_runner(world: World, holder: Account, rng: Random, work: Work, mean: float) -> Fleet:
    start = world.start + rng.random() * 80_000.0
    rota = Rota([holder], start=start, days=world.days, quota=lambda: max(0, round(mean * rng.lognormvariate(-0.1, 0.45))))
    return Fleet(
        rng,
        rota,
        work,
        "benign:etl",
        start=start,
        workers=rng.choice((1, 1, 2, 4, 8, 16)),
        temper=Temper(sleep_s=rng.choice((0.0, 0.0, 0.5, 2.0, 30.0))),
    )
