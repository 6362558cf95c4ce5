"""Groups of honest accounts: each on its own, or all worked by one owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random

from proxy.drill.clients import account, client, network
from proxy.drill.exchange import Account
from proxy.drill.fleet import Fleet, Temper, Work
from proxy.drill.honest.population import World
from proxy.drill.honest.rhythm import arrivals
from proxy.drill.rota import DAY_S, Rota


def members(
    rng: Random, name: str, count: int, *, together: bool = False, org: str = "", waived: bool = False, software: bool = True
) -> list[Account]:
    """`count` accounts, behind one address if `together`. `software`: all run the same program, and show the same client."""
    shared = (client(rng),)
    place = network(rng) if together else None
    group = [account(rng, f"{name}-{index}", at=place, org=org, waived=waived) for index in range(count)]
    return [member._replace(clients=shared) for member in group] if software else group


def each(
    world: World, kind: str, group: list[Account], work: Callable[[Random], Work], mean: float, *, start: float | None = None
) -> Iterator[Fleet]:
    """Every member on its own, in its own hours, each with its own software."""
    for member in group:
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


def pool(
    world: World, rng: Random, kind: str, group: list[Account], work: Work, *, a_day: int, workers: int, sleep_s: float = 0.0
) -> Fleet:
    """One owner working all members in a closed loop from an hour of the launch day on."""
    start = launch(world, rng) + rng.random() * 60_000.0
    rota = Rota(group, start=start, quota=lambda: a_day, rng=rng)
    return Fleet(rng, rota, work, f"benign:{kind}", start=start, workers=workers, temper=Temper(sleep_s=sleep_s, retries=True))


def launch(world: World, rng: Random) -> float:
    """The start of the day on which something new appears: any day after the settled ones."""
    return world.start + rng.randrange(min(world.settled_days, world.days - 1), world.days) * DAY_S
