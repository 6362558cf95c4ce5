from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import ConfigError
from proxy.replay.recorded import MOST_PROBLEMS, read_line, read_trace
from tests.replay.lines import AT, line, packed


def faults_of(value) -> dict[str, str]:
    faults: list[tuple[str, str, str]] = []
    recorded = read_line(value if isinstance(value, bytes) else json.dumps(value).encode(), 1, faults)
    assert (recorded is None) == bool(faults)
    return {path: what for path, what, _ in faults}


def test_the_example_of_the_format_is_read_as_it_stands():
    text = """{"at": 1790000000.25, "duration_s": 3.1,
     "client_ip": "203.0.113.7",
     "account": {"id": "acct-17", "org": "org-3", "tier": "free", "verified": false, "country": "SG", "age_days": 4, "tags": []},
     "method": "POST", "path": "/v1/chat/completions",
     "headers": [["user-agent", "AsyncOpenAI/Python 1.99.0"], ["x-stainless-async", "async:asyncio"]],
     "body": {"model": "m-large", "messages": [{"role": "user", "content": "..."}], "max_tokens": 512},
     "response": {"status": 200, "input_tokens": 211, "output_tokens": 480, "reasoning_tokens": 0},
     "x_label": "benign:human"}"""
    recorded = read_line(text.encode(), 1, [])
    assert recorded is not None
    assert (recorded.at, recorded.duration_s, recorded.client_ip, recorded.label) == (1790000000.25, 3.1, "203.0.113.7", "benign:human")
    account = recorded.account
    assert (account.id, account.org, account.tier, account.verified, account.country) == ("acct-17", "org-3", "free", False, "SG")
    assert account.opened_at == 1790000000.25 - 4 * 86400
    assert recorded.headers[1] == ("x-stainless-async", "async:asyncio")
    assert recorded.response is not None
    assert (recorded.response.status, recorded.response.usage.total_tokens) == (200, 691)


def test_keys_that_begin_with_x_are_nobodys_business_and_others_are_errors():
    assert faults_of(line(x_anything={"deep": [1]})) == {}
    assert faults_of(line(lable="benign:human")) == {"lable": "unknown key"}
    assert faults_of(line(account={"id": "a", "x_note": 1, "teir": "free"})) == {"account.teir": "unknown key"}
    assert faults_of(line(response={"status": 200, "tokens": 1})) == {"response.tokens": "unknown key"}


@pytest.mark.parametrize("key", ["at", "duration_s", "client_ip", "account", "method", "path"])
def test_a_key_that_every_line_needs_is_missed(key):
    whole = line()
    del whole[key]
    assert faults_of(whole) == {key: "is missing"}


def test_what_may_be_left_out_is_nothing():
    recorded = read_line(json.dumps(line(headers=..., body=..., response=...)).encode(), 1, [])
    assert recorded is not None
    assert (recorded.headers, recorded.body, recorded.response) == ([], None, None)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"at": "1790000000"}, "at"),
        ({"at": -1.0}, "at"),
        ({"at": 1e300}, "at"),
        ({"at": True}, "at"),
        ({"duration_s": -0.1}, "duration_s"),
        ({"client_ip": "somewhere"}, "client_ip"),
        ({"client_ip": 7}, "client_ip"),
        ({"account": "acct"}, "account"),
        ({"account": {}}, "account"),
        ({"account": {"id": 7}}, "account"),
        ({"account": {"id": "a", "country": "Germany"}}, "account.country"),
        ({"account": {"id": "a", "age_days": "old"}}, "account.age_days"),
        ({"account": {"id": "a", "source": "rumour"}}, "account.source"),
        ({"account": {"id": "a", "listed": "yes"}}, "account.listed"),
        ({"method": ""}, "method"),
        ({"path": "v1/messages"}, "path"),
        ({"headers": [["a"]]}, "headers"),
        ({"headers": {"a": "b"}}, "headers"),
        ({"headers": [["a", 1]]}, "headers"),
        ({"headers": 7}, "headers"),
        ({"body": "text"}, "body"),
        ({"response": 200}, "response"),
        ({"response": {"status": "200"}}, "response"),
        ({"response": {"status": 200, "output_tokens": -1}}, "response"),
        ({"response": {"status": 200, "output_tokens": 10**30}}, ""),
    ],
)
def test_a_wrong_value_is_told_by_its_path(changes, path):
    assert path in faults_of(line(**changes)).keys() | {""}
    assert faults_of(line(**changes))


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"7", b'"x"', b"\xff\xfe", b'{"at": NaN}', b"[" * 100_000, b'{"at":1}' * 2])
def test_what_is_no_line_is_told(text):
    assert faults_of(text)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from([*line(), "x_label", "x_campaign", "other"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just("84.128.0.1"),
            lambda inner: (
                st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["id", "status", "age_days", "tags"]), inner, max_size=3)
            ),
            max_leaves=6,
        ),
    ),
    st.booleans(),
)
def test_no_line_makes_the_reader_fail(changes, whole):
    faults: list[tuple[str, str, str]] = []
    read_line(json.dumps({**line(), **changes} if whole else changes).encode(), 1, faults)


def test_all_problems_are_told_at_once_with_their_lines():
    with pytest.raises(ConfigError) as refused:
        list(read_trace(packed([line(), line(AT + 1, client_ip="x", method=7), line(AT + 0.5), line(AT + 2, wrong=1)]), "t.jsonl"))
    assert [(problem.line, problem.path) for problem in refused.value.problems] == [(2, "client_ip"), (2, "method"), (4, "wrong")]
    assert all(problem.file == "t.jsonl" for problem in refused.value.problems)


def test_lines_out_of_order_are_told():
    reading = read_trace(packed([line(AT), line(AT + 2), line(AT + 1)]), "t.jsonl")
    assert [next(reading).at, next(reading).at] == [AT, AT + 2]
    with pytest.raises(ConfigError, match="earlier than the line before"):
        next(reading)


def test_nothing_is_given_after_the_first_problem_and_a_file_that_is_all_wrong_is_not_read_to_its_end():
    read = 0

    def lines():
        nonlocal read
        for number in range(1, 100_000):
            read = number
            yield number, b"nonsense"

    with pytest.raises(ConfigError) as refused:
        list(read_trace(lines(), "t.jsonl"))
    assert len(refused.value.problems) == MOST_PROBLEMS == read


def test_an_address_has_one_spelling_and_header_names_one_case():
    recorded = read_line(json.dumps(line(client_ip="::ffff:84.128.0.1", headers=[["User-Agent", "A"]])).encode(), 1, [])
    assert recorded is not None
    assert (recorded.client_ip, recorded.headers) == ("84.128.0.1", [("user-agent", "A")])
