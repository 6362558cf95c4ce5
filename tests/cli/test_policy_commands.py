from __future__ import annotations

import json

import jsonschema
import pytest

from proxy.policy.tools.reference import reference_markdown
from tests.cli.running import RULES, SHIPPED, a_day, folder, run, told, trace
from tests.replay.lines import AT, KOREA, line

BAD = "rules:\n  - {id: a.b, when: clinet.country == 'CU', then: {tag: [x]}}\n  - {id: a.c, when: 'true', then: {slow: 1}}\n"
NEVER = "rules:\n  - {id: a.b, when: \"client.country == 'XX1'\", then: {tag: [x]}}\n"


def test_check_says_what_keeps_a_folder_from_loading_all_at_once(tmp_path):
    result = run("check", folder(tmp_path, BAD))
    assert result.exit_code == 2
    assert "a.yaml:2" in result.stdout
    assert "a.yaml:3" in result.stdout
    assert told("check", tmp_path)["ok"] is False


def test_check_tells_findings_by_file_and_line(tmp_path):
    result = run("check", folder(tmp_path, NEVER))
    assert result.exit_code == 1
    assert "[never-holds]" in result.stdout
    findings = told("check", tmp_path)["findings"]
    assert {finding["check"] for finding in findings} >= {"never-holds", "missing-case"}
    assert all(finding["file"] and finding["what"] for finding in findings)


