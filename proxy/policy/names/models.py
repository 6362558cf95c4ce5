"""Model names: other names of the same model, and which ones the terms know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


class ModelNames:
    """Aliases and known names. A known name ending in * stands for every name that begins so."""

    __slots__ = ("_exact", "_prefixes", "aliases", "known")

    def __init__(self, aliases: Mapping[str, str], known: Iterable[str]) -> None:
        self.aliases = dict(aliases)
        self.known = tuple(known)
        self._exact = frozenset(name for name in self.known if not name.endswith("*"))
        self._prefixes = tuple(name[:-1] for name in self.known if name.endswith("*"))

    def canonical(self, name: str) -> str:
        """The model's own name."""
        return self.aliases.get(name, name)

    def knows(self, name: str) -> bool:
        """The policies name the model, itself or by a prefix."""
        return name in self._exact or (bool(self._prefixes) and name.startswith(self._prefixes))
