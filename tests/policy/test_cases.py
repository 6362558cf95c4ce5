from __future__ import annotations

import pytest

from proxy.policy.cases import run_cases
from proxy.policy.load import load
from proxy.policy.names.patterns import SCANNED_CHARS

NOW = 1_795_520_000.0  # 2026-11-24
RULES = b"""patterns: {cot: {values: [chain of thought]}}
rules:
  - {id: usage.n, when: request.n > 8, then: {clamp: {n: 8}}}
  - {id: regions.a, when: client.country == 'CU', then: {refuse: {code: unsupported, message: m}}, mode: enforce, enforce_percent: 0.001}
  - {id: label.cot, when: "'cot' in request.patterns", then: {tag: [cot], strip: [reasoning]}}
  - {id: late.a, when: request.stream, then: {tag: [late]}, not_before: 2027-01-01}
limits:
  - {id: limits.free, per: [account.id], count: requests, rate: 1/1s, when: account.tier == 'free'}
waivers:
  - {id: waivers.a, waives: [usage.n], when: account.org == 'lab', expires: 2026-01-01, reason: r, approver: a}
"""
WHOLE = """cases:
  - {name: nine, facts: {request.n: 9}, expect: {outcome: allow, rule: usage.n, clamps: {n: 8}}}
  - {name: eight, facts: {request.n: 8}, expect: {outcome: allow, clamps: {}, tags: []}}
  - {name: cuba, facts: {client.country: CU}, expect: {outcome: refuse, rule: regions.a, code: unsupported}}
  - {name: thoughts, texts: ["your chain of thought"], expect: {outcome: allow, tags: [cot], strips: [reasoning]}}
  - {name: stream, facts: {request.stream: true}, expect: {outcome: allow, tags: [late]}}
  - {name: free, facts: {account.tier: free}, expect: {outcome: allow, limits: [limits.free]}}
  - {name: lab, facts: {request.n: 9, account.org: lab}, expect: {outcome: allow, clamps: {}, waived_by: waivers.a}}
"""


def run(cases: str, rules: bytes = RULES):
    files = {"a.yaml": rules, "cases/a.yaml": cases.encode()}
    return run_cases(load(files, NOW), files, NOW)


def test_dates_and_percentages_do_not_count_unless_a_case_names_a_day():
    assert run(WHOLE).failures == ()
    assert run(WHOLE).gaps == ()
    assert run(WHOLE).ran == 7
    early = "cases: [{name: early, on: 2026-12-31, facts: {request.stream: true}, expect: {outcome: allow, tags: []}}]\n"
    assert run(early).passed
    assert run(early.replace("2026-12-31", "2027-01-01")).failures[0].what == "early: expected tags [], got ['late']"
    assert run(
        "cases: [{name: lab, on: 2026-11-24, facts: {request.n: 9, account.org: lab}, expect: {outcome: allow, clamps: {n: 8}}}]\n"
    ).passed


@pytest.mark.parametrize(("chars", "tags"), [(SCANNED_CHARS, "[]"), (SCANNED_CHARS + 1, "[long]")])
def test_texts_of_a_case_may_be_too_long_for_patterns(chars, tags):
    rules = b"rules: [{id: usage.long, when: request.unscanned_chars > 0, then: {tag: [long]}}]\n"
    assert run(f"cases: [{{name: long, texts: ['{'x' * chars}'], expect: {{outcome: allow, tags: {tags}}}}}]\n", rules).failures == ()


