from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.limits import gcra
from proxy.limits.ask import Ask

T0 = 1_790_000_000.0


def ask(cost=1.0, rate=10.0, burst=100.0, *, shadow=False):
    return Ask("limits.tokens", "limits.tokens|acct-1", cost, rate, burst, shadow, "total_tokens")


def test_an_empty_bucket_asks_for_the_time_the_missing_units_take():
    spent = gcra.spend(gcra.NEVER, 100 / 10, T0)
    standing = gcra.look(ask(cost=30.0), spent, T0 + 1.0)
    assert not standing.allowed
    assert [standing.remaining, standing.reset_s] == pytest.approx([10.0, 9.0])
    assert standing.retry_after_s == pytest.approx(2.0)  # 10 units came back in that second; 20 are missing at 10/s


def test_the_whole_burst_can_be_spent_at_once_and_not_a_unit_more():
    assert gcra.look(ask(cost=100.0), gcra.NEVER, T0).allowed
    spent = gcra.spend(gcra.NEVER, 100 / 10, T0)
    assert not gcra.look(ask(cost=1.0), spent, T0).allowed


def test_a_standing_tells_what_remains_after_the_spend_and_when_the_burst_is_whole():
    standing = gcra.look(ask(cost=40.0), gcra.NEVER, T0)
    assert standing.remaining == pytest.approx(60.0)
    assert standing.reset_s == pytest.approx(4.0)


def test_a_cost_above_the_burst_can_never_pass():
    standing = gcra.look(ask(cost=101.0), gcra.NEVER, T0)
    assert not standing.allowed
    assert standing.retry_after_s == inf


def test_a_cost_of_just_the_burst_passes_once_the_bucket_is_full_again():
    refused = gcra.look(ask(cost=100.0), gcra.spend(gcra.NEVER, 1.0, T0), T0)
    assert not refused.allowed
    assert refused.retry_after_s == pytest.approx(1.0)


@pytest.mark.parametrize("cost", [nan, inf])
def test_a_cost_that_is_no_number_is_refused(cost):
    assert not gcra.look(ask(cost=cost), gcra.NEVER, T0).allowed


def test_looking_costs_nothing():
    first = gcra.look(ask(cost=0.0), gcra.NEVER, T0)
    assert (first.allowed, first.remaining, first.reset_s) == (True, 100.0, 0.0)


def test_a_key_in_debt_refuses_even_a_free_call_until_it_is_repaid():
    indebted = gcra.spend(gcra.NEVER, 150 / 10, T0)
    refused = gcra.look(ask(cost=0.0), indebted, T0)
    assert (refused.allowed, refused.remaining) == (False, 0.0)
    assert gcra.look(ask(cost=0.0), indebted, T0 + refused.retry_after_s).allowed


def test_waiting_as_long_as_told_is_enough():
    spent = gcra.spend(gcra.NEVER, 95 / 10, T0)
    refused = gcra.look(ask(cost=42.0), spent, T0)
    assert gcra.look(ask(cost=42.0), spent, T0 + refused.retry_after_s).allowed


def test_a_clock_that_goes_back_never_refills():
    spent = gcra.spend(gcra.NEVER, 100 / 10, T0)
    assert not gcra.look(ask(), spent, T0 - 3600.0).allowed


def test_a_refund_never_overfills_the_bucket():
    spent = gcra.spend(gcra.NEVER, 10 / 10, T0)
    assert gcra.look(ask(cost=0.0), gcra.refund(spent, 50 / 10, T0), T0).remaining == 100.0
    assert gcra.refund(T0 + 10.0, 4.0, T0) == T0 + 6.0
    full = T0 - 500.0
    assert gcra.refund(full, 1.0, T0) == full


@pytest.mark.parametrize(
    ("actual", "age_s", "units"),
    [
        pytest.param(120.0, 3.0, 70.0, id="more than reserved is charged"),
        pytest.param(10.0, 3.0, -40.0, id="less than reserved comes back"),
        pytest.param(50.0, 3.0, 0.0, id="a right guess changes nothing"),
        pytest.param(10.0, 10.0, 0.0, id="a refund as old as the window is void"),
        pytest.param(120.0, 99.0, 70.0, id="a charge is never void"),
        pytest.param(0.0, 3.0, -50.0, id="all of it comes back"),
        pytest.param(49.5, 99.0, 0.0, id="a refund of less than one unit is void too"),
        pytest.param(nan, 3.0, 0.0, id="an actual that is no number keeps the estimate"),
        pytest.param(-5.0, 3.0, 0.0, id="a negative actual keeps the estimate"),
        pytest.param(inf, 3.0, 0.0, id="an endless actual keeps the estimate"),
    ],
)
def test_settling(actual, age_s, units):
    assert gcra.correction(ask(cost=50.0), actual, age_s) == units


