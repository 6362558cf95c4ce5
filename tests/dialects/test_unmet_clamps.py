"""A bound that a model doesn't take, or not as low, is told: the term would go unapplied, and nobody would know."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects import rewrite
from proxy.dialects.call import ModelCall, Text
from proxy.dialects.dialect import Clamps, Route, RouteKind
from proxy.dialects.routes import ENDPOINTS, find_route

TALK: Any = [{"role": "user", "content": "x"}]


@pytest.mark.parametrize(
    ("path", "document", "clamps", "unmet"),
    [
        pytest.param("/v1/chat/completions", {"model": "gpt-6-astra"}, {"temperature": 0.5}, ("temperature",), id="no temperature while it reasons"),
        pytest.param("/v1/chat/completions", {"model": "gpt-6-astra"}, {"temperature": 1.0}, (), id="its own temperature is within the bound"),
        pytest.param("/v1/chat/completions", {"model": "gpt-4o"}, {"temperature": 0.5}, (), id="set"),
        pytest.param("/v1/messages", {"model": "claude-fable-5", "max_tokens": 9}, {"reasoning_effort": "none"}, ("reasoning_effort",), id="always thinks"),
        pytest.param("/v1/messages", {"model": "claude-fable-5", "max_tokens": 9}, {"reasoning_effort": "low"}, (), id="thinks little"),
        pytest.param(
            "/v1/messages",
            {"model": "claude-opus-4-5", "max_tokens": 4096, "thinking": {"type": "enabled", "budget_tokens": 1024}, "temperature": 1},
            {"temperature": 0.25, "n": 1, "max_tokens": 4096}, ("temperature",), id="thinks, so that its temperature is its own",
        ),
    ],
)  # fmt: skip
def test_what_stays_above_its_bound_is_named(path, document, clamps, unmet):
    route = find_route("POST", path)
    document = {"messages": TALK, **document}
    assert rewrite.clamp(route, document, route.read(document), clamps).unmet == unmet


@pytest.mark.parametrize(
    ("call", "unmet"),
    [
        ({}, ()),
        ({"n": 3}, ("n",)),
        ({"max_output_tokens": 51, "n": 2}, ("max_tokens",)),
        ({"temperature": 0.6}, ("temperature",)),
        ({"temperature": 0.5, "max_output_tokens": 50, "top_logprobs": 5, "reasoning_budget": 2000, "reasoning_effort": "low"}, ()),
        ({"logprobs": True, "top_logprobs": 6}, ("logprobs", "top_logprobs")),
        ({"reasoning_budget": 2001, "reasoning_effort": "medium"}, ("reasoning_budget", "reasoning_effort")),
    ],
)
def test_what_has_no_body_to_lower_it_in_is_named_too(call, unmet):
    """As of a form, which nobody rewrites."""
    most: Clamps = {
        "n": 2, "max_tokens": 50, "temperature": 0.5, "logprobs": False, "top_logprobs": 5, "reasoning_budget": 2000, "reasoning_effort": "low",
    }  # fmt: skip
    route, asked = find_route("POST", "/v1/images/edits"), ModelCall("openai", "images.edit", "m", **call)
    assert rewrite.clamp(route, {}, asked, most) == ({}, asked, (), unmet)


def test_a_temperature_is_missed_at_every_endpoint_that_has_one_and_at_no_other():
    lowered = {row.endpoint for row in ENDPOINTS if _sets_a_temperature(row.dialect, row.endpoint)}
    assert lowered == {row.endpoint for row in ENDPOINTS if _misses_it(row.dialect, row.endpoint)}
    assert {"chat.completions", "messages", "generate_content", "converse", "chat"} <= lowered


def _sets_a_temperature(dialect: Any, endpoint: str) -> bool:
    body = {"prompt": "x"} if endpoint in {"complete", "completions", "generate"} else {"messages": TALK}
    return dialect.clamp(Route(dialect, endpoint, RouteKind.CALL), body, {"temperature": 0.5}, "m")[1] == ("temperature",)


def _misses_it(dialect: Any, endpoint: str) -> bool:
    call = ModelCall(dialect.name, endpoint, "m", texts=(Text("user", "x"),))
    return rewrite.clamp(Route(dialect, endpoint, RouteKind.CALL), {}, call, {"temperature": 0.5}).unmet == ("temperature",)
