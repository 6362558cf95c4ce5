"""The official SDKs as clients of the proxy with the shipped policies: answers parse, refusals raise the SDK's own exceptions."""

from __future__ import annotations

from typing import Any

import anthropic
import openai
import pytest

from tests.conftest import OPEN, SHIPPED, Running

NOT_OFFERED = {"x-forwarded-for": "175.45.176.1"}
"""An address of Star JV, Pyongyang."""
QUESTION: Any = [{"role": "user", "content": "Why is the sky blue?"}]

LIMITED = {
    **OPEN,
    "limits.yaml": "limits:\n  - {id: limits.requests, per: [account.id], count: requests, rate: 1/1s, burst: 1, message: One a second.}\n",
}


@pytest.fixture
def proxy(serve) -> Running:
    """Shipped policies, demo endpoint."""
    return serve(SHIPPED)


def _openai(proxy: Running, max_retries: int = 0, http_client: Any = None) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{proxy.url}/v1", api_key="sk-demo", max_retries=max_retries, http_client=http_client)


def _anthropic(proxy: Running) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=proxy.url, api_key="sk-demo", max_retries=0)


def test_openai_gets_its_answers_streamed_or_not(proxy):
    with _openai(proxy) as client:
        whole = client.chat.completions.create(model="demo", messages=QUESTION)
        assert whole.choices[0].message.content
        assert whole.usage is not None
        assert whole.usage.total_tokens > 0
        chunks = list(client.chat.completions.create(model="demo", messages=QUESTION, stream=True))
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
        assert all(chunk.usage is None for chunk in chunks), "usage that only the proxy asked for is hidden again"
        asked = list(client.chat.completions.create(model="demo", messages=QUESTION, stream=True, stream_options={"include_usage": True}))
        assert asked[-1].usage is not None
        assert client.models.list().data


def test_anthropic_gets_its_answers_streamed_or_not(proxy):
    with _anthropic(proxy) as client:
        whole = client.messages.create(model="demo", max_tokens=200, messages=QUESTION)
        with client.messages.stream(model="demo", max_tokens=200, messages=QUESTION) as stream:
            final = stream.get_final_message()
        assert final.content[0].text == whole.content[0].text
        assert final.usage.output_tokens == whole.usage.output_tokens
        assert client.messages.count_tokens(model="demo", messages=QUESTION).input_tokens > 0


def test_a_refused_region_raises_permission_denied_with_our_message(proxy):
    with _openai(proxy) as client, pytest.raises(openai.PermissionDeniedError) as refused:
        client.chat.completions.create(model="demo", messages=QUESTION, extra_headers=NOT_OFFERED)
    assert refused.value.code == "unsupported_region"
    assert "region" in str(refused.value)
    assert refused.value.response.headers["x-tosproxy-rule"].startswith("regions.")
    with _anthropic(proxy) as client, pytest.raises(anthropic.PermissionDeniedError) as denied:
        client.messages.create(model="demo", max_tokens=10, messages=QUESTION, extra_headers=NOT_OFFERED)
    assert "region" in denied.value.message
    with _openai(proxy) as client, pytest.raises(openai.PermissionDeniedError):
        next(iter(client.chat.completions.create(model="demo", messages=QUESTION, stream=True, extra_headers=NOT_OFFERED)))


def test_a_spent_limit_is_retried_after_what_retry_after_says(serve):
    proxy = serve(LIMITED)
    statuses: list[int] = []
    waits: list[str] = []

    def seen(response: Any) -> None:
        statuses.append(response.status_code)
        waits.append(response.headers.get("retry-after", ""))

    with openai.DefaultHttpxClient(event_hooks={"response": [seen]}) as http, _openai(proxy, max_retries=2, http_client=http) as client:
        for _ in range(2):
            assert client.chat.completions.create(model="demo", messages=QUESTION).choices
    assert statuses == [200, 429, 200]
    assert waits[1] == "1"


def test_a_spent_limit_raises_rate_limit_error_and_names_the_limit(serve):
    proxy = serve(LIMITED)
    with _openai(proxy) as client:
        client.chat.completions.create(model="demo", messages=QUESTION)
        with pytest.raises(openai.RateLimitError) as limited:
            client.chat.completions.create(model="demo", messages=QUESTION)
    headers = limited.value.response.headers
    assert headers["x-tosproxy-rule"] == "limits.requests"
    assert headers["ratelimit"].startswith('"limits.requests";r=0')
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert "One a second." in str(limited.value)
    with _anthropic(proxy) as client, pytest.raises(anthropic.RateLimitError) as spent:
        client.messages.create(model="demo", max_tokens=10, messages=QUESTION)
    assert spent.value.response.headers["anthropic-ratelimit-requests-remaining"] == "0"


def test_each_answer_names_its_decision_and_the_policies_that_judged_it(proxy):
    with _openai(proxy) as client:
        raw = client.chat.completions.with_raw_response.create(model="demo", messages=QUESTION)
        other = client.chat.completions.with_raw_response.create(model="demo", messages=QUESTION)
    assert raw.headers["x-tosproxy-decision"] != other.headers["x-tosproxy-decision"]
    assert raw.headers["x-tosproxy-policy"].startswith("sha256:")


def test_an_unknown_endpoint_is_refused_in_the_words_of_the_api(proxy):
    with _openai(proxy) as client, pytest.raises(openai.NotFoundError) as unknown:
        client.post("/assistants", body={}, cast_to=object)
    assert unknown.value.code == "unknown_endpoint"


def test_wrong_types_raise_bad_request_and_name_the_parameter(proxy):
    with _openai(proxy) as client, pytest.raises(openai.BadRequestError) as wrong:
        client.chat.completions.create(model="demo", messages=QUESTION, extra_body={"max_tokens": "many"})
    assert wrong.value.param == "max_tokens"


def test_clamped_parameters_reach_the_model_lowered(serve):
    proxy = serve({"p.yaml": "rules:\n  - {id: usage.short, when: request.max_tokens != 7, then: {clamp: {max_tokens: 7}}}\n"})
    with _openai(proxy) as client:
        answer = client.chat.completions.create(model="demo-long", messages=QUESTION, max_tokens=500)
        assert answer.usage.completion_tokens <= 7
        assert client.chat.completions.create(model="demo-long", messages=QUESTION).usage.completion_tokens <= 7


def test_stripped_reasoning_never_reaches_the_client(serve):
    proxy = serve({"p.yaml": "rules:\n  - {id: usage.strip, when: request.n == 1, then: {strip: [reasoning, logprobs]}}\n"})
    with _openai(proxy) as client:
        answer = client.chat.completions.create(model="demo-reasoner", messages=QUESTION, logprobs=True)
        assert "reasoning" not in answer.choices[0].message.model_dump_json(exclude_none=True)
        assert answer.choices[0].logprobs is None
        stream = client.chat.completions.create(model="demo-reasoner", messages=QUESTION, stream=True)
        assert all("reasoning" not in chunk.model_dump_json(exclude_none=True).replace("reasoning_tokens", "") for chunk in stream)
    with _anthropic(proxy) as client:
        thinking: Any = {"type": "enabled", "budget_tokens": 1024}
        message = client.messages.create(model="demo", max_tokens=2000, messages=QUESTION, thinking=thinking)
        assert [block.type for block in message.content] == ["text"]
        with client.messages.stream(model="demo", max_tokens=2000, messages=QUESTION, thinking=thinking) as events:
            assert [block.type for block in events.get_final_message().content] == ["text"]
