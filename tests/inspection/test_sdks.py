"""What was stripped is still whole to the official SDKs: they parse and accumulate it, and find none of what was removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Any

import anthropic
import boto3
import google.genai
import ollama
import openai
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from botocore.config import Config

from tests.inspection.answers import ANSWERS, BOTH, fed

ASKED: Any = [{"role": "user", "content": "Hello"}]


def through(body: bytes, content_type: str, ask: Callable[[str], Awaitable[Any]]) -> Any:
    """What an SDK makes of a server that answers everything with `body`."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, headers={"Content-Type": content_type})

    async def scenario() -> Any:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        async with TestServer(app) as server:
            return await ask(str(server.make_url("")).rstrip("/"))

    return asyncio.run(scenario())


def stripped(name: str, ask: Callable[[str], Awaitable[Any]]) -> Any:
    answer = ANSWERS[name]
    return through(fed(answer.inspector(BOTH), answer.sent), answer.content_type, ask)


def with_openai(use: Callable[[openai.AsyncOpenAI], Awaitable[Any]]) -> Callable[[str], Awaitable[Any]]:
    async def ask(url: str) -> Any:
        async with openai.AsyncOpenAI(base_url=url, api_key="k", max_retries=0) as client:
            return await use(client)

    return ask


def with_anthropic(use: Callable[[anthropic.AsyncAnthropic], Awaitable[Any]]) -> Callable[[str], Awaitable[Any]]:
    async def ask(url: str) -> Any:
        async with anthropic.AsyncAnthropic(base_url=url, api_key="k", max_retries=0) as client:
            return await use(client)

    return ask


async def streamed_chat(client: openai.AsyncOpenAI) -> Any:
    async with client.chat.completions.stream(model="m", messages=ASKED) as stream:
        _ = [event async for event in stream]
        return await stream.get_final_completion()


async def streamed_response(client: openai.AsyncOpenAI) -> Any:
    async with client.responses.stream(model="m", input="Hello") as stream:
        _ = [event async for event in stream]
        return await stream.get_final_response()


async def streamed_message(client: anthropic.AsyncAnthropic) -> Any:
    async with client.messages.stream(model="m", max_tokens=9, messages=ASKED) as stream:
        _ = [event async for event in stream]
        return await stream.get_final_message()


def test_openai_accumulates_a_stripped_chat_stream():
    completion = stripped("openai/chat_stream.sse", with_openai(streamed_chat))
    assert completion.choices[0].message.content == "Grüezi 苏黎世 🦜"
    assert completion.choices[0].logprobs is None
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.completion_tokens_details.reasoning_tokens == 9
    assert "reasoning_content" not in completion.choices[0].message.model_extra


def test_openai_accumulates_stripped_choices_and_tool_calls():
    completion = stripped("openai/chat_tools_stream.sse", with_openai(streamed_chat))
    assert completion.choices[0].message.tool_calls[0].function.arguments == '{"city": "Bern"}'
    assert completion.choices[1].message.content == "No tool needed."


@pytest.mark.parametrize(("name", "text"), [("vllm", "Yes."), ("llama_cpp", "Yes")])
def test_openai_accumulates_the_stripped_streams_of_other_servers(name, text):
    completion = stripped(f"openai/{name}_stream.sse", with_openai(streamed_chat))
    assert completion.choices[0].message.content == text
    assert not {"reasoning", "reasoning_content"} & set(completion.choices[0].message.model_extra)


def test_openai_accumulates_an_azure_stream():
    completion = stripped("azure/chat_stream.sse", with_openai(streamed_chat))
    assert (completion.choices[0].message.content, completion.choices[0].logprobs) == ("Yes", None)


def test_openai_parses_stripped_bodies():
    chat = stripped("openai/chat.json", with_openai(lambda client: client.chat.completions.create(model="m", messages=ASKED)))
    assert chat.choices[0].message.content.startswith("Bern is")
    assert (chat.choices[0].logprobs, chat.usage.total_tokens) == (None, 39)
    completion = stripped("openai/completions.json", with_openai(lambda client: client.completions.create(model="m", prompt="x")))
    assert (completion.choices[0].text, completion.choices[0].logprobs) == ("Once upon", None)
    response = stripped("openai/responses.json", with_openai(lambda client: client.responses.create(model="m", input="x")))
    assert response.output_text == "Grüezi 苏黎世"
    assert [item.type for item in response.output] == ["message", "function_call"]


def test_openai_reads_a_stripped_completion_stream():
    async def use(client: openai.AsyncOpenAI) -> list[Any]:
        return [chunk async for chunk in await client.completions.create(model="m", prompt="x", stream=True)]

    chunks = stripped("openai/completions_stream.sse", with_openai(use))
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices if choice.index == 0) == "Once upon"
    assert not any(choice.logprobs for chunk in chunks for choice in chunk.choices)


