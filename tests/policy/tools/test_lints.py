from __future__ import annotations

from pathlib import Path

import pytest

from proxy.adapters.policy_folder import read_folder
from proxy.policy.load import load
from proxy.policy.tools.findings import CHECKS, as_json, as_sarif
from proxy.policy.tools.lints import lint, worst

NOW = 1_795_520_000.0  # 2026-11-24
GOOD = "rules:\n  - {id: usage.n, when: request.n > 8, then: {clamp: {n: 8}}}\n"
ALLOW_LIST = 'rules:\n  - {id: regions.a, when: "%s", then: {refuse: {code: c, message: m}}}\n'


def found(text: str, files: dict[str, bytes] | None = None) -> list[tuple[str, str]]:
    everything = {"a.yaml": text.encode(), **(files or {})}
    return [
        (finding.check, finding.problem.what) for finding in lint(load(everything, NOW), everything, NOW) if finding.check != "missing-case"
    ]


@pytest.mark.parametrize("date", ["September 2025", "2025-9", "2025-02-30", "15.09.2025", "2025-09-15T10:00Z", "20250915"])
def test_a_date_that_is_no_day_month_or_year_is_told_as_none(date):
    text = "lists: {l: {file: l.txt}}\nrules: [{id: a.b, when: client.country in lists.l, then: {tag: [x]}}]\n"
    assert found(text, {"l.txt": f"# date: {date}\nDE\n".encode()}) == [
        ("undated-source", f"the list says its source was read in {date!r}"),
    ]


def test_policy_files_that_are_never_read_are_told():
    stray = {"team/b.yaml": GOOD.encode(), "C.YAML": GOOD.encode(), "presets/d.yml": GOOD.encode()}
    told = [finding.problem.file for finding in lint(load({"a.yaml": GOOD.encode()}, NOW), {"a.yaml": GOOD.encode(), **stray}, NOW)]
    assert set(stray) <= set(told)
    read = {"presets/e.yaml": b"", "presets/cases/e.yaml": b"", "d.yml": b"", "schema.json": b""}
    told = [finding.problem.file for finding in lint(load({"a.yaml": GOOD.encode()}, NOW), {"a.yaml": GOOD.encode(), **read}, NOW)]
    assert not set(read) & set(told)


@pytest.mark.parametrize("when", ["request.model == 'claude-*'", "request.model in ['gpt-4o', 'claude-*']", "request.model in lists.l"])
def test_a_star_in_a_condition_is_told_to_mean_nothing(when):
    text = f'models: {{known: ["claude-*", gpt-4o]}}\nlists: {{l: {{values: ["claude-*"]}}}}\nrules: [{{id: a.b, when: "{when}", then: {{tag: [x]}}}}]\n'
    assert ("unknown-model", "'claude-*' is compared as it stands: no model's name has a *") in found(text)


@pytest.mark.parametrize(
    "when",
    [
        "client.country == 'DE' && client.country == 'FR'",
        "client.country.startsWith('Q') && client.country.endsWith('X')",
        "risk.level > 4",
        "time.hour >= 24",
        "time.weekday == 0",
        "account.owner_share > 50.0",
        "client.geo_status == 'unkown'",
        "request.dialect == 'open-ai'",
        "request.n < 0",
        "false && account.verified",
        "request.stream && !request.stream",
        "account.tier in []",
        "account.tier == 'free' && account.tier in ['gold', 'silver']",
        "request.model.startsWith('gpt-') && request.model == 'claude-opus-4'",
        "request.model.startsWith('gpt-4') && !request.model.startsWith('gpt-')",
        "size(request.model) > 8 && size(request.model) <= 5",
        "size(account.tags) == 1 && 'a' in account.tags && 'b' in account.tags",
        "client.subdivision.startsWith('QX-')",
    ],
)
def test_a_condition_that_can_never_hold_is_found(when):
    assert "never-holds" in {check for check, _ in found(f'rules: [{{id: a.b, when: "{when}", then: {{tag: [x]}}}}]\n')}


