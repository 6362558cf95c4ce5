"""What rules cost a request: 10, 100 and 500 rules, with and without the verdict cache, and put to CEL one by one.

Run it with `python -m tests.bench.verdict_cache`. Microseconds a request, the best of five runs, over requests of 200 callers in
20 countries; the last row is the shipped policies.
"""

from __future__ import annotations

import random
import timeit
from collections.abc import Callable
from pathlib import Path

from proxy.adapters.policy_folder import read_folder
from proxy.policy.facts import Facts, FactValue, Phase
from proxy.policy.language.shapes.case_file import ORDINARY
from proxy.policy.load import load
from proxy.policy.ruleset import Ruleset

NOW = 1_795_520_000.0
POLICIES = Path(__file__).parents[2] / "policies"
COUNTRIES = ["DE", "FR", "US", "JP", "BR", "IN", "KE", "NO", "SE", "PL", "ES", "PT", "IT", "GB", "CA", "MX", "AU", "NZ", "ZA", "KR"]
FEW = (
    "client.country == '{country}' && request.model == 'model-{i}'",
    "!(client.country in lists.supported) && account.tier == 'tier-{i}'",
    "request.n > {n} && !account.verified && request.endpoint == 'endpoint-{i}'",
    "account.owner_country == '{country}' && account.owner_share > 0.5 && request.stream",
    "request.logprobs && request.top_logprobs > {n} && account.tier != 'tier-{i}'",
)
WIDE = ("request.max_tokens > {n}00000", "request.input_tokens > {n}00000 && client.country == '{country}'")


def generated(count: int) -> Ruleset:
    """Rules as operators write them: most read few-valued facts, every tenth a number that is new in each request."""
    lines = ["lists:", "  supported: {values: [" + ", ".join(f'"{code}"' for code in COUNTRIES) + "]}", "rules:"]
    for i in range(count):
        text = WIDE[i % 2] if i % 10 == 9 else FEW[i % len(FEW)]
        when = text.format(i=i, n=10 + i % 7, country=COUNTRIES[i % len(COUNTRIES)])
        lines.append(f'  - {{id: bench.r{i}, when: "{when}", then: {{tag: [t{i}]}}}}')
    return load({"a.yaml": "\n".join(lines).encode()}, NOW)


def requests(count: int) -> list[Facts]:
    """Requests of 200 callers, each with prompts of its own length."""
    dice = random.Random(1)
    callers: list[dict[str, FactValue]] = [
        {
            "client.country": dice.choice(COUNTRIES),
            "account.id": f"acct-{i}",
            "account.tier": dice.choice(["free", "standard"]),
            "account.verified": i % 3 == 0,
        }
        for i in range(200)
    ]
    return [
        {**ORDINARY, **dice.choice(callers), "request.max_tokens": dice.randint(1, 8192), "request.input_tokens": dice.randint(10, 9000),
         "request.model": dice.choice(["m-large", "m-small", "gpt-4o"]), "request.stream": dice.random() < 0.5}
        for _ in range(count)
    ]  # fmt: skip


def microseconds(ask: Callable[[Facts], object], sample: list[Facts]) -> float:
    """Time of one question, the best of five passes over the sample."""

    def once() -> None:
        for facts in sample:
            ask(facts)

    once()
    return min(timeit.repeat(once, number=1, repeat=5)) / len(sample) * 1e6


def asked(evaluate: Callable[[Phase, Facts, float], object]) -> Callable[[Facts], object]:
    """One way of judging the request phase."""
    return lambda facts: evaluate(Phase.REQUEST, facts, NOW)


def in_cel(ruleset: Ruleset) -> Callable[[Facts], object]:
    """Every condition put to CEL, one by one."""
    conditions = [rule.condition.reference for rule in ruleset.rules if rule.phase is Phase.REQUEST]
    return lambda facts: [condition(facts) for condition in conditions]


def main() -> None:
    """Print the table."""
    sample = requests(2000)
    shipped = load(read_folder(POLICIES), NOW)
    print(f"{'rules':>22} {'cache':>10} {'no cache':>10} {'CEL each':>10}   us a request")
    for name, ruleset in [*((str(count), generated(count)) for count in (10, 100, 500)), (f"shipped ({len(shipped.rules)})", shipped)]:
        with_cache = microseconds(asked(ruleset.evaluate), sample)
        without = microseconds(asked(ruleset.evaluate_unremembered), sample)
        cel = microseconds(in_cel(ruleset), sample[:200])
        print(f"{name:>22} {with_cache:>10.2f} {without:>10.2f} {cel:>10.1f}")


if __name__ == "__main__":
    main()