def test_openai_accumulates_a_stripped_response_stream():
    response = stripped("openai/responses_stream.sse", with_openai(streamed_response))
    assert [item.type for item in response.output] == ["message", "function_call"]
    assert response.output_text == "Grüezi 苏黎世"
    assert response.output[0].content[0].logprobs == []
    assert response.output[1].arguments == '{"city":"Bern"}'
    assert response.usage.output_tokens_details.reasoning_tokens == 30


def test_anthropic_accumulates_a_stripped_stream():
    message = stripped("anthropic/messages_stream.sse", with_anthropic(streamed_message))
    assert [block.type for block in message.content] == ["text", "tool_use"]
    assert message.content[0].text == "Grüezi 苏黎世 🦜"
    assert message.content[1].input == {"city": "Bern"}
    assert message.usage.output_tokens == 89


def test_anthropic_parses_a_stripped_body():
    message = stripped(
        "anthropic/messages.json", with_anthropic(lambda client: client.messages.create(model="m", max_tokens=9, messages=ASKED))
    )
    assert [block.type for block in message.content] == ["text", "tool_use"]


def with_google(use: Callable[[google.genai.Client], Any]) -> Callable[[str], Awaitable[Any]]:
    def read(url: str) -> Any:
        with google.genai.Client(api_key="k", http_options={"base_url": url}) as client:
            return use(client)

    return lambda url: asyncio.to_thread(read, url)


def test_google_reads_a_stripped_stream():
    chunks = stripped("gemini/stream.sse", with_google(lambda client: list(client.models.generate_content_stream(model="m", contents="x"))))
    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts]
    assert [part.text for part in parts] == ["Grüezi ", '}]{[ \\ " 苏黎世', None]
    assert not any(part.thought for part in parts)
    assert parts[2].function_call.args["city"] == "Bern"
    assert chunks[-1].usage_metadata.thoughts_token_count == 15


@pytest.mark.parametrize(("name", "text"), [("generate", "Grüezi"), ("thoughts_only", None)])
def test_google_parses_a_stripped_body(name, text):
    answer = stripped(f"gemini/{name}.json", with_google(lambda client: client.models.generate_content(model="m", contents="x")))
    assert answer.text == text
    assert answer.candidates[0].logprobs_result is None
    assert answer.usage_metadata.thoughts_token_count == 15


def with_ollama(use: Callable[[ollama.Client], Any]) -> Callable[[str], Awaitable[Any]]:
    def read(url: str) -> Any:
        with ollama.Client(url) as client:
            return use(client)

    return lambda url: asyncio.to_thread(read, url)


def test_ollama_reads_what_was_stripped():
    answers = stripped("ollama/chat_stream.ndjson", with_ollama(lambda client: list(client.chat("m", ASKED, stream=True))))
    assert "".join(answer.message.content for answer in answers) == "Grüezi 苏黎世 🦜"
    assert not any(answer.message.thinking or answer.logprobs for answer in answers)
    whole = stripped("ollama/chat.json", with_ollama(lambda client: client.chat("m", ASKED)))
    assert (whole.message.content, whole.message.thinking) == ("Grüezi", None)
    pieces = stripped("ollama/generate_stream.ndjson", with_ollama(lambda client: list(client.generate("m", "Hello", stream=True))))
    assert [(piece.response, piece.thinking, piece.context) for piece in pieces] == [
        ("Yes", None, None),
        (".", None, None),
        ("", None, None),
    ]


def with_boto(use: Callable[[Any], Any]) -> Callable[[str], Awaitable[Any]]:
    def read(url: str) -> Any:
        client = boto3.client(
            "bedrock-runtime",
            region_name="eu-central-2",
            endpoint_url=url,
            aws_access_key_id="k",
            aws_secret_access_key="k",
            config=Config(retries={"max_attempts": 0}),
        )
        with closing(client):
            return use(client)

    return lambda url: asyncio.to_thread(read, url)


def test_boto_reads_what_was_stripped():
    messages = [{"role": "user", "content": [{"text": "Hello"}]}]
    events = stripped(
        "bedrock/converse_stream.bin",
        with_boto(lambda client: list(client.converse_stream(modelId="m", messages=messages)["stream"])),
    )
    deltas = [event["contentBlockDelta"] for event in events if "contentBlockDelta" in event]
    assert [(delta["contentBlockIndex"], delta["delta"]) for delta in deltas] == [
        (0, {"text": "Grüezi 🦜"}),
        (1, {"toolUse": {"input": '{"city":"Bern"}'}}),
    ]
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 31
    whole = stripped("bedrock/converse.json", with_boto(lambda client: client.converse(modelId="m", messages=messages)))
    assert [list(block) for block in whole["output"]["message"]["content"]] == [["text"], ["toolUse"]]


def test_boto_decodes_the_chunks_of_a_stripped_invocation():
    def read(client: Any) -> list[bytes]:
        answer = client.invoke_model_with_response_stream(modelId="m", body=b"{}")
        return [event["chunk"]["bytes"] for event in answer["body"]]

    chunks = stripped("bedrock/invoke_anthropic_stream.bin", with_boto(read))
    assert sum(b"content_block_start" in chunk for chunk in chunks) == 2
    assert b"hinking_delta" not in b"".join(chunks)
