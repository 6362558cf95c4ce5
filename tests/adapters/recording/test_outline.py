from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.adapters.recording.outline import outline, placeholder
from proxy.dialects import tokens
from proxy.dialects.body import JsonLimits, read_json
from proxy.dialects.call import ModelCall, Text
from proxy.dialects.dialect import RouteKind
from proxy.dialects.routes import find_route
from tests.dialects.golden import CASES, body_of

STAND_INS = "x\u00d7\u2179\U0001d569"
CALLS = [case for case in CASES if find_route("POST", json.loads(case.read_text())["path"]).kind is RouteKind.CALL]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_placeholder_is_as_long_and_costs_as_much_as_the_text(text):
    stands = placeholder(text)
    assert (len(stands), len(stands.encode())) == (len(text), len(text.encode()))
    assert tokens.of_texts([Text("user", stands)]) == tokens.of_texts([Text("user", text)])


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters=STAND_INS)))
def test_a_placeholder_holds_nothing_of_the_text(text):
    assert not set(placeholder(text)) & set(text)


def without_words(call: ModelCall) -> ModelCall:
    return call._replace(
        texts=tuple(Text(role, str((len(text), len(text.encode())))) for role, text in call.texts), end_user=str(len(call.end_user))
    )


@pytest.mark.parametrize("case", CALLS, ids=lambda case: f"{case.parent.name}/{case.stem}")
def test_a_request_asks_for_the_same_without_its_words(case):
    route = find_route("POST", json.loads(case.read_text())["path"])
    body = read_json(body_of(case), JsonLimits())
    assert without_words(route.read(outline(body))) == without_words(route.read(body))


def test_no_words_keys_or_numbers_of_the_callers_own_are_left():
    body = {
        "model": "m-large",
        "messages": [
            {"role": "user", "content": "My name is Ada", "name": "Ada"},
            {"role": "Ada is here", "content": [{"type": "text", "text": "Ada"}, {"type": "image_url", "image_url": {"url": "https://ada.example/x.png"}}]},
            {"role": "assistant", "tool_calls": [{"id": "ada1", "type": "function", "function": {"name": "look_up", "arguments": '{"who":"Ada"}'}}]},
            {"role": "assistant", "content": [{"type": "tool_use", "name": "Ada", "id": "x", "input": {"Ada Lovelace": 18151210, "born": ["Ada"], "type": "Ada"}}]},
        ],
        "tools": [{"type": "function", "function": {"name": "look_up", "description": "Ada", "parameters": {"properties": {"Ada": {"enum": ["Ada", 7]}}}}}],
        "user": "Ada",
        "metadata": {"user_id": "Ada", "e-mail of Ada": "ada@example.com"},
        "stop": ["Ada"],
        "temperature": 0.7,
    }  # fmt: skip
    text = json.dumps(outline(body))
    assert not re.search(r"\bada", text.lower())
    assert "1815" not in text
    assert json.loads(text)["temperature"] == 0.7
    assert json.loads(text)["tools"][0]["function"]["name"] == "look_up"
    assert [message["role"] for message in json.loads(text)["messages"]] == ["user", "x" * 11, "assistant", "assistant"]


@given(
    st.dictionaries(
        st.text(max_size=6),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["input", "args", "type", "name", "Some Key"]), inner, max_size=3)
            ),
            max_leaves=10,
        ),
        max_size=4,
    )
)
def test_the_shape_stays(body):
    def shape(value):
        if isinstance(value, dict):
            return [shape(inner) for inner in value.values()]
        if isinstance(value, list):
            return [shape(inner) for inner in value]
        return len(value) if isinstance(value, str) else type(value) in {int, float} or value

    assert shape(outline(body)) == shape(body)
