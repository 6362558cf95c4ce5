"""Google's, Ollama's and Amazon's own clients, and OpenAI's for Node: allowed, refused, limited, stripped, streaming and not."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import botocore.eventstream
import ollama
import pytest
from google import genai
from google.genai import errors, types

from tests.conftest import ROOT, Running
from tests.e2e.origin import Origin
from tests.e2e.sharing import Proxies

POLICIES = {
    "rules.yaml": """
rules:
  - {id: terms.model, when: "request.model.endsWith('forbidden')", then: {refuse: {code: not_offered, message: Not offered.}}}
  - {id: terms.strip, when: "request.model.endsWith('-reasoner')", then: {strip: [reasoning, logprobs]}}
limits:
  - {id: budget.one, per: [account.id, request.dialect], count: requests, rate: 1/1h, burst: 1, when: "request.model.endsWith('-limited')",
     message: One an hour.}
"""
}
GOLDEN = ROOT / "tests" / "golden" / "answers" / "bedrock"
NODE_SDK = "openai@6.49.0"


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    """Proxies shared by the tests here."""
    found = Proxies(tmp_path_factory.mktemp("clients"))
    yield found
    found.stop()


@pytest.fixture
def proxy(proxies: Proxies) -> Running:
    """A proxy with the demo endpoint."""
    return proxies.get(POLICIES)


def _google(proxy: Running) -> Any:
    options = types.HttpOptions(base_url=proxy.url, retry_options=types.HttpRetryOptions(attempts=1))
    return closing(genai.Client(api_key="AIza-demo", http_options=options))


@pytest.fixture
def gemini(proxy: Running) -> Iterator[genai.Client]:
    """Google's client."""
    with _google(proxy) as client:
        yield client


def _parts(answer: Any) -> list[Any]:
    return [part for candidate in answer.candidates or () for part in (candidate.content and candidate.content.parts) or ()]


def test_googles_client_gets_its_answers_streamed_or_not(gemini):
    whole = gemini.models.generate_content(model="demo", contents="Why is the sky blue?")
    assert whole.text
    assert whole.usage_metadata.total_token_count > 0
    streamed = list(gemini.models.generate_content_stream(model="demo", contents="Why is the sky blue?"))
    assert "".join(answer.text or "" for answer in streamed) == whole.text
    assert gemini.models.count_tokens(model="demo", contents="hi").total_tokens > 0
    assert gemini.models.embed_content(model="demo", contents="hi").embeddings


def test_googles_client_raises_its_own_errors(gemini):
    for call in (gemini.models.generate_content, lambda **given: list(gemini.models.generate_content_stream(**given))):
        with pytest.raises(errors.ClientError, match="Not offered") as refused:
            call(model="forbidden", contents="hi")
        assert refused.value.code == 403
    gemini.models.generate_content(model="demo-limited", contents="hi")
    with pytest.raises(errors.ClientError, match="One an hour") as limited:
        gemini.models.generate_content(model="demo-limited", contents="hi")
    assert limited.value.code == 429


def test_googles_client_gets_answers_without_thoughts(gemini, proxies):
    with _google(proxies.get()) as unstripped:
        assert any(part.thought for part in _parts(unstripped.models.generate_content(model="demo-reasoner", contents="hi")))
    whole = gemini.models.generate_content(model="demo-reasoner", contents="hi")
    assert whole.text
    streamed = list(gemini.models.generate_content_stream(model="demo-reasoner", contents="hi"))
    assert not any(part.thought for answer in (whole, *streamed) for part in _parts(answer))
    assert "".join(answer.text or "" for answer in streamed) == whole.text


@pytest.fixture
def llama(proxy: Running) -> Iterator[ollama.Client]:
    """Ollama's client."""
    client = ollama.Client(host=proxy.url)
    yield client
    client._client.close()


ASKED = [{"role": "user", "content": "Why is the sky blue?"}]


def test_ollamas_client_gets_its_answers_streamed_or_not(llama):
    whole = llama.chat(model="demo", messages=ASKED)
    assert whole.message.content
    assert "".join(part.message.content for part in llama.chat(model="demo", messages=ASKED, stream=True)) == whole.message.content
    assert llama.generate(model="demo", prompt="hi").response
    assert llama.embed(model="demo", input="hi").embeddings
    assert llama.list().models


