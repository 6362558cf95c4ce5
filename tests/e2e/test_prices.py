"""What an answer costs in money: the tier that was asked for, and what a cache had of the prompt, have prices of their own."""

from __future__ import annotations

import json
import socket

import pytest

from tests.conftest import OPEN
from tests.e2e.sharing import EVENTS, chat_request, chunk, json_answer, recorded

INVOKE = "/model/anthropic.claude-x/invoke"
CLAUDE = '{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]'


@pytest.mark.parametrize(("tier", "dollars"), [("", 2.0), ("flex", 2.0), ("priority", 4.0)])
def test_a_tier_named_in_a_header_is_a_fact_and_has_its_price(front, tier, dollars):
    policies = {**OPEN, "l.yaml": """prices: {default: {input: 100000, output: 100000}, tiers: {priority: 2}}
limits:
  - {id: limits.money, per: [account.id], count: usd, rate: 1/1h, burst: 100}
rules:
  - {id: terms.tier, when: request.service_tier == 'priority', then: {tag: [dear]}}
"""}  # fmt: skip

    def script(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(
            json_answer(b'{"type":"message","content":[],"stop_reason":"end_turn","usage":{"input_tokens":12,"output_tokens":8}}')
        )
        return False

    proxy = front(script, policies=policies)
    records = recorded(proxy.proxy)
    asked = chat_request(b'{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}')
    asked = asked.replace(b"/v1/chat/completions", b"/model/anthropic.claude-x/invoke")
    told = [proxy.raw(asked.replace(b"host: p", b"host: p\r\nx-amzn-bedrock-service-tier: " + tier.encode())) for _ in range(2)]
    first, second = (int(answer.decode().partition('"limits.money";r=')[2].partition(";")[0]) for answer in told)
    assert first - second == pytest.approx(dollars * 100, abs=1)
    assert ["dear" in record.tags for record in records] == [tier == "priority"] * 2


@pytest.mark.parametrize("kind", ["whole", "stream", "cut off"])
def test_what_came_from_the_cache_and_what_was_written_to_it_has_its_own_price(front, kind):
    policies = {**OPEN, "l.yaml": """prices: {default: {input: 1000, output: 1000, cached_input: 100, cache_write: 1250, cache_write_long: 2000}}
limits:
  - {id: limits.money, per: [account.id], count: usd, rate: 1/1h, burst: 100}
"""}  # fmt: skip
    usage = {"input_tokens": 3, "cache_read_input_tokens": 9000, "cache_creation_input_tokens": 1000, "output_tokens": 1,
             "cache_creation": {"ephemeral_5m_input_tokens": 600, "ephemeral_1h_input_tokens": 400}}  # fmt: skip
    start = f'event: message_start\ndata: {{"type":"message_start","message":{{"usage":{json.dumps(usage)}}}}}\n\n'.encode()
    delta = b'event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}\n\n'
    sent = {
        "whole": json_answer(json.dumps({"type": "message", "content": [], "stop_reason": "end_turn", "usage": usage}).encode()),
        "stream": EVENTS + chunk(start) + chunk(delta) + b"0\r\n\r\n",
        "cut off": EVENTS + chunk(start),
    }[kind]

    def script(connection: socket.socket, request: bytes) -> bool:
        connection.sendall(sent)
        return False

    proxy = front(script, policies=policies)
    records = recorded(proxy.proxy)
    body = {"model": "claude-x", "max_tokens": 9, "stream": kind != "whole", "messages": [{"role": "user", "content": "hi"}]}
    asked = chat_request(json.dumps(body).encode()).replace(b"/v1/chat/completions", b"/v1/messages")
    told = [proxy.raw(asked) for _ in range(2)]
    first, second = (int(answer.decode().partition('"limits.money";r=')[2].partition(";")[0]) for answer in told)
    assert first - second == pytest.approx(100 * (0.003 + 0.9 + 0.6 * 1.25 + 0.4 * 2 + 0.001), abs=2)
    assert {(told.usage.input_tokens, told.usage.cached_tokens, told.usage.cache_write_tokens) for told in records} == {
        (10_003, 9000, 1000)
    }


@pytest.mark.parametrize(
    ("path", "body", "header", "tier"),
    [
        ("/v1/chat/completions", '{"messages":[{"role":"user","content":"hi"}],"service_tier":"priority"', "x-amzn-bedrock-service-tier", "priority"),
        ("/v1beta/models/g:generateContent", '{"contents":"hi","serviceTier":"PRIORITY"', "x-vertex-ai-llm-shared-request-type", "priority"),
        (INVOKE, CLAUDE + ',"speed":"fast"', "x-amzn-bedrock-service-tier", "fast"),
        (INVOKE, CLAUDE, "x-amzn-bedrock-service-tier", "flex"),
    ],
)  # fmt: skip
def test_a_header_does_not_hide_the_dearer_tier_that_the_body_names(front, path, body, header, tier):
    names = ("priority", "fast", "flex")
    rules = "\n".join(f"  - {{id: terms.{name}, when: request.service_tier == '{name}', then: {{tag: [{name}]}}}}" for name in names)
    proxy = front(policies={**OPEN, "l.yaml": f"rules:\n{rules}\n"})
    records = recorded(proxy.proxy)
    asked = chat_request((body + "}").encode()).replace(b"/v1/chat/completions", path.encode())
    proxy.raw(asked.replace(b"host: p", f"host: p\r\n{header}: flex".encode()))
    assert [record.tags for record in records] == [(tier,)]
