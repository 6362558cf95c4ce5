from __future__ import annotations

import math

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.evidence.fusion import Finding, faded, fuse, level_of
from proxy.detection.evidence.table import load_evidence
from proxy.detection.shipped import shipped_evidence
from proxy.errors import ConfigError

TABLE = shipped_evidence()
SMALL = """
version: 1
prior: {log10_odds: -4, source: s}
half_life_h: 24
levels: [{probability: 0.1, families: 1}, {probability: 0.3, families: 2}, {probability: 0.8, families: 2}, {probability: 0.99, families: 3}]
families: {a: {cap: 2, floor: -1, together: true, means: m, source: s}}
measures: {a.x: {family: a, means: m, bins: [{at_least: 1, benign: 0.1, attack: 1, source: s}, {at_least: 5, benign: 0.01, attack: 1, source: s}]}}
"""


def found(measure, log10):
    return Finding(measure, 1.0, log10, "")


MEASURES = sorted(TABLE.document.measures)


def test_a_value_weighs_what_its_bin_says():
    table = load_evidence(SMALL.encode())
    assert table.weigh("a.x", 0.9) == 0.0
    assert table.weigh("a.x", 1.0) == pytest.approx(1.0)
    assert table.weigh("a.x", 99.0) == pytest.approx(2.0)
    assert table.weigh("unknown", 3.0) == 0.0


def test_every_number_of_the_shipped_table_has_a_source():
    document = TABLE.document
    assert document.prior.source
    assert all(level.source for level in document.levels)
    assert all(family.source for family in document.families.values())
    assert all(one.source for measure in document.measures.values() for one in measure.bins)


def test_an_override_replaces_only_what_it_names():
    table = load_evidence(SMALL.encode(), b"prior: {log10_odds: -3}\n")
    assert table.prior == -3.0
    assert table.weigh("a.x", 1.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("fault", "line", "told"),
    [
        (SMALL.replace("cap: 2", "cap: two"), 6, "families.a.cap"),
        (SMALL.replace("family: a,", "family: b,"), 7, "measures.a.x.family"),
        (SMALL.replace("at_least: 5", "at_least: 0.5"), 7, "measures.a.x.bins"),
        (SMALL.replace("benign: 0.1", "benign: 0"), 7, "measures.a.x.bins.0.benign"),
        (SMALL.replace("half_life_h: 24", "half_life: 24"), 2, "half_life_h"),
        (SMALL + "version: 2\n", 8, "version"),
        (SMALL.replace("probability: 0.99", "probability: 0.2"), 5, "levels"),
    ],
    ids=["not a number", "unknown family", "descending bins", "impossible rate", "misspelt key", "key twice", "descending levels"],
)
def test_a_faulty_table_is_refused_with_the_place(fault, line, told):
    with pytest.raises(ConfigError) as caught:
        load_evidence(fault.encode())
    assert any(problem.line == line and told in problem.path for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("override", "told"),
    [
        ("- a", "o.yaml:1:1: must hold keys and values; write it as"),
        ("prior: low", "o.yaml:1:8: prior: must hold keys and values; write it as"),
        ("prior: {log10_odds: low}", "o.yaml:1:21: prior.log10_odds: must be a number; write it in digits"),
        ("prior: {log10_odds: 2}", "o.yaml:1:21: prior.log10_odds: must be at most 0"),
        ("half_life_h: 0", "o.yaml:1:14: half_life_h: must be above 0"),
        ("half_life: 3", "o.yaml:1:12: half_life: unknown key; remove it, or write it as"),
        ("levels: {}", "o.yaml:1:9: levels: must be a list; write it as"),
        ("families: {b: {cap: 1, means: m}}", "o.yaml:1:15: families.b.source: is missing; add it"),
        ("measures: {a.x: {family: b}}", "o.yaml:1:26: measures.a.x.family: unknown family b"),
        ("prior: [", "o.yaml:2:1: not YAML"),
    ],
)
def test_an_override_is_told_by_its_file_and_what_to_write(override, told):
    with pytest.raises(ConfigError) as caught:
        load_evidence(SMALL.encode(), f"{override}\n".encode(), "o.yaml")
    assert [str(problem)[: len(told)] for problem in caught.value.problems] == [told]


def test_unreadable_bytes_are_refused():
    for content in (b"a: [", b"\xff\xfe", b"- 1", b""):
        with pytest.raises(ConfigError):
            load_evidence(content)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(found, st.sampled_from(MEASURES), st.floats(-5, 50)), max_size=20))
def test_one_family_alone_never_goes_above_level_one(findings):
    family = TABLE.family_of[findings[0].measure] if findings else ""
    alone = [finding for finding in findings if TABLE.family_of[finding.measure] == family]
    assert level_of(TABLE, fuse(TABLE, alone)) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(found, st.sampled_from(MEASURES), st.floats(-5, 50)), max_size=20))
def test_accounts_that_do_not_act_together_never_go_above_level_one(findings):
    single = [finding for finding in findings if not TABLE.families[TABLE.family_of[finding.measure]].together]
    assert level_of(TABLE, fuse(TABLE, single)) <= 1


@settings(max_examples=100, deadline=None)
@given(st.lists(st.builds(found, st.sampled_from(MEASURES), st.floats(-5, 50)), max_size=20), st.randoms())
def test_the_order_of_findings_does_not_matter(findings, random):
    verdict = fuse(TABLE, findings)
    random.shuffle(findings)
    again = fuse(TABLE, findings)
    assert again.log10_odds == pytest.approx(verdict.log10_odds)
    assert again.together == verdict.together


def test_within_a_family_the_strongest_counts_and_the_cap_bounds_it():
    table = load_evidence(SMALL.encode())
    assert fuse(table, [found("a.x", 1.5), found("a.x", 0.5)]).log10_odds == pytest.approx(-2.5)
    assert fuse(table, [found("a.x", 9.0)]).log10_odds == pytest.approx(-2.0)
    assert fuse(table, [found("a.x", -9.0)]).log10_odds == pytest.approx(-5.0)


def test_evidence_halves_with_its_half_life():
    table = load_evidence(SMALL.encode())
    assert faded(table, 24 * 3600.0) == pytest.approx(0.5)
    assert faded(table, -5.0) == 1.0


def test_the_score_is_the_posterior_probability():
    table = load_evidence(SMALL.encode())
    assert fuse(table, []).score == pytest.approx(1e-4, rel=0.01)
    assert math.isclose(fuse(table, [found("a.x", 2.0)]).score, 1 / 101, rel_tol=0.01)


def test_the_shipped_table_is_plain_yaml_with_unique_measures():
    assert yaml.safe_load(yaml.safe_dump(TABLE.document.model_dump()))["version"] == 1
