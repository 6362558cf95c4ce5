"""Fields that several shapes share: names, days, rates, and what to write when one has the wrong form."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from proxy.policy.facts import BY_NAME
from proxy.policy.language.amounts import DAY_PATTERN, RATE_PATTERN, is_day, parse_rate

EFFORTS: Final = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
"""Reasoning efforts from the lowest to the highest; a clamp lowers to at most the one it names."""

ID_PATTERN: Final = r"^[a-z][a-z0-9_]*(\.[a-z0-9][a-z0-9_]*)+$"
NAME_PATTERN: Final = r"^[a-z][a-z0-9_]{0,63}$"
TAG_PATTERN: Final = r"^[a-z][a-z0-9_.:-]{0,63}$"
GLOB_PATTERN: Final = r"^[a-z*][a-z0-9_.*]*$"
URL_PATTERN: Final = r"^https://[^\s]+$"
PATH_PATTERN: Final = r"^/[A-Za-z0-9._~/*:-]*$"
PRESET_PATTERN: Final = r"^presets/[a-z0-9_.-]+$"

FORMS: Final = {
    ID_PATTERN: "write area and purpose in lower case, joined by a dot, such as usage.models",
    NAME_PATTERN: "write a name of lower-case letters, digits and _",
    TAG_PATTERN: "write a label of lower-case letters, digits, _ . : and -",
    GLOB_PATTERN: "write an id, or a part of one and *, such as distillation.*",
    URL_PATTERN: "write an address that begins with https://",
    PATH_PATTERN: "write a path that begins with /, without query",
    PRESET_PATTERN: "write presets/ and the file's name without .yaml",
}
"""What to write instead of a text of the wrong form, by the pattern it should match."""


def _is_date(text: str) -> str:
    if not is_day(text):
        raise ValueError(f"{text!r} isn't a date; write a day as 2027-03-31")
    return text


def _is_fact(text: str) -> str:
    if text not in BY_NAME:
        raise ValueError(f"unknown fact {text!r}")
    return text


def _is_rate(text: str) -> str:
    parse_rate(text)
    return text


Day = Annotated[str, AfterValidator(_is_date), Field(json_schema_extra={"format": "date", "pattern": DAY_PATTERN})]
Id = Annotated[str, Field(pattern=ID_PATTERN, max_length=100)]
Name = Annotated[str, Field(pattern=NAME_PATTERN)]
FactName = Annotated[str, AfterValidator(_is_fact), Field(json_schema_extra={"enum": sorted(BY_NAME)})]
Rate = Annotated[str, AfterValidator(_is_rate), Field(json_schema_extra={"pattern": RATE_PATTERN})]
Condition = Annotated[str, Field(min_length=1, max_length=4000)]
Words = Annotated[str, Field(min_length=1, max_length=1000)]
Dollars = Annotated[float, Field(gt=0, le=100_000, allow_inf_nan=False)]


class Strict(BaseModel):
    """A mapping that takes no unknown key and converts nothing."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
