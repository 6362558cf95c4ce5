"""A served exchange in flight: what has to be undone or learnt when it ends."""

from __future__ import annotations

from proxy.detection.accounts.account import Account
from proxy.detection.campaigns.candidate import Candidate
from proxy.detection.text.shingles import Packed


class Ticket:
    """Handed out by `started`, handed back to `finished`."""

    __slots__ = ("account", "began", "candidates", "fingerprints", "open")

    def __init__(self, account: Account, fingerprints: Packed, began: float) -> None:
        """In flight from `began`."""
        self.account = account
        self.fingerprints = fingerprints
        self.began = began
        self.candidates: list[Candidate] = []
        self.open = True
