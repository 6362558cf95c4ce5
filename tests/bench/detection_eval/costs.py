"""What detection costs: microseconds of a request, milliseconds of a sweep, bytes of an account."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from random import Random
from time import process_time
from typing import NamedTuple

from proxy.detection.observation import Observation
from proxy.detection.shipped import shipped_detector
from proxy.dialects.call import ModelCall, Text, Usage
from proxy.drill.wording import prose
from tests.bench.detection_eval.stats import quantile

_KIB = 1024
ROUNDS = 5


class RequestCost(NamedTuple):
    """CPU of assess + started + finished for one prompt, in microseconds, in the round that others on the machine disturbed least."""

    median_us: float
    p99_us: float


def request_cost(chars: int, requests: int, accounts: int = 200) -> RequestCost:
    """New prompts of `chars` characters, none of them shared, after a warm-up of a tenth; several rounds, each with a detector of its own."""
    return min(_round(Random(chars), chars, requests, accounts) for _ in range(ROUNDS))


def _round(rng: Random, chars: int, requests: int, accounts: int) -> RequestCost:
    detector = shipped_detector()
    spent = []
    for number in range(requests + requests // 10):
        seen = _seen(f"a{number % accounts}", prose.passage(rng, chars // 5)[:chars])
        now = 1_790_000_000.0 + number
        begun = process_time()
        detector.assess(seen.account, now, seen)
        ticket = detector.started(seen, now)
        detector.finished(ticket, Usage(chars // 4, 300), 200, now + 0.5)
        spent.append((process_time() - begun) * 1e6)
        if number % 15 == 0:
            detector.sweep(now)
    spent = spent[requests // 10 :]
    return RequestCost(quantile(spent, 0.5), quantile(spent, 0.99))


def _seen(account: str, text: str) -> Observation:
    call = ModelCall("openai", "chat.completions", "m-large", texts=(Text("user", text),), turns=1)
    return Observation(
        account, call, ("host", "user-agent"), "AsyncOpenAI/Python 1.60.1", network=f"10.1.{len(account)}.0/24", org=account, age_days=90.0
    )


class MemoryCost(NamedTuple):
    accounts: int
    per_account_bytes: float
    fixed_mib: float
    whole_mib: float
    """Growth of the process over importing the package, with all accounts present."""


def memory_cost(accounts: int, requests_each: int) -> MemoryCost:
    """Measured in a process of its own: resident memory before, with half of the accounts and with all.

    The index's tables are touched all over by the first few hundred accounts, so the second half shows what an account adds.
    """
    root = Path(__file__).resolve().parents[3]
    script = f"from tests.bench.detection_eval.costs import grow; grow({accounts}, {requests_each})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(root)}
    )
    before, some, full = json.loads(done.stdout)
    per_account = (full - some) * _KIB / (accounts / 2)
    return MemoryCost(accounts, per_account, (some - before) / _KIB - per_account * accounts / 2 / _KIB**2, (full - before) / _KIB)


def grow(accounts: int, requests_each: int) -> None:
    """Print resident KiB at the three moments."""
    rng = Random(1)
    words = [prose.passage(rng, 40) for _ in range(400)]
    sizes = [_resident_kib()]
    detector = shipped_detector()
    for number in range(accounts * requests_each):
        half, index = divmod(number, accounts * requests_each // 2)
        now = 1_790_000_000.0 + number * 0.4
        text = f"{prose.name(rng)} {rng.choice(words)} {prose.name(rng)} {rng.choice(words)}"
        ticket = detector.started(_seen(f"a{half * (accounts // 2) + index % (accounts // 2)}", text), now)
        detector.finished(ticket, Usage(100, 300), 200, now + 0.2)
        if number % 100 == 0:
            detector.sweep(now)
        if number == accounts * requests_each // 2:
            sizes.append(_resident_kib())
    sizes.append(_resident_kib())
    sys.stdout.write(json.dumps(sizes))


def _resident_kib() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // _KIB
