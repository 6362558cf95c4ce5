"""Movement: in how many places an account was seen lately, and how fast it would have had to travel.

Measured per account on what the databases say, so it is evidence of shared credentials or of exits that jump, not proof.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Final, NamedTuple, TypeVar

from proxy.identity.caller import Region

_Place = TypeVar("_Place", str, int)

DAY_S: Final = 86_400.0
_EARTH_KM: Final = 6371.0088
"""Mean radius of the Earth (IUGG)."""
_MOST_PLACES: Final = 16
"""Countries, and networks, remembered for an account; the oldest gives way. A rule asks for "more than a few"."""
_NEAR_KM: Final = 100.0
"""Shorter ways count as none: city databases are seldom better than that."""
_LEAST_S: Final = 60.0
"""Two sightings closer in time count as this far apart, so that a bounded speed comes out."""
_JUMP_LASTS_S: Final = 3600.0
"""How long the fastest travel is reported after it happened."""


class Movement(NamedTuple):
    """What an account's last places say. Zeros when nothing is known."""

    countries_24h: int = 0
    asns_24h: int = 0
    travel_kmh: float = 0.0


STILL: Final = Movement()


class _Track:
    """One account: when each country and network was seen last, and the last known place."""

    __slots__ = ("asns", "at", "countries", "jump_at", "jump_kmh", "latitude", "longitude")

    def __init__(self) -> None:
        self.countries: dict[str, float] = {}
        self.asns: dict[int, float] = {}
        self.latitude = 0.0
        self.longitude = 0.0
        self.at = -math.inf
        self.jump_kmh = 0.0
        self.jump_at = -math.inf


class Movements:
    """Tracks of the accounts seen last, at most `most_accounts` of about 1 kB each; the longest unseen gives way."""

    __slots__ = ("_most_accounts", "_tracks")

    def __init__(self, most_accounts: int = 65_536) -> None:
        if most_accounts < 1:
            raise ValueError(f"most_accounts must be at least 1, not {most_accounts}")
        self._most_accounts = most_accounts
        self._tracks: OrderedDict[str, _Track] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tracks)

    def observe(self, account: str, region: Region, now: float) -> Movement:
        """Note where an account is at `now` (seconds since the epoch) and say how it moved.

        A request without an account, or from an address that is nowhere, moves nothing. A clock that steps back is taken to
        stand still: it neither forgets a place nor makes a journey fast.
        """
        if not account:
            return STILL
        track = self._tracks.get(account)
        if track is None:
            track = self._tracks[account] = _Track()
            if len(self._tracks) > self._most_accounts:
                self._tracks.popitem(last=False)
        else:
            self._tracks.move_to_end(account)
        if region.country:
            _see(track.countries, region.country, now)
        if region.asn:
            _see(track.asns, region.asn, now)
        if region.latitude is not None and region.longitude is not None:
            _travel(track, region.latitude, region.longitude, now)
        speed = track.jump_kmh if now - track.jump_at < _JUMP_LASTS_S else 0.0
        return Movement(_recent(track.countries, now), _recent(track.asns, now), speed)


def distance_km(latitude: float, longitude: float, other_latitude: float, other_longitude: float) -> float:
    """Great-circle distance by the haversine formula; arguments in degrees."""
    phi, other_phi = math.radians(latitude), math.radians(other_latitude)
    half = math.sin((other_phi - phi) / 2) ** 2
    half += math.cos(phi) * math.cos(other_phi) * math.sin(math.radians(other_longitude - longitude) / 2) ** 2
    return 2 * _EARTH_KM * math.asin(math.sqrt(min(1.0, half)))


def _see(seen: dict[_Place, float], place: _Place, now: float) -> None:
    if len(seen) == 1 and place in seen:  # as nearly everybody's
        seen[place] = max(seen[place], now)
        return
    seen[place] = max(now, seen.pop(place, now))
    if len(seen) > _MOST_PLACES:
        del seen[min(seen, key=seen.__getitem__)]


def _recent(seen: dict[str, float] | dict[int, float], now: float) -> int:
    return len(seen) if len(seen) < 2 else sum(1 for at in seen.values() if now - at < DAY_S)


def _travel(track: _Track, latitude: float, longitude: float, now: float) -> None:
    if track.at > -math.inf:
        if latitude == track.latitude and longitude == track.longitude:
            track.at = max(track.at, now)
            return
        way_km = distance_km(track.latitude, track.longitude, latitude, longitude)
        if way_km < _NEAR_KM:
            track.at = max(track.at, now)
            return
        speed = way_km / (max(now - track.at, _LEAST_S) / 3600.0)
        if speed >= track.jump_kmh or now - track.jump_at >= _JUMP_LASTS_S:
            track.jump_kmh, track.jump_at = speed, max(now, track.at)
    track.latitude, track.longitude, track.at = latitude, longitude, max(track.at, now)