@pytest.mark.parametrize(
    "when",
    [
        "request.model.startsWith('gpt') && request.model.endsWith('mini')",
        "request.model.contains('a') && !request.model.contains('b')",
        "client.as_org.matches('^A') && client.as_org.matches('Z$')",
        "request.n / 2 > 100 && request.turns == 1",
        "request.tools.exists(t, t == 'a') && size(request.tools) > 4",
        "account.tags == ['a', 'b']",
        "client.country == account.country && client.country == 'DE'",
        "account.age_days < 0.0",
        "request.temperature == -1.0",
        "'a' in account.tags && !('b' in account.tags)",
        "account.owner_share > 0.5 && account.owner_share < 0.51",
        "client.country == ''",
        "client.asn > 64511 && client.asn < 64513",
        "request.model > 'a' && request.model < 'b'",
        "request.model > 'b' && request.model.endsWith('a')",
        "request.model > 'b' && size(request.model) == 3",
        "request.model != '' && !request.model.contains('o')",
        "request.model.contains('-') && request.model.matches('^x') && request.model != ''",
        "size(request.model) == 3 && request.model != 'abc'",
        "'a' in account.tags && 'b' in account.tags",
        "'a' in account.tags && size(account.tags) > 3",
        "'timing' in risk.families && 'shared_text' in risk.families",
        "client.subdivision.startsWith('UA-')",
        "client.subdivision.startsWith('U') && !client.subdivision.startsWith('UA')",
        "client.subdivision.endsWith('43')",
        "client.subdivision != '' && client.subdivision != 'DE-BE'",
        "request.dialect == ''",
    ],
)
def test_a_condition_that_can_hold_is_never_called_impossible(when):
    assert {check for check, _ in found(f'rules: [{{id: a.b, when: "{when}", then: {{tag: [x]}}}}]\n')} & {
        "never-holds",
        "always-holds",
    } == set()


def test_a_condition_that_always_holds_is_found():
    assert found('rules: [{id: a.b, when: "request.n > 8 || request.n <= 8", then: {tag: [x]}}]\n') == [
        ("always-holds", "the condition always holds")
    ]
    assert found('rules: [{id: a.b, when: "true", then: {tag: [x]}}]\n') == []


def test_codes_that_no_country_has_are_found_in_conditions_and_lists():
    text = (
        "lists:\n  eu: {values: [DE, EL]}\n"
        + ALLOW_LIST % "client.country in lists.eu || account.country == 'UK' || client.subdivision == 'Crimea'"
    )
    told = found(text)
    assert ("unknown-country", "no country has the code 'UK'") in told
    assert ("unknown-country", "no country has the code 'EL'") in told
    assert ("unknown-subdivision", "'Crimea' isn't a subdivision code") in told


def test_a_list_of_countries_may_hold_other_codes_where_no_country_is_compared():
    text = "lists: {tiers: {values: [UK, EL]}}\n" + 'rules: [{id: a.b, when: "account.tier in lists.tiers", then: {tag: [x]}}]\n'
    assert found(text) == []


def test_models_that_rules_can_never_see_are_found():
    text = """models: {known: ["claude-*", gpt-4o], aliases: {gpt-4o-latest: gpt-4o}}
rules:
  - {id: a.alias, when: request.model == 'gpt-4o-latest', then: {tag: [x]}}
  - {id: a.typo, when: request.model == 'gtp-4o', then: {tag: [x]}}
"""
    told = found(text)
    assert ("unknown-model", "'gpt-4o-latest' is an alias, and rules see canonical names only") in told
    assert ("unknown-model", "models.known doesn't cover 'gtp-4o'") in told


