"""Recorded traffic for tests: single lines, and a replayer over policies written in the test."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import orjson

from proxy.adapters.geo import GeoDatabases
from proxy.adapters.memory_store import MemoryStore
from proxy.decide import Decider
from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.detection.shipped import shipped_evidence, shipped_intents
from proxy.identity.movement import Movements
from proxy.policy.load import load
from proxy.replay.outcomes import Replayed
from proxy.replay.recorded import read_trace
from proxy.replay.replayer import Replayer

AT = 1_790_000_000.0
EVIDENCE = shipped_evidence()
INTENTS = shipped_intents()
GEO = GeoDatabases([])
GERMANY, KOREA = "84.128.0.1", "175.45.176.1"


def line(at: float = AT, **changes: Any) -> dict[str, Any]:
    """One exchange as the format says it; a key set to ... is left out."""
    made = {
        "at": at,
        "duration_s": 2.0,
        "client_ip": GERMANY,
        "account": {"id": "acct-1", "tier": "standard", "age_days": 4},
        "method": "POST",
        "path": "/v1/chat/completions",
        "headers": [["user-agent", "AsyncOpenAI/Python 1.99.0"], ["x-stainless-async", "async:asyncio"]],
        "body": {"model": "m-large", "messages": [{"role": "user", "content": "Why is the sky blue?"}], "max_tokens": 512},
        "response": {"status": 200, "input_tokens": 9, "output_tokens": 300, "reasoning_tokens": 0},
        **changes,
    }
    return {key: value for key, value in made.items() if value is not ...}


def packed(lines: Iterable[Mapping[str, Any]]) -> list[tuple[int, bytes]]:
    """Lines as a file gives them."""
    return [(number, orjson.dumps(one)) for number, one in enumerate(lines, 1)]


def replayer(policies: str, *, observe: bool = False, detector: bool = False, **more: Any) -> Replayer:
    """A replayer in which nothing has happened yet."""
    ruleset = load({"a.yaml": policies.encode()}, AT)
    found = Detector(EVIDENCE, DetectionConfig(index_bits=12, doorkeeper_bits=14), None, 0, INTENTS) if detector else None
    return Replayer(ruleset, Decider(MemoryStore(), found, Movements()), GEO, observe=observe, **more)


def replay(policies: str, lines: Iterable[Mapping[str, Any]], **options: Any) -> list[Replayed]:
    """What policies make of traffic."""
    over = replayer(policies, **options)
    replayed = [over.step(recorded) for recorded in read_trace(packed(lines), "t.jsonl")]
    over.finish()
    return replayed
