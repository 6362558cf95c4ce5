from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.policy.names.models import ModelNames
from proxy.policy.names.passes import Passes
from proxy.policy.names.prices import DEFAULT_PRICE, ModelPrice, Price, Prices

MODELS = ModelNames({"gpt-4o-latest": "gpt-4o"}, ["claude-*", "gpt-4o"])
PASSES = Passes([("POST", "/v1/files/*"), ("GET", "/v1/assistants/**"), ("GET", "/v1/exact")])


def test_an_alias_stands_for_the_model_and_another_name_for_itself():
    assert MODELS.canonical("gpt-4o-latest") == "gpt-4o"
    assert MODELS.canonical("gpt-4o") == "gpt-4o"


@pytest.mark.parametrize(
    ("name", "known"),
    [("claude-", True), ("claude-opus", True), ("gpt-4o", True), ("gpt-4o-mini", False), ("", False), ("Claude-opus", False)],
)
def test_a_model_is_known_by_name_or_by_its_beginning(name, known):
    assert MODELS.knows(name) is known


def flat(read: float, written: float) -> ModelPrice:
    """A price for prompts of any length that no cache changes."""
    return ModelPrice.flat(Price.plain(read, written))


def test_the_longest_beginning_sets_the_price():
    large, mini, own, other = (flat(read, written) for read, written in ((2.5, 10.0), (0.15, 0.6), (1.0, 1.0), (9.0, 9.0)))
    prices = Prices({"gpt-4o*": large, "gpt-4o-mini*": mini, "gpt-4o-special": own}, other)
    assert prices.of("gpt-4o-2024", 1) == large.ordinary
    assert prices.of("gpt-4o-mini-2024", 1) == mini.ordinary
    assert prices.of("gpt-4o-special", 1) == own.ordinary
    assert prices.of("nobody-knows", 1) == other.ordinary
    assert prices.of("gpt-4o-mini-2024", 1) == mini.ordinary


@pytest.mark.parametrize(
    ("tokens", "tier", "price"),
    [
        (200_000, "", (2.0, 10.0, 0.2, 2.5, 4.0)),
        (200_001, "", (4.0, 15.0, 0.4, 5.0, 8.0)),
        (200_001, "priority", (8.0, 30.0, 0.8, 10.0, 16.0)),
    ],
)
def test_all_of_a_call_with_a_long_prompt_costs_more_from_one_token_on(tokens, tier, price):
    listed = ModelPrice(Price(2.0, 10.0, 0.2, 2.5, 4.0), Price(4.0, 15.0, 0.4, 5.0, 8.0), 200_000.0)
    prices = Prices({"m*": listed}, tiers={"priority": 2.0})
    assert [prices.of("m-1", tokens, tier) for _ in range(2)] == [price] * 2


def test_a_tier_multiplies_every_price_and_an_unknown_one_leaves_it():
    prices = Prices({"gpt-4o*": ModelPrice.flat(Price(2.5, 10.0, 1.25, 3.0, 5.0))}, flat(9.0, 9.0), {"priority": 2.0})
    for _ in range(2):
        assert prices.of("gpt-4o-2024", 1, "priority") == (5.0, 20.0, 2.5, 6.0, 10.0)
        assert prices.of("gpt-4o-2024", 1, "flex") == prices.of("gpt-4o-2024", 1) == (2.5, 10.0, 1.25, 3.0, 5.0)
    assert prices.of("nobody-knows", 1, "priority") == Price.plain(18.0, 18.0)


def test_a_price_that_nothing_multiplies_is_the_very_one_of_the_table():
    price = flat(2.5, 10.0)
    assert Prices({"m": price}).of("m", 1) is price.ordinary


@pytest.mark.parametrize(("tier", "times"), [("", 0.5), ("priority", 1.0), ("flex", 0.5)])
def test_a_batch_has_its_price_which_a_cheaper_tier_does_not_lower_further(tier, times):
    prices = Prices({"m": flat(4.0, 8.0)}, tiers={"priority": 2.0, "flex": 0.5}, batch=0.5)
    assert prices.of("m", 1, tier, batch=True) == Price.plain(4.0 * times, 8.0 * times)


def test_without_a_table_nothing_is_free():
    assert Prices({}).of("m", 10**12) == DEFAULT_PRICE.ordinary
    assert min(DEFAULT_PRICE.ordinary) > 0


@given(st.lists(st.text(max_size=300), max_size=30))
def test_names_made_up_by_callers_do_not_fill_the_memory(names):
    prices = Prices({"a*": flat(1.0, 1.0)})
    for name in names:
        prices.of(name, 1)
    assert all(len(name) <= 128 for name in prices._seen)


@pytest.mark.parametrize(
    ("method", "path", "passes"),
    [
        ("POST", "/v1/files/abc", True),
        ("POST", "/v1/files/", False),
        ("POST", "/v1/files/abc/content", False),
        ("GET", "/v1/files/abc", False),
        ("GET", "/v1/assistants/a/b/c", True),
        ("GET", "/v1/exact", True),
        ("GET", "/v1/exact/", False),
        ("GET", "/v1/exactly", False),
        ("get", "/v1/exact", False),
        ("GET", "/v1/assistants/../chat/completions", False),
        ("GET", "/v1/assistants/%2e%2e/chat", False),
        ("GET", "/v1/assistants//chat", False),
        ("GET", "/v1/assistants/a\\b", False),
        ("GET", "/v1/assistants/a;b", False),
        ("GET", "/v1/assistants/a b", False),
        ("GET", "/v1/assistants/a\n", False),
    ],
)
def test_an_endpoint_passes_unread_only_when_its_path_can_be_read_in_one_way(method, path, passes):
    assert PASSES.passes(method, path) is passes
