"""Small deterministic traffic for scenario tests: event time only, own wording."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from random import Random
from typing import NamedTuple

from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.detection.observation import Observation
from proxy.detection.shipped import shipped_evidence, shipped_intents
from proxy.dialects.call import ModelCall, Text, Usage

SMALL = DetectionConfig(index_bits=14, doorkeeper_bits=18, brake_share=1.0, accounts=20_000)
EVIDENCE = shipped_evidence()
INTENTS = shipped_intents()
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
ANSWER_S = 20.0

HARVEST = (
    "You will be given a problem. Think about it step by step and write your whole reasoning down before the answer.\n\n{}\n\n"
    "End with a line that says: the final answer is, followed by the value. Never skip a step of the derivation."
)
TOOL = "You are the helper inside a note keeping program. Tidy the note below, keep its headings and correct typing mistakes.\n\n{}\n\nReturn nothing but the note."
PLAIN = (
    "Here is one item of the list.\n{}\nNow produce the required output in the house format with all the sections that were named above."
)


class Sent(NamedTuple):
    """One request: when, by whom, what, and for how long it is answered."""

    at: float
    account: str
    text: str
    answer_s: float
    call: ModelCall | None = None
    org: str = ""


def small(config: DetectionConfig = SMALL, seed: int = 1) -> Detector:
    """A detector with small tables and everything else as shipped."""
    return Detector(EVIDENCE, config, None, seed, INTENTS)


def vocabulary(rng: Random) -> list[str]:
    """Made-up words."""
    return ["".join(rng.choices(_LETTERS, k=rng.randint(3, 8))) for _ in range(5000)]


class Writer:
    """Prose that nobody else writes."""

    def __init__(self, seed: int) -> None:
        self.rng = Random(seed)
        self._words = vocabulary(Random(7))

    def prose(self, count: int = 40) -> str:
        """`count` made-up words."""
        return " ".join(self.rng.choices(self._words, k=count))


def crowd(
    writer: Writer, accounts: int, begin: float, end: float, template: str = "{}", prefix: str = "p", mean: float = 12.0
) -> Iterator[Sent]:
    """Independent accounts with rates as uneven as people's."""
    rng = writer.rng
    for index in range(accounts):
        rate = rng.lognormvariate(0.0, 0.9) * mean / (end - begin)
        at = begin + rng.expovariate(rate)
        while at < end:
            yield Sent(at, f"{prefix}{index}", template.format(writer.prose()), rng.lognormvariate(0.0, 0.6) * ANSWER_S)
            at += rng.expovariate(rate)


def pool(
    writer: Writer, accounts: int, workers: int, requests: int, begin: float, template: str = HARVEST, prefix: str = "c"
) -> Iterator[Sent]:
    """One pool of workers behind many accounts, taken in turn."""
    rng = writer.rng
    free = [(begin + rng.random(), worker) for worker in range(workers)]
    for turn in range(requests):
        at, worker = heapq.heappop(free)
        answer_s = rng.lognormvariate(0.0, 0.6) * ANSWER_S
        yield Sent(at, f"{prefix}{turn % accounts}", template.format(writer.prose()), answer_s)
        heapq.heappush(free, (at + answer_s + rng.expovariate(20.0), worker))


def replay(detector: Detector, requests: Iterable[Sent], sweep_s: float = 10.0) -> float:
    """Play requests in the order of time; returns the time after the last sweep."""
    order = sorted(requests, key=lambda sent: sent.at)
    ends: list[tuple[float, int]] = []
    tickets: dict[int, Ticket] = {}
    due = order[0].at
    for number, sent in enumerate(order):
        while ends and ends[0][0] <= sent.at:
            at, done = heapq.heappop(ends)
            detector.finished(tickets.pop(done), Usage(50, 200), 200, at)
        while due <= sent.at:
            detector.sweep(due)
            due += sweep_s
        call = sent.call or ModelCall("openai", "chat.completions", "m", texts=(Text("user", sent.text),))
        tickets[number] = detector.started(Observation(sent.account, call, org=sent.org), sent.at)
        heapq.heappush(ends, (sent.at + sent.answer_s, number))
    while ends:
        at, done = heapq.heappop(ends)
        detector.finished(tickets.pop(done), Usage(50, 200), 200, at)
    detector.sweep(due)
    return due


def levels(detector: Detector, names: Iterable[str], now: float) -> list[int]:
    """Levels after everything that is pending has come into force."""
    found = []
    for name in names:
        detector.assess(name, now)
        found.append(detector.assess(name, now + 700.0).level)
    return found
