import pytest

from proxy.dialects.call import ModelCall, Usage
from proxy.dialects.dialect import RouteKind
from proxy.dialects.routes import ENDPOINTS
from proxy.limits import costs
from proxy.limits.ask import Ask
from proxy.limits.costs import Price

CHAT = ModelCall("openai", "chat.completions", "m-large", input_tokens=200, max_output_tokens=500)


@pytest.mark.parametrize(
    ("count", "units"),
    [("requests", 1.0), ("concurrent", 1.0), ("input_tokens", 200.0), ("output_tokens", 500.0), ("total_tokens", 700.0), ("usd", 0.0081)],
)
def test_a_call_reserves_what_it_may_cost(count, units):
    assert costs.reserved(count, CHAT, Price(3.0, 15.0)) == pytest.approx(units)


def test_a_call_without_an_output_limit_reserves_the_expected_number():
    assert costs.reserved("output_tokens", CHAT._replace(max_output_tokens=0)) == costs.DEFAULT_OUTPUT_TOKENS
    assert costs.reserved("output_tokens", CHAT._replace(max_output_tokens=0), expected_output_tokens=77) == 77.0


def test_every_endpoint_that_only_reads_state_reserves_no_output():
    known = {row.endpoint for row in ENDPOINTS}
    reading = {row.endpoint for row in ENDPOINTS if row.kind is RouteKind.METADATA}
    assert reading <= costs.NO_OUTPUT <= known
    assert costs.reserved("total_tokens", ModelCall("openai", "models.list")) == 0.0
    assert costs.reserved("total_tokens", CHAT._replace(endpoint="embeddings", max_output_tokens=0)) == 200.0


def test_every_answer_and_every_call_of_a_batch_is_reserved():
    assert costs.reserved("output_tokens", CHAT._replace(n=3)) == 1500.0
    assert costs.reserved("output_tokens", CHAT._replace(batch_size=10)) == 5000.0
    assert costs.reserved("requests", CHAT._replace(batch_size=10)) == 10.0


@pytest.mark.parametrize(
    "hostile", [CHAT._replace(max_output_tokens=10**400, n=10**400), CHAT._replace(n=-4), CHAT._replace(input_tokens=-(10**400))]
)
@pytest.mark.parametrize("count", costs.COUNTS)
def test_hostile_numbers_cost_a_finite_positive_amount(hostile, count):
    assert 0.0 <= costs.reserved(count, hostile, Price(3.0, 15.0)) < float("inf")


@pytest.mark.parametrize(
    ("count", "units"),
    [("requests", 4.0), ("concurrent", 4.0), ("input_tokens", 180.0), ("output_tokens", 20.0), ("total_tokens", 200.0), ("usd", 0.00084)],
)
def test_the_actual_cost_comes_from_the_usage(count, units):
    asks = [Ask("l.a", "l.a|acme", 4.0, 1.0, 1.0, unit=count), Ask("l.b", "l.b|acme", 7.0, 1.0, 1.0, unit="requests")]
    assert costs.settled(asks, Usage(180, 20, 90, 5), Price(3.0, 15.0)) == [pytest.approx(units), 7.0]


def test_an_unknown_count_is_an_error_and_not_free():
    with pytest.raises(ValueError, match="apples"):
        costs.reserved("apples", CHAT)
    with pytest.raises(ValueError, match="apples"):
        costs.settled([Ask("l.a", "l.a|acme", 1.0, 1.0, 1.0, unit="apples")], Usage(), costs.FREE)
