"""What the records of the known database layouts say, in one shape.

MaxMind's and DB-IP's own layouts are read through geoip2's models; flat layouts that geoip2 refuses, by their keys.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import geoip2.database
import geoip2.errors
import geoip2.models
import maxminddb


class Found(NamedTuple):
    """What one database knows of one address."""

    country: str = ""
    subdivision: str = ""
    asn: int = 0
    as_org: str = ""
    anonymous: bool = False
    hosting: bool = False
    latitude: float | None = None
    longitude: float | None = None


Lookup = Callable[[str], Found | None]
Place = geoip2.models.Country | geoip2.models.City | geoip2.models.Enterprise

_COUNTRY = re.compile(r"[A-Z]{2}\Z")
_SUBDIVISION = re.compile(r"[A-Z0-9]{1,3}\Z")
_NUMBER = re.compile(r"(?:AS)?([0-9]{1,10})\Z")
_LARGEST_NUMBER: Final = 2**32 - 1
_LONGEST_NAME: Final = 200
_COARSEST_KM: Final = 100
"""Accuracy beyond which coordinates tell no place: they are a country's or a province's middle, and a caller seems to fly to it and back."""


def lookup_for(database_type: str, typed: geoip2.database.Reader, raw: maxminddb.Reader) -> Lookup:
    """The way to look an address up in a database of this type.

    The names are those that geoip2 asks for: GeoLite2-City, GeoIP2-Enterprise, GeoLite2-ASN, "DBIP-ASN-Lite (compat=GeoLite2-ASN)"
    and so on. A type that it doesn't know is read by its keys.
    """
    readers: tuple[tuple[str, Callable[[str], Any], Callable[[Any], Found]], ...] = (
        ("Enterprise", typed.enterprise, _place),
        ("City", typed.city, _place),
        ("Country", typed.country, _place),
        ("GeoIP-Anonymous-Plus", typed.anonymous_plus, _flags),
        ("GeoIP2-Anonymous-IP", typed.anonymous_ip, _flags),
        ("GeoIP2-ISP", typed.isp, _network),
        ("GeoLite2-ASN", typed.asn, _network),
    )
    for part, read, shape in readers:
        if part in database_type:
            return _typed(read, shape)
    return _by_keys(raw)


def _typed(read: Callable[[str], Any], shape: Callable[[Any], Found]) -> Lookup:
    def find(ip: str) -> Found | None:
        try:
            model = read(ip)
        except geoip2.errors.AddressNotFoundError:
            return None
        return shape(model)

    return find


def _place(model: Place) -> Found:
    country = _country(model.country.iso_code)
    subdivision, latitude, longitude = "", None, None
    if isinstance(model, geoip2.models.City):
        # the widest one, a country's first level: what sanctions and terms name (UA-43)
        widest = model.subdivisions[0].iso_code if model.subdivisions else None
        subdivision = f"{country}-{widest}" if country and isinstance(widest, str) and _SUBDIVISION.match(widest) else ""
        radius = model.location.accuracy_radius
        if not isinstance(radius, int | float) or radius <= _COARSEST_KM:
            latitude, longitude = _degrees(model.location.latitude, 90.0), _degrees(model.location.longitude, 180.0)
    traits = model.traits
    number, organisation = _named(traits.autonomous_system_number, traits.autonomous_system_organization)
    anonymous, hosting = _flagged(traits)
    return Found(country, subdivision, number, organisation, anonymous, hosting, latitude, longitude)


def _network(model: geoip2.models.ASN) -> Found:
    number, organisation = _named(model.autonomous_system_number, model.autonomous_system_organization)
    return Found(asn=number, as_org=organisation)


def _flags(model: geoip2.models.AnonymousIP) -> Found:
    anonymous, hosting = _flagged(model)
    return Found(anonymous=anonymous, hosting=hosting)


def _flagged(traits: Any) -> tuple[bool, bool]:
    """Anonymiser and hosting flags. MaxMind's `is_anonymous` also holds for plain hosting, which is no anonymiser by itself."""
    hosting = bool(traits.is_hosting_provider)
    hides = traits.is_anonymous_vpn or traits.is_public_proxy or traits.is_residential_proxy or traits.is_tor_exit_node
    return bool(hides or (traits.is_anonymous and not hosting)), hosting


def _by_keys(raw: maxminddb.Reader) -> Lookup:
    def find(ip: str) -> Found | None:
        record = raw.get(ip)
        return _keyed(record) if isinstance(record, dict) else None

    return find


def _keyed(record: Mapping[str, Any]) -> Found | None:
    """A record of no known type: `country_code` or `country` (text, or a map with `iso_code`), and an AS number and name."""
    nested = record.get("country")
    code = nested.get("iso_code") if isinstance(nested, dict) else record.get("country_code", nested)
    number = next((record[key] for key in ("autonomous_system_number", "asn", "as_number") if key in record), None)
    name = next((record[key] for key in ("autonomous_system_organization", "as_name", "as_org", "asname") if key in record), None)
    asn, organisation = _named(number, name)
    found = Found(country=_country(code), asn=asn, as_org=organisation)
    return found if found.country or found.asn else None


def _country(code: object) -> str:
    return code if isinstance(code, str) and _COUNTRY.match(code) and code != "ZZ" else ""


def _named(number: object, name: object) -> tuple[int, str]:
    if isinstance(number, str):
        digits = _NUMBER.match(number)
        number = int(digits[1]) if digits else 0
    if not isinstance(number, int) or not 0 < number <= _LARGEST_NUMBER:
        return 0, ""
    return number, name[:_LONGEST_NAME] if isinstance(name, str) else ""


def _degrees(value: object, most: float) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) <= most else None
