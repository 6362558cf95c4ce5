"""A stream that policy cuts raises in the official SDK of every API, wherever the cut falls."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import anthropic
import botocore.exceptions
import google.genai.errors
import ollama
import openai
import pytest

from proxy.dialects.routes import dialect_for_errors
from tests.inspection.answers import ANSWERS, BOTH, NOTHING
from tests.inspection.test_sdks import (
    ASKED,
    streamed_chat,
    streamed_message,
    streamed_response,
    through,
    with_anthropic,
    with_boto,
    with_google,
    with_ollama,
    with_openai,
)

CUT = "The budget is used up."
ADDRESSES = {
    "openai": "/v1/chat/completions", "azure": "/openai/deployments/d/chat/completions", "anthropic": "/v1/messages",
    "gemini": "/v1beta/models/m:streamGenerateContent", "bedrock": "/model/m/converse-stream", "ollama": "/api/chat",
}  # fmt: skip


async def _completions(client: openai.AsyncOpenAI) -> Any:
    return [chunk async for chunk in await client.completions.create(model="m", prompt="x", stream=True)]


def _converse(client: Any) -> Any:
    return list(client.converse_stream(modelId="m", messages=[{"role": "user", "content": [{"text": "Hello"}]}])["stream"])


def _invoke(client: Any) -> Any:
    return list(client.invoke_model_with_response_stream(modelId="m", body=b"{}")["body"])


GOOGLE = with_google(lambda client: list(client.models.generate_content_stream(model="m", contents="x")))
Ask = Callable[[str], Awaitable[Any]]
STREAMS: dict[str, tuple[Ask, type[Exception]]] = {
    "openai/chat_stream.sse": (with_openai(streamed_chat), openai.APIError),
    "openai/responses_stream.sse": (with_openai(streamed_response), openai.APIError),
    "openai/completions_stream.sse": (with_openai(_completions), openai.APIError),
    "azure/chat_stream.sse": (with_openai(streamed_chat), openai.APIError),
    "anthropic/messages_stream.sse": (with_anthropic(streamed_message), anthropic.APIStatusError),
    "gemini/stream.sse": (GOOGLE, google.genai.errors.APIError),
    "bedrock/converse_stream.bin": (with_boto(_converse), botocore.exceptions.EventStreamError),
    "bedrock/invoke_anthropic_stream.bin": (with_boto(_invoke), botocore.exceptions.EventStreamError),
    "ollama/chat_stream.ndjson": (with_ollama(lambda client: list(client.chat("m", ASKED, stream=True))), ollama.ResponseError),
    "ollama/generate_stream.ndjson": (with_ollama(lambda client: list(client.generate("m", "x", stream=True))), ollama.ResponseError),
}


def _cut(name: str, size: int, strips: frozenset[str]) -> tuple[bytes, bool]:
    """The first bytes of a golden stream, cut there; whether the format had a place for the error."""
    answer = ANSWERS[name]
    inspector = answer.inspector(strips)
    told = inspector.feed(answer.sent[:size])
    event = inspector.cut(dialect_for_errors(ADDRESSES[answer.dialect]).error_event("budget_exhausted", CUT))
    return told + event, bool(event)


def _ends(name: str) -> Iterator[int]:
    """Where events end."""
    answer = ANSWERS[name]
    if name.endswith(".bin"):
        at = 0
        while at < len(answer.sent):
            at += int.from_bytes(answer.sent[at : at + 4], "big")
            yield at
        return
    end = rb"\n" if name.endswith("ndjson") else rb"\r?\n\r?\n"
    yield from (found.end() for found in re.finditer(end, answer.sent))


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("strips", [pytest.param(NOTHING, id="passed"), pytest.param(BOTH, id="stripped")])
def test_a_stream_that_is_cut_between_events_raises_with_the_reason(name, strips):
    use, error = STREAMS[name]
    ends = list(_ends(name))
    for end in (ends[0], ends[len(ends) // 2]):
        body, told = _cut(name, end, strips)
        assert told
        with pytest.raises(error, match="budget is used up"):
            through(body, ANSWERS[name].content_type, use)


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("strips", [pytest.param(NOTHING, id="passed"), pytest.param(BOTH, id="stripped")])
def test_a_stream_that_is_cut_inside_an_event_raises_too(name, strips):
    use, error = STREAMS[name]
    ends = list(_ends(name))
    body, told = _cut(name, ends[len(ends) // 2] - 7, strips)
    if strips:
        with pytest.raises(error, match="budget is used up"):
            through(body, ANSWERS[name].content_type, use)
    elif told:
        with pytest.raises(Exception, match=r".+"):
            through(body, ANSWERS[name].content_type, use)
