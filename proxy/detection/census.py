"""The census at each sweep: fingerprints of the last requests are counted, surprising ones watched, and texts founded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import numpy as np

from proxy.detection.accounts.account import Account
from proxy.detection.accounts.table import Accounts
from proxy.detection.campaigns.board import Board
from proxy.detection.campaigns.shared_text import SharedText
from proxy.detection.campaigns.ticket import Ticket
from proxy.detection.campaigns.watch import Spread
from proxy.detection.config import DetectionConfig
from proxy.detection.index.batch import Batch
from proxy.detection.index.fingerprints import Fingerprints
from proxy.detection.index.surprise import decades, expected
from proxy.detection.text.shingles import Packed

MIN_SPREAD: Final = 2.0
"""Decades of surprise from which a fingerprint is watched."""
MIN_PRINCIPALS: Final = 6
_EXPOSURE_DECAY: Final = 0.96
"""As the index forgets; see `Fingerprints.rotate`."""


class Census:
    """The index, the requests that wait to be counted, and how much history there is."""

    def __init__(self, config: DetectionConfig, accounts: Accounts, board: Board) -> None:
        """Empty."""
        self.index = Fingerprints(config.index_bits, config.doorkeeper_bits)
        self._batch: Batch[Account] = Batch(config.buffered)
        self._generation_s = config.generation_s
        self._accounts = accounts
        self._board = board
        self._rotated_at = -1.0
        self._exposure = 0.0

    def add(self, fingerprints: Packed, account: Account, tickets: Iterable[Ticket], now: float) -> None:
        """Keep a request's fingerprints for the next count, which comes at once if there is no room."""
        if not self._batch.room(len(fingerprints) // 8):
            self.count(tickets, now)
        self._batch.add(fingerprints, account.principal, account)

    def count(self, tickets: Iterable[Ticket], now: float) -> None:
        """Count what waits, and follow up on what is surprising."""
        hashes, principals = self._batch.pairs()
        if hashes.size:
            shared = self.index.add(hashes, principals)
            rates = expected(shared.history, self._active(), self._exposure)
            spread = decades(shared.now, rates, float(self.index.used + 1))
            hot = (spread >= MIN_SPREAD) & (shared.now >= MIN_PRINCIPALS)
            gained = zip(*(column[hot].tolist() for column in (shared.fingerprints, shared.places, spread, shared.now, rates)), strict=True)
            fresh = {one: place for one, place, *said in gained if self._board.watch.add(one, Spread(*said))}
            if fresh:
                self._found(fresh, tickets, now)
        self._batch.clear()
        if self._rotated_at < 0.0:
            self._rotated_at = now
        if now - self._rotated_at >= self._generation_s:
            self._exposure = self._exposure * _EXPOSURE_DECAY + self._active()
            self.index.rotate()
            self._board.traits.rotate()
            self._rotated_at = now

    def _active(self) -> float:
        return max(1.0, float(len(self._accounts)))

    def _found(self, fresh: dict[int, int], tickets: Iterable[Ticket], now: float) -> None:
        """Found texts from fingerprints that just became surprising, enrol who sent them before, match what is in flight."""
        texts: set[SharedText] = set()
        for account, fingerprints in self._batch.sending(np.fromiter(fresh, np.uint64, len(fresh))):
            text = self._board.match(fingerprints, now)
            if text is not None:
                texts.add(text)
                self._board.enrol(account, text.candidate)
        for text in texts:
            self._enrol_early(text, fresh)
        for ticket in tickets if texts else ():
            text = self._board.watch.best(self._board.watch.hits(ticket.fingerprints))
            if text in texts and not ticket.candidates:
                text.candidate.pace.start(ticket.account.principal, now)
                ticket.candidates.append(text.candidate)

    def _enrol_early(self, text: SharedText, places: dict[int, int]) -> None:
        hits: dict[int, int] = {}
        for fingerprint in text.fingerprints:
            for member in self.index.members(places[fingerprint]) if fingerprint in places else ():
                hits[member] = hits.get(member, 0) + 1
        needed = text.needed()
        for principal, count in hits.items():
            account = self._accounts.of_principal(principal)
            if account is not None and count >= needed and principal not in text.candidate.principals:
                self._board.enrol(account, text.candidate)
