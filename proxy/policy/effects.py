"""How effects of several rules join: always towards the stricter, so that order never matters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from proxy.policy.language.shapes.fields import EFFORTS
from proxy.policy.verdict import ClampValue

NO_CLAMPS: Final[Mapping[str, ClampValue]] = MappingProxyType({})
_EFFORT_RANK: Final = {effort: rank for rank, effort in enumerate(EFFORTS)}


def lower_bound(first: ClampValue, second: ClampValue) -> ClampValue:
    """The stricter of two values of one parameter: the smaller number, false, the lower effort."""
    if isinstance(first, str) or isinstance(second, str):
        return min(str(first), str(second), key=_EFFORT_RANK.__getitem__)
    return min(first, second)


def join_clamps(first: Mapping[str, ClampValue], second: Mapping[str, ClampValue]) -> Mapping[str, ClampValue]:
    """Both sets of clamps at once."""
    joined = dict(first)
    for name, value in second.items():
        joined[name] = lower_bound(joined[name], value) if name in joined else value
    return MappingProxyType(joined)


def join_all(clamps: Iterable[Mapping[str, ClampValue]]) -> Mapping[str, ClampValue]:
    """All sets of clamps at once."""
    joined = NO_CLAMPS
    for one in clamps:
        if one:
            joined = join_clamps(joined, one)
    return joined
