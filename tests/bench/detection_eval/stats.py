"""Intervals, quantiles and the classifier of the leak check."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def wilson(hits: int, cases: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share, 95 % by default."""
    if not cases:
        return 0.0, 1.0
    share = hits / cases
    centre = (share + z * z / (2 * cases)) / (1 + z * z / cases)
    half = z * math.sqrt(share * (1 - share) / cases + z * z / (4 * cases * cases)) / (1 + z * z / cases)
    return max(0.0, centre - half), min(1.0, centre + half)


def upper_quantile(scores: Sequence[float], share_above: float) -> float:
    """The smallest threshold that at most `share_above` of the scores exceed."""
    ordered = sorted(scores, reverse=True)
    return ordered[min(int(len(ordered) * share_above), len(ordered) - 1)]


def weighted_threshold(scores: Sequence[tuple[float, float]], share_above: float) -> float:
    """The lowest score among (score, weight) pairs that at most `share_above` of the weight exceeds."""
    allowed = share_above * sum(weight for _, weight in scores)
    above = 0.0
    for score, weight in sorted(scores, reverse=True):
        above += weight
        if above > allowed:
            return score
    return 0.0


def quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else math.nan


def auc(positives: np.ndarray, negatives: np.ndarray) -> float:
    """The chance that a positive scores above a negative; ties count half."""
    everything = np.concatenate([positives, negatives])
    ranks = np.empty(len(everything))
    ordered = np.argsort(everything, kind="stable")
    values = everything[ordered]
    first = np.searchsorted(values, values, side="left")
    last = np.searchsorted(values, values, side="right")
    ranks[ordered] = (first + last + 1) / 2
    count = len(positives)
    return float((ranks[:count].sum() - count * (count + 1) / 2) / (count * len(negatives)))


def logistic(features: np.ndarray, labels: np.ndarray, steps: int = 400, rate: float = 0.5, decay: float = 1e-3) -> np.ndarray:
    """Weights of a logistic regression by gradient descent, classes weighted alike; the last weight is the offset."""
    padded = np.hstack([features, np.ones((len(features), 1))])
    weight = np.where(labels > 0, 0.5 / max(labels.sum(), 1), 0.5 / max((1 - labels).sum(), 1))
    found = np.zeros(padded.shape[1])
    for _ in range(steps):
        guess = 1 / (1 + np.exp(-np.clip(padded @ found, -30, 30)))
        found -= rate * (padded.T @ ((guess - labels) * weight) + decay * found)
    return found
