"""Everything a policy folder names, together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from proxy.policy.names.models import ModelNames
from proxy.policy.names.passes import Passes
from proxy.policy.names.patterns import PatternSets
from proxy.policy.names.prices import Prices
from proxy.policy.rules import Origin


class NamedList(NamedTuple):
    """One list of values."""

    name: str
    values: frozenset[str] | frozenset[int]
    origin: Origin
    file: str = ""
    """The file it was read from; "" when written inline."""
    source: str = ""
    """Where the values come from, in the file's own words."""
    date: str = ""
    """Day, month or year of the source; "" when the file gives none."""


class Preset(NamedTuple):
    """One included pack."""

    name: str
    provider: str
    date: str
    source: str
    note: str


class Vocabulary(NamedTuple):
    """The names of one rule set."""

    lists: Mapping[str, NamedList]
    patterns: PatternSets
    pattern_origins: Mapping[str, Origin]
    models: ModelNames
    prices: Prices
    uninspected: Passes
    presets: tuple[Preset, ...]
