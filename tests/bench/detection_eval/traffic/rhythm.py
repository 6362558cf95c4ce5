"""Daily shapes from real API clients (ServeGen) and answer lengths from real services (Azure), where the shared data is present."""

from __future__ import annotations

from functools import cache
from random import Random

from proxy.drill.honest.rhythm import Rhythm, rhythm
from tests.bench.detection_eval.traffic.data import rows

_DAY_S = 86_400
_SLOT_S = 600


@cache
def _clients() -> tuple[Rhythm, ...]:
    shapes = []
    for row in rows("timing/servegen_clients"):
        weights = [0.0] * (_DAY_S // _SLOT_S)
        for start_s, rate, _ in row["windows"]:
            weights[int(start_s % _DAY_S) // _SLOT_S] += rate
        spread = sorted(cv for _, _, cv in row["windows"] if cv)
        if sum(weights) > 0 and spread:
            cv = spread[len(spread) // 2]
            shapes.append(
                rhythm(weights, min(1.0 + max(cv * cv - 1.0, 0.0) / 2, 12.0))
            )  # a compound process of mean batch b has CV^2 = 2b - 1
    return tuple(shapes)


def client_shape(rng: Random) -> Rhythm:
    """The day of one real client, turned to a random hour so that they don't all share a time zone."""
    shape = rng.choice(_clients())
    plain = [high - low for low, high in zip((0.0, *shape.weights), shape.weights, strict=False)]
    turn = rng.randrange(len(plain))
    return rhythm(plain[turn:] + plain[:turn], shape.burst)


@cache
def answer_lengths() -> tuple[int, ...]:
    return tuple(sorted(row["output_tokens"] for row in rows("timing/azure_llm_2023") if row["service"] == "conv"))