def test_ollamas_client_raises_its_own_errors(llama):
    for call in (llama.chat, lambda **given: list(llama.chat(stream=True, **given))):
        with pytest.raises(ollama.ResponseError, match="Not offered") as refused:
            call(model="forbidden", messages=ASKED)
        assert refused.value.status_code == 403
    llama.chat(model="demo-limited", messages=ASKED)
    with pytest.raises(ollama.ResponseError, match="One an hour") as limited:
        llama.generate(model="demo-limited", prompt="hi")
    assert limited.value.status_code == 429


def test_ollamas_client_gets_answers_without_thinking(llama):
    assert llama.chat(model="demo", messages=ASKED, think=True).message.thinking
    whole = llama.chat(model="demo-reasoner", messages=ASKED, think=True)
    assert whole.message.content
    assert not whole.message.thinking
    streamed = list(llama.chat(model="demo-reasoner", messages=ASKED, think=True, stream=True))
    assert not any(part.message.thinking for part in streamed)
    assert "".join(part.message.content or "" for part in streamed) == whole.message.content


def _bedrock_answer(connection: Any, request: bytes) -> bool:
    path = request.split(b" ", 2)[1]
    streams = b"stream" in path
    name = ("converse" if b"/converse" in path else "invoke_anthropic") + ("_stream.bin" if streams else ".json")
    body = (GOLDEN / name).read_bytes()
    kind = b"application/vnd.amazon.eventstream" if streams else b"application/json"
    head = b"HTTP/1.1 200 OK\r\ncontent-type: " + kind
    if streams:
        connection.sendall(head + b"\r\ntransfer-encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(body), body))
    else:
        connection.sendall(head + b"\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
    return True


@pytest.fixture(scope="module")
def bedrock(proxies: Proxies) -> Iterator[Any]:
    """Amazon's client."""
    with closing(Origin(_bedrock_answer)) as origin:
        proxy = proxies.get(POLICIES, upstreams=({"name": "bedrock", "url": origin.url},))
        config = botocore.config.Config(retries={"total_max_attempts": 1})
        with closing(
            boto3.client(
                "bedrock-runtime", endpoint_url=proxy.url, region_name="us-east-1", aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
                aws_secret_access_key="secret", config=config,
            )
        ) as client:  # fmt: skip
            yield client


TURN = [{"role": "user", "content": [{"text": "hi"}]}]
BODY = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}]})


def _kinds(blocks: Any) -> set[str]:
    return {key for block in blocks for key in block}


def test_amazons_client_gets_its_answers_streamed_or_not(bedrock):
    whole = bedrock.converse(modelId="arn:aws:bedrock:us-east-1:123456789012:inference-profile/maker.model", messages=TURN)
    assert whole["usage"]["totalTokens"] == 30
    assert _kinds(whole["output"]["message"]["content"]) == {"reasoningContent", "text", "toolUse"}
    events = list(bedrock.converse_stream(modelId="maker.model", messages=TURN)["stream"])
    assert any("reasoningContent" in event.get("contentBlockDelta", {}).get("delta", {}) for event in events)
    assert any("metadata" in event for event in events)
    assert json.loads(bedrock.invoke_model(modelId="anthropic.model", body=BODY)["body"].read())["content"]
    assert list(bedrock.invoke_model_with_response_stream(modelId="anthropic.model", body=BODY)["body"])


def test_amazons_client_raises_its_own_errors(bedrock):
    for call in (bedrock.converse, bedrock.converse_stream):
        with pytest.raises(bedrock.exceptions.AccessDeniedException, match="Not offered"):
            call(modelId="maker.forbidden", messages=TURN)
        with pytest.raises(bedrock.exceptions.AccessDeniedException, match="Not offered"):
            call(modelId="arn:aws:bedrock:us-east-1:123456789012:inference-profile/maker.forbidden", messages=TURN)
    with pytest.raises(bedrock.exceptions.AccessDeniedException):
        bedrock.invoke_model(modelId="maker.forbidden", body=BODY)
    bedrock.converse(modelId="maker.model-limited", messages=TURN)
    with pytest.raises(bedrock.exceptions.ThrottlingException, match="One an hour"):
        bedrock.converse(modelId="maker.model-limited", messages=TURN)


