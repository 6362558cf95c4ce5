"""Accounts as the proxy sees them: client software, addresses, age. One distribution for everybody, so that none of it tells honest from not.

Header names and their order are those that the public SDKs send; versions and shares are a judgement.
"""

from __future__ import annotations

from random import Random
from typing import Final

from proxy.drill.exchange import Account, Client

_STAINLESS: Final = (
    "x-stainless-lang", "x-stainless-package-version", "x-stainless-os", "x-stainless-arch", "x-stainless-runtime", "x-stainless-runtime-version", "x-stainless-async", "x-stainless-retry-count",
    "x-stainless-read-timeout",
)  # fmt: skip
_PYTHON: Final = ("host", "accept-encoding", "connection", "accept", "content-type", "user-agent")
_FAMILIES: Final = (
    (26, "AsyncOpenAI/Python 1.{}.{}", (*_PYTHON, *_STAINLESS, "authorization", "content-length"), "openai"),
    (22, "OpenAI/Python 1.{}.{}", (*_PYTHON, *_STAINLESS, "authorization", "content-length"), "openai"),
    (
        10,
        "OpenAI/JS 4.{}.{}",
        (
            "accept",
            "content-type",
            "user-agent",
            *_STAINLESS[:6],
            "authorization",
            "content-length",
            "accept-encoding",
            "host",
            "connection",
        ),
        "openai",
    ),
    (9, "AsyncAnthropic/Python 0.{}.{}", (*_PYTHON, *_STAINLESS, "x-api-key", "anthropic-version", "content-length"), "anthropic"),
    (7, "Anthropic/Python 0.{}.{}", (*_PYTHON, *_STAINLESS, "x-api-key", "anthropic-version", "content-length"), "anthropic"),
    (
        8,
        "python-requests/2.{}.{}",
        ("host", "user-agent", "accept-encoding", "accept", "connection", "content-type", "authorization", "content-length"),
        "openai",
    ),
    (
        7,
        "Python/3.12 aiohttp/3.{}.{}",
        ("host", "authorization", "content-type", "accept", "accept-encoding", "user-agent", "content-length"),
        "openai",
    ),
    (
        4,
        "python-httpx/0.{}.{}",
        ("host", "accept", "accept-encoding", "connection", "user-agent", "authorization", "content-length", "content-type"),
        "openai",
    ),
    (3, "Go-http-client/1.{}", ("host", "user-agent", "content-length", "authorization", "content-type", "accept-encoding"), "openai"),
    (
        2,
        "okhttp/4.{}.{}",
        ("authorization", "content-type", "content-length", "host", "connection", "accept-encoding", "user-agent"),
        "openai",
    ),
    (2, "curl/8.{}.{}", ("host", "user-agent", "accept", "content-type", "authorization", "content-length"), "openai"),
)
_WEIGHTS: Final = tuple(family[0] for family in _FAMILIES)
_MODELS: Final = ("m-large", "m-large", "m-large", "m-small", "m-reason")
_ASNS: Final = tuple(range(64512, 64912))
_YEAR_DAYS: Final = 365.0


def client(rng: Random) -> Client:
    """One of the usual SDKs in one of its last versions."""
    _, agent, names, dialect = rng.choices(_FAMILIES, _WEIGHTS)[0]
    return Client(names, agent.format(rng.randrange(40, 90), rng.randrange(8)), dialect)


def network(rng: Random) -> tuple[str, str]:
    """An address and its network: a private /24 or a documentation /48, since a drill names nobody's real address."""
    roll = rng.random()
    if roll < 0.2:
        prefix = f"10.0.{rng.randrange(256)}"  # few networks that many share: the clouds
    elif roll < 0.8:
        prefix = f"10.{rng.randrange(2, 256)}.{rng.randrange(256)}"
    else:
        block = f"{rng.randrange(1, 65536):x}"
        return f"2001:db8:{block}::{rng.randrange(1, 65536):x}", f"2001:db8:{block}::/48"
    return f"{prefix}.{rng.randrange(1, 255)}", f"{prefix}.0/24"


def age_days(rng: Random) -> float:
    """From a day to four years, most of it young: sign-ups grow and leavers are gone."""
    return float(round(rng.random() ** 2.2 * 4 * _YEAR_DAYS + 1.0, 2))


def account(rng: Random, name: str, *, at: tuple[str, str] | None = None, org: str = "", waived: bool = False, clients: int = 1) -> Account:
    """An account with `clients` pieces of software, on its own networks or all on the one given as (address, network)."""
    places = [at] if at else [network(rng) for _ in range(rng.choice((1, 1, 1, 2, 3)))]
    return Account(
        name,
        tuple(client(rng) for _ in range(clients)),
        tuple(address for address, _ in places),
        tuple(net for _, net in places),
        rng.choice(_ASNS),
        org or f"org-{name}",
        age_days(rng),
        rng.choice(("free", "paid", "paid", "enterprise")),
        rng.random() < 0.2,
        waived,
        rng.choice(_MODELS),
    )