def test_check_gives_sarif_for_code_review(tmp_path):
    for text, check in ((NEVER, "never-holds"), (BAD, "not-loaded")):
        result = run("check", folder(tmp_path / check, text), "--sarif")
        log = json.loads(result.stdout)
        assert log["version"] == "2.1.0"
        results = log["runs"][0]["results"]
        assert check in {one["ruleId"] for one in results}
        place = results[0]["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == f"{tmp_path / check}/a.yaml"
        assert place["region"]["startLine"] > 1


def test_places_in_sarif_are_paths_that_a_code_review_can_follow(tmp_path, monkeypatch):
    monkeypatch.chdir(folder(tmp_path / "our policies", NEVER))
    for asked, expected in ((".", "a.yaml"), ("../our policies/", "../our%20policies/a.yaml")):
        (first, *_) = json.loads(run("check", asked, "--sarif").stdout)["runs"][0]["results"]
        assert first["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == expected


def test_the_shipped_policies_load_and_hold():
    assert told("check", SHIPPED)["ok"] is True
    assert run("test", SHIPPED).exit_code == 0


def test_test_names_what_no_case_would_miss(tmp_path):
    result = run("test", folder(tmp_path))
    assert result.exit_code == 1
    assert told("test", tmp_path)["gaps"]


def test_cases_that_fail_are_counted_as_cases_however_much_each_expected(tmp_path):
    cases = """cases:
  - {name: one, facts: {client.country: KP}, expect: {outcome: allow, rule: usage.many, clamps: {n: 1}, tags: [x]}}
  - {name: two, facts: {client.country: KP}, expect: {outcome: refuse, rule: regions.korea}}
"""
    (tmp_path / "cases").mkdir()
    (tmp_path / "cases" / "a.yaml").write_text(cases)
    told = run("test", folder(tmp_path)).stdout.splitlines()
    assert len([line for line in told if line.startswith("cases/a.yaml:2:")]) > 1
    assert told[-1].startswith("2 cases ran over 2 rules, 1 limits, 0 waivers: 1 failed, ")


def test_explain_takes_facts_and_says_where_each_came_from(tmp_path):
    asked = tmp_path / "facts.json"
    asked.write_text(json.dumps({"client.country": "KP", "request.n": 2}))
    result = run("explain", folder(tmp_path / "p"), asked)
    assert result.exit_code == 0
    assert result.stdout.startswith("refused by regions.korea (unsupported_region): No.")
    assert "client.country = 'KP'  from the request file" in result.stdout
    assert "request.n = 2  from the request file" in result.stdout
    said = told("explain", tmp_path / "p", asked)
    assert said["verdict"]["outcome"] == "refuse"
    assert said["facts"]["account.tier"] == {"value": "standard", "source": "assumed: an ordinary request's"}
    assert [rule["truth"] for rule in said["rules"]] == [True, False]


def test_explain_shows_a_condition_that_its_tests_alone_would_turn_round_and_large_amounts_in_digits(tmp_path):
    rules = """rules:
  - {id: a.elsewhere, when: "!(client.country == 'DE') || request.n > 4", then: {tag: [x]}}
  - {id: a.many, when: request.n > 4, then: {tag: [x]}}
limits:
  - {id: limits.tokens, per: [account.id], count: total_tokens, rate: 2000000/1m, burst: 4000000}
"""
    (tmp_path / "facts.json").write_text('{"client.country": "KP"}')
    told = run("explain", folder(tmp_path / "p", rules), tmp_path / "facts.json").stdout
    condition = "when   !(client.country == 'DE') || request.n > 4"
    assert condition in told
    assert told.index(condition) < told.index("false  client.country == 'DE'")
    assert told.count("when ") == 1
    assert "33,333.3 a second, 4,000,000 at once" in told


def test_explain_writes_conditions_and_values_as_a_condition_would(tmp_path):
    rules = """rules:
  - id: a.one
    when: |
      account.org == 'a  b' // two blanks
      || !account.verified
    then: {tag: [x]}
"""
    (tmp_path / "facts.json").write_text('{"account.verified": false}')
    policies = folder(tmp_path / "p", rules)
    told = run("explain", policies, tmp_path / "facts.json").stdout
    assert "when   account.org == 'a  b' || !account.verified" in told
    assert "false  account.org == 'a  b'" in told
    assert "account.verified = false" in told


def test_explain_looks_for_patterns_in_texts_and_judges_at_a_time(tmp_path):
    policies = folder(
        tmp_path / "p",
        "patterns: {secret: {values: ['secret plan']}}\nrules:\n"
        "  - {id: a.secret, when: \"'secret' in request.patterns\", then: {tag: [x]}}\n"
        "  - {id: a.early, when: 'time.hour == 14', then: {tag: [y]}}\n",
    )
    asked = tmp_path / "facts.json"
    asked.write_text(json.dumps({"facts": {}, "texts": ["My secret plan", "x" * 262_144], "at": AT}))
    assert told("explain", policies, asked)["verdict"]["tags"] == ["x", "y"]
    assert told("explain", policies, asked)["facts"]["request.unscanned_chars"] == {"value": 14, "source": "the prompt's length"}


def test_explain_takes_one_line_of_recorded_traffic(tmp_path):
    policies, one = folder(tmp_path / "p"), trace(tmp_path / "t.jsonl", [line(client_ip=KOREA)])
    result = run("explain", policies, one)
    assert result.stdout.startswith("refused by regions.korea")
    assert "client.country = 'KP'  from region databases" in result.stdout
    said = told("explain", policies, one)
    assert (said["replayed"]["outcome"], said["facts"]["account.tier"]["source"]) == ("refuse", "the trace")
    assert said["facts"]["account.org"]["source"].startswith("the default")


def test_explain_shows_limits_as_the_lines_before_left_them(tmp_path):
    policies, day = folder(tmp_path / "p"), a_day(tmp_path / "day.jsonl.gz")
    result = run("explain", policies, day, "--line", 4)
    assert result.stdout.startswith("refused by the limit limits.requests")
    assert "over, possible again in" in result.stdout
    standing = told("explain", policies, day, "--line", 1)["standings"][0]
    assert (standing["allowed"], standing["remaining"], standing["burst"]) == (True, 1.0, 2.0)
    assert told("explain", policies, day, "--line", 4)["standings"][0]["allowed"] is False
    assert "--line" in run("explain", policies, day).stderr
    assert f"write {day} --line 4" in run("explain", policies, f"{day}:4").stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "no exchange"),
        (b"nonsense", "isn't JSON"),
        (b"[1, 2]", "isn't a JSON object"),
        (b'{"client.cuontry": "KP"}', "did you mean client.country?"),
        (b'{"client.country": 7}', "client.country: must be a text, not 7"),
        (b'{"request.n": "2"}', 'request.n: must be a whole number, not "2"'),
        (b'{"facts": 7}', "must be an object"),
        (b'{"at": "now"}', "must be a time"),
        (b'{"texts": "x"}', "must be a list of texts"),
        (b'{"request.n": 1e400}', "must be a whole number"),
        (b'{"request.temperature": 1e400}', "must be a number"),
        (b'{"path": "/v1/messages"}', "is missing"),
        (b"\x1f\x8b\x08\x00garbage", "the compressed file is"),
        (b"[" * 200_000, "isn't JSON"),
    ],
)
def test_explain_tells_what_is_no_request(tmp_path, content, expected):
    asked = tmp_path / "asked.json"
    asked.write_bytes(content)
    result = run("explain", folder(tmp_path / "p"), asked)
    assert result.exit_code == 2
    assert expected in result.stderr