@pytest.mark.parametrize(
    ("when", "forgotten"),
    [
        ("!(client.country in ['DE', 'FR'])", False),
        ("client.country != '' && !(client.country in ['DE', 'FR'])", True),
        ("!(client.country in ['DE', ''])", True),
        ("!(client.country in ['DE', 'FR']) && client.geo_status != 'private'", False),
        ("!(client.country in ['DE', 'FR']) && client.geo_status == 'ok'", True),
        ("client.country in ['CU', 'RU']", False),
        ("client.country != '' && client.country != 'DE' && client.country != 'FR'", True),
        ("client.country != '' && (client.country in ['DE', 'FR']) == false", True),
        ("client.country == '' ? false : !(client.country in ['DE', 'FR'])", True),
        ("request.model == 'm' && client.country != '' && !(client.country in ['DE', 'FR'])", True),
        ("!account.verified && client.country != '' && !(client.country in ['DE', 'FR'])", True),
        ("client.country in ['CU', 'RU'] && !(account.country == client.country)", False),
        ("client.country != '' && client.country != account.country", False),
    ],
)
def test_an_allow_list_that_forgets_the_unknown_region_is_found(when, forgotten):
    assert ("unknown-region-passes" in {check for check, _ in found(ALLOW_LIST % when)}) is forgotten


def test_what_has_ended_or_ends_soon_is_found():
    text = """rules:
  - {id: a.gone, when: request.n > 8, then: {tag: [x]}, expires: 2026-11-23}
  - {id: a.today, when: request.n > 8, then: {tag: [x]}, expires: 2026-11-24}
  - {id: a.later, when: request.n > 8, then: {tag: [x]}, expires: 2027-11-24}
waivers:
  - {id: w.gone, waives: [a.*], when: account.verified, expires: 2026-01-31, reason: r, approver: a}
"""
    assert found(text) == [
        ("expired", "the rule ended with 2026-11-23 and does nothing any more"),
        ("expires-soon", "the rule ends with 2026-11-24"),
        ("expired", "the waiver ended with 2026-01-31 and does nothing any more"),
    ]


def test_shadows_that_nobody_decided_about_are_found():
    text = """rules:
  - {id: a.old, when: request.n > 8, then: {tag: [x]}, mode: shadow, shadow_since: 2026-08-01}
  - {id: a.new, when: request.n > 8, then: {tag: [x]}, mode: shadow, shadow_since: 2026-11-01}
  - {id: a.undated, when: request.n > 8, then: {tag: [x]}, mode: shadow}
"""
    assert [check for check, _ in found(text)] == ["old-shadow", "undated-shadow"]


@pytest.mark.parametrize(
    ("date", "stale"), [("2025-11-23", True), ("2025-12-01", False), ("2025-10", True), ("2025-12", False), ("2025", False), ("2024", True)]
)
def test_a_list_read_more_than_a_year_ago_is_found(date, stale):
    text = "lists: {l: {file: lists/l.txt}}\n" + 'rules: [{id: a.b, when: "client.country in lists.l", then: {tag: [x]}}]\n'
    told = found(text, {"lists/l.txt": f"# source: somewhere\n# date: {date}\nDE\n".encode()})
    assert [check for check, _ in told] == (["stale-source"] if stale else [])


def test_a_list_without_a_date_is_noted():
    text = "lists: {l: {file: lists/l.txt}}\n" + 'rules: [{id: a.b, when: "client.country in lists.l", then: {tag: [x]}}]\n'
    assert [check for check, _ in found(text, {"lists/l.txt": b"DE\n"})] == ["undated-source"]