@pytest.mark.parametrize(
    ("case", "what"),
    [
        ("facts: {request.n: 9}, expect: {outcome: refuse}", "expected refuse, got allow"),
        ("facts: {client.country: CU}, expect: {outcome: allow}", "expected allow, got refuse by regions.a"),
        ("facts: {client.country: CU}, expect: {outcome: refuse, rule: usage.n}", "expected usage.n to refuse, but regions.a did"),
        ("facts: {client.country: CU}, expect: {outcome: refuse, code: other}", "expected code other, got unsupported"),
        ("facts: {request.n: 8}, expect: {outcome: allow, rule: usage.n}", "expected usage.n to match, but it didn't"),
        ("facts: {request.n: 9}, expect: {outcome: allow, clamps: {n: 4}}", "expected clamps {'n': 4}, got {'n': 8}"),
        ("facts: {request.n: 9}, expect: {outcome: allow, strips: [reasoning]}", "expected strips ['reasoning'], got []"),
        ("facts: {}, expect: {outcome: allow, limits: [limits.free]}", "expected the limit limits.free to apply, but it didn't"),
        (
            "facts: {request.n: 9}, expect: {outcome: allow, waived_by: waivers.a}",
            "expected waivers.a to set something aside, but it didn't",
        ),
    ],
)
def test_a_case_that_does_not_hold_says_what_came_instead(case, what):
    report = run(f"cases: [{{name: case, {case}}}]\n")
    assert [problem.what for problem in report.failures] == [f"case: {what}"]
    assert report.failures[0].file == "cases/a.yaml"
    assert not report.passed


@pytest.mark.parametrize(
    ("case", "told"),
    [
        (
            "cases: [{name: a, facts: {client.contry: DE}, expect: {outcome: allow}}]\n",
            "unknown fact 'client.contry'; did you mean 'client.country'?",
        ),
        ("cases: [{name: a, facts: {request.n: many}, expect: {outcome: allow}}]\n", "request.n must be a whole number, not 'many'"),
        ("cases: [{name: a, facts: {request.stream: 1}, expect: {outcome: allow}}]\n", "request.stream must be true or false, not 1"),
        ("cases: [{name: a, expect: {outcom: allow}}]\n", "unknown key 'outcom'; did you mean 'outcome'?"),
        ("cases: []\n", "the list is empty"),
        ("cases: [\n", "not YAML"),
    ],
)
def test_a_case_that_cannot_be_read_fails(case, told):
    report = run(case)
    assert not report.passed
    assert any(told in str(problem) for problem in report.failures)


@pytest.mark.parametrize("identity", ["usage.n", "regions.a", "label.cot", "late.a", "limits.free"])
def test_deleting_any_rule_or_limit_breaks_a_case(identity):
    files = {"a.yaml": RULES, "cases/a.yaml": WHOLE.encode()}
    assert not run_cases(load(files, NOW).without(identity), files, NOW).passed


@pytest.mark.parametrize(
    ("without", "gap"),
    [
        ("thoughts", "label.cot: no case in which it applies"),
        ("cuba", "regions.a: no case in which it applies"),
        ("free", "limits.free: no case in which it applies"),
    ],
)
def test_what_no_case_would_miss_is_told(without, gap):
    kept = "".join(line + "\n" for line in WHOLE.splitlines() if f"name: {without}," not in line)
    assert gap in " ".join(f"{problem.path}: {problem.what}" for problem in run(kept).gaps)


def test_a_case_that_expects_nothing_of_its_rule_guards_nothing():
    idle = "cases:\n  - {name: nine, facts: {request.n: 9}, expect: {outcome: allow}}\n  - {name: eight, facts: {request.n: 8}, expect: {outcome: allow}}\n"
    gaps = {problem.path: problem.what for problem in run(idle).gaps}
    assert gaps["usage.n"] == "no case would notice if it were deleted"


def test_a_firing_case_without_a_near_miss_is_told():
    far = "cases: [{name: far, facts: {request.n: 9}, expect: {outcome: allow, clamps: {n: 8}}}]\n"
    gaps = {problem.path: problem.what for problem in run(far).gaps}
    assert gaps["usage.n"] == "no case in which it just doesn't apply"


def test_the_cases_of_a_preset_run_where_it_is_used():
    files = {
        "a.yaml": b"rules: [{id: a.b, when: request.n > 8, then: {tag: [x]}}]\n",
        "presets/p.yaml": b"preset: {provider: P, date: 2025-01-01, source: s}\nrules: [{id: p.a, when: request.n > 4, then: {tag: [y]}}]\n",
        "presets/cases/p.yaml": b"cases: [{name: five, facts: {request.n: 5}, expect: {outcome: allow, tags: [y]}}]\n",
    }
    assert run_cases(load(files, NOW), files, NOW).ran == 0
    files["use.yaml"] = b"use: [presets/p]\n"
    assert run_cases(load(files, NOW), files, NOW).ran == 1