def test_leases_run_out_and_say_when_to_ask_again():
    limit = Ask("limits.parallel", "limits.parallel|acct-1", 1.0, 0.0, 2.0)
    last = gcra.look_leases(limit, 1)
    assert (last.allowed, last.remaining, last.retry_after_s, last.reset_s) == (True, 0.0, 0.0, 0.0)
    full = gcra.look_leases(limit, 2)
    assert (full.allowed, full.remaining, full.retry_after_s) == (False, 0.0, gcra.LEASE_RETRY_S)


def test_the_only_lease_of_a_limit_of_one_is_worth_waiting_for():
    limit = Ask("l", "l", 1.0, 0.0, 1.0)
    assert gcra.look_leases(limit, 0).allowed
    assert gcra.look_leases(limit, 1).retry_after_s == gcra.LEASE_RETRY_S


def test_a_concurrency_limit_of_nothing_never_passes():
    assert gcra.look_leases(Ask("l", "l", 1.0, 0.0, 0.0), 0).retry_after_s == inf


def test_the_enforced_limit_that_blocks_longest_is_the_one_told():
    soon = gcra.look(ask(cost=1.0), T0 + 11.0, T0)
    late = gcra.look(ask(cost=1.0), T0 + 50.0, T0)
    shadow = gcra.look(ask(cost=1.0, shadow=True), T0 + 900.0, T0)
    passed = gcra.look(ask(cost=1.0), gcra.NEVER, T0)
    late = late._replace(reset_s=0.0)
    for order in ([soon, shadow, late], [late, passed, soon]):
        assert gcra.denying(order) is late
    assert gcra.denying([shadow]) is None


calls = st.tuples(
    st.floats(-60.0, 600.0),  # when, by a clock that may stand anywhere within eleven minutes
    st.floats(0.0, 120.0),  # reserved
    st.none() | st.floats(0.0, 200.0),  # settled at once, or never
)


@settings(max_examples=300, deadline=None)
@given(st.lists(calls, max_size=60), st.floats(0.01, 50.0), st.floats(1.0, 100.0))
def test_no_order_of_clocks_spends_more_than_burst_and_refill(history, rate, burst):
    tat, spent, debt_since = gcra.NEVER, 0.0, 0.0
    times = []
    for offset, cost, actual in history:
        now = T0 + offset
        times.append(now)
        wanted = ask(cost, rate, burst)
        if not gcra.look(wanted, tat, now).allowed:
            continue
        tat = gcra.spend(tat, cost / rate, now)
        spent += cost
        assert spent <= burst + rate * (max(times) - min(times)) + 1e-3 * rate + 1e-6
        debt_since = 0.0
        if actual is not None:
            more = gcra.correction(wanted, actual, 0.0)
            tat = gcra.spend(tat, more / rate, now) if more > 0 else gcra.refund(tat, -more / rate, now)
            spent += more
            debt_since = max(more, 0.0)
    if times:
        assert spent <= burst + debt_since + rate * (max(times) - min(times)) + 1e-3 * rate + 1e-6


@settings(max_examples=200, deadline=None)
@given(st.floats(0.001, 1e4), st.floats(1.0, 1e6), st.floats(0.0, 1.0), st.integers(1, 50))
def test_a_limit_split_over_replicas_keeps_every_state_valid(rate, burst, share_spent, replicas):
    tat = gcra.spend(gcra.NEVER, burst * share_spent / rate, T0)
    whole = gcra.look(ask(0.0, rate, burst), tat, T0)
    part = gcra.look(ask(0.0, rate / replicas, burst / replicas), tat, T0)
    assert part.remaining * replicas == pytest.approx(whole.remaining, abs=1e-3 + 1e-6 * rate)
    assert part.reset_s == pytest.approx(whole.reset_s)
