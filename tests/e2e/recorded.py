"""The records that a running proxy writes, kept for a test to look at."""

from __future__ import annotations

from proxy.audit.record import Record
from tests.conftest import Running


def recorded(proxy: Running) -> list[Record]:
    """A list that grows by the record of each exchange from now on."""
    handler = proxy.server.handler
    world = handler.world
    kept: list[Record] = []

    def written(record: Record) -> None:
        kept.append(record)
        world.written(record)

    handler.world = world._replace(written=written)
    return kept
