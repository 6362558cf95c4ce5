import pytest

from proxy.dialects.call import ModelCall, Usage
from proxy.dialects.dialect import RouteKind
from proxy.dialects.routes import ENDPOINTS
from proxy.limits import costs
from proxy.limits.ask import Ask

CHAT = ModelCall("openai", "chat.completions", "m-large", input_tokens=200, max_output_tokens=500)
PRICE = (3.0, 15.0, 0.3, 3.75, 6.0)


def reserved(count, call):
    return costs.reserved(count, call, *costs.tokens(call), PRICE)


@pytest.mark.parametrize(
    ("count", "units"),
    [("requests", 1.0), ("concurrent", 1.0), ("input_tokens", 200.0), ("output_tokens", 500.0), ("total_tokens", 700.0), ("usd", 0.0081)],
)
def test_a_call_reserves_what_it_may_cost(count, units):
    assert reserved(count, CHAT) == pytest.approx(units)


def test_a_call_without_an_output_limit_reserves_the_expected_number():
    assert reserved("output_tokens", CHAT._replace(max_output_tokens=0)) == costs.DEFAULT_OUTPUT_TOKENS


def test_every_endpoint_that_only_reads_state_reserves_no_output():
    known = {row.endpoint for row in ENDPOINTS}
    reading = {row.endpoint for row in ENDPOINTS if row.kind is RouteKind.METADATA}
    assert reading <= costs.NO_OUTPUT <= known
    assert reserved("total_tokens", ModelCall("openai", "models.list")) == 0.0
    assert reserved("total_tokens", CHAT._replace(endpoint="embeddings", max_output_tokens=0)) == 200.0


def test_every_answer_and_every_call_of_a_batch_is_reserved():
    assert reserved("output_tokens", CHAT._replace(n=3)) == 1500.0
    assert reserved("output_tokens", CHAT._replace(batch_size=10)) == 5000.0
    assert reserved("requests", CHAT._replace(batch_size=10)) == 10.0


@pytest.mark.parametrize(
    "hostile", [CHAT._replace(max_output_tokens=10**400, n=10**400), CHAT._replace(n=-4), CHAT._replace(input_tokens=-(10**400))]
)
@pytest.mark.parametrize("count", costs.COUNTS)
def test_hostile_numbers_cost_a_finite_positive_amount(hostile, count):
    assert 0.0 <= reserved(count, hostile) < float("inf")


@pytest.mark.parametrize(
    ("count", "units"),
    [("requests", 4.0), ("concurrent", 4.0), ("input_tokens", 180.0), ("output_tokens", 20.0), ("total_tokens", 200.0), ("usd", 0.000597)],
)
def test_the_actual_cost_comes_from_the_usage(count, units):
    asks = [Ask("l.a", "l.a|acme", 4.0, 1.0, 1.0, unit=count), Ask("l.b", "l.b|acme", 7.0, 1.0, 1.0, unit="requests")]
    assert costs.settled(asks, Usage(180, 20, 90, 5), PRICE) == [pytest.approx(units), 7.0]


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        pytest.param(Usage(1_000_000, 0), 3.0, id="no cache"),
        pytest.param(Usage(1_000_000, 0, 900_000), 0.1 * 3 + 0.9 * 0.3, id="read"),
        pytest.param(Usage(1_000_000, 0, cache_write_tokens=900_000), 0.1 * 3 + 0.9 * 3.75, id="written"),
        pytest.param(Usage(1_000_000, 0, 0, 0, False, 900_000, 600_000), 0.1 * 3 + 0.3 * 3.75 + 0.6 * 6, id="written to be kept"),
        pytest.param(Usage(1_000_000, 100_000, 500_000, 50, False, 400_000, 400_000), 0.3 + 0.5 * 0.3 + 0.4 * 6 + 1.5, id="all of it"),
        pytest.param(Usage(10, 0, 1_000_000), 0.3, id="more read than there was"),
    ],
)
def test_money_is_counted_by_the_price_of_each_part_and_tokens_as_ever(usage, dollars):
    asks = [Ask("l.m", "l.m|acme", 99.0, 1.0, 1.0, unit="usd"), Ask("l.i", "l.i|acme", 99.0, 1.0, 1.0, unit="input_tokens")]
    assert costs.settled(asks, usage, PRICE) == [pytest.approx(dollars), float(usage.input_tokens)]


def test_money_is_reserved_at_the_plain_price():
    assert reserved("usd", CHAT) == (200 * 3.0 + 500 * 15.0) / 1e6


def test_an_unknown_count_is_an_error_and_not_free():
    with pytest.raises(ValueError, match="apples"):
        reserved("apples", CHAT)
    with pytest.raises(ValueError, match="apples"):
        costs.settled([Ask("l.a", "l.a|acme", 1.0, 1.0, 1.0, unit="apples")], Usage(), costs.FREE)


@pytest.mark.parametrize(
    ("asked", "n", "most_tokens", "most_answers", "made"),
    [
        pytest.param(500, 3, 100, 2, (100, 2), id="both bounds lie below"),
        pytest.param(500, 3, 100, 0, (100, 3), id="no bound on answers"),
        pytest.param(500, 3, 0, 2, (500, 2), id="no bound on tokens"),
        pytest.param(500, 3, 500, 3, (500, 3), id="bounds that are just met"),
        pytest.param(500, 3, 900, 8, (500, 3), id="bounds that lie above"),
        pytest.param(5000, 1, 2000, 0, (2000, 1), id="a bound above the usual reserve, below what is asked"),
        pytest.param(0, 1, 1000, 0, (1000, 1), id="a limit that was left out, and a bound below the usual reserve"),
        pytest.param(
            0, 1, costs.DEFAULT_OUTPUT_TOKENS, 0, (0, 1), id="a limit that was left out, and a bound no lower than the usual reserve"
        ),
    ],
)
def test_a_bound_of_policy_lowers_what_is_reserved_and_never_raises_it(asked, n, most_tokens, most_answers, made):
    call = CHAT._replace(max_output_tokens=asked, n=n)
    lowered = costs.bounded(call, most_tokens, most_answers)
    assert (lowered.max_output_tokens, lowered.n) == made
    assert lowered._replace(max_output_tokens=asked, n=n) == call


def test_only_pictures_and_sound_without_usage_cost_what_was_reserved():
    assert costs.uncounted_output(CHAT._replace(endpoint="images.generations")) == 500
    assert costs.uncounted_output(CHAT) == 0
