"""The shape of a policy file."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from proxy.policy.language.shapes.fields import (
    GLOB_PATTERN,
    NAME_PATTERN,
    PATH_PATTERN,
    PRESET_PATTERN,
    TAG_PATTERN,
    URL_PATTERN,
    Condition,
    Day,
    Dollars,
    FactName,
    Id,
    Name,
    Rate,
    Strict,
    Words,
)


class ListDoc(Strict):
    """A named list of values; a condition asks `client.country in lists.NAME`."""

    file: str | None = Field(
        None,
        description="Text file with the values, separated by blanks or lines; # begins a comment.",
        examples=["lists/anthropic-api.txt"],
    )
    values: list[str | int] | None = Field(None, description="The values themselves.", examples=[["DE", "FR"]])
    of: Literal["string", "int"] = Field("string", description="Type of the values.")

    @model_validator(mode="after")
    def _one_source(self) -> ListDoc:
        if (self.file is None) == (self.values is None):
            raise ValueError("a list needs either file or values; write one of them")
        return self


class PatternDoc(Strict):
    """A named set of regular expressions (RE2 syntax, case ignored); a condition asks `'NAME' in request.patterns`."""

    file: str | None = Field(
        None, description="Text file with one expression a line; # begins a comment line.", examples=["patterns/cot_elicitation.txt"]
    )
    values: list[str] | None = Field(None, description="The expressions themselves.", examples=[["step by step reasoning"]])

    @model_validator(mode="after")
    def _one_source(self) -> PatternDoc:
        if (self.file is None) == (self.values is None):
            raise ValueError("a pattern set needs either file or values; write one of them")
        return self


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
    """Lower parameters of the request to at most these values."""

    max_tokens: int | None = Field(None, ge=1, description="Upper bound of output tokens; set where the caller left it out.")
    n: int | None = Field(None, ge=1, description="Upper bound of answers for one request.")
    temperature: float | None = Field(None, ge=0, description="Upper bound of the sampling temperature.")
    logprobs: Literal[False] | None = Field(None, description="false switches token log-probabilities off.")
    top_logprobs: int | None = Field(None, ge=0, description="Upper bound of alternatives at each token.")
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = Field(
        None, description="Highest reasoning effort, in the order none, minimal, low, medium, high, xhigh, max."
    )
    reasoning_budget: int | None = Field(None, ge=0, description="Upper bound of thinking tokens.")

    @model_validator(mode="after")
    def _something(self) -> ClampDoc:
        if not self.model_fields_set:
            raise ValueError("the clamp names no parameter; name one, such as max_tokens")
        return self


class EffectsDoc(Strict):
    """What happens when a rule's condition holds. Several effects may stand together."""

    refuse: RefuseDoc | None = Field(None, description="Refuse the request.")
    clamp: ClampDoc | None = Field(None, description="Lower parameters of the request.")
    strip: list[Literal["reasoning", "logprobs"]] | None = Field(None, min_length=1, description="Parts to remove from the answer.")
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
    description: str = Field("", description="Why it exists, for colleagues.")
    mode: Literal["enforce", "shadow", "off"] = Field(
        "enforce", description="enforce acts, shadow only counts what it would have done, off isn't evaluated."
    )
    shadow_since: Day | None = Field(
        None, description="Day it went into shadow; check warns when that is long ago.", examples=["2026-11-01"]
    )


class RuleDoc(_Described):
    """One rule: when its condition holds, its effects apply."""

    when: Condition = Field(description="Condition in CEL over the facts.", examples=["!(client.country in lists.supported)"])
    then: EffectsDoc = Field(description="Effects of the rule.")
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
    message: Words = Field("Too many requests.", description="What the caller is told.")

    @model_validator(mode="after")
    def _agree(self) -> LimitDoc:
        if self.count == "concurrent":
            if self.max is None or self.rate is not None or self.burst is not None:
                raise ValueError("a limit that counts concurrent takes max alone; write max: 16 and remove rate and burst")
        elif self.rate is None or self.max is not None:
            raise ValueError(f"a limit that counts {self.count} takes rate, not max; write rate: 600/1m")
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


class ModelsDoc(Strict):
    """Which models exist and by which names."""

    aliases: dict[str, str] = Field(default_factory=dict, description="Other name: canonical name.", examples=[{"gpt-4o-latest": "gpt-4o"}])
    known: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, description="Names the terms know: exact, or with * at the end.", examples=[["claude-*", "gpt-4o"]]
    )


class PriceDoc(Strict):
    """US dollars for a million tokens."""

    input: Dollars = Field(description="Price of a million input tokens.", examples=[3])
    output: Dollars = Field(description="Price of a million output tokens.", examples=[15])


class PricesDoc(Strict):
    """What models cost, for limits that count usd."""

    source: str = Field("", description="Where the prices were read.")
    date: Day | None = Field(None, description="When they were read.")
    default: PriceDoc = Field(description="Price of a model without its own; never zero.")
    models: dict[str, PriceDoc] = Field(default_factory=dict, description="Exact name, or a beginning with * at the end: the longest wins.")


class UninspectedDoc(Strict):
    """An endpoint that no reader understands and that is passed all the same. Counted."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = Field(description="HTTP method.")
    path: str = Field(
        pattern=PATH_PATTERN,
        max_length=300,
        description="Path; * stands for one segment, ** at the end for any rest.",
        examples=["/v1/files/*"],
    )
    reason: Words = Field(description="Why its content needn't be read.")


class PresetDoc(Strict):
    """Where a preset comes from. A preset is a copy of a date, never the current state."""

    provider: str = Field(description="Whose terms.", examples=["Anthropic"])
    date: Day = Field(description="Date of the copy.", examples=["2025-09-15"])
    source: Words = Field(description="Page or document that was read.")
    note: str = Field("", description="What to know before relying on it.")


class PolicyDoc(Strict):
    """A policy file. All files of the folder are one set of rules; the order of files and rules never matters."""

    use: list[Annotated[str, Field(pattern=PRESET_PATTERN)]] = Field(
        default_factory=list, description="Presets to include.", examples=[["presets/anthropic-2025-09"]]
    )
    preset: PresetDoc | None = Field(None, description="Only in files under presets/: where the pack comes from.")
    lists: dict[Name, ListDoc] = Field(default_factory=dict, description="Named lists of values.")
    patterns: dict[Name, PatternDoc] = Field(default_factory=dict, description="Named sets of regular expressions.")
    rules: list[RuleDoc] = Field(default_factory=list, description="Rules.")
    limits: list[LimitDoc] = Field(default_factory=list, description="Budgets.")
    waivers: list[WaiverDoc] = Field(default_factory=list, description="Exceptions.")
    models: ModelsDoc | None = Field(None, description="Model names.")
    prices: PricesDoc | None = Field(None, description="Model prices.")
    uninspected: list[UninspectedDoc] = Field(default_factory=list, description="Endpoints passed without being read.")


def schema() -> dict[str, Any]:
    """The JSON Schema of a policy file, for editors."""
    made: dict[str, Any] = PolicyDoc.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "tos-proxy policy file",
        **{k: v for k, v in made.items() if k != "title"},
    }
