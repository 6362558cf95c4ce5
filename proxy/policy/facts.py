"""Facts: every word a rule may use, with its type, phase and meaning.

The CEL environment, the JSON Schema, the reference page and the tests are all made from this one table.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple

FactValue = str | int | float | bool | Sequence[str]
Facts = Mapping[str, FactValue]
"""One value for every fact of the phases reached so far, by dotted name. Unknown is a value ("" or 0), never absence."""


class Phase(Enum):
    """When a fact is known. A rule belongs to the latest phase among the facts it reads."""

    REQUEST = "request"
    SIGNALS = "signals"


class Kind(Enum):
    """A fact's type, named as CEL names it."""

    STRING = "string"
    INT = "int"
    DOUBLE = "double"
    BOOL = "bool"
    STRINGS = "list(string)"

    @property
    def words(self) -> str:
        """What a value must be, for people."""
        return {"string": "a text", "int": "a whole number", "double": "a number", "bool": "true or false"}.get(
            self.value, "a list of texts"
        )


class Fact(NamedTuple):
    """One row of the vocabulary."""

    name: str
    kind: Kind
    phase: Phase
    meaning: str
    few: bool
    """Few distinct values in practice: rules that read only such facts are remembered by the verdict cache."""


def _request(name: str, kind: Kind, meaning: str, *, few: bool = True) -> Fact:
    return Fact(name, kind, Phase.REQUEST, meaning, few)


def _signal(name: str, kind: Kind, meaning: str, *, few: bool = True) -> Fact:
    return Fact(name, kind, Phase.SIGNALS, meaning, few)


FACTS: tuple[Fact, ...] = (
    _request("client.ip", Kind.STRING, "Client address after the trusted-proxy walk.", few=False),
    _request("client.country", Kind.STRING, 'ISO 3166-1 alpha-2 code; "" when unknown.'),
    _request("client.subdivision", Kind.STRING, 'ISO 3166-2 code such as UA-43; "" when unknown.'),
    _request("client.asn", Kind.INT, "Autonomous system number; 0 when unknown.", few=False),
    _request("client.as_org", Kind.STRING, 'Organisation of the autonomous system; "" when unknown.', few=False),
    _request("client.anonymous", Kind.BOOL, "A database flags the address as VPN, proxy, Tor exit or relay."),
    _request("client.hosting", Kind.BOOL, "The address belongs to a hosting provider."),
    _request("client.geo_status", Kind.STRING, "How the region was found: ok, unknown, private, stale or error."),
    _request("account.id", Kind.STRING, "Account from the trusted header, else a keyed digest of the credential.", few=False),
    _request("account.source", Kind.STRING, "Where the account came from: header, token, credential or none."),
    _request("account.listed", Kind.BOOL, "The accounts directory has an entry for it."),
    _request("account.org", Kind.STRING, 'Organisation the account belongs to; "" when unknown.', few=False),
    _request("account.tier", Kind.STRING, 'Service tier; "" when unknown.'),
    _request("account.verified", Kind.BOOL, "The operator verified who is behind the account."),
    _request("account.country", Kind.STRING, 'Country the account declared; "" when unknown.'),
    _request("account.owner_country", Kind.STRING, 'Country of the account\'s ultimate owner; "" when unknown.'),
    _request("account.owner_share", Kind.DOUBLE, "Share held by that owner, 0.0 to 1.0; 0.0 when unknown."),
    _request("account.age_days", Kind.DOUBLE, "Days since the account was opened; -1.0 when unknown.", few=False),
    _request("account.tags", Kind.STRINGS, "The operator's own labels."),
    _request("request.dialect", Kind.STRING, "API dialect: openai, azure, anthropic, gemini, bedrock or ollama."),
    _request("request.endpoint", Kind.STRING, "Operation, such as chat.completions, messages or models.list."),
    _request("request.model", Kind.STRING, 'Model after aliases; "" for endpoints without one.'),
    _request("request.model_known", Kind.BOOL, "The policies name the model, itself or by a prefix."),
    _request("request.stream", Kind.BOOL, "A streamed answer was asked for."),
    _request("request.max_tokens", Kind.INT, "Output token limit asked for; 0 when left out.", few=False),
    _request("request.n", Kind.INT, "Answers asked for in one request."),
    _request("request.temperature", Kind.DOUBLE, "Sampling temperature; -1.0 when left out.", few=False),
    _request("request.seeded", Kind.BOOL, "A sampling seed was given."),
    _request("request.logprobs", Kind.BOOL, "Token log-probabilities were asked for."),
    _request("request.top_logprobs", Kind.INT, "Alternatives asked for at each token."),
    _request("request.reasoning", Kind.BOOL, "Reasoning or thinking was asked for explicitly."),
    _request("request.reasoning_effort", Kind.STRING, 'Effort level asked for; "" when left out.'),
    _request("request.reasoning_budget", Kind.INT, "Thinking token budget; 0 when left out.", few=False),
    _request("request.input_tokens", Kind.INT, "Local estimate of the prompt's tokens.", few=False),
    _request("request.turns", Kind.INT, "User messages in the conversation.", few=False),
    _request("request.images", Kind.INT, "Images in the prompt.", few=False),
    _request("request.audio", Kind.INT, "Audio parts in the prompt.", few=False),
    _request("request.tools", Kind.STRINGS, "Names of the tools offered.", few=False),
    _request("request.tool_results", Kind.INT, "Tool results in the conversation.", few=False),
    _request("request.end_user", Kind.STRING, "The caller's own end-user identifier.", few=False),
    _request("request.patterns", Kind.STRINGS, "Names of the pattern sets that the prompt's texts matched."),
    _request(
        "request.unscanned_chars",
        Kind.INT,
        "Characters in the middle of a very long prompt, in which no pattern was looked for; 0 for all others.",
        few=False,
    ),
    _request("request.batch_size", Kind.INT, "Calls inside a batch upload; 0 for a single call.", few=False),
    _request("request.unseen", Kind.INT, "Parts that were named but not sent along: files, stored prompts, earlier answers.", few=False),
    _request("request.service_tier", Kind.STRING, 'Processing tier asked for, such as priority, flex or fast; "" when left out.'),
    _request("request.inspected", Kind.BOOL, "A reader understood the request; false only for endpoints passed by policy."),
    _request("time.hour", Kind.INT, "Hour of the day, UTC, 0 to 23."),
    _request("time.weekday", Kind.INT, "Day of the week, UTC, 1 (Monday) to 7."),
    _signal("risk.level", Kind.INT, "Standing on the ladder: 0 observe, 1 throttle, 2 strip, 3 step-up, 4 block."),
    _signal("risk.score", Kind.DOUBLE, "Posterior probability that the account takes part in distillation.", few=False),
    _signal("risk.families", Kind.STRINGS, "Evidence families that support the score."),
    _signal("campaign.id", Kind.STRING, 'Campaign the account is a member of; "" when none.', few=False),
    _signal("campaign.size", Kind.INT, "Accounts in that campaign.", few=False),
    _signal("campaign.age_hours", Kind.DOUBLE, "Hours since the campaign was first a candidate.", few=False),
    _signal("account.countries_24h", Kind.INT, "Distinct client countries of the account in the last 24 hours."),
    _signal("account.asns_24h", Kind.INT, "Distinct autonomous systems of the account in the last 24 hours."),
    _signal(
        "account.travel_kmh",
        Kind.DOUBLE,
        "Fastest travel, in km/h, that client locations of the last hour imply; 0.0 when unknown.",
        few=False,
    ),
)

BY_NAME: dict[str, Fact] = {fact.name: fact for fact in FACTS}
