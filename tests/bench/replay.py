"""How fast recorded traffic is replayed: exchanges a second on one core, and what the time goes into.

Busy: ten exchanges a second with 2 kB prompts that nobody sent before. Sparse: a rehearsed day of a few hundred accounts, where a search for
campaigns, which is due every few seconds of event time however little came, takes most of the time.

`python -m tests.bench.replay [--profile]` on an otherwise idle machine. Every request is served, so none gets by without being observed.
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from random import Random
from time import perf_counter, process_time
from typing import Final

import orjson

from proxy.adapters.recording import TraceFile
from proxy.cli.inputs.folders import open_folder
from proxy.cli.inputs.offline import open_offline
from proxy.drill.plan import DrillPlan, exchanges
from proxy.drill.trace import to_trace_line
from proxy.replay.outcomes import as_line
from proxy.replay.recorded import read_trace
from proxy.replay.showing.summary import Summary
from proxy.replay.showing.weights import Weights

POLICIES: Final = Path(__file__).resolve().parents[2] / "policies"
EXCHANGES: Final = 30_000
ACCOUNTS: Final = 1_000
PROMPT_CHARS: Final = 2_000
ROUNDS: Final = 5
SPARSE: Final = DrillPlan(accounts=100, honest_accounts=200, honest_days=0)
HEADERS: Final = [
    ["host", ""], ["accept", "application/json"], ["content-type", "application/json"], ["user-agent", "OpenAI/Python 1.99.0"],
    ["x-stainless-lang", "python"], ["x-stainless-os", "Linux"], ["x-stainless-runtime", "CPython"], ["content-length", ""],
]  # fmt: skip


def traffic(rng: Random) -> Iterator[dict[str, object]]:
    """Unrelated people: memoryless arrivals, prompts of their own, answers of every length."""
    vocabulary = ["".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 10))) for _ in range(20_000)]
    at = 1_790_000_000.0
    for _ in range(EXCHANGES):
        at += rng.expovariate(10.0)
        account = min(int(rng.paretovariate(0.8)), ACCOUNTS)
        words: list[str] = []
        while sum(map(len, words)) + len(words) < PROMPT_CHARS:
            words += rng.choices(vocabulary, k=20)
        yield {
            "at": at,
            "duration_s": rng.expovariate(0.2),
            "client_ip": f"84.{128 + account % 100}.{account // 100}.7",
            "account": {"id": f"acct-{account}", "tier": "paid", "age_days": account % 700, "tags": []},
            "method": "POST",
            "path": "/v1/chat/completions",
            "headers": HEADERS,
            "body": {
                "model": "m-large",
                "messages": [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": " ".join(words)}],
                "max_tokens": 512,
                "temperature": 0.7,
            },
            "response": {"status": 200, "input_tokens": 500, "output_tokens": rng.randrange(512), "reasoning_tokens": 0},
        }


def replay(path: Path) -> tuple[int, float]:
    """Replay the whole file as `tos-proxy replay --out --summary --observe` does; exchanges and seconds."""
    offline, ruleset = open_offline(None), open_folder(POLICIES).ruleset
    replayer = offline.replayer(ruleset, observe=True)
    summary, weights = Summary(observed=True), Weights(replayer.decider.detector, offline.evidence)
    file = TraceFile(path)
    written = 0
    began, used = perf_counter(), process_time()
    for recorded in read_trace(file.lines(), file.name):
        replayed = replayer.step(recorded)
        summary.add(replayed)
        written += len(orjson.dumps(as_line(replayed, weights.of(recorded.account.id, replayed.signals, recorded.at))))
    replayer.finish()
    elapsed = perf_counter() - began
    print(f"{summary.exchanges / elapsed:8,.0f} exchanges/s, {(process_time() - used) / summary.exchanges * 1e6:6.1f} us of CPU each")
    return summary.exchanges, elapsed


def main() -> None:
    """Print the rates of both traces, and with --profile the functions that take most of the time."""
    with tempfile.TemporaryDirectory() as folder:
        path = _written(Path(folder) / "busy.jsonl", traffic(Random(1)))
        _best("busy", path, ROUNDS)
        _best("sparse", _written(Path(folder) / "sparse.jsonl", map(to_trace_line, exchanges(SPARSE))), 1)
        if "--profile" in sys.argv:
            with cProfile.Profile() as profile:
                replay(path)
            pstats.Stats(profile).sort_stats("tottime").print_stats(25)


def _written(path: Path, lines: Iterable[dict[str, object]]) -> Path:
    path.write_bytes(b"".join(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE) for line in lines))
    return path


def _best(name: str, path: Path, rounds: int) -> None:
    results = [replay(path) for _ in range(rounds)]
    count, best = results[0][0], max(count / elapsed for count, elapsed in results)
    print(f"{name}: {count:,} exchanges, {path.stat().st_size / count:,.0f} bytes a line, {best:,.0f} exchanges/s in the best of {rounds}")


if __name__ == "__main__":
    main()
