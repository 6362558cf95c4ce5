from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.limits.ask import Standing
from proxy.limits.reply_headers import refusal_code, refusal_message, reply_headers

NOW = 1_790_000_000.0
REQUESTS = Standing("limits.requests", True, 30.0, 0.0, 20.0, 60.0, 1.0)
TOKENS = Standing("limits.tokens", True, 1000.0, 0.0, 95.2, 20000.0, 200.0, unit="total_tokens")
SPENT = Standing("limits.tokens", False, 12.0, 31.2, 99.0, 20000.0, 200.0, unit="total_tokens")
NEVER = SPENT._replace(retry_after_s=inf)
PARALLEL = Standing("limits.parallel", False, 0.0, 1.0, 1.0, 4.0, 0.0, unit="concurrent")


def test_a_refusal_describes_only_the_limit_that_denied():
    headers = dict(reply_headers([REQUESTS, SPENT], SPENT, "openai", NOW))
    assert headers == {
        "ratelimit-policy": '"limits.tokens";q=20000;qu="tokens";w=100',
        "ratelimit": '"limits.tokens";r=12;t=32',
        "retry-after": "32",
        "x-ratelimit-limit-tokens": "20000",
        "x-ratelimit-remaining-tokens": "12",
        "x-ratelimit-reset-tokens": "1m39s",
    }


def test_an_allowed_request_describes_the_tightest_limit():
    headers = dict(reply_headers([REQUESTS, TOKENS], None, "gemini", NOW))
    assert headers == {"ratelimit-policy": '"limits.tokens";q=20000;qu="tokens";w=100', "ratelimit": '"limits.tokens";r=1000;t=96'}


def test_an_allowed_request_names_requests_and_tokens_as_its_provider_does():
    headers = dict(reply_headers([REQUESTS, TOKENS], None, "openai", NOW))
    assert (headers["x-ratelimit-remaining-requests"], headers["x-ratelimit-remaining-tokens"]) == ("30", "1000")
    assert "retry-after" not in headers


@pytest.mark.parametrize(
    ("dialect", "unit", "header"),
    [
        ("openai", "requests", "x-ratelimit-remaining-requests"),
        ("openai", "input_tokens", "x-ratelimit-remaining-tokens"),
        ("openai", "output_tokens", "x-ratelimit-remaining-tokens"),
        ("azure", "total_tokens", "x-ratelimit-remaining-tokens"),
        ("anthropic", "requests", "anthropic-ratelimit-requests-remaining"),
        ("anthropic", "input_tokens", "anthropic-ratelimit-input-tokens-remaining"),
        ("anthropic", "output_tokens", "anthropic-ratelimit-output-tokens-remaining"),
        ("anthropic", "total_tokens", "anthropic-ratelimit-tokens-remaining"),
    ],
)
def test_each_unit_has_the_name_that_its_provider_gives_it(dialect, unit, header):
    assert dict(reply_headers([TOKENS._replace(unit=unit)], None, dialect, NOW))[header] == "1000"


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("requests", "requests"), ("concurrent", "concurrent-requests"), ("usd", "usd-cents"),
        ("input_tokens", "input-tokens"), ("output_tokens", "output-tokens"), ("total_tokens", "tokens"),
    ],
)  # fmt: skip
def test_a_policy_says_what_its_quota_counts(unit, said):
    assert f'qu="{said}"' in dict(reply_headers([TOKENS._replace(unit=unit)], None, "gemini", NOW))["ratelimit-policy"]


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0.0, "0ms"), (0.0124, "13ms"), (0.25, "250ms"), (1.0, "1s"), (59.2, "1m0s"), (360.0, "6m0s"), (3600.0, "1h0m0s"), (7322.0, "2h2m2s")],
)
def test_openai_durations_are_written_as_its_sdks_read_them(seconds, written):
    assert dict(reply_headers([REQUESTS._replace(reset_s=seconds)], None, "openai", NOW))["x-ratelimit-reset-requests"] == written


