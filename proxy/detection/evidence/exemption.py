"""What an operator decided about an account or a campaign: until when the evidence may not raise it, and why."""

from __future__ import annotations

from typing import Final, NamedTuple


class Exemption(NamedTuple):
    """In force before `until`, in seconds since the epoch."""

    until: float
    note: str


NO_EXEMPTION: Final = Exemption(0.0, "")
