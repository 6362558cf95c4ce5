"""Requests that ask for more than they seem to: other models, all of the vocabulary, another maker's parameters."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects.openai.sampling import ALL_ALTERNATIVES, BUDGETS
from proxy.dialects.rewrite import clamp
from proxy.dialects.routes import find_route
from proxy.errors import CallerError

USER = [{"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("path", "document"),
    [
        ("/v1/messages", {"messages": USER, "tools": [{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5"}]}),
        ("/v1/responses", {"input": "x", "tools": [{"type": "image_generation", "model": "gpt-image-2"}]}),
        ("/v1/responses", {"input": "x", "tools": [{"type": "image_generation", "model": "gpt-image-2", "function": {}}]}),
        ("/v1/responses", {"input": "x", "tools": [{"type": "image_generation", "svg": {"model": "gpt-6-astra"}}]}),
        ("/v1beta/models/a:generateContent", {"contents": "x", "generationConfig": {"routingConfig": {"manualMode": {"modelName": "b"}}}}),
        (
            "/model/anthropic.a/converse",
            {
                "messages": [{"role": "user", "content": [{"text": "x"}]}],
                "additionalModelRequestFields": {"tools": [{"type": "advisor_20260301", "name": "advisor", "model": "claude-opus-5"}]},
            },
        ),
    ],
)
def test_a_further_model_for_a_part_of_the_work_is_refused(path, document):
    with pytest.raises(CallerError) as refusal:
        find_route("POST", path).read(document)
    assert refusal.value.code == "several_models"


@pytest.mark.parametrize("key", ["top_logprobs", "prompt_logprobs", "n_probs", "logprobs"])
def test_a_negative_number_of_alternatives_asks_for_the_whole_vocabulary(key):
    route, document = find_route("POST", "/v1/completions"), {"prompt": "x", key: -1}
    call = route.read(document)
    assert (call.logprobs, call.top_logprobs) == (True, ALL_ALTERNATIVES)
    lowered, after, changed, _ = clamp(route, document, call, {"top_logprobs": 5})
    assert (lowered[key], after.top_logprobs, changed) == (5, 5, ("top_logprobs",))


def test_a_body_cannot_pass_another_makers_model_off_as_a_claude():
    """Bedrock hands the body to the model that the path names: its own parameters count."""
    document = {"anthropic_version": "bedrock-2023-05-31", "prompt": "x", "max_gen_len": 9000}
    route = find_route("POST", "/model/meta.llama3-70b-instruct-v1%3A0/invoke")
    call = route.read(document)
    assert call.max_output_tokens == 9000
    assert clamp(route, document, call, {"max_tokens": 50})[0]["max_gen_len"] == 50
    assert find_route("POST", "/model/my-profile/invoke").read({**document, "max_tokens_to_sample": 7}).max_output_tokens == 7


def test_a_budget_without_a_bound_for_one_server_does_not_hide_the_one_for_another():
    for name in BUDGETS[1:]:
        document = {"messages": USER, BUDGETS[0]: 50_000, name: -1}
        call = find_route("POST", "/v1/chat/completions").read(document)
        assert (call.reasoning, call.reasoning_budget) == (True, 50_000)


LIMITS: Any = [
    ("/v1/chat/completions", {"messages": USER}, "max_tokens"),
    ("/v1/completions", {"prompt": "x"}, "max_tokens"),
    ("/v1/responses", {"input": "x"}, "max_output_tokens"),
    ("/model/deepseek.v3-v1%3A0/invoke", {"messages": USER}, "max_tokens"),
]


@pytest.mark.parametrize(("path", "document", "name"), LIMITS)
def test_a_limit_that_only_some_servers_know_is_none_and_is_lowered_beside_the_common_one(path, document, name):
    route = find_route("POST", path)
    alone, both = {**document, "n_predict": 5}, {**document, name: 5, "n_predict": 9000}
    assert (route.read(alone).max_output_tokens, route.read(both).max_output_tokens) == (0, 9000)
    assert clamp(route, alone, route.read(alone), {"max_tokens": 50})[0] == {**document, "n_predict": 5, name: 50}
    assert clamp(route, both, route.read(both), {"max_tokens": 50})[0] == {**document, "n_predict": 50, name: 5}


def test_a_response_may_bring_every_limit_of_a_chat_completion():
    route = find_route("POST", "/v1/responses")
    document = {"input": "x", "max_tokens": 9000, "max_completion_tokens": 9000, "max_output_tokens": 5}
    call = route.read(document)
    assert call.max_output_tokens == 9000
    lowered = clamp(route, document, call, {"max_tokens": 50})[0]
    assert [lowered[name] for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")] == [50, 50, 5]
