"""The demo endpoint behaves like the real APIs to their own SDKs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import anthropic
import openai
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from proxy.adapters.demo import demo_app

QUESTION: Any = [{"role": "user", "content": "What is the weather in Bern today?"}]
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer"}}, "required": ["city"]}
OPENAI_TOOLS: Any = [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}]
RESPONSES_TOOLS: Any = [{"type": "function", "name": "get_weather", "parameters": SCHEMA}]
ANTHROPIC_TOOLS: Any = [{"name": "get_weather", "input_schema": SCHEMA}]


@asynccontextmanager
async def openai_sdk() -> AsyncIterator[Any]:
    async with (
        TestServer(demo_app()) as server,
        openai.AsyncOpenAI(base_url=str(server.make_url("/v1")), api_key="demo", max_retries=0) as client,
    ):
        yield client


@asynccontextmanager
async def anthropic_sdk() -> AsyncIterator[Any]:
    async with (
        TestServer(demo_app()) as server,
        anthropic.AsyncAnthropic(base_url=str(server.make_url("")).rstrip("/"), api_key="demo", max_retries=0) as client,
    ):
        yield client


def test_the_same_words_get_the_same_answer():
    async def scenario() -> None:
        async with openai_sdk() as client:
            one, two = [await client.chat.completions.create(model="demo", messages=QUESTION, n=2) for _ in range(2)]
            assert one == two
            assert one.choices[0].message.content != one.choices[1].message.content

    asyncio.run(scenario())


def test_a_streamed_chat_says_what_the_whole_one_says():
    async def scenario() -> None:
        async with openai_sdk() as client:
            asked: dict[str, Any] = {"model": "demo", "messages": QUESTION, "reasoning_effort": "low", "logprobs": True, "top_logprobs": 2}
            whole = await client.chat.completions.create(**asked)
            async with client.chat.completions.stream(**asked, stream_options={"include_usage": True}) as stream:
                streamed = await stream.get_final_completion()
            assert streamed.choices[0].message.content == whole.choices[0].message.content
            assert streamed.choices[0].logprobs.content == whole.choices[0].logprobs.content
            assert len(whole.choices[0].logprobs.content[0].top_logprobs) == 2
            assert whole.choices[0].message.reasoning_content
            assert streamed.usage == whole.usage
            assert whole.usage.completion_tokens > whole.usage.completion_tokens_details.reasoning_tokens > 0

    asyncio.run(scenario())


def test_a_stream_tells_usage_only_when_asked():
    async def scenario() -> None:
        async with openai_sdk() as client:
            plain = [chunk async for chunk in await client.chat.completions.create(model="demo", messages=QUESTION, stream=True)]
            told = [
                chunk
                async for chunk in await client.chat.completions.create(
                    model="demo", messages=QUESTION, stream=True, stream_options={"include_usage": True}
                )
            ]
            assert not any("usage" in chunk.model_fields_set for chunk in plain)
            assert [bool(chunk.usage) for chunk in told] == [False] * len(plain) + [True]
            assert told[-1].choices == []

    asyncio.run(scenario())


def test_max_tokens_is_kept():
    async def scenario() -> None:
        async with openai_sdk() as client:
            short = await client.chat.completions.create(model="demo-long", messages=QUESTION, max_tokens=7)
            assert (short.usage.completion_tokens, short.choices[0].finish_reason) == (7, "length")
        async with anthropic_sdk() as client:
            message = await client.messages.create(model="demo", messages=QUESTION, max_tokens=5)
            assert (message.usage.output_tokens, message.stop_reason) == (5, "max_tokens")

    asyncio.run(scenario())


def test_a_tool_is_called_when_the_prompt_asks_and_its_result_is_told():
    async def scenario() -> None:
        async with openai_sdk() as client:
            first = await client.chat.completions.create(model="demo", messages=QUESTION, tools=OPENAI_TOOLS)
            call = first.choices[0].message.tool_calls[0]
            assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Bern"}')
            result: Any = {"role": "tool", "tool_call_id": call.id, "content": "12 degrees"}
            turns = [*QUESTION, first.choices[0].message, result]
            second = await client.chat.completions.create(model="demo", messages=turns, tools=OPENAI_TOOLS)
            assert "12 degrees" in second.choices[0].message.content
            other = await client.chat.completions.create(
                model="demo", messages=[{"role": "user", "content": "Tell a story."}], tools=OPENAI_TOOLS
            )
            assert other.choices[0].message.tool_calls is None

    asyncio.run(scenario())


def test_responses_stream_accumulates_to_the_whole_response():
    async def scenario() -> None:
        async with openai_sdk() as client:
            asked: dict[str, Any] = {
                "model": "demo",
                "input": "What is the weather in Bern?",
                "reasoning": {"effort": "low"},
                "tools": RESPONSES_TOOLS,
            }
            whole = await client.responses.create(**asked)
            async with client.responses.stream(**asked) as stream:
                events = [event async for event in stream]
                streamed = await stream.get_final_response()
            assert [item.type for item in whole.output] == ["reasoning", "function_call"]
            assert [item.id for item in streamed.output] == [item.id for item in whole.output]
            assert streamed.usage == whole.usage
            assert next(event.sequence_number for event in events if hasattr(event, "sequence_number")) == 0

    asyncio.run(scenario())


def test_completions_and_embeddings_answer():
    async def scenario() -> None:
        async with openai_sdk() as client:
            completion = await client.completions.create(model="demo", prompt=["Once upon", "a time"], n=2, logprobs=2)
            assert [choice.index for choice in completion.choices] == [0, 1, 2, 3]
            assert len(completion.choices[0].logprobs.tokens) == 16
            streamed = "".join(
                [chunk.choices[0].text async for chunk in await client.completions.create(model="demo", prompt="Once upon", stream=True)]
            )
            assert streamed == completion.choices[0].text
            near, same, far = (
                item.embedding
                for item in (
                    await client.embeddings.create(model="demo-embed", input=["red gears turn", "red gears spin", "a quiet lake"])
                ).data
            )
            assert sum(a * b for a, b in zip(near, same, strict=True)) > sum(a * b for a, b in zip(near, far, strict=True))
            assert "demo-slow" in [model.id async for model in client.models.list()]

    asyncio.run(scenario())


def test_messages_think_and_call_tools_in_blocks():
    async def scenario() -> None:
        async with anthropic_sdk() as client:
            asked: dict[str, Any] = {
                "model": "demo",
                "max_tokens": 400,
                "messages": QUESTION,
                "thinking": {"type": "enabled", "budget_tokens": 1024},
                "tools": ANTHROPIC_TOOLS,
            }
            whole = await client.messages.create(**asked)
            async with client.messages.stream(**asked) as stream:
                streamed = await stream.get_final_message()
            assert [block.type for block in whole.content] == ["thinking", "tool_use"]
            assert whole.content[1].input == {"city": "Bern"}
            assert streamed.content == whole.content
            assert streamed.usage == whole.usage
            counted = await client.messages.count_tokens(model="demo", messages=QUESTION)
            assert counted.input_tokens == whole.usage.input_tokens
            assert "demo" in [model.id async for model in client.models.list()]

    asyncio.run(scenario())


def test_errors_raise_the_sdks_own_exceptions():
    async def scenario() -> None:
        async with openai_sdk() as client:
            for model, error in (
                ("demo-error", openai.InternalServerError),
                ("demo-overloaded", openai.RateLimitError),
                ("x-missing", openai.NotFoundError),
            ):
                with pytest.raises(error):
                    await client.chat.completions.create(model=model, messages=QUESTION)
            with pytest.raises(openai.BadRequestError):
                await client.chat.completions.create(model="demo", messages=[])
        async with anthropic_sdk() as client:
            with pytest.raises(anthropic.InternalServerError):
                await client.messages.create(model="demo-error", messages=QUESTION, max_tokens=5)

    asyncio.run(scenario())


def test_a_model_can_hang_up_or_keep_its_usage_to_itself():
    async def scenario() -> None:
        async with openai_sdk() as client:
            quiet = await client.chat.completions.create(model="demo-no-usage", messages=QUESTION)
            assert quiet.usage is None
            with pytest.raises(openai.APIConnectionError):
                _ = [chunk async for chunk in await client.chat.completions.create(model="demo-hangup", messages=QUESTION, stream=True)]

    asyncio.run(scenario())


def test_a_caller_that_leaves_a_stream_is_no_fault(caplog):
    async def scenario() -> None:
        runner = web.AppRunner(demo_app())  # unlike the test server this doesn't cancel the handler, as in a running proxy
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        reader, writer = await asyncio.open_connection(*runner.addresses[0])
        body = orjson.dumps({"model": "demo-slow", "stream": True, "messages": QUESTION})
        writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nhost: demo\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await reader.readuntil(b"data: ")
        serving = asyncio.all_tasks() - {asyncio.current_task()}
        writer.transport.abort()
        await asyncio.wait(serving, timeout=30)
        await runner.cleanup()

    asyncio.run(scenario())
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"model": 1}',
        b'{"model": "demo"}',
        b'{"model": "demo", "messages": [1]}',
        b'{"model":"demo","messages":{}}',
    ],
)
@pytest.mark.parametrize("path", ["chat/completions", "completions", "responses", "embeddings", "messages", "messages/count_tokens"])
def test_nonsense_is_told_off_in_the_apis_words(path, body):
    async def scenario() -> None:
        async with (
            TestServer(demo_app()) as server,
            aiohttp.ClientSession() as session,
            session.post(server.make_url(f"/v1/{path}"), data=body) as answer,
        ):
            assert answer.status == 400
            assert "message" in (await answer.json())["error"]

    asyncio.run(scenario())