@pytest.mark.parametrize(("date", "stale"), [("2025-11-23", True), ("2025-11-25", False)])
def test_a_preset_copied_more_than_a_year_ago_is_found(date, stale):
    preset = f"preset: {{provider: P, date: {date}, source: their page}}\n" + GOOD
    told = found("use: [presets/p]\n", {"presets/p.yaml": preset.encode()})
    assert told == ([("stale-source", f"the preset's source was read in {date}")] if stale else [])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("request.model == 'm' && client.country != '' && !(client.country in ['DE'])", "request.model == 'm' && client.country == ''"),
        ("client.country != '' && !(client.country in ['DE'])", "client.geo_status in ['unknown', 'error']"),
    ],
)
def test_an_allow_list_whose_unknown_region_another_rule_refuses_is_whole(one, other):
    refuse = "then: {refuse: {code: c, message: m}}"
    text = f'rules:\n  - {{id: a.one, when: "{one}", {refuse}}}\n  - {{id: a.other, when: "{other}", {refuse}}}\n'
    assert found(text) == []


@pytest.mark.parametrize(("values", "odd"), [(b"acct-1, acct-2", True), (b"acct-1; acct-2;", True), (b"acct-1 acct,2", False)])
def test_a_list_separated_by_commas_is_told_since_none_of_its_values_would_match(values, odd):
    text = "lists: {l: {file: l.txt}}\nrules: [{id: a.b, when: account.id in lists.l, then: {tag: [x]}}]\n"
    what = f"the value {values.split()[0].decode()!r} ends in a separator, which is part of it"
    assert (("odd-value", what) in found(text, {"l.txt": values})) is odd


def test_what_nothing_uses_is_found():
    text = "lists: {l: {values: [DE]}}\npatterns: {p: {values: [abc]}}\n" + GOOD
    assert [check for check, _ in found(text, {"lists/forgotten.txt": b"DE\n"})] == ["unused", "unused", "unused"]


def test_a_campaign_budget_that_everyone_else_shares_is_found():
    limit = "limits: [{id: d.c, per: [campaign.id], count: requests, rate: 60/1h%s}]\n"
    assert [check for check, _ in found(GOOD + limit % "")] == ["shared-budget"]
    assert [check for check, _ in found(GOOD + limit.replace("campaign.id", "request.model, campaign.id") % "")] == ["shared-budget"]
    assert found(GOOD + limit.replace("campaign.id", "campaign.id, account.id") % "") == []
    assert found(GOOD + limit % ", when: \"campaign.id != ''\"") == []


def test_a_percentage_without_effect_is_noted():
    text = "rules: [{id: a.b, when: request.n > 8, then: {tag: [x]}, mode: off, enforce_percent: 10}]\n"
    assert [check for check, _ in found(text)] == ["no-effect"]


def test_rules_without_cases_and_failing_cases_are_found():
    files = {"a.yaml": GOOD.encode()}
    assert [finding.check for finding in lint(load(files, NOW), files, NOW)] == ["missing-case"]
    files["cases/a.yaml"] = b"cases: [{name: x, facts: {request.n: 9}, expect: {outcome: allow, clamps: {n: 7}}}]\n"
    findings = lint(load(files, NOW), files, NOW)
    assert [finding.check for finding in findings] == ["failing-case"]
    assert worst(findings) == "error"


def test_the_shipped_policies_have_nothing_worse_than_old_sources():
    files = read_folder(Path(__file__).parents[3] / "policies")
    assert {finding.check for finding in lint(load(files, NOW), files, NOW)} <= {"stale-source"}


def test_findings_are_told_to_code_review():
    files = {"a.yaml": b'rules: [{id: a.b, when: "risk.level > 4", then: {tag: [x]}}]\n'}
    findings = lint(load(files, NOW), files, NOW)
    assert {finding.check for finding in findings} <= CHECKS.keys()
    assert as_json(findings)[0]["file"] == "a.yaml"
    log = as_sarif(findings, "policies/")
    result = log["runs"][0]["results"][0]
    assert result["locations"][0]["physicalLocation"] == {
        "artifactLocation": {"uri": "policies/a.yaml"},
        "region": {"startLine": 1, "startColumn": 10},
    }
    assert {rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]} == {finding.check for finding in findings}
    assert result["level"] in {"error", "warning", "note"}
