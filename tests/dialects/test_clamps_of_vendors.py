"""What each vendor takes for a limit, an effort and a budget, and what it does when they are left out."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects import rewrite
from proxy.dialects.routes import find_route
from proxy.errors import CallerError


def test_a_model_without_known_parameter_names_must_send_its_own_limit():
    route = find_route("POST", "/model/unheard.of-model/invoke")
    document: dict[str, Any] = {"prompt": "hello"}
    with pytest.raises(CallerError) as refusal:
        rewrite.clamp(route, document, route.read(document), {"max_tokens": 50})
    assert refusal.value.code == "output_limit_required"
    document = {"prompt": "hello", "max_tokens": 99}
    assert rewrite.clamp(route, document, route.read(document), {"max_tokens": 50})[0]["max_tokens"] == 50


@pytest.mark.parametrize(
    ("model", "document", "path"),
    [
        ("meta.llama3-8b-v1%3A0", {"prompt": "p"}, ("max_gen_len",)),
        ("us.meta.llama3-8b-v1%3A0", {"prompt": "p"}, ("max_gen_len",)),
        ("amazon.titan-text-v1", {"inputText": "p"}, ("textGenerationConfig", "maxTokenCount")),
        ("mistral.mistral-7b", {"prompt": "p"}, ("max_tokens",)),
        ("cohere.command-r-v1%3A0", {"message": "p"}, ("max_tokens",)),
        ("openai.gpt-oss-20b-1%3A0", {"messages": [{"role": "user", "content": "p"}]}, ("max_completion_tokens",)),
        ("deepseek.r1-v1%3A0", {"messages": [{"role": "user", "content": "p"}]}, ("max_tokens",)),
        (
            "amazon.nova-lite-v1%3A0",
            {"messages": [{"role": "user", "content": [{"text": "p"}]}], "system": []},
            ("inferenceConfig", "maxTokens"),
        ),
        ("amazon.nova-lite-v1%3A0", {"messages": [{"role": "user", "content": [{"text": "p"}]}]}, ("inferenceConfig", "maxTokens")),
        ("anthropic.claude-v2", {"prompt": "\n\nHuman: p"}, ("max_tokens_to_sample",)),
    ],
)
def test_a_limit_is_set_under_the_vendors_own_name(model, document, path):
    route = find_route("POST", f"/model/{model}/invoke")
    call = route.read(document)
    assert call.texts
    changed, after, names, _ = rewrite.clamp(route, document, call, {"max_tokens": 50})
    place: Any = changed
    for key in path:
        place = place[key]
    assert (place, after.max_output_tokens, names) == (50, 50, ("max_tokens",))


@pytest.mark.parametrize(
    ("model", "key"),
    [
        ("gpt-5-mini", "max_completion_tokens"),
        ("gpt-6.2-sol", "max_completion_tokens"),
        ("gpt-35-turbo", "max_tokens"),
        ("o3", "max_completion_tokens"),
        ("llama-3", "max_tokens"),
        ("gpt-4o", "max_tokens"),
    ],
)
def test_a_limit_is_set_under_the_name_that_the_model_takes(model, key):
    route = find_route("POST", "/v1/chat/completions")
    document = {"model": model, "messages": [{"role": "user", "content": "x"}]}
    assert rewrite.clamp(route, document, route.read(document), {"max_tokens": 9})[0][key] == 9


@pytest.mark.parametrize("model", ["gpt-5", "gpt-5.1-codex", "gpt-5.4-pro", "gpt-5.5", "gpt-6-astra"])
def test_an_effort_is_set_for_models_that_would_choose_more_by_themselves(model):
    for path, read in (("/v1/chat/completions", ("reasoning_effort",)), ("/v1/responses", ("reasoning", "effort"))):
        route = find_route("POST", path)
        document: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "x"}], "input": "x"}
        lowered, call, changed, _ = rewrite.clamp(route, document, route.read(document), {"reasoning_effort": "low"})
        assert (call.reasoning_effort, changed) == ("low", ("reasoning_effort",))
        place: Any = lowered
        for key in read:
            place = place[key]
        assert place == "low"


@pytest.mark.parametrize("most", ["low", "minimal", "none"])
def test_thinking_whose_effort_is_left_to_the_api_is_lowered_too(most):
    claude: dict[str, Any] = {"thinking": {"type": "adaptive"}}
    cases = (
        ("/v1/messages", {"messages": [{"role": "user", "content": "x"}], **claude}),
        ("/model/anthropic.c/invoke", {"messages": [{"role": "user", "content": "x"}], **claude}),
        (
            "/model/anthropic.c/converse",
            {"messages": [{"role": "user", "content": [{"text": "x"}]}], "additionalModelRequestFields": claude},
        ),
    )
    for path, document in cases:
        route = find_route("POST", path)
        call = route.read(document)
        _, after, changed, _ = rewrite.clamp(route, document, call, {"reasoning_effort": most})
        assert (call.reasoning_effort, changed) == ("", ("reasoning_effort",))
        assert (after.reasoning, after.reasoning_effort) == ((False, "") if most == "none" else (True, "low"))
        assert rewrite.clamp(route, document, call, {"reasoning_effort": "high"})[2] == ()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("model", ["gpt-5.1", "gpt-5.2-2025-12-11", "gpt-5.4-mini", "gpt-5-chat-latest", "gpt-5.3-chat-latest"])
def test_no_effort_is_set_for_models_that_rest_by_themselves(path, model):
    route = find_route("POST", path)
    document: dict[str, Any] = {"model": model, "messages": [{"role": "user", "content": "x"}], "input": "x"}
    assert rewrite.clamp(route, document, route.read(document), {"reasoning_effort": "low"})[2] == ()


@pytest.mark.parametrize(
    ("path", "document", "model", "lowered"),
    [
        ("/openai/deployments/prod/chat/completions", {"messages": []}, "gpt-5", {"max_completion_tokens": 9, "reasoning_effort": "low"}),
        ("/v1/responses", {"model": "prod", "input": "x"}, "o3", {"max_output_tokens": 9, "reasoning": {"effort": "low"}}),
        ("/v1/messages", {"model": "prod", "messages": []}, "claude-opus-5", {"max_tokens": 9, "output_config": {"effort": "low"}}),
        (
            "/model/prod/converse",
            {},
            "claude-opus-5",
            {"inferenceConfig": {"maxTokens": 9}, "additionalModelRequestFields": {"output_config": {"effort": "low"}}},
        ),
    ],
)
def test_what_a_model_takes_is_told_by_the_name_that_an_alias_stands_for(path, document, model, lowered):
    route, names = find_route("POST", path), {"prod": model}
    if "input" not in document:
        document = {**document, "messages": BLOCKS if path.endswith("converse") else TALK}
    call = route.read(document, names)
    assert rewrite.clamp(route, document, call, {"max_tokens": 9, "reasoning_effort": "low"}, names)[0] == {**document, **lowered}


TALK: Any = [{"role": "user", "content": "x"}]
BLOCKS: Any = [{"role": "user", "content": [{"text": "x"}]}]


def _claude(model: str, **more: Any) -> list[tuple[str, dict[str, Any]]]:
    """The same request for a Claude on each platform, with what it says of thinking."""
    name = f"us.anthropic.{model}-v1:0"
    effort = {"outputConfig": more["output_config"]} if "output_config" in more else {}
    thinking = {"additionalModelRequestFields": {"thinking": more["thinking"]}} if "thinking" in more else {}
    return [
        ("/v1/messages", {"model": model, "max_tokens": 9, "messages": TALK, **more}),
        (f"/model/{name}/invoke", {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "messages": TALK, **more}),
        (f"/model/{name}/converse", {"messages": BLOCKS, **effort, **thinking}),
    ]


@pytest.mark.parametrize("model", ["claude-opus-5-5", "claude-fable-5", "claude-sonnet-12", "claude-mythos-preview"])
@pytest.mark.parametrize("more", [{}, {"thinking": {"type": "between_tools"}}], ids=["nothing said", "between tools"])
def test_a_claude_that_thinks_without_being_asked_is_told_how_much(model, more):
    for path, document in _claude(model, **more):
        route = find_route("POST", path)
        call = route.read(document)
        lowered, after, changed, _ = rewrite.clamp(route, document, call, {"reasoning_effort": "low"})
        assert (after.reasoning_effort, changed) == ("low", ("reasoning_effort",)), path
        assert rewrite.clamp(route, lowered, after, {"reasoning_effort": "low"})[2] == (), path
        assert rewrite.clamp(route, document, call, {"reasoning_effort": "high"})[2] == (), path


LEAST: Any = [
    ("claude-opus-5", "disabled"), ("claude-sonnet-5-20260101", "disabled"), ("claude-haiku-5-5", "disabled"),
    ("claude-sonnet-5-5", "between_tools"), ("claude-sonnet-12", "between_tools"),
    ("claude-opus-5-5", "adaptive"), ("claude-fable-5", "adaptive"), ("claude-mythos-preview", "adaptive"),
]  # fmt: skip


@pytest.mark.parametrize(("model", "least"), LEAST)
def test_a_claude_that_may_not_think_is_told_the_least_that_it_takes(model, least):
    """Others than these refuse the request for it."""
    quiet = {"disabled": ({"type": "disabled"}, None), "between_tools": ({"type": "between_tools"}, "low"), "adaptive": (None, "low")}
    for path, document in _claude(model):
        route = find_route("POST", path)
        off, after, *_ = rewrite.clamp(route, document, route.read(document), {"reasoning_effort": "none"})
        told = off.get("additionalModelRequestFields", off)
        assert (told.get("thinking"), told.get("output_config", {}).get("effort")) == quiet[least], path
        assert rewrite.clamp(route, off, after, {"reasoning_effort": "none"})[2] == (), path
    for path, document in _claude(model, thinking={"type": least}, output_config={"effort": "low"}):
        route = find_route("POST", path)
        assert rewrite.clamp(route, document, route.read(document), {"reasoning_effort": "none"})[2] == (), path


def test_an_effort_that_a_message_sets_is_read_and_lowered_as_that_of_the_request():
    for path, document in _claude("claude-fable-5-1", output_config={"effort": "low"})[:2]:
        document["messages"] = [*TALK, {"role": "system", "content": [], "output_config": {"effort": "max"}}, *TALK]
        route = find_route("POST", path)
        call = route.read(document)
        lowered, after, changed, _ = rewrite.clamp(route, document, call, {"reasoning_effort": "medium"})
        assert (call.reasoning_effort, after.reasoning_effort, changed) == ("max", "medium", ("reasoning_effort",))
        assert lowered["messages"] == [*TALK, {"role": "system", "content": [], "output_config": {"effort": "medium"}}, *TALK]
        assert document["messages"][1]["output_config"] == {"effort": "max"}


@pytest.mark.parametrize(
    ("model", "more"),
    [
        ("claude-opus-4-5-20251101", {}), ("claude-3-5-sonnet-20241022", {}), ("claude-opus-5", {"thinking": {"type": "disabled"}}),
        ("claude-opus-5", {"output_config": {"effort": "low"}}),
    ],
)  # fmt: skip
def test_a_claude_that_rests_or_was_told_as_much_is_left_alone(model, more):
    for path, document in _claude(model, **more):
        route = find_route("POST", path)
        assert rewrite.clamp(route, document, route.read(document), {"reasoning_effort": "low"})[2] == (), path


@pytest.mark.parametrize(("kind", "asked"), [("between_tools", False), ("disabled", False), ("adaptive", True), ("enabled", True)])
def test_thinking_that_is_turned_off_is_not_asked_for_under_either_of_its_names(kind, asked):
    thinking: dict[str, Any] = {"thinking": {"type": kind}}
    for path, document in (
        ("/v1/messages", {"messages": TALK, **thinking}),
        ("/v1/chat/completions", {"messages": TALK, **thinking}),
        ("/model/anthropic.claude-sonnet-5-5/invoke", {"messages": TALK, **thinking}),
        ("/model/anthropic.claude-sonnet-5-5/converse", {"messages": BLOCKS, "additionalModelRequestFields": thinking}),
    ):
        route = find_route("POST", path)
        call = route.read(document)
        assert call.reasoning is asked, path
        lowered, after, *_ = rewrite.clamp(route, document, call, {"reasoning_effort": "none"})
        assert not after.reasoning, path
        told = lowered.get("additionalModelRequestFields", lowered).get("thinking")
        assert asked or told == thinking["thinking"], path


def test_a_budget_that_is_left_to_gemini_is_set():
    route = find_route("POST", "/v1beta/models/gemini-x:generateContent")
    document: dict[str, Any] = {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"thinkingConfig": {"includeThoughts": True}}}
    _, after, changed, _ = rewrite.clamp(route, document, route.read(document), {"reasoning_budget": 700})
    assert (after.reasoning_budget, changed) == (700, ("reasoning_budget",))
    document["generationConfig"]["thinkingConfig"]["thinkingLevel"] = "LOW"
    assert rewrite.clamp(route, document, route.read(document), {"reasoning_budget": 700})[2] == ()


def test_a_demand_to_leave_the_reasoning_inside_the_text_is_taken_back():
    document = {"messages": [], "reasoning_format": "none"}
    assert rewrite.keep_reasoning_apart(document)
    assert document == {"messages": []}
    assert not rewrite.keep_reasoning_apart(document)


def test_a_limit_of_nothing_is_no_limit_to_ollama():
    route = find_route("POST", "/api/generate")
    document = {"prompt": "x", "options": {"num_predict": 0}}
    assert rewrite.clamp(route, document, route.read(document), {"max_tokens": 50})[1].max_output_tokens == 50


def test_an_effort_of_novas_own_is_lowered_beside_its_parameters():
    route = find_route("POST", "/model/amazon.nova-2/invoke")
    document: dict[str, Any] = {
        "messages": [{"role": "user", "content": [{"text": "x"}]}],
        "inferenceConfig": {},
        "reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"},
    }
    for most, expected in (("low", (True, "low")), ("none", (False, ""))):
        after = rewrite.clamp(route, document, route.read(document), {"reasoning_effort": most})[1]
        assert (after.reasoning, after.reasoning_effort) == expected


def test_anthropic_thinking_below_its_least_budget_is_switched_off():
    route = find_route("POST", "/v1/messages")
    document = {"messages": [{"role": "user", "content": "x"}], "max_tokens": 8000, "thinking": {"type": "enabled", "budget_tokens": 4000}}
    lowered, _, changed, _ = rewrite.clamp(route, document, route.read(document), {"max_tokens": 2000})
    assert (lowered["thinking"]["budget_tokens"], changed) == (1999, ("max_tokens",))
    lowered, _, *_ = rewrite.clamp(route, document, route.read(document), {"max_tokens": 500})
    assert lowered["thinking"] == {"type": "disabled"}
