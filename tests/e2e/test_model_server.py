"""A real model server behind the proxy: what it answers and counts comes through, and what it is told is what was judged."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anthropic
import openai
import pytest

from proxy.audit.record import Record
from tests.conftest import ROOT
from tests.e2e.sharing import Proxies, recorded

pytestmark = pytest.mark.skipif(not (find_spec("xllamacpp") and find_spec("gguf")), reason="needs xllamacpp and gguf")

POLICIES = {
    "rules.yaml": """
rules:
  - {id: terms.model, when: "request.model == 'forbidden'", then: {refuse: {code: not_offered, message: Not offered.}}}
  - {id: terms.short, when: "request.max_tokens == 0 || request.max_tokens > 12", then: {clamp: {max_tokens: 12}}}
  - {id: terms.strip, when: "request.logprobs", then: {strip: [logprobs]}}
limits:
  - {id: budget.tokens, per: [account.id], count: total_tokens, rate: 0.01/1h, burst: 2000}
"""
}
ASKED: Any = [{"role": "user", "content": "Why is the sky blue?"}]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server's address."""
    script = [sys.executable, str(Path(__file__).with_name("model_server.py")), str(tmp_path_factory.mktemp("model") / "tiny.gguf")]
    with subprocess.Popen(script, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        found = process.stdout.readline().decode().strip()
        assert found.startswith("http://"), "the model server did not start"
        yield found
        process.communicate()


@pytest.fixture(scope="module")
def proxies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxies]:
    """The proxy of all tests here."""
    found = Proxies(tmp_path_factory.mktemp("server"))
    yield found
    found.stop()


@pytest.fixture
def behind(proxies: Proxies, address: str) -> tuple[str, list[Record]]:
    """The proxy's address, and the records from now on."""
    proxy = proxies.get(POLICIES, upstreams=({"name": "llama", "url": address, "models": ("tiny", "forbidden")},))
    return proxy.url, recorded(proxy)


def _openai(behind: tuple[str, list[Record]], key: str = "sk-1") -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{behind[0]}/v1", api_key=key, max_retries=0)


def _used(behind: tuple[str, list[Record]]) -> list[tuple[int, int, bool]]:
    return [(record.usage.input_tokens, record.usage.output_tokens, record.usage.estimated) for record in behind[1]]


def test_chat_completions_streamed_or_not(behind):
    with _openai(behind) as client:
        whole = client.chat.completions.create(model="tiny", messages=ASKED, temperature=0, max_tokens=500)
        assert whole.usage is not None
        assert whole.usage.completion_tokens <= 12, "it was told 12"
        chunks = list(client.chat.completions.create(model="tiny", messages=ASKED, temperature=0, stream=True))
        assert all(chunk.usage is None for chunk in chunks)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == whole.choices[0].message.content
    expected = (whole.usage.prompt_tokens, whole.usage.completion_tokens, False)
    assert _used(behind) == [expected, expected], "counted as the server counts, streamed or not"


def test_logprobs_are_stripped(behind):
    with _openai(behind, "sk-2") as client:
        asked: Any = {"model": "tiny", "messages": ASKED, "logprobs": True, "top_logprobs": 2, "max_tokens": 5}
        assert client.chat.completions.create(**asked).choices[0].logprobs is None
        assert all(chunk.choices[0].logprobs is None for chunk in client.chat.completions.create(stream=True, **asked) if chunk.choices)


def test_completions_and_responses_streamed_or_not(behind):
    with _openai(behind, "sk-3") as client:
        assert client.completions.create(model="tiny", prompt="hi", max_tokens=5).choices[0].text
        assert "".join(
            chunk.choices[0].text for chunk in client.completions.create(model="tiny", prompt="hi", stream=True) if chunk.choices
        )
        response = client.responses.create(model="tiny", input="hi", max_output_tokens=5)
        assert response.usage is not None
        assert response.usage.output_tokens <= 5
        kinds = [event.type for event in client.responses.create(model="tiny", input="hi", stream=True)]
        assert kinds[-1] in {"response.completed", "response.incomplete"}
    assert all(not estimated and 0 < output <= 12 for _, output, estimated in _used(behind))


@pytest.mark.parametrize("key", ["n_predict", "max_tokens", "max_completion_tokens"])
def test_no_other_name_for_the_limit_of_a_response_gets_around_it(behind, key):
    with _openai(behind, "sk-6") as client:
        response = client.responses.create(model="tiny", input="hi", max_output_tokens=5, extra_body={key: 300})
        assert response.usage is not None
        assert response.usage.output_tokens <= 12


def test_messages_streamed_or_not(behind):
    with anthropic.Anthropic(base_url=behind[0], api_key="sk-4", max_retries=0) as client:
        asked: Any = {"model": "tiny", "max_tokens": 9, "messages": ASKED, "extra_body": {"temperature": 0}}
        whole = client.messages.create(**asked)
        with client.messages.stream(**asked) as stream:
            final = stream.get_final_message()
        assert [block.text for block in final.content] == [block.text for block in whole.content]
        counted = client.messages.count_tokens(model="tiny", messages=ASKED).input_tokens
    used = _used(behind)
    assert used[0] == used[1] == (counted, whole.usage.output_tokens, False), "what the server had cached counts as read"


def test_what_the_terms_refuse_never_reaches_it_and_budgets_are_spent(behind):
    with _openai(behind, "sk-5") as client:
        with pytest.raises(openai.PermissionDeniedError):
            client.chat.completions.create(model="forbidden", messages=ASKED)
        long: Any = [{"role": "user", "content": "word " * 100}]
        for _ in range(10):
            try:
                client.chat.completions.create(model="tiny", messages=long, max_tokens=1)
            except openai.RateLimitError:
                break
        else:
            pytest.fail("the budget was never spent")
    outcomes = [record.outcome for record in behind[1]]
    assert (outcomes[0], outcomes[-1]) == ("refused", "limited")
    assert outcomes.count("allowed") == len(outcomes) - 2 > 0