@pytest.mark.parametrize(("units", "written"), [(-1.0, "0"), (0.0, "0"), (0.99, "0"), (1.0, "1"), (2.9999999, "3"), (1e300, "9" * 15)])
def test_what_is_left_is_a_whole_number_that_a_header_can_hold(units, written):
    assert f";r={written};" in dict(reply_headers([REQUESTS._replace(remaining=units)], None, "gemini", NOW))["ratelimit"]


@pytest.mark.parametrize(("seconds", "written"), [(-1.0, "0"), (0.0, "0"), (0.2, "1"), (1.0, "1"), (1.5, "2"), (1e300, "9" * 15)])
def test_a_wait_is_told_in_whole_seconds_and_never_too_short(seconds, written):
    assert dict(reply_headers([REQUESTS._replace(reset_s=seconds)], None, "gemini", NOW))["ratelimit"].endswith(f";t={written}")


def test_a_quote_in_a_name_ends_no_string():
    told = dict(reply_headers([REQUESTS._replace(limit='a "b" \\ c~é')], None, "gemini", NOW))
    assert told["ratelimit"] == '"a \\"b\\" \\\\ c~";r=30;t=20'


def test_of_two_token_limits_the_tighter_is_told():
    loose = TOKENS._replace(limit="limits.daily", remaining=19000.0)
    for order in ([loose, TOKENS], [TOKENS, loose]):
        assert dict(reply_headers(order, None, "openai", NOW))["x-ratelimit-remaining-tokens"] == "1000"


def test_anthropic_callers_get_anthropic_names_and_times():
    headers = dict(reply_headers([SPENT], SPENT, "anthropic", NOW))
    assert headers["anthropic-ratelimit-tokens-limit"] == "20000"
    assert headers["anthropic-ratelimit-tokens-remaining"] == "12"
    assert headers["anthropic-ratelimit-tokens-reset"] == "2026-09-21T14:14:59Z"
    assert headers["retry-after"] == "32"


def test_a_cost_that_can_never_pass_is_not_worth_a_retry():
    headers = dict(reply_headers([NEVER], NEVER, "openai", NOW))
    assert "retry-after" not in headers
    assert headers["x-should-retry"] == "false"
    assert headers["ratelimit"].endswith(";t=99")


def test_a_concurrency_limit_has_no_window():
    headers = dict(reply_headers([PARALLEL], PARALLEL, "openai", NOW))
    assert headers["ratelimit-policy"] == '"limits.parallel";q=4;qu="concurrent-requests"'
    assert headers["retry-after"] == "1"


def test_money_is_told_in_cents():
    purse = Standing("limits.usd", True, 1.25, 0.0, 10.0, 5.0, 0.001, unit="usd")
    assert dict(reply_headers([purse], None, "openai", NOW))["ratelimit"] == '"limits.usd";r=125;t=10'


def test_shadow_limits_never_show():
    shadow = SPENT._replace(shadow=True)
    assert reply_headers([shadow], None, "openai", NOW) == []
    assert dict(reply_headers([shadow, REQUESTS], None, "gemini", NOW))["ratelimit"] == '"limits.requests";r=30;t=20'


@pytest.mark.parametrize(
    ("standing", "code", "says"),
    [
        (SPENT, "rate_limit_exceeded", "32 s"),
        (PARALLEL, "concurrency_limit_exceeded", "4 requests"),
        (NEVER, "cost_above_limit", "smaller"),
    ],
)
def test_each_way_to_be_denied_has_its_code_and_its_sentence(standing, code, says):
    assert refusal_code(standing) == code
    assert says in refusal_message(standing)


numbers = st.floats(0.0, 1e300)


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=40), numbers, numbers | st.just(inf), numbers, numbers, numbers, st.sampled_from(["requests", "usd", "total_tokens"])
)
def test_headers_are_always_visible_ascii_of_bounded_length(name, remaining, retry, reset, burst, rate, unit):
    standing = Standing(name, False, remaining, retry, reset, burst, rate, unit=unit)
    for dialect in ("openai", "anthropic"):
        for header, value in reply_headers([standing], standing, dialect, NOW):
            assert all(" " <= char <= "~" for char in value), header
            assert len(value) <= 2 * len(name) + 80
