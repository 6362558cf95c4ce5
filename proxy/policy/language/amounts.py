"""Amounts and days as an operator writes them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Final

DAY_S: Final = 86_400.0
RATE_PATTERN: Final = r"^([0-9]{1,15}(?:\.[0-9]{1,6})?)/([1-9][0-9]{0,4})?([smhd])$"
DAY_PATTERN: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_RATE: Final = re.compile(RATE_PATTERN)
_DAY: Final = re.compile(DAY_PATTERN)
_UNIT_S: Final = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": DAY_S}


def parse_rate(text: str) -> tuple[float, float]:
    """`200000/1m` as (amount, seconds). Raises ValueError, worded as what; fix."""
    match = _RATE.fullmatch(text)
    if match is None or float(match[1]) <= 0:
        raise ValueError(f"{text!r} isn't a rate; write an amount above 0, a slash and a time such as 600/1m, 2.5/1h or 10000/1d")
    return float(match[1]), int(match[2] or 1) * _UNIT_S[match[3]]


def amount_text(amount: float) -> str:
    """An amount for people: six digits, and never a power of ten in place of zeros."""
    return f"{amount:,.0f}" if amount >= 1e6 else f"{amount:,.6g}"


def is_day(text: str) -> bool:
    """Whether a text is a day of the calendar in the one form in which days also sort as texts."""
    if _DAY.fullmatch(text) is None:
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def day_start(text: str) -> float:
    """The first second of a day (UTC), in seconds since the epoch."""
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def day_end(text: str) -> float:
    """The first second after a day (UTC), in seconds since the epoch."""
    return day_start(text) + DAY_S


def day_of(at: float) -> str:
    """The day (UTC) of a moment, as an operator writes it."""
    return datetime.fromtimestamp(at, tz=UTC).date().isoformat()
