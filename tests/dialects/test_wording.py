"""The official SDKs turn our errors into their own exceptions, with our message."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

import anthropic
import boto3
import botocore.config
import botocore.exceptions
import ollama
import openai
import pytest
from google import genai
from google.genai import errors as genai_errors

from proxy.dialects.routes import dialect_for_errors

MESSAGE = "The service isn't offered in your region."
CODE = "unsupported_region"
STATUSES = (400, 401, 403, 404, 413, 415, 429, 451, 500, 503)


class Answer(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class Origin(ThreadingHTTPServer):
    """Gives every request the same answer."""

    daemon_threads = True
    answer = Answer(500, (), b"")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Origin)
        self.rfile.read(int(self.headers["content-length"] or 0))
        answer = self.server.answer
        self.send_response(answer.status)
        for name, value in (*answer.headers, ("content-length", str(len(answer.body))), ("connection", "close")):
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def origin() -> Iterator[Origin]:
    server = Origin(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@cache
def _openai_client(url: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key="k", max_retries=0)


@cache
def _anthropic_client(url: str) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key="k", max_retries=0)


@cache
def _gemini_client(url: str) -> genai.Client:
    return genai.Client(
        api_key="k", http_options=genai.types.HttpOptions(base_url=url, retry_options=genai.types.HttpRetryOptions(attempts=1))
    )


@cache
def _bedrock_client(url: str) -> Any:
    config = botocore.config.Config(retries={"total_max_attempts": 1})
    return boto3.client(
        "bedrock-runtime", endpoint_url=url, region_name="us-east-1", aws_access_key_id="k", aws_secret_access_key="k", config=config
    )


@cache
def _ollama_client(url: str) -> Any:
    return ollama.Client(host=url)


def _openai(url: str, *, stream: bool) -> Any:
    answer = _openai_client(url).chat.completions.create(model="m", messages=[{"role": "user", "content": "x"}], stream=stream)
    return list(answer) if stream else answer


def _responses(url: str, *, stream: bool) -> Any:
    answer = _openai_client(url).responses.create(model="m", input="x", stream=stream)
    return list(answer) if stream else answer


def _anthropic(url: str, *, stream: bool) -> Any:
    answer = _anthropic_client(url).messages.create(model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}], stream=stream)
    return list(answer) if stream else answer


def _gemini(url: str, *, stream: bool) -> Any:
    models = _gemini_client(url).models
    return list(models.generate_content_stream(model="m", contents="x")) if stream else models.generate_content(model="m", contents="x")


def _bedrock(url: str, *, stream: bool) -> Any:
    messages = [{"role": "user", "content": [{"text": "x"}]}]
    if stream:
        return list(_bedrock_client(url).converse_stream(modelId="m", messages=messages)["stream"])
    return _bedrock_client(url).converse(modelId="m", messages=messages)


def _ollama(url: str, *, stream: bool) -> Any:
    answer = _ollama_client(url).chat(model="m", messages=[{"role": "user", "content": "x"}], stream=stream)
    return list(answer) if stream else answer


class Sdk(NamedTuple):
    call: Callable[..., Any]
    path: str
    refused: type[Exception]
    exceptions: dict[int, type[Exception]]
    stream_type: str
    cut: type[Exception]


SDKS = {
    "openai": Sdk(
        _openai, "/v1/chat/completions", openai.APIStatusError,
        {400: openai.BadRequestError, 401: openai.AuthenticationError, 403: openai.PermissionDeniedError, 404: openai.NotFoundError,
         429: openai.RateLimitError, 500: openai.InternalServerError, 503: openai.InternalServerError},
        "text/event-stream", openai.APIError,
    ),
    "responses": Sdk(
        _responses, "/v1/responses", openai.APIStatusError, {403: openai.PermissionDeniedError, 429: openai.RateLimitError},
        "text/event-stream", openai.APIError,
    ),
    "anthropic": Sdk(
        _anthropic, "/v1/messages", anthropic.APIStatusError,
        {400: anthropic.BadRequestError, 401: anthropic.AuthenticationError, 403: anthropic.PermissionDeniedError, 404: anthropic.NotFoundError,
         429: anthropic.RateLimitError, 500: anthropic.InternalServerError, 503: anthropic.InternalServerError},
        "text/event-stream", anthropic.APIStatusError,
    ),
    "gemini": Sdk(
        _gemini, "/v1beta/models/m:generateContent", genai_errors.APIError, {403: genai_errors.ClientError, 500: genai_errors.ServerError},
        "text/event-stream", genai_errors.APIError,
    ),
    "bedrock": Sdk(
        _bedrock, "/model/m/converse", botocore.exceptions.ClientError, {}, "application/vnd.amazon.eventstream",
        botocore.exceptions.EventStreamError,
    ),
    "ollama": Sdk(_ollama, "/api/chat", ollama.ResponseError, {}, "application/x-ndjson", ollama.ResponseError),
}  # fmt: skip

ALL = pytest.mark.parametrize("name", SDKS)


@ALL
@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_raises_the_sdks_own_exception_with_our_message(origin, name, stream):
    sdk = SDKS[name]
    dialect = dialect_for_errors(sdk.path)
    for status in STATUSES:
        headers = (("content-type", "application/json"), *dialect.error_headers(status, CODE))
        origin.answer = Answer(status, headers, dialect.error_body(status, CODE, MESSAGE, "model", "req_1"))
        with pytest.raises(sdk.exceptions.get(status, sdk.refused)) as refusal:
            sdk.call(origin.url, stream=stream)
        assert MESSAGE in str(refusal.value)
        assert getattr(refusal.value, "status_code", getattr(refusal.value, "code", status)) in {status, CODE}


@ALL
def test_a_cut_stream_raises_the_sdks_own_exception_with_our_message(origin, name):
    sdk = SDKS[name]
    event = dialect_for_errors(sdk.path).error_event("budget_exhausted", MESSAGE)
    origin.answer = Answer(200, (("content-type", sdk.stream_type),), event)
    with pytest.raises(sdk.cut) as cut:
        sdk.call(origin.url, stream=True)
    assert MESSAGE in str(cut.value)


def test_the_stable_code_and_the_field_are_there_for_programs():
    for path, read in (
        ("/v1/x", lambda body: (body["error"]["code"], body["error"]["param"])),
        ("/v1/messages", lambda body: (body["error"]["code"], body["error"]["param"])),
        ("/v1beta/x", lambda body: (body["error"]["details"][0]["reason"], body["error"]["details"][0]["metadata"]["param"])),
    ):
        body = json.loads(dialect_for_errors(path).error_body(403, CODE, MESSAGE, "model", "req_1"))
        assert read(body) == (CODE, "model")
    assert json.loads(dialect_for_errors("/v1/messages").error_body(403, CODE, MESSAGE, None, "req_1"))["request_id"] == "req_1"
    assert json.loads(dialect_for_errors("/api/x").error_body(403, CODE, MESSAGE, None, "req_1")) == {"error": MESSAGE, "code": CODE}


@pytest.mark.parametrize("status", range(400, 600))
def test_every_status_has_a_wording(status):
    for path in ("/v1/x", "/v1/messages", "/v1beta/x", "/model/x", "/api/x", "/openai/x"):
        dialect = dialect_for_errors(path)
        assert MESSAGE.encode() in dialect.error_body(status, CODE, MESSAGE, None, "req_1")
        assert all(name.islower() and value.isprintable() for name, value in dialect.error_headers(status, CODE))
