"""Requests after which a model goes on inside a thought, and requests that would hide a thought in the text."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects import rewrite
from proxy.dialects.routes import find_route

ASKED: Any = {"role": "user", "content": "What does <think> mean?"}
R1: Any = {"prompt": "<|User|>Why is the sky blue?<|Assistant|><think>\n"}
OPEN: dict[str, tuple[str, dict[str, Any]]] = {
    "a raw prompt that ends so": ("/v1/completions", {"prompt": "Q: 2 + 2?\nA: <think>\n"}),
    "one of many raw prompts": ("/v1/completions", {"prompt": ["A: <think> so </think> 4", "B: <think>"]}),
    "a thought that the prompt began": ("/v1/completions", {"prompt": "<think> so </think> 4. <think> Let me"}),
    "DeepSeek on Bedrock, as its guide has it": ("/model/us.deepseek.r1-v1%3A0/invoke", R1),
    "an answer begun": ("/v1/chat/completions", {"messages": [ASKED, {"role": "assistant", "content": "<think>\nOkay"}]}),
    "an answer begun in parts, with tools": (
        "/v1/chat/completions",
        {
            "messages": [ASKED, {"role": "assistant", "content": [{"type": "text", "text": "<think>"}, {"type": "text", "text": "so"}]}],
            "tools": [{"type": "function", "function": {"name": "f"}}],
        },
    ),
    "a chat template of the caller's": ("/v1/chat/completions", {"messages": [ASKED], "chat_template": "{{ messages }}<think>"}),
    "an item begun": ("/v1/responses", {"input": [ASKED, {"role": "assistant", "content": "[THINK]"}]}),
    "a message begun": ("/v1/messages", {"messages": [ASKED, {"role": "assistant", "content": "<think>"}]}),
    "Ollama's template": ("/api/generate", {"model": "m", "prompt": "hi", "template": "{{ .Prompt }}<think>"}),
    "Ollama's raw prompt": ("/api/generate", {"model": "m", "prompt": "hi <think>", "raw": True}),
}
SHUT: dict[str, tuple[str, dict[str, Any]]] = {
    "a question about tags": ("/v1/chat/completions", {"messages": [ASKED]}),
    "an earlier answer": ("/v1/chat/completions", {"messages": [ASKED, {"role": "assistant", "content": "<think>"}, ASKED]}),
    "an answer begun behind its thought": (
        "/v1/chat/completions",
        {"messages": [ASKED, {"role": "assistant", "content": "<think>so</think>It"}]},
    ),
    "a raw prompt with a whole thought": ("/v1/completions", {"prompt": "A: <think> so </think> 4"}),
    "Ollama's own template": ("/api/generate", {"model": "m", "prompt": "What does <think> mean?"}),
    "a template of both": ("/v1/chat/completions", {"messages": [ASKED], "chat_template": "<think>{{ x }}</think>{{ y }}"}),
}


def _begins_inside(path: str, document: dict[str, Any], *, template_opens: bool = False) -> bool:
    return rewrite.begins_inside_thought(document, find_route("POST", path).read(document), template_opens=template_opens)


@pytest.mark.parametrize("how", OPEN)
def test_a_caller_that_opens_a_thought_gets_what_follows_as_a_thought(how):
    assert _begins_inside(*OPEN[how])


@pytest.mark.parametrize("how", SHUT)
def test_what_only_speaks_of_tags_opens_none(how):
    assert not _begins_inside(*SHUT[how])


def test_a_raw_prompt_goes_through_no_template_that_could_open_one():
    assert _begins_inside("/v1/chat/completions", {"messages": [ASKED]}, template_opens=True)
    assert _begins_inside("/api/generate", {"model": "m", "prompt": "hi"}, template_opens=True)
    for path, document in (("/v1/completions", {"prompt": "hi"}), ("/api/generate", {"model": "m", "prompt": "hi", "raw": True})):
        assert not _begins_inside(path, document, template_opens=True)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("reasoning_format", "parsed"),
        ("reasoning_format", "hidden"),
        ("reasoning_format", None),
        ("separate_reasoning", True),
        ("echo", False),
    ],
)
def test_what_keeps_a_thought_apart_stays_as_it_was_asked(key, value):
    document = {"prompt": "x", key: value}
    assert not rewrite.keep_reasoning_apart(document)
    assert document == {"prompt": "x", key: value}


@pytest.mark.parametrize(
    ("key", "value"), [("reasoning_format", "none"), ("reasoning_format", "raw"), ("separate_reasoning", False), ("echo", True)]
)
def test_demands_that_would_hide_a_thought_in_the_text_are_taken_back(key, value):
    document = {"prompt": "x", key: value}
    assert rewrite.keep_reasoning_apart(document)
    assert document == {"prompt": "x"}
    assert not rewrite.keep_reasoning_apart(document)
