from __future__ import annotations

from pathlib import Path

import pytest

from proxy.adapters.policy_folder import read_folder
from proxy.errors import ConfigError
from proxy.policy.load import load
from proxy.policy.tools.inventory import as_json, preset_difference, presets, waivers

NOW = 1_795_520_000.0  # 2026-11-24
FILES = read_folder(Path(__file__).parents[3] / "policies")


def test_a_waiver_says_what_it_still_waives_and_for_how_long():
    text = b"""rules: [{id: usage.n, when: request.n > 8, then: {clamp: {n: 8}}}]
limits: [{id: limits.a, per: [account.id], count: requests, rate: 60/1m}]
waivers:
  - {id: w.b, waives: ["usage.*", limits.a], when: account.verified, expires: 2026-11-30, reason: r, approver: jane}
  - {id: w.a, waives: [usage.n], when: account.verified, expires: 2026-11-20, reason: r, approver: jane}
"""
    gone, lasting = waivers(load({"a.yaml": text}, NOW), NOW)
    assert (gone.id, gone.expired) == ("w.a", True)
    assert (lasting.expired, lasting.days_left) == (False, 6)
    assert lasting.waives == {"usage.*": ["usage.n"], "limits.a": ["limits.a"]}
    assert as_json([gone, lasting])[1]["approver"] == "jane"


def test_a_condition_is_told_on_one_line_without_the_comments_that_would_swallow_its_rest():
    text = b"""rules: [{id: usage.n, when: request.n > 8, then: {clamp: {n: 8}}}]
waivers:
  - id: w.a
    waives: [usage.n]
    when: |
      account.id == 'a  b' // the harness
      || account.verified
    expires: 2026-11-30
    reason: r
    approver: jane
"""
    (waiver,) = waivers(load({"a.yaml": text}, NOW), NOW)
    assert waiver.when == "account.id == 'a  b' || account.verified"


def test_presets_are_listed_with_date_and_source():
    lines = presets(FILES, NOW)
    assert {line.name for line in lines if line.used} == {
        "presets/anthropic-2025-09",
        "presets/sanctioned-subdivisions-2025-09",
        "presets/owner-share-2025-09",
    }
    assert {"presets/openai-2024", "presets/google-2025-11"} <= {line.name for line in lines}
    assert all(line.date and line.source and line.rules for line in lines)


def test_no_preset_calls_itself_current():
    for line in presets(FILES, NOW):
        assert "current" not in f"{line.name} {line.provider} {line.source} {line.note}".lower()


def test_two_presets_differ_by_the_codes_on_their_lists():
    difference = preset_difference(FILES, "anthropic-2025-09", "presets/openai-2024", NOW)
    assert difference.old.provider == "Anthropic"
    assert difference.new.date == "2024-12-31"
    assert {"AF", "YE"} <= set(difference.gained)
    assert difference.lost == ()
    assert {change.kind for change in difference.changes} == {"rule"}


def test_every_preset_that_is_not_there_is_told():
    with pytest.raises(ConfigError) as raised:
        preset_difference(FILES, "anthropic]", "openai-2025", NOW)
    told = [str(problem) for problem in raised.value.problems]
    assert told[0].startswith("presets/: there is no preset presets/anthropic]; ")
    assert told[1] == "presets/: there is no preset presets/openai-2025; did you mean 'presets/openai-2024'?"
