"""The evidence table: what each measurement is worth, and where the number comes from.

A measure's bins say how often honest and distilling traffic reach a value; the log10 of their ratio is the weight. Measures
belong to families; within a family the strongest counts, a cap bounds it, and families add.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from proxy.documents.strict_yaml import Path, read_yaml
from proxy.errors import ConfigError, Problem

LEVELS: Final = 4

_Rate = Annotated[float, Field(gt=0.0, le=1.0)]


_SHAPE: Final = "write it as the file of `tos-proxy calibrate` does"
_TOLD: Final = {
    "missing": ("is missing", "add it"),
    "model_type": ("must hold keys and values", _SHAPE),
    "dict_type": ("must hold keys and values", _SHAPE),
    "list_type": ("must be a list", _SHAPE),
    "string_type": ("must be a text", "put it in quotes"),
    "bool_type": ("must be true or false", ""),
    "bool_parsing": ("must be true or false", ""),
    "int_type": ("must be a whole number", "write it in digits"),
    "int_parsing": ("must be a whole number", "write it in digits"),
    "float_type": ("must be a number", "write it in digits"),
    "float_parsing": ("must be a number", "write it in digits"),
    "greater_than": ("must be above {gt:g}", ""),
    "greater_than_equal": ("must be at least {ge:g}", ""),
    "less_than": ("must be below {lt:g}", ""),
    "less_than_equal": ("must be at most {le:g}", ""),
}
"""Kinds of error: what is wrong, and what to write."""

_Lines = dict[Path, tuple[str, int, int]]
"""File, line and column by path."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Family(_Model):
    """One kind of evidence, independent enough of the others to add to them."""

    cap: Annotated[float, Field(ge=0.0, le=10.0)]
    floor: Annotated[float, Field(ge=-10.0, le=0.0)] = 0.0
    together: bool = False
    """It shows accounts acting as one, which a class, a popular tool or an office don't. Without such a family none rises above level 1."""
    means: str
    source: str


class Bin(_Model):
    """From this value on: the share of honest and of distilling groups (or accounts) that reach it."""

    at_least: float
    benign: _Rate
    attack: _Rate
    n: Annotated[int, Field(ge=0)] = 0
    """Benign cases behind the rate; 0 for a judgement."""
    source: str

    @property
    def log10(self) -> float:
        """The weight: log10 of the likelihood ratio."""
        return math.log10(self.attack / self.benign)


class Measure(_Model):
    """A measurement, as bins of ascending value."""

    family: str
    means: str
    bins: Annotated[list[Bin], Field(min_length=1)]


class Level(_Model):
    """What a level takes."""

    probability: Annotated[float, Field(gt=0.0, lt=1.0)]
    families: Annotated[int, Field(ge=1, le=8)]
    source: str = ""


class Prior(_Model):
    """Before any evidence."""

    log10_odds: Annotated[float, Field(ge=-9.0, le=0.0)]
    source: str


class Document(_Model):
    """evidence.yaml."""

    version: int
    prior: Prior
    half_life_h: Annotated[float, Field(gt=0.0)]
    levels: Annotated[list[Level], Field(min_length=LEVELS, max_length=LEVELS)]
    families: dict[str, Family]
    measures: dict[str, Measure]


class EvidenceTable:
    """The document, arranged for look-ups."""

    def __init__(self, document: Document) -> None:
        """The document is consistent: `load_evidence` checked it."""
        self.document = document
        self.prior = document.prior.log10_odds
        self.families = document.families
        self.half_life_s = document.half_life_h * 3600.0
        self.level_log_odds = tuple(math.log10(level.probability / (1.0 - level.probability)) for level in document.levels)
        self.level_families = tuple(level.families for level in document.levels)
        self.family_of: Mapping[str, str] = {name: measure.family for name, measure in document.measures.items()}
        """The family that a measure belongs to."""
        self._bins = {name: ([one.at_least for one in measure.bins], measure.bins) for name, measure in document.measures.items()}

    def weigh(self, measure: str, value: float) -> float:
        """log10 likelihood ratio of the value; 0.0 below the first bin, and for a measure that the table leaves out."""
        entry = self._bins.get(measure)
        if entry is None:
            return 0.0
        place = bisect_right(entry[0], value)
        return entry[1][place - 1].log10 if place else 0.0


def load_evidence(content: bytes, override: bytes | None = None, file: str = "override", name: str = "evidence.yaml") -> EvidenceTable:
    """The table of a file, with an operator's override merged over it key by key. Raises ConfigError with every fault of `name` and `file`."""
    problems: list[Problem] = []
    data, lines = _read(content, name, problems)
    if override is not None:
        over, over_lines = _read(override, file, problems)
        data = _merged(data, over)
        lines |= over_lines
    if problems:
        raise ConfigError(problems)
    try:
        document = Document.model_validate(data)
    except ValidationError as error:
        raise ConfigError([_problem(fault, lines, name) for fault in error.errors()]) from error
    for measure, told in document.measures.items():
        starts = [one.at_least for one in told.bins]
        if told.family not in document.families:
            problems.append(_located(lines, ("measures", measure, "family"), name, f"unknown family {told.family}"))
        if starts != sorted(starts):
            problems.append(_located(lines, ("measures", measure, "bins"), name, "bins must ascend by at_least"))
    chances = [level.probability for level in document.levels]
    if chances != sorted(chances):
        problems.append(_located(lines, ("levels",), name, "probabilities must ascend by level"))
    if problems:
        raise ConfigError(problems)
    return EvidenceTable(document)


def _read(content: bytes, name: str, problems: list[Problem]) -> tuple[Any, _Lines]:
    try:
        document = read_yaml(name, content)
    except ConfigError as error:
        problems.extend(error.problems)
        return {}, {}
    return document.value, {path: (name, place.line, place.column) for path, place in document.places.items()}


def _merged(base: Any, over: Any) -> Any:
    if isinstance(base, Mapping) and isinstance(over, Mapping):
        return {**base, **{key: _merged(base.get(key), value) for key, value in over.items()}}
    return base if over is None else over


def _problem(fault: Any, lines: _Lines, name: str) -> Problem:
    path, kind = tuple(fault["loc"]), fault["type"]
    if kind == "extra_forbidden":
        return _located(lines, path, name, "unknown key", f"remove it, or {_SHAPE}")
    what, fix = _TOLD.get(kind, (str(fault["msg"]), ""))
    return _located(lines, path, name, what.format(**fault.get("ctx", {})), fix)


def _located(lines: _Lines, path: Path, name: str, what: str, fix: str = "") -> Problem:
    shown = ".".join(map(str, path))
    while path and path not in lines:
        path = path[:-1]
    file, line, column = lines.get(path, (name, 0, 0))
    return Problem(file, line, column, shown, what, fix)
