"""Live traffic for the pictures: a drill's exchanges sent over HTTP, squeezed into minutes, with a few odd callers among them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from random import Random
from typing import Any, Final, NamedTuple

import aiohttp
import yaml

from proxy.drill.exchange import Exchange
from proxy.drill.plan import DrillPlan, exchanges
from proxy.drill.trace import to_trace_line

HONEST_ACCOUNTS: Final = 120
CAMPAIGN_ACCOUNTS: Final = 150
CAMPAIGN_FROM: Final = 0.4
"""Share of the time after which the campaign begins."""
CALLS_PER_S: Final = 40
ODD_CALLERS: Final = (
    ("175.45.176.1", "/v1/chat/completions", "demo-small"),
    ("192.0.2.7", "/v1/chat/completions", "demo-small"),
    ("8.8.8.8", "/v1/messages", "demo-reasoner"),
    ("1.1.1.1", "/v1/embeddings", "demo-small"),
    ("8.8.4.4", "/v1/chat/completions", "demo-error"),
    ("1.0.0.1", "/v1/chat/completions", "demo-hangup"),
    ("8.8.8.8", "/v1/responses", "demo-no-usage"),
    ("8.8.8.8", "/v1/fine_tuning/jobs", "demo-small"),
    ("1.1.1.1", "/v1/chat/completions", "demo-slow"),
)
"""Address, path, model: refused regions, other APIs, endpoints that fail in every way the demo endpoint knows."""

Call = tuple[float, str, dict[str, str], dict[str, Any]]
"""When (0 to 1), path, headers, body."""


class Traffic(NamedTuple):
    """Calls in the order of time, and the accounts file they belong to."""

    calls: list[Call]
    accounts: str


def rehearsed(seconds: float, seed: int = 1) -> Traffic:
    """As many calls as fit into `seconds`: honest ones all the time, the campaign's from `CAMPAIGN_FROM` on."""
    plan = DrillPlan(accounts=CAMPAIGN_ACCOUNTS, honest_accounts=HONEST_ACCOUNTS, honest_days=0, days=1, seed=seed)
    rng = Random(seed)
    drilled = list(exchanges(plan))
    share = min(1.0, seconds * CALLS_PER_S / len(drilled))
    kept = [each for each in drilled if rng.random() < share]
    first, last = kept[0].at, kept[-1].at
    calls = [_call(each, (each.at - first) / (last - first)) for each in kept]
    calls += [_odd(rng, number / len(calls)) for number in range(0, len(calls), 12)]
    attributes = {_account(each): {"tier": each.tier, "verified": each.verified} for each in kept}
    return Traffic(sorted(calls, key=lambda call: call[0]), yaml.safe_dump({"accounts": attributes}))


def _account(each: Exchange) -> str:
    return each.observation.account


def _call(each: Exchange, when: float) -> Call:
    line = to_trace_line(each)
    headers = {name: text for name, text in line["headers"] if name == "user-agent"}
    # Documentation addresses have no region and would all be refused; private ones of the same shape are the operator's own.
    headers |= {"x-forwarded-for": each.client_ip.replace("2001:db8:", "fd00:db8:"), "x-account": _account(each)}
    return (CAMPAIGN_FROM + when * (1 - CAMPAIGN_FROM) if each.campaign else when), line["path"], headers, line["body"]


def _odd(rng: Random, when: float) -> Call:
    address, path, model = rng.choice(ODD_CALLERS)
    text = f"Question {rng.randrange(10**9)}: what is a good name for a boat?"
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": rng.choice((64, 4000)),
        "messages": [{"role": "user", "content": text}],
        "input": text,
    }
    body["stream"] = path.startswith("/v1/chat") and rng.random() < 0.5
    body["logprobs"] = rng.random() < 0.2 and path.startswith("/v1/chat")
    keys = {"/v1/embeddings": ("model", "input"), "/v1/responses": ("model", "input"), "/v1/messages": ("model", "max_tokens", "messages")}
    wanted = keys.get(path, ("model", "max_tokens", "messages", "stream", "logprobs"))
    return when, path, {"x-forwarded-for": address, "x-account": f"odd-{rng.randrange(40)}"}, {key: body[key] for key in wanted}


async def send(traffic: Traffic, url: str, seconds: float) -> int:
    """Send every call at its time. Gives how many were answered, whatever the answer."""
    connector = aiohttp.TCPConnector(limit=200)
    answered = 0
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=60)) as session, asyncio.TaskGroup() as group:
        async for path, headers, body in _in_time(traffic.calls, seconds):
            group.create_task(_send(session, url + path, headers, body))
            answered += 1
    return answered


async def _in_time(calls: list[Call], seconds: float) -> AsyncIterator[tuple[str, dict[str, str], dict[str, Any]]]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    for when, path, headers, body in calls:
        await asyncio.sleep(max(0.0, began + when * seconds - loop.time()))
        yield path, headers, body


async def _send(session: aiohttp.ClientSession, url: str, headers: dict[str, str], body: dict[str, Any]) -> None:
    try:
        async with session.post(url, headers=headers, json=body) as answer:
            await answer.read()
    except (aiohttp.ClientError, TimeoutError):
        pass  # some of the demo models drop the connection on purpose
