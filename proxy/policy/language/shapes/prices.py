"""The shapes of a price table."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from proxy.policy.language.shapes.fields import Day, Dollars, Strict


class TokensDoc(Strict):
    """US dollars for a million tokens."""

    input: Dollars = Field(description="Price of a million input tokens.", examples=[3])
    output: Dollars = Field(description="Price of a million output tokens.", examples=[15])
    cached_input: Dollars | None = Field(
        None,
        description="Price of a million input tokens that came from a prompt cache; that of `input` where it is left out.",
        examples=[0.3],
    )
    cache_write: Dollars | None = Field(
        None,
        description="Price of a million input tokens that were written to a prompt cache, in place of that of `input`, which it is where it is left out.",
        examples=[3.75],
    )
    cache_write_long: Dollars | None = Field(
        None,
        description="The same where they are kept for the longer of the provider's two times: an hour at Anthropic and Bedrock, twelve at OpenAI; that of `cache_write` where it is left out.",
        examples=[6],
    )


class LongDoc(TokensDoc):
    """US dollars for a million tokens of calls with a long prompt."""

    above: int = Field(
        gt=0,
        le=1_000_000_000,
        description="Tokens of the prompt, those from a cache included, above which all of the call costs this.",
        examples=[200_000],
    )


class PriceDoc(TokensDoc):
    """What a model costs."""

    long: LongDoc | None = Field(
        None,
        description="What all of a call costs whose prompt is longer; nothing else where it is left out.",
        examples=[{"above": 200_000, "input": 6, "output": 22.5}],
    )


class PricesDoc(Strict):
    """What models cost, for limits that count usd."""

    source: str = Field("", description="Where the prices were read.", examples=["Contract of 2026-04"])
    date: Day | None = Field(None, description="When they were read.", examples=["2026-04-01"])
    default: PriceDoc = Field(description="Price of a model without its own; never zero.", examples=[{"input": 15, "output": 75}])
    models: dict[str, PriceDoc] = Field(
        default_factory=dict,
        description="Exact name, or a beginning with * at the end: the longest wins.",
        examples=[{"gpt-4o*": {"input": 2.5, "output": 10}}],
    )
    tiers: dict[str, Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)]] = Field(
        default_factory=dict,
        description="How many times that a processing tier costs, by `request.service_tier`; once where it isn't listed. A discount is also for who asks where it has no effect.",
        examples=[{"priority": 2, "flex": 0.5}],
    )
    batch: Annotated[float, Field(gt=0, le=100, allow_inf_nan=False)] = Field(
        1.0,
        description="How many times that each call in an uploaded batch costs; a dearer tier counts too, a cheaper one doesn't. Nobody can claim it: the proxy sees that it is a batch.",
        examples=[0.5],
    )
