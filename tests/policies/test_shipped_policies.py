from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from proxy.adapters.policy_folder import read_folder
from proxy.policy.cases import run_cases
from proxy.policy.language.shapes.case_file import ORDINARY
from proxy.policy.load import load
from proxy.policy.names.prices import Price
from proxy.policy.names.vocabulary import NamedList

POLICIES = Path(__file__).parents[2] / "policies"
NOW = 1_795_520_000.0
FILES = read_folder(POLICIES)
PRESETS = sorted(path.stem for path in (POLICIES / "presets").glob("*.yaml"))


def test_every_case_holds_and_every_rule_has_a_firing_case_and_a_near_miss():
    report = run_cases(load(FILES, NOW), FILES, NOW)
    assert report.ran > 50
    assert report.failures == ()
    assert report.gaps == ()


@pytest.mark.parametrize("preset", PRESETS)
def test_each_preset_stands_alone_with_its_own_cases(preset):
    files = {name: data for name, data in FILES.items() if name.startswith(("presets/", "lists/"))}
    files["only.yaml"] = f"use: [presets/{preset}]\n".encode()
    ruleset = load(files, NOW)
    report = run_cases(ruleset, files, NOW)
    assert report.ran > 0
    assert report.failures == ()
    assert report.gaps == ()
    assert ruleset.vocabulary.presets[0].date
    assert ruleset.vocabulary.presets[0].source


def test_every_list_says_where_and_when_it_was_read():
    undated = [named.name for preset in PRESETS for named in _lists(preset) if not named.source or not named.date]
    assert undated == []


def _lists(preset: str) -> list[NamedList]:
    files = {**FILES, "only.yaml": f"use: [presets/{preset}]\n".encode()}
    del files["regions.yaml"]
    return list(load(files, NOW).vocabulary.lists.values())


def test_a_caller_on_loopback_can_try_them():
    facts = {**ORDINARY, "client.ip": "127.0.0.1", "client.country": "", "client.geo_status": "private", "account.id": "",
             "account.source": "none", "account.listed": False, "account.tier": "", "account.verified": False,
             "account.country": "", "account.owner_country": "", "account.owner_share": 0.0, "account.age_days": -1.0}  # fmt: skip
    assert load(FILES, NOW).judge(facts, NOW).refusal is None


def test_a_public_address_of_unknown_region_is_refused():
    facts = {**ORDINARY, "client.country": "", "client.geo_status": "unknown"}
    refusal = load(FILES, NOW).judge(facts, NOW).refusal
    assert refusal is not None
    assert refusal.code == "unknown_region"


def test_no_price_is_zero():
    ruleset = load(FILES, NOW)
    assert ruleset.price("never-heard-of", 1) == Price.plain(15.0, 75.0)
    assert all(min(*price.ordinary, *price.long) > 0 for price in ruleset.vocabulary.prices.models.values())


def test_no_model_has_its_cache_from_a_cheaper_sibling():
    """A name takes its whole price from the longest beginning listed: what no price was found for costs what input does."""
    price = partial(load(FILES, NOW).price, prompt_tokens=1)
    assert price("claude-opus-4-1-20250805") == (15.0, 75.0, 1.5, 18.75, 30.0)
    assert price("claude-opus-4-5-20251101") == (5.0, 25.0, 0.5, 6.25, 10.0)
    assert price("gpt-4o-mini-2024-07-18") == (0.15, 0.6, 0.075, 0.15, 0.15)
    assert price("o3-mini-2025-01-31").cached_input > price("o3").cached_input
    for model in ("o3-pro", "gpt-4o-audio-preview", "gemini-2.5-flash-image", "gemini-2.5-pro-preview-tts"):
        assert price(model).cached_input == price(model).input


def test_a_dated_model_has_not_the_price_of_a_later_version_and_an_unknown_one_costs_the_default():
    price = partial(load(FILES, NOW).price, prompt_tokens=1)
    assert price("claude-fable-5-20260609") == price("claude-fable-5") != price("claude-fable-5-2")
    assert price("claude-opus-5-20260724") == price("claude-opus-5") != price("claude-opus-5-5")
    assert price("gpt-5-2025-08-07") == price("gpt-5")
    assert price("gpt-5.9") == price("gpt-7") == price("claude-fable-6") == price("never-heard-of")


@pytest.mark.parametrize(
    ("model", "above", "short", "long"),
    [
        ("claude-haiku-5-5", 100_000, (0.1, 0.5, 0.01, 0.125, 0.2), (0.5, 2.5, 0.05, 0.625, 1.0)),
        ("gpt-6.1-terra", 272_000, (1.0, 5.0, 0.05, 1.25, 2.5), (2.0, 7.5, 0.1, 2.5, 5.0)),
        ("gemini-3.1-pro-preview", 200_000, (2.0, 12.0, 0.2, 2.0, 2.0), (4.0, 18.0, 0.4, 4.0, 4.0)),
    ],
)
def test_long_prompts_have_their_price_where_the_provider_has_one(model, above, short, long):
    price = load(FILES, NOW).price
    assert (price(model, above), price(model, above + 1)) == (short, long)


@pytest.mark.parametrize("name", ["claude-sonnet-4-5", "gpt-4o-mini-2024-07-18", "m-large", "gemini-2.5-pro"])
def test_current_model_families_are_known(name):
    assert load(FILES, NOW).knows_model(name)