def test_explain_tells_a_request_that_no_rule_ever_saw(tmp_path):
    one = trace(tmp_path / "t.jsonl", [line(path="/v1/unheard_of")])
    result = run("explain", folder(tmp_path / "p"), one)
    assert result.exit_code == 2
    assert "rejected.unknown_endpoint" in result.stderr


def test_what_files_hold_cannot_draw_on_the_terminal(tmp_path):
    one = trace(tmp_path / "t.jsonl", [line(account={"id": "a\u001b[2Jb", "tier": "[bold]x"}, client_ip=KOREA)])
    output = run("explain", folder(tmp_path / "p"), one).output + run("replay", one, "--policies", tmp_path / "p").output
    output += run("diff", tmp_path / "p", folder(tmp_path / "q", RULES.replace("KP", "DE")), "--trace", one).output
    assert "\u001b" not in output
    assert "a\\x1b[2Jb" in output
    (tmp_path / "facts.json").write_text(json.dumps({"a\u001b[2J": 1}))
    assert "\u001b" not in run("explain", tmp_path / "p", tmp_path / "facts.json").stderr


def test_diff_tells_changes_and_their_direction(tmp_path):
    old, new = (
        folder(tmp_path / "old"),
        folder(tmp_path / "new", RULES.replace("burst: 2", "burst: 1").replace("request.n > 4", "request.n > 6")),
    )
    result = run("diff", old, new)
    assert result.exit_code == 1
    assert "~ limit limits.requests (stricter)" in result.stdout
    assert "~ rule usage.many (milder)" in result.stdout
    assert run("diff", old, old).exit_code == 0
    said = told("diff", old, new)
    assert {change["direction"] for change in said["changes"]} == {"stricter", "milder"}


def test_diff_tells_whose_answers_change_by_rule(tmp_path):
    old = folder(tmp_path / "old")
    new = folder(tmp_path / "new", RULES.replace("'KP'", "'DE'").replace("burst: 2", "burst: 3"))
    day = a_day(tmp_path / "day.jsonl")
    traffic = told("diff", old, new, "--trace", day)["traffic"]
    assert (traffic["exchanges"], traffic["different"], traffic["accounts"]) == (6, 6, 3)
    switches = {(one["old"]["outcome"], one["old"]["rule"], one["new"]["outcome"], one["new"]["rule"]): one for one in traffic["switches"]}
    assert switches["refuse", "regions.korea", "allow", ""]["accounts"] == ["acct-2"]
    assert switches["allow", "", "refuse", "regions.korea"]["accounts"] == ["acct-1", "acct-3"]
    assert switches["throttle", "limits.requests", "refuse", "regions.korea"]["first_line"] == 4
    assert "acct-1, acct-3" in run("diff", old, new, "--trace", day).stdout


def test_diff_tells_what_a_rule_in_shadow_would_do_to_whom(tmp_path):
    shadow = RULES.replace("id: regions.korea\n", "id: regions.korea\n    mode: shadow\n").replace("'KP'", "'DE'")
    old, new = folder(tmp_path / "old", RULES.replace("'KP'", "'CU'")), folder(tmp_path / "new", shadow)
    day = a_day(tmp_path / "day.jsonl")
    traffic = told("diff", old, new, "--trace", day)["traffic"]
    assert traffic["different"] == 0
    assert traffic["shadow"] == [{"rule": "regions.korea", "exchanges": 5, "accounts": ["acct-1", "acct-3"], "first_line": 1}]
    assert "is in shadow" in run("diff", old, new, "--trace", day).stdout
    assert told("diff", new, new, "--trace", day)["traffic"]["shadow"] == []


