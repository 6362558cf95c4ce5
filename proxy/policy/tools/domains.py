"""Which values facts can have at all, for finding conditions that can never hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any, Final

_CODES: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD "
    "CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF "
    "GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
    "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA "
    "NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI "
    "SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
    "VN VU WF WS XK YE YT ZA ZM ZW "
)
COUNTRIES: Final = frozenset(_CODES.split())
"""ISO 3166-1 alpha-2, as in the iso3166.tab of tzdata 2026, and XK, which region databases use for Kosovo."""

COUNTRY_FACTS: Final = frozenset({"client.country", "account.country", "account.owner_country"})

_CHOICES: Final[Mapping[str, frozenset[Any]]] = {
    **dict.fromkeys(COUNTRY_FACTS, COUNTRIES | {""}),
    "client.geo_status": frozenset({"ok", "unknown", "private", "stale", "error"}),
    "account.source": frozenset({"header", "token", "credential", "none"}),
    "request.dialect": frozenset({"openai", "azure", "anthropic", "gemini", "bedrock", "ollama"}),
    "time.hour": frozenset(range(24)),
    "time.weekday": frozenset(range(1, 8)),
    "risk.level": frozenset(range(5)),
}
_LOWEST: Final[Mapping[str, float]] = {"account.age_days": -1.0, "request.temperature": -1.0}
_HIGHEST: Final[Mapping[str, float]] = {"account.owner_share": 1.0, "risk.score": 1.0}


def choices(fact: str) -> frozenset[Any] | None:
    """All values the fact can have, or None when they can't be listed."""
    return _CHOICES.get(fact)


def numbers_around(fact: str, constants: Iterable[float], *, whole: bool) -> list[float]:
    """Numbers that tell comparisons with these constants apart, within what the fact can be."""
    lowest, highest = _LOWEST.get(fact, 0), _HIGHEST.get(fact, math.inf)
    found: set[float] = {lowest, min(highest, 2**62)}
    for constant in constants:
        if whole:
            found |= {constant - 1, constant, constant + 1}
        else:
            found |= {math.nextafter(constant, -math.inf), constant, math.nextafter(constant, math.inf)}
    return sorted(number for number in found if lowest <= number <= highest)


def is_subdivision(code: str) -> bool:
    """Whether a text has the form of an ISO 3166-2 code of an existing country."""
    country, dash, rest = code.partition("-")
    return country in COUNTRIES and dash == "-" and rest.isascii() and rest.isalnum() and rest == rest.upper() and 1 <= len(rest) <= 3
