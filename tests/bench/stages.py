"""Microseconds of CPU that each stage takes of one request: `.venv/bin/python -m tests.bench.stages [--callers 1] [--rounds 7]`.

A 2 kB chat request of an official SDK goes through every stage of the request path, as the handler runs them, without a network: the shipped
policies with raised limits, limits kept in memory, neither detector nor log. Each row is the best of some interleaved rounds; indented rows
are parts of the row above them. `--callers` spreads the requests over that many API keys: what is remembered of a caller must help when there
are many of them, and cost little when there are too many.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple
from unittest.mock import MagicMock

from aiohttp.http_parser import HttpRequestParser

from proxy.adapters.building import Parts, build_parts, limit_store
from proxy.adapters.prometheus import Metrics
from proxy.adapters.telemetry.log import logger
from proxy.adapters.traffic.http1 import Head, read_head
from proxy.audit.record import Record
from proxy.decide import Decider, Decision, asks_of, facts_of, observation_of
from proxy.detection.observation import NO_SIGNALS, Observation
from proxy.dialects import body
from proxy.dialects.call import ModelCall, Usage
from proxy.dialects.routes import find_route
from proxy.exchange.noting import note_call, note_caller, note_decision, own_headers
from proxy.identity.caller import Caller
from proxy.identity.identify import identify
from proxy.identity.movement import STILL, Movements
from proxy.inspection.inspector import inspector_for
from proxy.policy.names.patterns import NOTHING_FOUND
from proxy.settings import Detection, Log, Settings
from tests.bench.load import ANSWER, PROMPT
from tests.bench.throughput import ROOT, raise_limits

BODY = (
    '{"model":"demo","messages":[{"role":"system","content":"You are a helpful assistant."},'
    f'{{"role":"user","content":"{PROMPT}"}}],"max_tokens":512,"temperature":0.7}}'
).encode()
HEAD = (
    "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:8080\r\ncontent-type: application/json\r\nauthorization: Bearer sk-bench-{}\r\n"
    "user-agent: OpenAI/Python 1.99.0\r\nx-stainless-lang: python\r\nx-stainless-retry-count: 0\r\naccept: application/json\r\n"
    "content-length: {}\r\n\r\n"
)
PEER = "127.0.0.1"
REPEATS = 5000
PART = "   "


class Seen(NamedTuple):
    """One request, and what each stage made of it: what the next one gets."""

    head: Head
    caller: Caller
    document: dict[str, Any]
    call: ModelCall
    observation: Observation
    decision: Decision
    usage: Usage | None
    record: Record


class Bench:
    """The parts of a proxy that a request meets, and each stage as the handler calls it."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        self.parts = parts
        self.rules = parts.policies.current
        self.decider = Decider(limit_store(settings, parts.digest_key, logger("json", "error")), None, Movements())
        self.metrics = Metrics("bench")
        self.caps = settings.caps
        self.route = find_route("POST", "/v1/chat/completions")

    def identify(self, head: Head) -> Caller:
        """Who is calling?"""
        return identify(self.parts.sources, PEER, head.headers, head.query, time.time())[0]

    def digest(self, text: str) -> str:
        """The digest of an address or account."""
        return self.parts.digests.of(text, time.time())

    def document(self, head: Head) -> dict[str, Any]:
        """The body as strict JSON."""
        raw = body.decode(BODY, head.content_encoding, self.caps.decoded_bytes)
        body.check_media_type(head.content_type)
        return body.read_json(raw, body.JsonLimits())

    def inspect(self) -> Usage | None:
        """The answer, read while it passes."""
        inspector = inspector_for("openai", "chat.completions", "application/json", frozenset(), hide_usage=False, status=200)
        inspector.feed(ANSWER)
        inspector.close()
        return inspector.usage

    async def exchange(self, head: Head) -> Seen:
        """Every stage in the handler's order."""
        now = time.time()
        record = Record("0123456789abcdef", now, self.rules.revision)
        caller = self.identify(head)
        note_caller(record, caller, self.digest)
        document = self.document(head)
        call = self.route.read(document, self.rules.vocabulary.models.aliases)
        note_call(record, call)
        observation = observation_of(caller, call, head.headers, "", now)
        decision = await self.decider.decide(self.rules, caller, call, observation, now)
        note_decision(record, decision)
        own_headers(self.route, decision, record)
        usage = self.inspect()
        record.usage, record.outcome, record.upstream, record.decide_s, record.status = usage or Usage(), "allowed", "origin", 1e-4, 200
        await self.decider.settle(decision, record.usage, now)
        self.metrics.observe(record)
        return Seen(head, caller, document, call, observation, decision, usage, record)


