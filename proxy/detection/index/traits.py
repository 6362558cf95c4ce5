"""Who uses which sampling settings and which client: the trace that software leaves when no text is shared.

A program that harvests through many accounts sends the same settings from all of them. Accounts that used a trait in earlier
generations are its regular users; what matters is who is new to it.

Cannot see: programs that vary their settings, traits that a large part of the population uses, and a pool that a busier one with the same settings
hides: together they keep no steady pace.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from xxhash import xxh3_64_intdigest

from proxy.dialects.call import ModelCall

TRAITS: Final = 2048
REGULARS: Final = 512
"""Users in earlier generations from which a trait is common property and says nothing."""
EFFORT_CHARS: Final = 32
"""A client may write what it likes where an effort belongs; what is remembered of it is bounded."""
NEWCOMERS: Final = 12
"""New users from which a trait is worth following."""


class _Trait:
    __slots__ = ("new", "regular")

    def __init__(self) -> None:
        self.new: set[int] = set()
        self.regular: set[int] = set()


class Traits:
    """Principals by trait, in two generations; least recently used traits make room."""

    def __init__(self) -> None:
        """Nothing known."""
        self._traits: dict[int, _Trait] = {}

    def __len__(self) -> int:
        return len(self._traits)

    def newcomer(self, key: int, principal: int) -> bool:
        """The principal is new to the trait, and so are enough others."""
        trait = self._traits.pop(key, None)
        if trait is None:
            if len(self._traits) >= TRAITS:
                del self._traits[next(iter(self._traits))]
            trait = _Trait()
        self._traits[key] = trait
        if principal in trait.regular or len(trait.regular) >= REGULARS:
            return False
        if len(trait.new) < REGULARS:
            trait.new.add(principal)
        return len(trait.new) >= NEWCOMERS

    def regulars(self, key: int) -> int:
        """Users in earlier generations."""
        trait = self._traits.get(key)
        return len(trait.regular) if trait is not None else 0

    def rotate(self) -> None:
        """A generation ends: its newcomers are regular users now."""
        for trait in self._traits.values():
            if len(trait.regular) < REGULARS:
                trait.regular |= trait.new
            trait.new.clear()


def settings_key(call: ModelCall) -> int:
    """Hash of what the software chose, whichever model and API it calls: limits and sampling. The same in every replica."""
    told = (
        call.stream, call.max_output_tokens, call.n, call.temperature, call.logprobs, call.top_logprobs, call.reasoning, call.reasoning_effort[:EFFORT_CHARS], call.reasoning_budget,
        bool(call.tools), call.seed is None,
    )  # fmt: skip
    return _hashed(*told)


@lru_cache(2048, typed=True)  # 1 and 1.0 are settings of different software
def _hashed(*told: object) -> int:
    return xxh3_64_intdigest(repr(told).encode("utf-8", "replace"))
