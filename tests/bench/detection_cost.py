"""What detection costs: microseconds a call, bytes an account, memory of the index. Run: python tests/bench/detection_cost.py [accounts]."""

from __future__ import annotations

import gc
import resource
import sys
import time
from pathlib import Path
from random import Random

from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.detection.observation import Observation
from proxy.detection.shipped import shipped_detector
from proxy.detection.text.bank import build_bank
from proxy.dialects.call import ModelCall, Text, Usage

HEADERS = (
    "host",
    "accept-encoding",
    "connection",
    "accept",
    "content-type",
    "user-agent",
    "x-stainless-lang",
    "x-stainless-os",
    "authorization",
    "content-length",
)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"
_RNG = Random(1)
_WORDS = ["".join(_RNG.choices(_ALPHABET, k=_RNG.randint(2, 9))) for _ in range(20_000)]


def prose(size_bytes: int) -> str:
    """Made-up words, with sentences, up to a size."""
    words = _RNG.choices(_WORDS, k=size_bytes // 5)
    text = ". ".join(" ".join(words[start : start + 14]) for start in range(0, len(words), 14))
    return (text * 2)[:size_bytes]


def ideographs(size_bytes: int) -> str:
    """As many bytes of Chinese."""
    return "".join(chr(_RNG.randint(0x4E00, 0x8FFF)) if _RNG.random() < 0.9 else "。" for _ in range(size_bytes // 3))


def observation(text: str, account: str) -> Observation:
    """One request."""
    call = ModelCall(
        "openai", "chat.completions", "m-large", texts=(Text("system", "You are helpful."), Text("user", text)), max_output_tokens=1024
    )
    return Observation(account, call, HEADERS, "AsyncOpenAI/Python 1.50.0", "", f"10.{hash(account) % 200}.1.0/24", 64512, "", 30.0)


def cpu_us(act, rounds: int) -> tuple[float, float]:
    """Median and 99th percentile of the CPU time of a call."""
    times = []
    for turn in range(rounds):
        begin = time.thread_time_ns()
        act(turn)
        times.append((time.thread_time_ns() - begin) / 1000)
    times.sort()
    return times[len(times) // 2], times[int(len(times) * 0.99)]


def started(detector: Detector, texts: list[str], rounds: int) -> tuple[float, float]:
    """Cost of `started` for texts that are new each time, after a warm-up."""
    seen = [observation(texts[turn % len(texts)], f"u{turn % 997}") for turn in range(rounds)]
    for one in seen[: rounds // 4]:
        detector.finished(detector.started(one, 0.0), Usage(100, 200), 200, 1.0)
    tickets = []
    cost = cpu_us(lambda turn: tickets.append(detector.started(seen[turn], float(turn))), rounds)
    for ticket in tickets:
        detector.finished(ticket, Usage(100, 200), 200, float(rounds))
    detector.sweep(float(rounds))
    return cost


def calls() -> None:
    """The table of calls."""
    bank = build_bank([prose(150) for _ in range(20_000)])
    rows = [
        ("started, 2 kB prompt", shipped_detector(), [prose(2048) for _ in range(800)], 3000),
        ("started, 2 kB prompt, with a bank of 20,000 questions", shipped_detector(bank=bank), [prose(2048) for _ in range(800)], 3000),
        ("started, 2 kB prompt in Chinese", shipped_detector(), [ideographs(2048) for _ in range(400)], 2000),
        ("started, 300 B prompt", shipped_detector(), [prose(300) for _ in range(800)], 3000),
        ("started, 200 kB prompt", shipped_detector(), [prose(200_000) for _ in range(40)], 300),
    ]
    for name, detector, texts, rounds in rows:
        median, high = started(detector, texts, rounds)
        print(f"{name:<60} {median:8.1f} us median {high:9.1f} us p99")
    detector = shipped_detector()
    tickets = [detector.started(observation(prose(500), f"u{turn}"), 0.0) for turn in range(3000)]
    for name, act in (
        ("finished", lambda turn: detector.finished(tickets[turn], Usage(100, 200), 200, 1.0)),
        ("assess, known account", lambda turn: detector.assess(f"u{turn}", 2.0)),
    ):
        median, high = cpu_us(act, 3000)
        print(f"{name:<60} {median:8.2f} us median {high:9.2f} us p99")


def memory(accounts: int) -> None:
    """Fill a detector with accounts that each send a few prompts."""
    gc.collect()
    before = resident()
    detector = shipped_detector(DetectionConfig(accounts=max(accounts, 1)))
    empty = resident()
    sweeps = []
    for turn in range(accounts * 2):
        name = f"account-{turn % accounts}"
        seen = observation(prose(250), name)
        detector.finished(detector.started(seen, turn / 100), Usage(100, 200), 200, turn / 100 + 5)
        if turn % 1000 == 999:
            begin = time.thread_time_ns()
            detector.sweep(turn / 100)
            sweeps.append((time.thread_time_ns() - begin) / 1e6)
    gc.collect()
    full = resident()
    sweeps.sort()
    print(
        f"sweep over 1,000 requests                                    {sweeps[len(sweeps) // 2]:8.2f} ms median {sweeps[-1]:8.2f} ms most"
    )
    print(f"index arrays                                                 {float(str(detector.metrics()['index_bytes'])) / 2**20:8.1f} MiB")
    print(f"detector, empty                                              {(empty - before) / 2**20:8.1f} MiB resident")
    print(f"detector, {accounts:,} accounts                            {(full - before) / 2**20:8.1f} MiB resident")
    print(f"an account                                                   {(full - empty) / accounts:8.0f} B")


def resident() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


if __name__ == "__main__":
    calls()
    memory(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
