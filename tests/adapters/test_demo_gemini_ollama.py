"""The demo endpoint behaves like Gemini and Ollama to their own SDKs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import aiohttp
import google.genai
import ollama
import pytest
from aiohttp.test_utils import TestServer
from google.genai import types

from proxy.adapters.demo import demo_app

SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = "What is the weather in Bern?"


def served(use: Callable[[str], Any]) -> Any:
    async def scenario() -> Any:
        async with TestServer(demo_app()) as server:
            return await asyncio.to_thread(use, str(server.make_url("")).rstrip("/"))

    return asyncio.run(scenario())


def with_google(use: Callable[[Any], Any]) -> Any:
    def ask(url: str) -> Any:
        with google.genai.Client(api_key="demo", http_options={"base_url": url}) as client:
            return use(client.models)

    return served(ask)


def with_ollama(use: Callable[[Any], Any]) -> Any:
    def ask(url: str) -> Any:
        with ollama.Client(url) as client:
            return use(client)

    return served(ask)


def test_gemini_streams_what_it_says_whole():
    config = types.GenerateContentConfig(
        candidate_count=2, response_logprobs=True, logprobs=2, thinking_config=types.ThinkingConfig(include_thoughts=True)
    )
    whole = with_google(lambda models: models.generate_content(model="demo", contents=WEATHER, config=config))
    chunks = with_google(lambda models: list(models.generate_content_stream(model="demo", contents=WEATHER, config=config)))
    for index, candidate in enumerate(whole.candidates):
        parts = [part for chunk in chunks for streamed in chunk.candidates if streamed.index == index for part in streamed.content.parts]
        for thought in (True, None):
            assert "".join(part.text for part in parts if part.thought is thought) == "".join(
                part.text for part in candidate.content.parts if part.thought is thought
            )
    assert len(whole.candidates[0].logprobs_result.top_candidates[0].candidates) == 2
    assert chunks[-1].usage_metadata == whole.usage_metadata
    counts = [chunk.usage_metadata.total_token_count for chunk in chunks]
    assert counts == sorted(counts)


def test_gemini_calls_tools_counts_and_embeds():
    tool = types.Tool(function_declarations=[types.FunctionDeclaration(name="get_weather", parameters_json_schema=SCHEMA)])
    config = types.GenerateContentConfig(tools=[tool], automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True))
    called = with_google(lambda models: models.generate_content(model="demo", contents=WEATHER, config=config))
    assert (called.function_calls[0].name, called.function_calls[0].args) == ("get_weather", {"city": "Bern"})
    counted = with_google(lambda models: models.count_tokens(model="demo", contents=WEATHER))
    assert counted.total_tokens == called.usage_metadata.prompt_token_count
    embedded = with_google(lambda models: models.embed_content(model="demo-embed", contents=["a", "b"]))
    assert len(embedded.embeddings) == 2


def test_gemini_streams_an_array_unless_asked_for_events():
    async def scenario() -> bytes:
        async with TestServer(demo_app()) as server, aiohttp.ClientSession() as session:
            url = server.make_url("/v1beta/models/demo:streamGenerateContent")
            async with session.post(url, json={"contents": [{"parts": [{"text": WEATHER}]}]}) as answer:
                return await answer.read()

    elements = json.loads(asyncio.run(scenario()))
    assert len(elements) > 10
    assert elements[-1]["candidates"][0]["finishReason"] == "STOP"


def test_gemini_errors_raise_the_sdks_own():
    with pytest.raises(google.genai.errors.ClientError, match="NOT_FOUND"):
        with_google(lambda models: models.generate_content(model="demo-missing", contents=WEATHER))


def test_ollama_streams_what_it_says_whole():
    asked: dict[str, Any] = {"model": "demo", "messages": [{"role": "user", "content": WEATHER}], "think": True, "logprobs": True}
    whole = with_ollama(lambda client: client.chat(**asked))
    lines = with_ollama(lambda client: list(client.chat(**asked, stream=True)))
    assert "".join(line.message.content for line in lines) == whole.message.content
    assert "".join(line.message.thinking or "" for line in lines) == whole.message.thinking
    assert [entry.token for line in lines for entry in line.logprobs or ()] == [entry.token for entry in whole.logprobs]
    assert (lines[-1].eval_count, lines[-1].done_reason) == (whole.eval_count, "stop")


def test_ollama_calls_tools_generates_and_embeds():
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}
    called = with_ollama(lambda client: client.chat("demo", [{"role": "user", "content": WEATHER}], tools=[tool]))
    assert called.message.tool_calls[0].function.arguments == {"city": "Bern"}
    short = with_ollama(lambda client: client.generate("demo", WEATHER, options={"num_predict": 3}))
    assert (short.eval_count, short.done_reason) == (3, "length")
    assert len(with_ollama(lambda client: client.embed("demo-embed", ["a", "b"])).embeddings) == 2
    assert "demo" in [model.model for model in with_ollama(lambda client: client.list()).models]


def test_ollama_errors_raise_the_sdks_own():
    with pytest.raises(ollama.ResponseError, match="-error"):
        with_ollama(lambda client: client.generate("demo-error", WEATHER))
