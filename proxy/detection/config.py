"""What an operator sets about detection. Everything measured is in evidence.yaml instead."""

from __future__ import annotations

from typing import NamedTuple


class DetectionConfig(NamedTuple):
    """Sizes bound the memory; delays are upper ends of jittered ones, in seconds."""

    accounts: int = 200_000
    account_ttl_s: float = 14 * 86400.0
    index_bits: int = 18
    """2**n entries for texts that several principals sent; 148 bytes each."""
    doorkeeper_bits: int = 22
    """2**n slots for texts that one principal sent; 8 bytes each."""
    generation_s: float = 12 * 3600.0
    """Two generations are "now"; older ones are history."""
    candidates: int = 512
    """Groups of accounts followed at a time."""
    members: int = 1 << 21
    """Members of all those groups together, some 100 bytes each; of more, the largest group that is no campaign makes room."""
    promote_s: tuple[float, float, float, float] = (15.0, 120.0, 300.0, 600.0)
    """A promotion to level 1, 2, 3, 4 waits up to this long, differently for each account: an answer at once is an oracle."""
    demote_s: float = 3600.0
    """A demotion waits this long with the lower score standing."""
    brake_share: float = 0.05
    """Above this share of active accounts at level 2 or more, all weaker cases fall back to level 1 until it is lower again."""
    brake_accounts: int = 20
    """Fewer punished accounts never trip the brake."""
    buffered: int = 1 << 16
    """Fingerprints held until the next sweep."""
    in_flight: int = 65_536
    """Requests in flight that are followed; more are counted but not matched later."""
    ticket_ttl_s: float = 3600.0
