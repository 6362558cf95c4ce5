"""What limits do while the server is lost: a replica's share of each, or what the operator declared in its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from proxy.limits import gcra
from proxy.limits.ask import Ask, Reservation, Standing

_DENY_RETRY_S: Final = 1.0


def share_of(ask: Ask, replicas: int) -> Ask:
    """The ask against one replica's share of its limit. A limit that lets anyone pass lets someone pass here too."""
    burst = ask[4] / replicas
    if ask[3]:  # a cost that passes the whole limit must be able to pass a share of it, only less often
        return ask._replace(rate=ask[3] / replicas, burst=max(burst, min(ask[2], ask[4])))
    return ask._replace(burst=max(float(int(burst)), min(1.0, ask[4])))


def declared(asks: Sequence[Ask], now: float, *, deny: bool) -> Reservation:
    """All asks denied, or all allowed and none counted."""
    wait = _DENY_RETRY_S if deny else 0.0
    standings = tuple(Standing(ask[0], not deny, 0.0 if deny else ask[4], wait, wait, ask[4], ask[3], ask[5], ask[6]) for ask in asks)
    return Reservation(tuple(asks), standings, gcra.denying(list(standings)), now, True, ("",) * len(asks))
