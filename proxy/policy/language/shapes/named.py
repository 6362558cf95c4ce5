"""The shapes of what a policy file names: lists, pattern sets, models, endpoints passed unread, presets."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from proxy.policy.language.shapes.fields import PATH_PATTERN, Day, Strict, Words


class ListDoc(Strict):
    """A named list of values; a condition asks `client.country in lists.NAME`."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["file"]}, {"required": ["values"]}]})

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

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["file"]}, {"required": ["values"]}]})

    file: str | None = Field(
        None, description="Text file with one expression a line; # begins a comment line.", examples=["patterns/cot_elicitation.txt"]
    )
    values: list[str] | None = Field(None, description="The expressions themselves.", examples=[["step by step reasoning"]])

    @model_validator(mode="after")
    def _one_source(self) -> PatternDoc:
        if (self.file is None) == (self.values is None):
            raise ValueError("a pattern set needs either file or values; write one of them")
        return self


class ModelsDoc(Strict):
    """Which models exist and by which names."""

    aliases: dict[str, str] = Field(default_factory=dict, description="Other name: canonical name.", examples=[{"gpt-4o-latest": "gpt-4o"}])
    known: list[Annotated[str, Field(min_length=1, max_length=200)]] = Field(
        default_factory=list, description="Names the terms know: exact, or with * at the end.", examples=[["claude-*", "gpt-4o"]]
    )


class UninspectedDoc(Strict):
    """An endpoint that no reader understands and that is passed all the same. Counted."""

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = Field(description="HTTP method.")
    path: str = Field(
        pattern=PATH_PATTERN,
        max_length=300,
        description="Path; * stands for one segment, ** at the end for any rest.",
        examples=["/v1/files/*"],
    )
    reason: Words = Field(description="Why its content needn't be read.", examples=["files are scanned by another system"])


class PresetDoc(Strict):
    """Where a preset comes from. A preset is a copy of a date, never the current state."""

    provider: str = Field(description="Whose terms.", examples=["Anthropic"])
    date: Day = Field(description="Date of the copy.", examples=["2025-09-15"])
    source: Words = Field(description="Page or document that was read.", examples=["Anthropic documentation, page api/supported-regions"])
    note: str = Field(
        "", description="What to know before relying on it.", examples=["Compare with the provider's page before relying on it."]
    )
