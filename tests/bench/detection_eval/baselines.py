"""What others do, measured on the same traffic: a requests-per-minute limit, and the window test by maximum mean discrepancy on hashed n-grams."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from random import Random
from typing import NamedTuple
from zlib import crc32

import numpy as np

from proxy.drill.campaign.campaign import Shape, campaign
from proxy.drill.campaign.pipeline import Pipeline
from proxy.drill.clients import account
from proxy.drill.honest.population import SHARES, one
from proxy.drill.loop import Everything, run
from tests.bench.detection_eval.cells import CellResult
from tests.bench.detection_eval.stats import upper_quantile
from tests.bench.detection_eval.worlds import Setting

WINDOWS = (100, 500, 1500)
FALSE_POSITIVES = 0.001
_BUCKETS = 4096
_DIMENSIONS = 96
_FEATURES = 256
_WORDS = 256


class WindowTest:
    """Mean embedding of a window against that of benign traffic: random Fourier features of a Gaussian kernel make it linear in the window."""

    def __init__(self) -> None:
        dice = np.random.default_rng(7)
        self._rows = dice.normal(size=(_BUCKETS, _DIMENSIONS)).astype(np.float32) / np.sqrt(_DIMENSIONS)
        self._frequencies = dice.normal(size=(_DIMENSIONS, _FEATURES)).astype(np.float32)
        self._phases = dice.uniform(0, 2 * np.pi, _FEATURES).astype(np.float32)

    def embed(self, texts: list[str]) -> np.ndarray:
        out = np.zeros((len(texts), _DIMENSIONS), np.float32)
        for at, text in enumerate(texts):
            words = text.lower().split()[:_WORDS]
            grams = [crc32(word.encode()) % _BUCKETS for word in words]
            grams += [(31 * first + second) % _BUCKETS for first, second in pairwise(grams)]
            if grams:
                out[at] = self._rows[grams].sum(0)
        out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
        return np.cos(out @ self._frequencies + self._phases) * np.sqrt(2 / _FEATURES)

    @staticmethod
    def windows(features: np.ndarray, width: int) -> np.ndarray:
        """Means of consecutive windows."""
        count = len(features) // width
        return features[: count * width].reshape(count, width, -1).mean(1)


class MmdResult(NamedTuple):
    """Share of windows detected by (width, dilution): thresholds from honest accounts' own windows, or from windows of all honest traffic shuffled together."""

    own: dict[tuple[int, float], float]
    pooled: dict[tuple[int, float], float]
    benign_windows: dict[int, tuple[int, int]]


def mmd(setting: Setting, pipelines: list[Pipeline], dilutions: tuple[float, ...], *, benign_streams: int, repeats: int) -> MmdResult:
    """The test at its best: one account that sends everything, so that its window fills."""
    test, widest = WindowTest(), WINDOWS[-1]
    rng = Random(f"{setting.seed}/mmd")
    world = setting.world(setting.seed + 11, 1)
    kinds = rng.choices(list(SHARES), list(SHARES.values()), k=benign_streams)
    streams = [test.embed(_said(world, kind, index, widest)) for index, kind in enumerate(kinds)]
    reference = np.concatenate(streams[: benign_streams // 3]).mean(0)
    judged = streams[benign_streams // 3 :]
    shuffled = np.random.default_rng(5).permutation(np.concatenate(judged))
    harvests = [test.embed(_harvested(setting, pipeline, 1.0, widest, 99)) for pipeline in pipelines]
    attacks = {
        dilution: [
            test.embed(_harvested(setting, pipeline, dilution, widest, repeat)) for pipeline in pipelines for repeat in range(repeats)
        ]
        for dilution in dilutions
    }
    own, pooled, counts = {}, {}, {}
    for width in WINDOWS:
        benign = np.concatenate([_distances(test.windows(stream, width), reference) for stream in judged])
        mixed = _distances(test.windows(shuffled, width), reference)
        counts[width] = (len(benign), len(mixed))
        for dilution in dilutions:
            found = np.concatenate([_distances(test.windows(stream, width), reference) for stream in attacks[dilution]])
            own[width, dilution] = float((found > upper_quantile(benign.tolist(), FALSE_POSITIVES)).mean())
            blended = np.concatenate(
                [_distances(test.windows(_blend(harvest, shuffled, dilution), width), reference) for harvest in harvests]
            )
            pooled[width, dilution] = float((blended > upper_quantile(mixed.tolist(), FALSE_POSITIVES)).mean())
    return MmdResult(own, pooled, counts)


def _blend(harvest: np.ndarray, benign: np.ndarray, dilution: float) -> np.ndarray:
    """Pooled benign traffic with the harvest's share of it replaced, as published measurements mix them."""
    dice = np.random.default_rng(3)
    blend = benign[dice.integers(0, len(benign), len(harvest))]
    taken = dice.random(len(harvest)) < dilution
    blend[taken] = harvest[taken]
    return blend


def _distances(means: np.ndarray, reference: np.ndarray) -> np.ndarray:
    return np.linalg.norm(means - reference, axis=1)


def _said(world, kind: str, index: int, count: int) -> list[str]:
    """What one honest account says, prompt after prompt."""
    rng = Random(f"{world.seed}/said/{index}")
    fleet = one(world, kind, account(rng, f"said-{index}"), rng)
    texts: list[str] = []
    while len(texts) < count:
        texts += [_text(step.request.texts) for step in fleet._work(rng, 0.0)]
    return texts[:count]


def _text(texts) -> str:
    return " ".join(piece.text for piece in texts[:1] + texts[-1:])


def _harvested(setting: Setting, pipeline: Pipeline, dilution: float, count: int, repeat: int) -> list[str]:
    shape = Shape(1, count, dilution, shift_s=40_000.0)
    fleets = campaign(pipeline, shape, setting.wording(setting.seed + 13), name=f"mmd-{repeat}", start=0.0, days=2, seed=repeat)
    found: Iterator[str] = (_text(decided.exchange.observation.call.texts) for decided in run(fleets, Everything()))
    return [text for text, _ in zip(found, range(count), strict=False)]


def rate_limit(results: list[CellResult], campaigns: dict[str, float]) -> tuple[int, dict[float, tuple[int, int]]]:
    """The lowest limit per minute that at most 0.1 % of honest accounts ever pass, and (caught, accounts) by dilution. `campaigns`: dilution by name."""
    honest = [fate.peak for result in results[:1] for fate in result.fates.values() if not fate.campaign]
    limit = upper_quantile([float(peak) for peak in honest], FALSE_POSITIVES)
    caught: dict[float, tuple[int, int]] = {}
    for result in results:
        for fate in result.fates.values():
            if fate.campaign in campaigns:
                dilution = campaigns[fate.campaign]
                hits, cases = caught.get(dilution, (0, 0))
                caught[dilution] = (hits + (fate.peak > limit), cases + 1)
    return int(limit), caught