def test_a_change_that_no_caller_notices_changes_no_answer(tmp_path):
    old = folder(tmp_path / "old")
    new = folder(tmp_path / "new", RULES.replace("usage.many", "usage.several"))
    day = a_day(tmp_path / "day.jsonl")
    said = told("diff", old, new, "--trace", day)
    assert len(said["changes"]) == 2
    assert said["traffic"]["different"] == 0


def test_diff_tells_the_problems_of_both_folders(tmp_path):
    result = run("diff", folder(tmp_path / "old", BAD), folder(tmp_path / "new", "rules: 7\n"))
    assert result.exit_code == 2
    assert "3 problems" in result.stderr
    assert f"{tmp_path}/old/a.yaml:2" in result.stderr
    assert f"{tmp_path}/new/a.yaml:1" in result.stderr


def test_presets_are_listed_and_compared():
    assert "presets/anthropic-2025-09" in run("presets", "list", SHIPPED).stdout
    assert {preset["name"] for preset in told("presets", "list", SHIPPED)} >= {"presets/openai-2024"}
    result = run("presets", "diff", "anthropic-2025-09", "openai-2024", "--policies", SHIPPED)
    assert result.exit_code == 1
    assert told("presets", "diff", "anthropic-2025-09", "openai-2024", "--policies", SHIPPED)["gained"]
    assert run("presets", "diff", "openai-2024", "openai-2024", "--policies", SHIPPED).exit_code == 0
    assert "did you mean" in run("presets", "diff", "openai-2024", "openai-2025", "--policies", SHIPPED).stderr


def test_an_expired_waiver_is_loud(tmp_path):
    waiver = "waivers: [{{id: w.a, waives: [usage.many], when: account.verified, expires: {}, reason: r, approver: jane}}]\n"
    lasting = folder(tmp_path / "lasting", RULES + waiver.format("2999-01-01"))
    gone = folder(tmp_path / "gone", RULES + waiver.format("2020-01-01"))
    assert run("waivers", "list", lasting).exit_code == 0
    result = run("waivers", "list", gone)
    assert result.exit_code == 1
    assert "EXPIRED" in result.stdout
    assert told("waivers", "list", gone)[0]["waives"] == {"usage.many": ["usage.many"]}
    assert run("waivers", "list", folder(tmp_path / "none")).stdout == "no waivers\n"


def test_reference_writes_what_the_code_says(tmp_path):
    policies = folder(tmp_path / "p")
    assert run("reference", policies, "--check").exit_code == 1
    assert run("reference", policies).exit_code == 0
    assert (policies / "README.md").read_text(encoding="utf-8") == reference_markdown()
    jsonschema.Draft202012Validator.check_schema(json.loads((policies / "cases" / "schema.json").read_text()))
    assert run("reference", policies, "--check").exit_code == 0
    assert run("reference", SHIPPED, "--check").exit_code == 0
    assert run("reference", tmp_path / "nowhere").exit_code == 2


def test_a_place_on_line_100_is_told_as_a_place(tmp_path):
    assert "a.yaml:100:6: a.b: " in run("check", folder(tmp_path / "p", "\n" * 98 + NEVER)).stdout
    bad = folder(tmp_path / "bad", "\n" * 98 + BAD)
    assert "a.yaml:100:" in run("explain", bad, tmp_path).stderr


def test_a_key_that_stands_beside_facts_by_mistake_is_told(tmp_path):
    asked = tmp_path / "facts.json"
    asked.write_text(json.dumps({"facts": {"request.n": 2}, "text": ["Why?"], "client.country": "KP"}))
    result = run("explain", folder(tmp_path / "p"), asked)
    assert result.exit_code == 2
    assert "client.country: unknown key" in result.stderr
    assert "text: unknown key" in result.stderr
