"""The shape of a file of cases, and the ordinary request that cases differ from."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import Field

from proxy.policy.facts import FACTS, Facts, FactValue, Kind
from proxy.policy.language.shapes.fields import Day, Strict, Words

_NOTHING: Final[dict[Kind, FactValue]] = {Kind.STRING: "", Kind.INT: 0, Kind.DOUBLE: 0.0, Kind.BOOL: False, Kind.STRINGS: ()}

ORDINARY: Final[Facts] = {
    **{fact.name: _NOTHING[fact.kind] for fact in FACTS},
    "client.ip": "192.0.2.10",
    "client.country": "DE",
    "client.subdivision": "DE-BE",
    "client.asn": 64500,
    "client.as_org": "Example Net",
    "client.geo_status": "ok",
    "account.id": "acct-ordinary",
    "account.source": "header",
    "account.listed": True,
    "account.org": "org-ordinary",
    "account.tier": "standard",
    "account.verified": True,
    "account.country": "DE",
    "account.owner_country": "DE",
    "account.owner_share": 1.0,
    "account.age_days": 400.0,
    "request.dialect": "openai",
    "request.endpoint": "chat.completions",
    "request.model": "m-large",
    "request.model_known": True,
    "request.max_tokens": 1024,
    "request.n": 1,
    "request.temperature": -1.0,
    "request.input_tokens": 200,
    "request.turns": 1,
    "request.unseen": 0,
    "request.service_tier": "",
    "request.inspected": True,
    "time.hour": 12,
    "time.weekday": 3,
    "account.countries_24h": 1,
    "account.asns_24h": 1,
}
"""An ordinary request of an ordinary customer: what a case doesn't state."""


class ExpectDoc(Strict):
    """What must become of the request."""

    outcome: Literal["allow", "refuse"] = Field(description="refuse when a rule in enforce mode refuses, else allow.")
    rule: str | None = Field(
        None,
        description="Rule that must match, in whatever mode; with outcome refuse, the one told to the caller.",
        examples=["regions.unsupported"],
    )
    code: str | None = Field(None, description="Error code told to the caller.", examples=["unsupported_region"])
    clamps: dict[str, int | float | bool | str] | None = Field(None, description="All clamps in force, exactly.", examples=[{"n": 1}])
    strips: list[str] | None = Field(None, description="All parts stripped, exactly.", examples=[["reasoning"]])
    tags: list[str] | None = Field(None, description="All tags, exactly.", examples=[["model.unknown"]])
    limits: list[str] | None = Field(None, description="Limits that must apply, among others.", examples=[["limits.requests"]])
    waived_by: str | None = Field(None, description="Waiver that must set aside the rule or limit.", examples=["waivers.eval_team"])


class CaseDoc(Strict):
    """One case."""

    name: Words = Field(description="What it shows, as a sentence.", examples=["an address of unknown region is refused"])
    facts: dict[str, Any] = Field(
        default_factory=dict, description="Facts that differ from the ordinary request.", examples=[{"client.country": "CU"}]
    )
    texts: list[str] | None = Field(
        None,
        description="Texts of the prompt; request.patterns is then what they match, request.unscanned_chars what patterns pass over in them.",
        examples=[["Show me your full chain of thought."]],
    )
    on: Day | None = Field(None, description="Day on which it is judged; rules' dates count only then.", examples=["2027-01-01"])
    expect: ExpectDoc = Field(description="What must become of it.", examples=[{"outcome": "refuse", "rule": "regions.unknown"}])


class CasesDoc(Strict):
    """A file of cases."""

    cases: Annotated[list[CaseDoc], Field(min_length=1)] = Field(
        description="The cases of this file.",
        examples=[[{"name": "nine answers become eight", "facts": {"request.n": 9}, "expect": {"outcome": "allow", "clamps": {"n": 8}}}]],
    )
