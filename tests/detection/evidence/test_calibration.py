from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.evidence.calibration import SHIPPED_CASES, Measured, Scores, Sighting, override
from proxy.detection.evidence.fusion import THRESHOLD_JITTER, Verdict
from proxy.detection.evidence.table import load_evidence
from proxy.detection.shipped import shipped_evidence

TABLE = shipped_evidence()
FAMILIES = (("timing", 2.0), ("shared_text", 1.0), ("intent", 1.0))


def rate(rates, measure, at_least):
    return next(one for one in rates if one.measure == measure and one.at_least == at_least)


def sighting(account, log10_odds, families=FAMILIES, *, together=True, punishable=True):
    return Sighting(account, Verdict(log10_odds, families, together), punishable)


def test_without_traffic_every_rate_stays_as_shipped():
    assert all(one.measured == pytest.approx(one.shipped) for one in Measured().rates(TABLE))


def test_a_rate_is_what_was_seen_and_the_shipped_one_as_some_cases():
    measured = Measured()
    for number in range(80):
        measured.group(f"g{number}", (), {"harvest.one_way": 1.0} if number < 20 else {})
    found = rate(measured.rates(TABLE), "harvest.one_way", 0.97)
    assert (found.hits, found.cases) == (20, 80)
    assert found.measured == pytest.approx((20 + SHIPPED_CASES * found.shipped) / (80 + SHIPPED_CASES))


def test_a_case_counts_with_the_highest_value_it_ever_had():
    measured = Measured()
    measured.group("g", (), {"timing.pinned": 1.0})
    measured.group("g", (), {"timing.pinned": 5.0})
    measured.group("g", (), {"timing.pinned": 0.0})
    assert rate(measured.rates(TABLE), "timing.pinned", 4).hits == 1
    assert rate(measured.rates(TABLE), "timing.pinned", 6).hits == 0


def test_that_texts_spread_is_counted_in_accounts_since_it_is_what_makes_a_group():
    measured = Measured()
    measured.population(1000)
    measured.group("a", range(30), {"text.spread": 7.0})
    measured.group("b", range(20, 50), {"text.spread": 3.0})
    found = measured.rates(TABLE)
    assert (rate(found, "text.spread", 2).hits, rate(found, "text.spread", 2).cases) == (50, 1000)
    assert rate(found, "text.spread", 6).hits == 30


def test_thresholds_stay_where_honest_accounts_stay_below_them():
    scores = Scores(TABLE)
    scores.see(sighting(f"a{number}", -3.0) for number in range(1000))
    assert [one.probability for one in scores.thresholds(0.001)] == [level.probability for level in TABLE.document.levels]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-6, 6.5), min_size=1, max_size=300), st.sampled_from([0.001, 0.01, 0.05, 0.1]))
def test_no_more_than_the_stated_share_of_honest_accounts_reaches_a_level(odds, budget):
    scores = Scores(TABLE)
    scores.see(sighting(f"a{number}", one) for number, one in enumerate(odds))
    found = scores.thresholds(budget)
    for one, share in zip(found, (10 * budget, budget, budget / 10, budget / 10), strict=True):
        assert one.left <= one.allowed <= min(1.0, share) * len(odds)
        assert one.probability >= one.shipped
        lowest = math.log10(one.probability / (1.0 - one.probability)) - 0.5 * THRESHOLD_JITTER  # of accounts' own thresholds
        reached = sum(value >= lowest for value in odds)
        assert reached <= one.allowed
    assert [one.probability for one in found] == sorted(one.probability for one in found)


def test_what_could_never_be_punished_moves_no_threshold_for_punishing():
    scores = Scores(TABLE)
    scores.see([sighting(f"a{number}", 2.0, punishable=False) for number in range(50)])
    scores.see([sighting(f"b{number}", 2.0, together=False) for number in range(50)])
    scores.see([sighting(f"c{number}", 2.0, FAMILIES[:1]) for number in range(50)])
    first, *others = scores.thresholds(0.001)
    assert first.probability > first.shipped
    assert all(one.accounts == 0 for one in others)
    assert others[0].probability >= first.probability


def test_an_override_is_read_back_and_says_where_its_numbers_come_from():
    measured, scores = Measured(), Scores(TABLE)
    for number in range(200):
        measured.group(f"g{number}", (), {"timing.pinned": 4.5} if number < 100 else {})
    scores.see(sighting(f"a{number}", 1.0) for number in range(200))
    written = yaml.safe_dump(override(TABLE, measured.rates(TABLE), scores.thresholds(0.001), "week.jsonl"))
    read = shipped_evidence(written.encode())
    assert read.weigh("timing.pinned", 4.5) < TABLE.weigh("timing.pinned", 4.5)
    assert read.level_log_odds[1] > 1.0
    assert all("week.jsonl" in one.source for one in read.document.measures["timing.pinned"].bins)
    assert read.document.measures["intent.own"].bins[0].source == TABLE.document.measures["intent.own"].bins[0].source
    assert read.families == TABLE.families


def test_an_override_never_makes_a_rate_impossible():
    table = load_evidence(
        b"version: 1\nprior: {log10_odds: -4, source: s}\nhalf_life_h: 1\n"
        b"levels: [{probability: 0.1, families: 1}, {probability: 0.3, families: 2}, {probability: 0.8, families: 2}, {probability: 0.99, families: 3}]\n"
        b"families: {a: {cap: 2, means: m, source: s}}\nmeasures: {a.x: {family: a, means: m, bins: [{at_least: 1, benign: 0.0001, attack: 1, source: s}]}}\n"
    )
    measured = Measured()
    for number in range(5000):
        measured.group(f"g{number}", (), {})
    assert all(0.0 < one.measured <= 1.0 for one in measured.rates(table))
