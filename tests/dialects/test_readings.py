"""What a reader makes of the places where APIs, servers and SDKs differ."""

from __future__ import annotations

import copy
import math
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects.call import Text
from proxy.dialects.dialect import RouteKind
from proxy.dialects.reading import strings
from proxy.dialects.rewrite import clamp
from proxy.dialects.routes import ENDPOINTS, find_route
from proxy.dialects.tokens import of_texts
from proxy.dialects.wire.keys import KNOWN, READ, check_spelling, fold
from proxy.errors import CallerError, Fault
from tests.dialects.corpus import fault_of
from tests.dialects.rows.every import ROWS

CHAT = find_route("POST", "/v1/chat/completions")
MESSAGES = find_route("POST", "/v1/messages")
USER = [{"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    "path",
    ["/openai/deployments/a/chat/completions", "/v1/engines/a/completions", "/v1beta/models/a:generateContent", "/model/mistral.a/invoke"],
)
def test_a_path_and_a_body_that_name_different_models_are_refused(path):
    route = find_route("POST", path)
    document: dict[str, Any] = {"messages": USER, "prompt": "x", "contents": [{"parts": [{"text": "x"}]}]}
    assert route.read({**document, "model": route.model}).model == route.read(document).model == route.model
    with pytest.raises(CallerError) as refusal:
        route.read({**document, "model": "other"})
    assert (refusal.value.code, refusal.value.param) == ("ambiguous_model", "model")


@pytest.mark.parametrize(
    "path",
    ["/openai/deployments/short/chat/completions", "/v1/engines/short/completions", "/v1beta/models/short:generateContent"],
)
def test_a_path_and_a_body_may_name_one_model_by_an_alias_of_it(path):
    document: dict[str, Any] = {"messages": USER, "prompt": "x", "contents": [{"parts": [{"text": "x"}]}]}
    aliases = {"short": "long", "brief": "long"}
    for named in ("short", "long", "brief", ""):
        assert find_route("POST", path).read({**document, "model": named}, aliases).model == "long"
    assert fault_of(lambda: find_route("POST", path).read({**document, "model": "other"}, aliases)) is Fault.MALFORMED


def test_what_is_lowered_keeps_the_model_that_path_and_body_agree_on():
    route = find_route("POST", "/openai/deployments/short/chat/completions")
    document = {"model": "long", "messages": USER, "n": 5}
    names = {"short": "long"}
    lowered, call, changed, _ = clamp(route, document, route.read(document, names), {"n": 1}, names)
    assert (lowered["model"], call.model, call.n, changed) == ("long", "long", 1, ("n",))


@pytest.mark.parametrize("key", ROWS, ids="-".join)
def test_an_alias_is_another_name_for_a_model(key):
    row = ROWS[key]
    route = find_route("POST", row.path)
    document = row.least if row.path_model else {**row.least, "model": "short"}
    assert route.read(document, {"short": "long", row.path_model: "long"}).model == "long"


@pytest.mark.parametrize("name", ["a\x00b", "a\nb", "a\u2028b", "\u200bgpt", "x" * 513, 5, ["a"], {"a": 1}, True])
def test_a_model_that_is_no_printable_name_is_refused(name):
    assert fault_of(lambda: CHAT.read({"model": name, "messages": USER})) is Fault.MALFORMED


@pytest.mark.parametrize("key", ["models", "fallbacks", "model_list"])
def test_a_list_of_further_models_is_refused(key):
    for path, document in (
        ("/v1/chat/completions", {"messages": USER}),
        ("/v1/completions", {"prompt": "x"}),
        ("/v1/responses", {"input": "x"}),
    ):
        with pytest.raises(CallerError) as refusal:
            find_route("POST", path).read({**document, "model": "a", key: ["b"]})
        assert refusal.value.code == "several_models"
        assert find_route("POST", path).read({**document, "model": "a", key: []}).model == "a"
    if key == "fallbacks":
        assert fault_of(lambda: MESSAGES.read({"messages": USER, key: [{"model": "b"}]})) is Fault.MALFORMED


def test_the_largest_of_several_limits_counts():
    assert CHAT.read({"messages": USER, "max_tokens": 5, "max_completion_tokens": 9, "n_predict": 7}).max_output_tokens == 9
    assert CHAT.read({"messages": USER, "max_tokens": 5, "n_predict": -1}).max_output_tokens == 0  # unlimited


@pytest.mark.parametrize("n", [0, -1, 1.0, "1", True])
def test_a_number_of_answers_that_is_no_number_is_refused(n):
    assert fault_of(lambda: CHAT.read({"messages": USER, "n": n})) is Fault.MALFORMED


@pytest.mark.parametrize("extra", ["messages", "system", "max_tokens", "temperature", "prompt", "model", "inferenceConfig"])
def test_a_field_with_two_places_in_converse_is_refused(extra):
    route = find_route("POST", "/model/m/converse")
    document = {"messages": [{"role": "user", "content": [{"text": "x"}]}], "additionalModelRequestFields": {extra: 1}}
    assert fault_of(lambda: route.read(document)) is Fault.MALFORMED


@pytest.mark.parametrize(
    ("model", "document"),
    [
        ("meta.llama3", {"prompt": "canary", "max_gen_len": 9}), ("amazon.titan", {"inputText": "canary", "textGenerationConfig": {"maxTokenCount": 9}}),
        ("cohere.command", {"message": "x", "chat_history": [{"role": "USER", "message": "canary"}], "max_tokens": 9}),
        ("cohere.embed", {"texts": ["x", "canary"], "max_tokens": 9}), ("ai21.j2", {"prompt": "canary", "maxTokens": 9}),
        ("ai21.jamba", {"messages": [{"role": "user", "content": "canary"}], "max_tokens": 9}),
        ("mistral.large", {"messages": [{"role": "user", "content": "canary"}], "max_tokens": 9}),
        ("amazon.nova", {"messages": [{"role": "user", "content": [{"text": "canary"}]}], "inferenceConfig": {"maxTokens": 9}}),
        ("amazon.nova", {"messages": [{"role": "user", "content": "canary"}], "inferenceConfig": {"max_new_tokens": 9}}),
        ("anthropic.claude", {"messages": [{"role": "user", "content": "canary"}], "max_tokens": 9}),
        ("anthropic.claude-v2", {"prompt": "\n\nHuman: canary", "max_tokens_to_sample": 9}),
        ("custom", {"anthropic_version": "v", "messages": [{"role": "user", "content": [{"type": "text", "text": "canary"}]}], "max_tokens": 9}),
        ("stability.sd", {"text_prompts": [{"text": "canary"}], "max_tokens": 9}),
        ("imported", {"of_tomorrow": {"deep": ["canary"]}, "max_tokens": 9}),
    ],
)  # fmt: skip
def test_every_vendors_body_is_read(model, document):
    call = find_route("POST", f"/model/{model}/invoke").read(document)
    assert any("canary" in text.text for text in call.texts)
    assert (call.model, call.max_output_tokens, call.stream) == (model, 9, False)
    assert find_route("POST", f"/model/{model}/invoke-with-response-stream").read(document).stream


def test_of_several_spellings_of_one_parameter_the_most_counts():
    spelt: dict[str, Any] = {
        "reasoning_effort": "low", "chat_template_kwargs": {"reasoning_effort": "high"}, "reasoning": {"effort": "medium", "max_tokens": 7},
        "thinking_budget": 5, "thinking": {"type": "enabled", "budget_tokens": 9},
    }  # fmt: skip
    call = CHAT.read({"messages": USER, **spelt})
    assert (call.reasoning_effort, call.reasoning_budget) == ("high", 9)
    converse = {"messages": [{"role": "user", "content": [{"text": "x"}]}], "outputConfig": {"effort": "low"}}
    call = find_route("POST", "/model/m/converse").read({**converse, "additionalModelRequestFields": spelt})
    assert (call.reasoning_effort, call.reasoning_budget) == ("high", 9)


@pytest.mark.parametrize(
    "extra", [{"max_completion_tokens": 9}, {"num_generations": 5}, {"inferenceConfig": {"maxTokens": 9}}, {"system": "x"}]
)
def test_what_converse_has_a_field_for_may_not_be_set_again_for_the_model(extra):
    route = find_route("POST", "/model/amazon.nova/converse")
    document = {"messages": [{"role": "user", "content": [{"text": "x"}]}]}
    with pytest.raises(CallerError) as refusal:
        route.read({**document, "additionalModelRequestFields": extra})
    assert refusal.value.code == "ambiguous_key"
    assert route.read({**document, "additionalModelRequestFields": {"inferenceConfig": {"topK": 20}}}).model == "amazon.nova"


def test_tools_in_a_body_of_an_unknown_vendors_own_are_named():
    document = {"message": "x", "tools": [{"name": "look_up", "description": "canary"}], "tool_results": [{"outputs": []}]}
    call = find_route("POST", "/model/cohere.command-r/invoke").read(document)
    assert (call.tools, call.tool_results) == (("look_up",), 1)
    assert any("canary" in text.text for text in call.texts)


def test_an_answer_in_the_background_is_refused():
    route = find_route("POST", "/v1/responses")
    assert route.read({"input": "x", "background": False}).turns == 1
    with pytest.raises(CallerError) as refusal:
        route.read({"input": "x", "background": True})
    assert (refusal.value.code, refusal.value.param) == ("background_not_offered", "background")


def test_a_stored_prompt_of_amazons_is_unseen():
    path = "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Aprompt%2FABC123/converse"
    assert find_route("POST", path).read({}).unseen == 1


def test_a_tool_result_alone_is_no_turn_of_the_user():
    result = {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "1", "content": "x"}]}
    assert MESSAGES.read({"messages": [*USER, result]}).turns == 1
    mixed = {"role": "user", "content": [*result["content"], {"type": "text", "text": "and now?"}]}
    assert MESSAGES.read({"messages": [*USER, mixed]}).turns == 2


