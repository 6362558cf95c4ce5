"""How surprising a count of principals is: the Poisson tail on a base rate that scales with the population.

A text known from history on h of H principal-generations is expected on N * (h + 1) / (H + N) of N active principals; a text
that nobody sent before is expected on at most about one. So neither a growing population nor a popular phrase raises alarm.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_LN10: Final = float(np.log(10.0))


def expected(history: NDArray[np.float32], active: float, exposure: float) -> NDArray[np.float64]:
    """Principals expected now, from `history` principals in `exposure` principal-generations of the past."""
    rates: NDArray[np.float64] = active * (history.astype(np.float64) + 1.0) / (exposure + active)
    return rates


def decades(now: NDArray[np.int64], rate: NDArray[np.float64], tests: float) -> NDArray[np.float64]:
    """-log10 of the number of texts expected by chance, among `tests`, with at least `now` principals. 0.0 when unsurprising."""
    count = np.maximum(now.astype(np.float64), 1.0)
    ratio = rate / count
    tail = count * np.log(ratio) + count - rate - 0.5 * np.log(2.0 * np.pi * count)  # Stirling; the tail's first term
    tail -= np.log1p(-np.minimum(ratio, 0.999))  # and the geometric bound of the rest
    found: NDArray[np.float64] = np.where(ratio < 1.0, np.maximum(0.0, -tail / _LN10 - np.log10(max(tests, 1.0))), 0.0)
    return found
