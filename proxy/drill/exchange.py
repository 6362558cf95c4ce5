"""What a drill is made of: accounts with their clients, the requests they send, and what the proxy did with each."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple, Protocol

from proxy.detection.observation import NO_SIGNALS, Observation, Signals
from proxy.dialects.call import ModelCall, Text, Usage

REFUSED_FROM: Final = 400
_FIRST_TOKEN_S: Final = 0.4
_TOKENS_PER_S: Final = (35.0, 95.0)
_CHARS_A_TOKEN: Final = 4


class Client(NamedTuple):
    """The software that sends: what a proxy can see of it."""

    header_names: tuple[str, ...]
    user_agent: str
    dialect: str = "openai"
    tls_fingerprint: str = ""


class Account(NamedTuple):
    """One customer account, honest or not. `addresses` are the client addresses it sends from, in turn."""

    id: str
    clients: tuple[Client, ...]
    addresses: tuple[str, ...]
    networks: tuple[str, ...]
    asn: int = 0
    org: str = ""
    age_days: float = -1.0
    tier: str = "paid"
    verified: bool = False
    waived: bool = False
    model: str = "m-large"


class Request(NamedTuple):
    """What is asked of the model, and how long the model will talk. Zero and None mean that the caller left it out."""

    texts: tuple[Text, ...]
    turns: int = 1
    tools: tuple[str, ...] = ()
    tool_results: int = 0
    max_output_tokens: int = 0
    n: int = 1
    temperature: float | None = None
    seed: int | None = None
    reasoning: bool = False
    logprobs: bool = False
    stream: bool = False
    end_user: str = ""
    output_tokens: int = 300
    reasoning_tokens: int = 0


class Exchange(NamedTuple):
    """One request and the answer it gets if it is served. `label` is `benign:<kind>` or `attack:<pipeline>`."""

    at: float
    duration_s: float
    observation: Observation
    usage: Usage
    client_ip: str
    label: str
    campaign: str = ""
    """Which campaign the account works for; "" for honest accounts."""
    filler: bool = False
    """True for the ordinary traffic that a campaign mixes in: it isn't part of the harvest."""
    tier: str = "paid"
    verified: bool = False


class Outcome(NamedTuple):
    """What the proxy did with one exchange, and what it knew of the account when it decided."""

    status: int = 200
    signals: Signals = NO_SIGNALS
    stripped: bool = False
    """Reasoning was taken out of the request or the answer."""
    retry_after_s: float = 0.0
    by: str = ""
    """The rule or limit that refused it."""

    @property
    def served(self) -> bool:
        """Whether an answer was given."""
        return self.status < REFUSED_FROM


class Source(Protocol):
    """Something that sends requests and learns how they fared. Pure: it knows only the times it is given."""

    def due(self) -> float:
        """When the next request will be sent, in seconds since the epoch; `inf` while an answer is awaited and when there is none left."""

    def send(self, now: float) -> Exchange | None:
        """The request that is due; None if there turns out to be none."""

    def answered(self, exchange: Exchange, outcome: Outcome, now: float) -> None:
        """The answer to an earlier request came to its end, or was a refusal."""


def exchange(
    account: Account, request: Request, at: float, rng: Random, label: str, *, campaign: str = "", filler: bool = False
) -> Exchange:
    """Send `request` from `account`: its current client and address, with a service time in proportion to what the model writes."""
    client = account.clients[0] if len(account.clients) == 1 else rng.choice(account.clients)
    where = 0 if len(account.addresses) == 1 else int(rng.random() * len(account.addresses))
    written = request.output_tokens * max(request.n, 1)
    input_tokens = sum(len(piece.text) for piece in request.texts) // _CHARS_A_TOKEN + 4
    call = ModelCall(
        client.dialect,
        "messages" if client.dialect == "anthropic" else "chat.completions",
        account.model,
        request.stream,
        request.texts,
        tools=request.tools,
        tool_results=request.tool_results,
        turns=request.turns,
        max_output_tokens=request.max_output_tokens,
        n=request.n,
        temperature=request.temperature,
        seed=request.seed,
        logprobs=request.logprobs,
        reasoning=request.reasoning,
        end_user=request.end_user,
        input_tokens=input_tokens,
    )
    seen = Observation(
        account.id,
        call,
        client.header_names,
        client.user_agent,
        client.tls_fingerprint,
        account.networks[where],
        account.asn,
        account.org,
        account.age_days,
        account.waived,
    )
    low, high = _TOKENS_PER_S
    duration_s = _FIRST_TOKEN_S + rng.random() + request.output_tokens / (low + rng.random() * (high - low))
    usage = Usage(input_tokens, written, 0, min(request.reasoning_tokens, written))
    return Exchange(at, duration_s, seen, usage, account.addresses[where], label, campaign, filler, account.tier, account.verified)