Stage = Callable[[Seen], Any]


def stages(bench: Bench, now: float) -> dict[str, Stage]:
    """Every stage by the name of its row."""
    rules, decider = bench.rules, bench.decider
    names = rules.vocabulary.models.aliases

    async def reserve_settle(seen: Seen) -> None:
        held = await decider.reserve(seen.decision, now)
        await decider.settle(held, seen.record.usage, now)

    return {
        "identify": lambda seen: bench.identify(seen.head),
        "note the caller": lambda seen: note_caller(seen.record, seen.caller, bench.digest),
        "read the document": lambda seen: bench.document(seen.head),
        "read the call": lambda seen: bench.route.read(seen.document, names),
        "note the call": lambda seen: note_call(seen.record, seen.call),
        "observation": lambda seen: observation_of(seen.caller, seen.call, seen.head.headers, "", now),
        "judge": lambda seen: decider.judge(rules, seen.caller, seen.call, seen.observation, now),
        PART + "patterns": lambda seen: rules.scan([text.text for text in seen.call.texts]),
        PART + "movement": lambda seen: decider.movements.observe(seen.caller.account.id, seen.caller.region, now),
        PART + "facts": lambda seen: facts_of(rules, seen.caller, seen.call, NOTHING_FOUND, NO_SIGNALS, STILL, now),
        PART + "rules": lambda seen: rules.judge(seen.decision.facts, now),
        "reserve and settle": reserve_settle,
        PART + "limits due": lambda seen: rules.due(seen.decision.facts, now),
        PART + "asks": lambda seen: asks_of(rules, seen.decision.limits, seen.call),
        "note the decision": lambda seen: note_decision(seen.record, seen.decision),
        "own headers": lambda seen: own_headers(bench.route, seen.decision, seen.record),
        "inspect the answer": lambda _: bench.inspect(),
        "metrics": lambda seen: bench.metrics.observe(seen.record),
        "all, as one exchange": lambda seen: bench.exchange(seen.head),
    }


async def cost_us(stage: Stage, given: Iterable[Seen]) -> float:
    """Microseconds of CPU for one run of a stage."""
    turns = list(itertools.islice(itertools.cycle(given), REPEATS))
    waits = asyncio.iscoroutine(outcome := stage(turns[0]))
    if waits:
        await outcome
    began = time.process_time()
    if waits:
        for seen in turns:
            await stage(seen)
    else:
        for seen in turns:
            stage(seen)
    return (time.process_time() - began) / REPEATS * 1e6


def heads(callers: int) -> list[Head]:
    """The request of each caller."""
    parser = HttpRequestParser(MagicMock(), asyncio.get_running_loop(), 65536, max_line_size=8190, max_field_size=8190)
    found = []
    for number in range(callers):
        messages, _, _ = parser.feed_data(HEAD.format(number, len(BODY)).encode() + BODY)
        found.append(read_head(messages[0][0], 32768))
    return found


async def run(callers: int, rounds: int, folder: Path) -> None:
    """Measure and print the table."""
    shutil.copytree(ROOT / "policies", folder / "policies")
    raise_limits(folder / "policies")
    settings = Settings(policies=folder / "policies", log=Log(records="off"), detection=Detection(enabled=False))
    bench = Bench(build_parts(settings, logger("json", "error")), settings)
    given = [await bench.exchange(head) for head in heads(callers)]
    assert all(seen.decision.allowed and seen.usage for seen in given)
    rows = stages(bench, time.time())
    best = dict.fromkeys(rows, float("inf"))
    for _ in range(rounds):
        for name, stage in rows.items():
            best[name] = min(best[name], await cost_us(stage, given))
    print(f"{callers} callers, {len(given[0].decision.limits)} limits each, best of {rounds} rounds of {REPEATS}")
    for name, cost in best.items():
        print(f"{name:28}{cost:8.2f} us")


def main() -> None:
    """Read the options and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--callers", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(run(given.callers, given.rounds, Path(folder)))


if __name__ == "__main__":
    main()