def test_amazons_client_gets_answers_without_reasoning(bedrock):
    whole = bedrock.converse(modelId="maker.m-reasoner", messages=TURN)
    assert _kinds(whole["output"]["message"]["content"]) == {"text", "toolUse"}
    events = list(bedrock.converse_stream(modelId="maker.m-reasoner", messages=TURN)["stream"])
    assert any("text" in event.get("contentBlockDelta", {}).get("delta", {}) for event in events)
    assert not any("reasoningContent" in event.get("contentBlockDelta", {}).get("delta", {}) for event in events)
    body = json.loads(bedrock.invoke_model(modelId="anthropic.m-reasoner", body=BODY)["body"].read())
    assert "thinking" not in {block["type"] for block in body["content"]}
    chunks = bedrock.invoke_model_with_response_stream(modelId="anthropic.m-reasoner", body=BODY)["body"]
    told = [json.loads(event["chunk"]["bytes"]) for event in chunks]
    assert told
    assert "thinking_delta" not in {event.get("delta", {}).get("type") for event in told}


SCRIPT = """
const OpenAI = require("openai");
const client = new OpenAI({ baseURL: process.argv[2] + "/v1", apiKey: "sk-node", maxRetries: 0 });
const messages = [{ role: "user", content: "Why is the sky blue?" }];
async function failure(call) {
  try { await call(); } catch (error) { return { name: error.constructor.name, status: error.status, code: error.code, message: error.message }; }
}
async function streamed(model) {
  const chunks = [];
  for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) chunks.push(chunk);
  return chunks;
}
(async () => {
  const told = {};
  told.whole = (await client.chat.completions.create({ model: "demo", messages })).choices[0].message;
  told.stream = (await streamed("demo")).map((chunk) => chunk.choices[0]?.delta?.content ?? "").join("");
  told.stripped = (await client.chat.completions.create({ model: "demo-reasoner", messages, logprobs: true })).choices[0];
  told.strippedStream = await streamed("demo-reasoner");
  told.refused = await failure(() => client.chat.completions.create({ model: "forbidden", messages }));
  told.refusedStream = await failure(() => streamed("forbidden"));
  await client.chat.completions.create({ model: "demo-limited", messages });
  told.limited = await failure(() => client.chat.completions.create({ model: "demo-limited", messages }));
  told.response = (await client.responses.create({ model: "demo", input: "hi" })).output_text;
  console.log(JSON.stringify(told));
})();
"""


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with OpenAI's client for Node."""
    folder = tmp_path_factory.mktemp("node")
    if shutil.which("npm") is None or shutil.which("node") is None:
        pytest.skip("needs node and npm")
    install = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline", "--prefix", str(folder), NODE_SDK]
    try:
        subprocess.run(install, check=True, capture_output=True, timeout=60, cwd=folder)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        pytest.skip(f"npm can't install {NODE_SDK} here")
    return folder


def test_openais_client_for_node_is_served_refused_limited_and_stripped(proxy, node):
    script = node / "client.js"
    script.write_text(SCRIPT)
    out = subprocess.run(["node", str(script), proxy.url], check=True, capture_output=True, timeout=60, cwd=node)
    told = json.loads(out.stdout)
    assert told["whole"]["content"] == told["stream"]
    assert "reasoning" not in json.dumps(told["stripped"]["message"])
    assert told["stripped"].get("logprobs") is None
    assert "reasoning_content" not in json.dumps(told["strippedStream"])
    for refused in (told["refused"], told["refusedStream"]):
        assert (refused["name"], refused["status"], refused["code"]) == ("PermissionDeniedError", 403, "not_offered")
        assert "Not offered." in refused["message"]
    assert (told["limited"]["name"], told["limited"]["status"]) == ("RateLimitError", 429)
    assert told["response"]
