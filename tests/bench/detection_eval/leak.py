"""The leak check: can the labelled sets be told apart without reading a word? If so, a good result would prove nothing."""

from __future__ import annotations

from collections import defaultdict
from math import log1p
from typing import NamedTuple

import numpy as np

from proxy.drill.campaign.campaign import Shape, campaign
from proxy.drill.exchange import Exchange
from proxy.drill.honest.lookalikes import honest as honest_world
from proxy.drill.loop import Everything, run
from proxy.drill.rota import DAY_S
from tests.bench.detection_eval.stats import auc, logistic, upper_quantile
from tests.bench.detection_eval.traffic.pipelines import Attack
from tests.bench.detection_eval.worlds import Setting

WHO = 22
"""The first so many features say who sends: client, network, age, tier, model. The others say how: settings, rates, hours."""


class Leak(NamedTuple):
    """Area under the curve, and share of campaign accounts found at 0.1 % of honest ones, by a classifier trained on other pipelines."""

    auc_who: float
    caught_who: float
    auc_all: float
    caught_all: float
    honest: int
    attackers: int


def leak(setting: Setting, attacks: list[Attack], accounts: int) -> Leak:
    """Train on every second pipeline and every second honest account, judge on the others."""
    world = setting.world(setting.seed + 19, 2)
    honest = _accounts(
        [
            decided.exchange
            for decided in run(honest_world(world, accounts), Everything(), until=setting.start + DAY_S)
            if decided.exchange.at >= setting.start
        ]
    )
    groups = []
    for number, attack in enumerate(attacks):
        fleets = campaign(
            attack.pipeline,
            Shape(100, 26, shift_s=DAY_S * setting.rng(f"leak-{number}").uniform(0.1, 0.75)),
            setting.wording(setting.seed + 17),
            name=f"leak-{number}",
            start=setting.start + 3600,
            days=1,
            seed=setting.seed,
        )
        groups.append(_accounts([decided.exchange for decided in run(fleets, Everything())]))
    scores = []
    for columns in (slice(0, WHO), slice(0, None)):
        trained = (honest[::2, columns], np.concatenate(groups[::2])[:, columns])
        judged = (honest[1::2, columns], np.concatenate(groups[1::2])[:, columns])
        middle, spread = np.concatenate(trained).mean(0), np.concatenate(trained).std(0) + 1e-9
        labels = np.concatenate([np.zeros(len(trained[0])), np.ones(len(trained[1]))])
        weights = logistic((np.concatenate(trained) - middle) / spread, labels)
        low, high = ((part - middle) / spread @ weights[:-1] for part in judged)
        scores += [auc(high, low), float((high > upper_quantile(low.tolist(), 0.001)).mean())]
    return Leak(scores[0], scores[1], scores[2], scores[3], len(honest), sum(map(len, groups)))


def _accounts(day: list[Exchange]) -> np.ndarray:
    by_account: dict[str, list[Exchange]] = defaultdict(list)
    for exchange in day:
        if "synthetic" not in exchange.label:
            by_account[exchange.observation.account].append(exchange)
    return np.array([_features(sent) for sent in by_account.values()])


def _features(sent: list[Exchange]) -> list[float]:
    seen = sent[0].observation
    calls = [one.observation.call for one in sent]
    agent = seen.user_agent.lower()
    who = [
        float(part in agent)
        for part in (
            "asyncopenai",
            "openai/python",
            "openai/js",
            "asyncanthropic",
            "anthropic/python",
            "requests",
            "aiohttp",
            "httpx",
            "go-http",
            "okhttp",
            "curl",
        )
    ]
    who += [
        float(len(seen.header_names)),
        float(seen.network.startswith("10.0.")),
        float(":" in seen.network),
        log1p(seen.age_days),
        float(sent[0].verified),
    ]
    who += [float(sent[0].tier == tier) for tier in ("free", "paid", "enterprise")] + [
        float(calls[0].model == model) for model in ("m-large", "m-small", "m-reason")
    ]
    times = [one.at for one in sent]
    gaps = np.diff(times) if len(times) > 2 else np.array([1.0, 1.0])
    how = [log1p(len(sent)), log1p(times[-1] - times[0]), float(gaps.std() / max(gaps.mean(), 1e-9)), log1p(float(np.median(gaps)))]
    how += [float(len({one.observation.network for one in sent})), float(len({int(at) // 3600 for at in times}))]
    how += [
        float(np.mean([call.temperature is None for call in calls])),
        float(np.mean([call.temperature or 0.0 for call in calls])),
        log1p(float(np.mean([call.max_output_tokens for call in calls]))),
    ]
    how += [float(np.mean([getattr(call, name) for call in calls])) for name in ("n", "reasoning", "logprobs", "stream", "turns")]
    how += [float(np.mean([bool(call.end_user) for call in calls])), float(np.mean([bool(call.tools) for call in calls]))]
    return who + how
