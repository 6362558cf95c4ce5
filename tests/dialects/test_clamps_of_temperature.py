"""A bound on the temperature is set where it is left out, but for models that refuse one: their callers would lose the answer for it."""

from __future__ import annotations

from typing import Any

import pytest

from proxy.dialects import rewrite
from proxy.dialects.routes import find_route

TALK: Any = [{"role": "user", "content": "x"}]
BLOCKS: Any = [{"role": "user", "content": [{"text": "x"}]}]
CHAT, RESPONSES = "/v1/chat/completions", "/v1/responses"
MOST = {"temperature": 0.5}

TAKE = [
    "gpt-4o", "gpt-4.1-mini", "gpt-35-turbo", "gpt-5-chat-latest", "gpt-5.1", "gpt-5.1-2025-11-13", "gpt-5.2", "gpt-5.3-codex", "gpt-5.4-mini",
    "llama-3", "some-model-of-our-own", "claude-opus-4-6", "claude-sonnet-4-20250514", "claude-3-5-sonnet-20241022",
]  # fmt: skip
REFUSE = [
    "o1", "o3-mini", "o4-mini-2025-04-16", "gpt-5", "gpt-5-nano", "gpt-5-pro", "gpt-5-codex", "gpt-5-search-api", "gpt-5.1-codex", "gpt-5.1-chat-latest",
    "gpt-5.2-pro", "gpt-5.3-chat-latest", "gpt-5.4-pro", "gpt-5.5", "gpt-5.6-luna", "gpt-6-astra", "gpt-4o-mini-search-preview-2025-03-11",
    "claude-opus-4-7", "claude-opus-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-1", "claude-mythos-preview",
]  # fmt: skip
CLAUDES = [name for name in TAKE + REFUSE if name.startswith("claude")]


