"""The shape of a policy file."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from proxy.policy.language.amounts import parse_rate
from proxy.policy.language.shapes.fields import (
    GLOB_PATTERN,
    NAME_PATTERN,
    PRESET_PATTERN,
    TAG_PATTERN,
    URL_PATTERN,
    Condition,
    Day,
    FactName,
    Id,
    Name,
    Rate,
    Strict,
    Words,
)
from proxy.policy.language.shapes.named import ListDoc, ModelsDoc, PatternDoc, PresetDoc, UninspectedDoc
from proxy.policy.language.shapes.prices import PricesDoc


class RefuseDoc(Strict):
    """Refuse the request."""

    code: str = Field(
        pattern=NAME_PATTERN, description="Stable, machine-readable reason told to the caller.", examples=["unsupported_region"]
    )
    message: Words = Field(
        description="What the caller is told. It must not quote the request.", examples=["The service isn't offered in your region."]
    )
    step_up_url: str | None = Field(
        None, pattern=URL_PATTERN, description="Where the caller can verify itself.", examples=["https://example.com/verify"]
    )


class ClampDoc(Strict):
    """Lower parameters of the request to at most these values. What its model doesn't take, or not as low, is told in the record (`unmet`) and counted."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    max_tokens: int | None = Field(
        None, ge=1, description="Upper bound of output tokens; set where the caller left it out.", examples=[4096]
    )
    n: int | None = Field(None, ge=1, description="Upper bound of answers for one request.", examples=[1])
    temperature: float | None = Field(
        None,
        ge=0,
        description=(
            "Upper bound of the sampling temperature; set where the caller left it out and models' default of 1 lies above. Models known to refuse "
            "any but their default (OpenAI's while they reason, Claude while it thinks and from 4.7 on) keep it, and lose one that is above the bound."
        ),
        examples=[1.0],
    )
    logprobs: Literal[False] | None = Field(None, description="false switches token log-probabilities off.")
    top_logprobs: int | None = Field(None, ge=0, description="Upper bound of alternatives at each token.", examples=[5])
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = Field(
        None, description="Highest reasoning effort, in the order none, minimal, low, medium, high, xhigh, max."
    )
    reasoning_budget: int | None = Field(None, ge=0, description="Upper bound of thinking tokens.", examples=[8192])

    @model_validator(mode="after")
    def _something(self) -> ClampDoc:
        if not self.model_fields_set:
            raise ValueError("the clamp names no parameter; name one, such as max_tokens")
        return self


