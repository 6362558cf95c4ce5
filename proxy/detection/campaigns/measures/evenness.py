"""Do per-account counts differ less than users' counts do?

Work dealt out to accounts leaves counts as even as chance or evener; people and tools have habits that differ widely. Only
accounts with at least one sending are seen, so counts are compared with a Poisson law without its zero.

Cannot see: campaigns that weight their accounts, and gives nothing while accounts have sent one or two each.
"""

from __future__ import annotations

import math
from typing import Final

MIN_ACCOUNTS: Final = 20
MIN_MEAN: Final = 1.25


def dispersion(accounts: int, total: int, squares: int) -> float:
    """Variance of the counts over that of a zero-truncated Poisson law of the same mean; 0.0 when there is too little to say."""
    if accounts < MIN_ACCOUNTS or total < MIN_MEAN * accounts:
        return 0.0
    mean = total / accounts
    rate = mean
    for _ in range(30):
        rate = mean * (1.0 - math.exp(-rate))
    expected = mean * (1.0 + rate - mean)
    return max((squares / accounts - mean * mean) * accounts / (accounts - 1), 1e-3) / expected


def evenness(ratio: float) -> float:
    """1.0 for counts as even as chance leaves them, 2.0 for clearly evener ones, 0.0 otherwise."""
    if ratio <= 0.0 or ratio > 1.3:
        return 0.0
    return 2.0 if ratio < 0.5 else 1.0
