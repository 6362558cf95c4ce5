"""What the whole population does: the base that a group is compared with."""

from __future__ import annotations

from typing import Final, NamedTuple

IDENTIFIERS: Final = 1 << 16
MODELS: Final = 256
NEW_MODEL_S: Final = 86400.0
_HALVED_AT: Final = 1_000_000


class Shares(NamedTuple):
    """Shares of the population's requests."""

    harvesting: float
    """Ask for reasoning, several samples or token probabilities."""
    new_model: float
    """Use a model first seen within 24 h."""
    banked: float


class Population:
    """Decaying counts over all requests and accounts."""

    def __init__(self) -> None:
        """Nothing seen."""
        self.requests = self.harvesting = self.new_model = self.banked = 0
        self.accounts = self.aged = self.young = 0
        self._identifiers: dict[int, int] = {}
        self._models: dict[str, float] = {}
        self._began = -1.0

    def request(self, model: str, *, harvesting: bool, banked: bool, now: float) -> None:
        """A request begins."""
        if self._began < 0.0:
            self._began = now
        if model not in self._models and len(self._models) < MODELS:
            self._models[model] = now
        self.requests += 1
        self.harvesting += harvesting
        self.banked += banked
        self.new_model += self.is_new(model, now)
        if self.requests >= _HALVED_AT:
            self.requests //= 2
            self.harvesting //= 2
            self.new_model //= 2
            self.banked //= 2

    def account(self, age_days: float, young_days: float) -> None:
        """An account is seen for the first time."""
        self.accounts += 1
        self.aged += age_days >= 0.0
        self.young += 0.0 <= age_days < young_days

    def identifier(self, identifier: int) -> None:
        """An account uses an identifier for the first time. Of too many identifiers the oldest half is forgotten."""
        self._identifiers[identifier] = self._identifiers.get(identifier, 0) + 1
        if len(self._identifiers) > IDENTIFIERS:
            self._identifiers = dict(list(self._identifiers.items())[IDENTIFIERS // 2 :])

    def using(self, identifier: int) -> int:
        """Accounts that used the identifier."""
        return self._identifiers.get(identifier, 0)

    def is_new(self, model: str, now: float) -> bool:
        """The model was first seen within 24 h, and not just because everything was."""
        first = self._models.get(model, now)
        return now - first < NEW_MODEL_S and first - self._began > NEW_MODEL_S

    def shares(self) -> Shares:
        """The shares, with one request assumed to do each thing."""
        total = self.requests + 1.0
        return Shares((self.harvesting + 1.0) / total, (self.new_model + 1.0) / total, (self.banked + 1.0) / total)
