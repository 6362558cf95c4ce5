from __future__ import annotations

import pytest

from proxy.errors import ConfigError
from proxy.policy.facts import Phase
from proxy.policy.load import load, revision_of

NOW = 1_795_520_000.0
RULE = b"""
rules:
  - id: usage.n
    when: request.n > 8
    then: {clamp: {n: 8}}
"""


def problems_of(files: dict[str, bytes]) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(files, NOW)
    return [str(problem) for problem in caught.value.problems]


def test_all_files_at_the_top_are_one_ruleset():
    more = b"limits:\n  - {id: limits.requests, per: [account.id], count: requests, rate: 60/1m}\n"
    ruleset = load({"a.yaml": RULE, "b.yaml": more}, NOW)
    assert [rule.id for rule in ruleset.rules] == ["usage.n"]
    assert ruleset.limits[0].rate == 1.0
    assert ruleset.limits[0].burst == 60.0


@pytest.mark.parametrize(
    ("content", "what"), [(b"\xef\xbb\xbfDE FR\n", "byte-order mark"), (b"\xffDE\n", "isn't UTF-8"), (b"", "is empty")]
)
@pytest.mark.parametrize("section", ["lists", "patterns"])
def test_a_file_of_values_that_cannot_be_read_is_told_once_and_not_called_empty_besides(section, content, what):
    named = f"{section}: {{known: {{file: {section}/known.txt}}}}\n".encode()
    (told,) = problems_of({"a.yaml": RULE, "b.yaml": named, f"{section}/known.txt": content})
    assert what in told


def test_every_problem_of_every_file_is_told_at_once():
    bad = b"""rules:
  - id: usage.a
    when: client.contry == 'DE'
    then: {tag: [x]}
  - id: usage.b
    when: request.n > 'x'
    then: {tag: [x]}
    mod: shadow
  - id: usage.c
    when: account.owner_share > 50
    then: {tag: [X Y]}
"""
    told = problems_of({"a.yaml": bad, "b.yaml": b"rules: [1\n"})
    assert [line.split(":")[0] + ":" + line.split(":")[1] for line in told] == [
        "a.yaml:3",
        "a.yaml:6",
        "a.yaml:8",
        "a.yaml:10",
        "a.yaml:11",
        "b.yaml:2",
    ]
    assert told[0] == "a.yaml:3:11: rules[0].when: unknown fact 'client.contry'; did you mean 'client.country'?"
    assert "write numbers compared with a double with a decimal point" in told[3]


def test_a_folder_without_rules_is_an_error_not_an_open_door():
    assert problems_of({}) == ["policies: the folder holds no policy file; put at least one .yaml file with rules there"]
    assert "holds no rule" in problems_of({"a.yaml": b"lists:\n  x: {values: [DE]}\n"})[0]
    assert "the file is empty" in problems_of({"a.yaml": RULE, "b.yaml": b"\n"})[0]
    assert "holds no section" in problems_of({"a.yaml": RULE, "b.yaml": b"# nothing\n{}\n"})[0]
    assert "the section rules is empty" in problems_of({"a.yaml": b"rules: []\n"})[0]


def test_a_name_declared_in_a_file_that_cannot_be_read_is_not_called_unknown():
    rule = b"rules:\n  - {id: regions.a, when: client.country in lists.x, then: {tag: [x]}}\n"
    told = problems_of({"a.yaml": rule, "b.yaml": b"lists: {x: {values: [DE]\n"})
    assert len(told) == 1
    assert told[0].startswith("b.yaml:2")


def test_the_revision_names_exactly_the_files_that_judge():
    base = {"a.yaml": RULE, "lists/x.txt": b"DE\n"}
    assert revision_of(base) == revision_of(dict(reversed(base.items())))
    assert revision_of(base) != revision_of({**base, "lists/x.txt": b"DE \n"})
    assert revision_of(base) != revision_of({"a.yaml": RULE, "lists/y.txt": b"DE\n"})
    assert revision_of(base) == revision_of({**base, "cases/a.yaml": b"cases: []", "README.md": b"x", ".git/a.yaml": b"x"})
    assert revision_of(base).startswith("sha256:")
    assert len(revision_of(base)) == len("sha256:") + 12


def test_a_preset_counts_only_where_it_is_used():
    preset = b"""preset: {provider: P, date: 2025-01-01, source: s}
rules:
  - {id: regions.p, when: client.country == 'XX', then: {tag: [x]}}
"""
    files = {"a.yaml": RULE, "presets/p.yaml": preset}
    assert [rule.id for rule in load(files, NOW).rules] == ["usage.n"]
    used = load({**files, "b.yaml": b"use: [presets/p]\n"}, NOW)
    assert [rule.id for rule in used.rules] == ["regions.p", "usage.n"]
    assert used.vocabulary.presets[0].provider == "P"


def test_a_rule_belongs_to_the_latest_phase_it_reads():
    text = b"rules:\n  - {id: d.a, when: 'risk.level > 1 && request.n > 1', then: {tag: [x]}}\n"
    assert load({"a.yaml": text}, NOW).rules[0].phase is Phase.SIGNALS


def test_the_facts_that_are_read_are_known_so_that_nobody_else_must_be_computed():
    text = b"""rules:
  - {id: d.a, when: risk.level > 1, then: {tag: [x]}}
  - {id: d.off, when: account.travel_kmh > 1.0, then: {tag: [x]}, mode: off}
limits:
  - {id: l.a, per: [client.ip], count: requests, rate: 1/1s, when: request.stream}
waivers:
  - {id: w.a, waives: [d.*], when: account.org == 'x', expires: 2030-01-01, reason: r, approver: a}
"""
    ruleset = load({"a.yaml": text}, NOW)
    assert ruleset.reads == {"risk.level", "client.ip", "request.stream", "account.org"}
    assert not ruleset.reads_movement
    assert not ruleset.scans


def test_an_unmeant_list_end_is_noticed_where_a_file_states_its_length():
    rule = b"lists: {x: {file: lists/x.txt}}\nrules:\n  - {id: regions.a, when: client.country in lists.x, then: {tag: [x]}}\n"
    whole = b"# entries: 3\nDE FR\nIT\n"
    assert load({"a.yaml": rule, "lists/x.txt": whole}, NOW).vocabulary.lists["x"].values == frozenset({"DE", "FR", "IT"})
    told = problems_of({"a.yaml": rule, "lists/x.txt": whole[:-3]})
    assert told == ["lists/x.txt:1:1: the header says 3 entries, the file holds 2; restore the file, or correct the header"]
    cut = problems_of({"a.yaml": rule, "lists/x.txt": whole[:-2]})
    assert cut == [
        "lists/x.txt:1:1: the header says 3 entries, the file holds 3, the last of them without the end of its line; restore the file, or correct the header"
    ]


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0"])
def test_a_comment_behind_any_blank_is_no_value_of_a_list(blank):
    rule = b"lists: {x: {file: lists/x.txt}}\nrules:\n  - {id: regions.a, when: account.id in lists.x, then: {tag: [x]}}\n"
    listed = f"a#1{blank}# Germany, DE\n{blank}# whole\nb\n".encode()
    assert load({"a.yaml": rule, "lists/x.txt": listed}, NOW).vocabulary.lists["x"].values == frozenset({"a#1", "b"})