def test_a_null_in_a_block_is_left_out():
    block = {"type": "compaction", "content": None, "file_id": None, "note": None}
    call = MESSAGES.read({"messages": [{"role": "user", "content": [block]}]})
    assert (call.texts, call.unseen) == ((), 0)


def test_base64_is_no_text_but_counts():
    pages = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "A" * 200_000}}
    call = MESSAGES.read({"messages": [{"role": "user", "content": [pages]}]})
    assert (call.texts, call.unseen) == ((), 1)
    assert call.input_tokens > 5_000


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/chat"])
def test_tools_count_towards_the_length(path):
    route = find_route("POST", path)
    document: dict[str, Any] = {"messages": USER, "input": "x"}
    tool = {"type": "function", "name": "f", "description": "word " * 400, "function": {"name": "f", "description": "word " * 400}}
    assert route.read({**document, "tools": [tool]}).input_tokens - route.read(document).input_tokens >= 500


@given(texts=st.lists(st.text(max_size=40), max_size=6))
@settings(max_examples=100, deadline=None)
def test_the_estimate_grows_with_every_text_and_never_undercounts_utf8_by_much(texts):
    total = of_texts(Text("user", words) for words in texts)
    assert total == sum(of_texts([Text("user", words)]) for words in texts)
    assert total >= sum(math.ceil(len(words.encode()) / 4) for words in texts) * 0.9 - len(texts)