def _after(
    path: str, document: dict[str, Any], names: dict[str, str] | None = None, **clamps: Any
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The document within the bounds, which it then stays, and the parameters that changed."""
    route, given, most = find_route("POST", path), names or {}, {**MOST, **clamps}
    call = route.read(document, given)
    lowered, after, changed, unmet = rewrite.clamp(route, document, call, most, given)
    assert after == route.read(lowered, given)
    assert unmet == (() if after.temperature is not None or most["temperature"] >= 1.0 else ("temperature",))
    assert rewrite.clamp(route, lowered, after, most, given)[2] == ()
    return lowered, changed


def _requests(model: str) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    """The same request on every platform that offers the model, by its name and by an alias of it."""
    alias = {"prod": model}
    asked = [(CHAT, {"messages": TALK}), (RESPONSES, {"input": "x"})]
    found = [(path, {"model": name, **body}, names) for path, body in asked for name, names in ((model, {}), ("prod", alias))]
    found.append(("/openai/deployments/prod/chat/completions", {"messages": TALK}, alias))
    if model in CLAUDES:
        found += [
            ("/v1/messages", {"model": name, "max_tokens": 9, "messages": TALK}, names) for name, names in ((model, {}), ("prod", alias))
        ]
        found.append((f"/model/us.anthropic.{model}-v1:0/invoke", {"max_tokens": 9, "messages": TALK}, {}))
        found += [
            (f"/model/{name}/converse", {"messages": BLOCKS}, names) for name, names in ((f"eu.anthropic.{model}", {}), ("prod", alias))
        ]
    return found


def _with(path: str, document: dict[str, Any], temperature: float) -> dict[str, Any]:
    told = {"temperature": temperature}
    return {**document, "inferenceConfig": told} if path.endswith("/converse") else {**document, **told}


@pytest.mark.parametrize("model", TAKE)
def test_a_temperature_that_is_left_out_is_set_for_models_that_take_one(model):
    for path, document, names in _requests(model):
        assert _after(path, document, names) == (_with(path, document, 0.5), ("temperature",)), path
        assert _after(path, document, names, temperature=1.0) == (document, ()), path
        assert _after(path, _with(path, document, 0.9), names) == (_with(path, document, 0.5), ("temperature",)), path


@pytest.mark.parametrize("model", REFUSE)
def test_none_is_set_for_models_that_refuse_one_and_one_above_the_bound_is_taken_away(model):
    for path, document, names in _requests(model):
        assert _after(path, document, names) == (document, ()), path
        lowered, changed = _after(path, _with(path, document, 1.0), names)
        assert "temperature" not in lowered.get("inferenceConfig", lowered), path
        assert changed == ("temperature",), path
        within = _with(path, document, 0.25)
        assert _after(path, within, names) == (within, ()), path


@pytest.mark.parametrize(
    ("model", "effort", "clamps", "expected"),
    [
        pytest.param("gpt-5.2", "low", {}, None, id="reasons as asked"),
        pytest.param("gpt-5.2", "none", {}, 0.5, id="rests as asked"),
        pytest.param("gpt-5.6-sol", "none", {}, 0.5, id="rests as asked, though not by itself"),
        pytest.param("gpt-5.4", "high", {"reasoning_effort": "none"}, 0.5, id="rests by another clamp"),
        pytest.param("gpt-5.4", "high", {"reasoning_effort": "low"}, None, id="reasons less by another clamp"),
    ],
)
def test_a_gpt_takes_a_temperature_only_while_it_does_not_reason(model, effort, clamps, expected):
    chat = {"model": model, "messages": TALK, "reasoning_effort": effort}
    responses = {"model": model, "input": "x", "reasoning": {"effort": effort}}
    assert _after(CHAT, chat, **clamps)[0].get("temperature") == expected
    assert _after(RESPONSES, responses, **clamps)[0].get("temperature") == expected


@pytest.mark.parametrize(
    ("thinking", "clamps", "expected"),
    [
        pytest.param({"type": "enabled", "budget_tokens": 2048}, {}, None, id="thinks"),
        pytest.param({"type": "adaptive"}, {}, None, id="may think"),
        pytest.param({"type": "disabled"}, {}, 0.5, id="does not think"),
        pytest.param({"type": "enabled", "budget_tokens": 2048}, {"reasoning_effort": "none"}, 0.5, id="may not think"),
        pytest.param({"type": "enabled", "budget_tokens": 2048}, {"reasoning_budget": 100}, 0.5, id="has no budget left"),
    ],
)
@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-3-7-sonnet-20250219"])
def test_a_claude_takes_a_temperature_only_while_it_does_not_think(model, thinking, clamps, expected):
    message = {"model": model, "max_tokens": 4096, "messages": TALK, "thinking": thinking}
    assert _after("/v1/messages", message, **clamps)[0].get("temperature") == expected
    converse = {"messages": BLOCKS, "inferenceConfig": {"maxTokens": 4096}, "additionalModelRequestFields": {"thinking": thinking}}
    assert _after(f"/model/anthropic.{model}/converse", converse, **clamps)[0]["inferenceConfig"].get("temperature") == expected


@pytest.mark.parametrize(
    ("model", "kept"),
    [("claude-opus-4-1-20250805", False), ("claude-haiku-4-5", False), ("claude-sonnet-4-20250514", True), ("unknown", True)],
)
def test_a_temperature_stands_in_place_of_top_p_where_a_claude_takes_one_of_the_two(model, kept):
    message = {"model": model, "max_tokens": 9, "messages": TALK, "top_p": 0.9}
    lowered, changed = _after("/v1/messages", message)
    assert (lowered["temperature"], "top_p" in lowered, changed) == (0.5, kept, ("temperature",))
    lowered, _ = _after(f"/model/anthropic.{model}/converse", {"messages": BLOCKS, "inferenceConfig": {"topP": 0.9}})
    assert lowered["inferenceConfig"] == {"temperature": 0.5, **({"topP": 0.9} if kept else {})}
    for beside in (0.25, 0.9):
        assert _after("/v1/messages", {**message, "temperature": beside})[0]["top_p"] == 0.9