class EffectsDoc(Strict):
    """What happens when a rule's condition holds. Several effects may stand together."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    refuse: RefuseDoc | None = Field(
        None,
        description="Refuse the request.",
        examples=[{"code": "unsupported_region", "message": "The service isn't offered in your region."}],
    )
    clamp: ClampDoc | None = Field(None, description="Lower parameters of the request.", examples=[{"n": 1, "logprobs": False}])
    strip: list[Literal["reasoning", "logprobs"]] | None = Field(
        None, min_length=1, description="Parts to remove from the answer.", examples=[["reasoning"]]
    )
    tag: list[Annotated[str, Field(pattern=TAG_PATTERN)]] | None = Field(
        None, min_length=1, description="Labels for the record and the metrics; nothing else changes.", examples=[["model.unknown"]]
    )

    @model_validator(mode="after")
    def _something(self) -> EffectsDoc:
        if not self.model_fields_set:
            raise ValueError("the rule has no effect; write refuse, clamp, strip or tag")
        return self


class _Described(Strict):
    id: Id = Field(description="Unique name: area and purpose joined by a dot.", examples=["regions.unsupported"])
    source: str = Field("", description="The clause of the terms that it enforces.", examples=["Supported Regions Policy, copy of 2025-09"])
    owner: str = Field("", description="Who answers for it.", examples=["trust-and-safety"])
    description: str = Field(
        "", description="Why it exists, for colleagues.", examples=["Many answers to one prompt are how preference data is made."]
    )
    mode: Literal["enforce", "shadow", "off"] = Field(
        "enforce", description="enforce acts, shadow only counts what it would have done, off isn't evaluated."
    )
    shadow_since: Day | None = Field(
        None, description="Day it went into shadow; check warns when that is long ago.", examples=["2026-11-01"]
    )


class RuleDoc(_Described):
    """One rule: when its condition holds, its effects apply."""

    when: Condition = Field(description="Condition in CEL over the facts.", examples=["!(client.country in lists.supported)"])
    then: EffectsDoc = Field(description="Effects of the rule.", examples=[{"clamp": {"n": 8}}])
    enforce_percent: float = Field(
        100.0, gt=0, le=100, description="Share of subjects for whom it acts; a subject always falls on the same side.", examples=[10]
    )
    not_before: Day | None = Field(None, description="First day on which it counts, from 00:00 UTC.", examples=["2027-01-01"])
    expires: Day | None = Field(None, description="Last day on which it counts, until 24:00 UTC.", examples=["2027-03-31"])
    on_error: Literal["refuse", "apply", "skip"] | None = Field(
        None,
        description="What a condition that fails to evaluate means: refuse (default of rules that refuse), apply (default of others) or skip.",
    )

    @model_validator(mode="after")
    def _agree(self) -> RuleDoc:
        if self.then.refuse is not None and self.on_error == "apply":
            raise ValueError("a rule that refuses can't have on_error: apply; write refuse or skip")
        if self.then.refuse is None and self.on_error == "refuse":
            raise ValueError("a rule without refuse can't have on_error: refuse; write apply or skip")
        if self.not_before and self.expires and self.expires < self.not_before:
            raise ValueError("expires lies before not_before; exchange them")
        return self


class LimitDoc(_Described):
    """One budget for every combination of the facts in `per`."""

    model_config = ConfigDict(
        json_schema_extra={
            "if": {"properties": {"count": {"const": "concurrent"}}},
            "then": {"required": ["max"], "properties": {"rate": False, "burst": False}},
            "else": {"required": ["rate"], "properties": {"max": False}},
        }
    )

    per: list[FactName] = Field(
        min_length=1, max_length=8, description="Facts whose values share a budget.", examples=[["account.id", "request.model"]]
    )
    count: Literal["requests", "input_tokens", "output_tokens", "total_tokens", "concurrent", "usd"] = Field(description="What is counted.")
    rate: Rate | None = Field(None, description="Amount per time: 600/1m, 2.5/1h, 10000/1d.", examples=["200000/1m"])
    burst: float | None = Field(
        None, gt=0, description="Amount that may be spent at once; the rate's amount when left out.", examples=[400000]
    )
    max: int | None = Field(None, ge=1, description="Requests in flight at once; for count: concurrent.", examples=[16])
    when: Condition | None = Field(None, description="Condition in CEL; always when left out.", examples=["risk.level >= 1"])
    message: Words | None = Field(
        None,
        description="What the caller is told; when left out, which limit it is and when to try again.",
        examples=["Too many requests for the free tier."],
    )

    @model_validator(mode="after")
    def _agree(self) -> LimitDoc:
        if self.count == "concurrent":
            if self.max is None or self.rate is not None or self.burst is not None:
                raise ValueError("a limit that counts concurrent takes max alone; write max: 16 and remove rate and burst")
        elif self.rate is None or self.max is not None:
            raise ValueError(f"a limit that counts {self.count} takes rate, not max; write rate: 600/1m")
        elif self.count != "usd" and (most := self.burst or parse_rate(self.rate)[0]) < 1:
            raise ValueError(f"a budget of {most:g} {self.count} never lets one pass; write a longer time such as 1/2h, or burst: 1")
        return self


class WaiverDoc(Strict):
    """Sets rules or limits aside for a while. The only thing that loosens anything."""

    id: Id = Field(description="Unique name.", examples=["waivers.eval_team"])
    waives: list[Annotated[str, Field(pattern=GLOB_PATTERN)]] = Field(
        min_length=1, description="Ids of rules and limits; * stands for any text.", examples=[["distillation.*"]]
    )
    when: Condition = Field(description="Whom it covers, in CEL.", examples=["account.id in lists.eval_accounts"])
    expires: Day = Field(description="Last day on which it counts, until 24:00 UTC.", examples=["2027-03-31"])
    reason: Words = Field(description="Why it was granted.", examples=["authorised evaluation harness, ticket 4711"])
    approver: Words = Field(description="Who granted it.", examples=["jane.doe"])


class PolicyDoc(Strict):
    """A policy file. All files of the folder are one set of rules; the order of files and rules never matters."""

    use: list[Annotated[str, Field(pattern=PRESET_PATTERN)]] = Field(
        default_factory=list, description="Presets to include.", examples=[["presets/anthropic-2025-09"]]
    )
    preset: PresetDoc | None = Field(
        None,
        description="Only in files under presets/: where the pack comes from.",
        examples=[{"provider": "Anthropic", "date": "2025-09-15", "source": "page api/supported-regions"}],
    )
    lists: dict[Name, ListDoc] = Field(
        default_factory=dict, description="Named lists of values.", examples=[{"supported": {"file": "lists/anthropic-api.txt"}}]
    )
    patterns: dict[Name, PatternDoc] = Field(
        default_factory=dict,
        description="Named sets of regular expressions.",
        examples=[{"cot_elicitation": {"file": "patterns/cot_elicitation.txt"}}],
    )
    rules: list[RuleDoc] = Field(
        default_factory=list, description="Rules.", examples=[[{"id": "usage.n", "when": "request.n > 8", "then": {"clamp": {"n": 8}}}]]
    )
    limits: list[LimitDoc] = Field(
        default_factory=list,
        description="Budgets.",
        examples=[[{"id": "limits.requests", "per": ["account.id"], "count": "requests", "rate": "600/1m"}]],
    )
    waivers: list[WaiverDoc] = Field(
        default_factory=list,
        description="Exceptions.",
        examples=[
            [
                {
                    "id": "waivers.eval_team",
                    "waives": ["distillation.*"],
                    "when": "account.org == 'research'",
                    "expires": "2027-03-31",
                    "reason": "ticket 4711",
                    "approver": "jane.doe",
                }
            ]
        ],
    )
    models: ModelsDoc | None = Field(None, description="Model names.", examples=[{"known": ["claude-*", "gpt-4o"]}])
    prices: PricesDoc | None = Field(None, description="Model prices.", examples=[{"default": {"input": 15, "output": 75}}])
    uninspected: list[UninspectedDoc] = Field(
        default_factory=list,
        description="Endpoints passed without being read.",
        examples=[[{"method": "POST", "path": "/v1/files/*", "reason": "scanned elsewhere"}]],
    )