@pytest.mark.parametrize(
    ("words", "least"), [("word " * 100, 100), ("слово " * 100, 200), ("言葉" * 100, 200), ("\U0001f600" * 100, 150), ("", 0)]
)
def test_scripts_cost_what_common_vocabularies_need(words, least):
    assert least <= of_texts([Text("user", words)]) <= 4 * least


@given(
    value=st.recursive(
        st.text(max_size=3) | st.integers() | st.none(),
        lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=2), inside, max_size=3),
    )
)
@settings(max_examples=100, deadline=None)
def test_every_string_of_an_unknown_shape_is_found_in_order(value):
    def expected(inside: Any) -> list[str]:
        if isinstance(inside, str):
            return [inside]
        children = inside.values() if isinstance(inside, dict) else inside if isinstance(inside, list) else ()
        return [words for child in children for words in expected(child)]

    assert list(strings(value)) == expected(value)


def test_keys_that_are_read_never_collide_when_folded():
    assert len(set(map(fold, KNOWN))) == len(KNOWN)
    assert READ <= KNOWN


def test_folding_covers_every_character_that_case_or_width_can_turn_into_another():
    for number in range(0x80, 0x30000):
        char = chr(number)
        for other in (char.lower(), char.upper(), char.casefold()):
            if len(other) == 1 and other.isascii():
                assert fold(char) == fold(other)


def test_keys_of_the_callers_own_may_differ_in_case():
    schema = {"type": "object", "properties": {"Model": {}, "model": {}, "MODEL": {}, "Messages": {}}}
    tool = {"type": "function", "function": {"name": "f", "parameters": schema}}
    assert CHAT.read({"messages": USER, "tools": [tool]}).tools == ("f",)
    check_spelling(["Foo", "bar", "X-Model"], "")


@pytest.mark.parametrize("key", ROWS, ids="-".join)
def test_reading_changes_nothing(key):
    row = ROWS[key]
    document = copy.deepcopy(row.least)
    find_route("POST", row.path).read(document)
    assert document == row.least


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 10**6)
    | st.floats(allow_nan=False)
    | st.sampled_from(["", "user", "text", "image_url", "x"]),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.sampled_from(sorted(READ)), inside, max_size=4),
    max_leaves=15,
)


ANY_FIELDS = st.dictionaries(st.sampled_from(sorted(READ)), JSON, max_size=6)


@pytest.mark.parametrize("key", [key for key in ROWS if key[0] != "azure"], ids="-".join)
@given(data=st.data())
@settings(max_examples=20, deadline=None)
def test_no_document_is_more_than_a_refusal(key, data):
    row = ROWS[key]
    document = {**row.least, **data.draw(ANY_FIELDS)}
    for name in data.draw(st.lists(st.sampled_from(sorted(row.least) or [""]), max_size=2)):
        document[name] = data.draw(JSON)
    assert fault_of(lambda: find_route("POST", row.path).read(document)) in {None, Fault.MALFORMED}


def test_a_route_without_a_body_still_says_what_is_called():
    for row in ENDPOINTS:
        if row.kind is not RouteKind.CALL:
            path = row.path.replace("{model}", "m").replace("{id}", "i")
            call = find_route(row.method, path).bare_call()
            assert (call.dialect, call.endpoint) == (row.dialect.name, row.endpoint)
