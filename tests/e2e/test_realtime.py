"""Realtime sessions through the proxy, with a real WebSocket on either side."""

from __future__ import annotations

import json
import threading
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from proxy.policy.names.patterns import SCANNED_CHARS
from tests.conftest import OPEN
from tests.e2e.realtime_model import USAGE, ended, spoken, until, wait_for


def test_a_conversation_passes_and_its_usage_is_recorded(talk, model):
    client, records = talk()
    until(client, "session.created")
    client.send(json.dumps({"type": "session.update", "session": {"instructions": "Be kind."}}))
    client.send(json.dumps(spoken("hi")))
    client.send(json.dumps({"type": "response.create"}))
    assert until(client, "response.done")["response"]["usage"] == USAGE
    client.close()
    assert model.closed.wait(5)
    assert model.close_code == 1000
    assert [event["type"] for event in model.events] == ["session.update", "conversation.item.create", "response.create"]
    wait_for(records)
    record = records[0]
    assert (record.outcome, record.status, record.endpoint, record.model, record.upstream) == ("allowed", 101, "realtime", "m", "model")
    assert (record.usage.input_tokens, record.usage.output_tokens, record.usage.estimated) == (100, 200, False)


@pytest.mark.parametrize(
    "event",
    [
        {"type": "session.update", "session": {"instructions": "Tell the launch code."}},
        spoken("the launch codes"),
        {"type": "response.create", "response": {"instructions": "launch code"}},
        {"type": "session.update", "session": {"model": "forbidden"}},
        {"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "forbidden"}}}}},
    ],
)
def test_a_refused_event_ends_the_session_with_a_policy_code_and_an_error_event(talk, model, event):
    client, records = talk()
    client.send(json.dumps(event))
    code, reason, last = ended(client)
    assert code == 4403
    assert reason == last["error"]["message"]
    assert last["type"] == "error"
    assert model.closed.wait(5)
    assert model.events == []
    wait_for(records)
    assert (records[0].outcome, records[0].rule) in {("refused", "terms.words"), ("refused", "terms.model")}


def test_what_no_pattern_looked_at_is_recorded_of_all_events_together(talk, model):
    client, records = talk()
    for text in ("x" * (SCANNED_CHARS + 4), "hi", "x" * (SCANNED_CHARS + 3)):
        client.send(json.dumps(spoken(text)))
    client.close()
    assert model.closed.wait(5)
    wait_for(records)
    assert records[0].unscanned_chars == 7


def test_a_refused_session_never_opens(talk, model):
    with pytest.raises(InvalidStatus) as refused:
        talk(name="forbidden")
    assert refused.value.response.status_code == 403
    assert refused.value.response.headers["x-tosproxy-rule"] == "terms.model"
    assert b"Not offered." in refused.value.response.body
    assert model.requests == []


@pytest.mark.parametrize(
    "message",
    [
        '{"type":"response.cancel","type":"response.create"}',
        '{"type":"unheard.of"}',
        "not json",
        "[]",
        '{"type":"session.update","session":[]}',
    ],
)
def test_an_event_with_two_readings_or_none_ends_the_session(talk, model, message):
    client, _ = talk()
    client.send(message)
    code, _, last = ended(client)
    assert (code, last["type"]) == (1008, "error")
    assert model.closed.wait(5)
    assert model.events == []


def test_parameters_are_lowered_and_a_session_is_bounded_before_it_is_told_anything(talk, model):
    client, _ = talk(name="clamped")
    client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 4000}}))
    until(client, "response.done")
    assert model.events[0] == {"type": "session.update", "session": {"type": "realtime", "max_output_tokens": 64}}
    assert model.events[1]["response"]["max_output_tokens"] == 64


def test_parts_of_the_answer_are_stripped(talk, model):
    client, _ = talk(name="thinker")
    client.send(json.dumps({"type": "response.create"}))
    delta = until(client, "response.output_text.delta")
    assert delta["delta"] == "Hello"
    assert not delta.get("logprobs")


def _budget(count: str, burst: int) -> dict[str, str]:
    return {**OPEN, "l.yaml": f"limits:\n  - {{id: budget.{count}, per: [account.id], count: {count}, rate: 1/1h, burst: {burst}}}\n"}


def test_each_response_is_reserved_and_settled_and_a_spent_budget_denies_the_next(talk, model):
    model.usage = usage = {**USAGE, "input_token_details": {"cached_tokens": 70, "cache_write_tokens": 20}}
    client, records = talk(_budget("total_tokens", 1200))
    for _ in range(2):
        client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 500}}))
    assert until(client, "response.done")["response"]["usage"] == usage
    assert until(client, "response.done")["response"]["usage"] == usage
    client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 800}}))
    assert until(client, "error")["error"]["code"] == "rate_limit_exceeded"
    client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 400}}))
    assert until(client, "response.done"), "a denial ends nothing"
    client.close()
    wait_for(records)
    told = records[0].usage
    assert (told.total_tokens, told.cached_tokens, told.cache_write_tokens) == (900, 210, 60)


def test_responses_that_the_server_begins_by_itself_are_paid_for_too(talk, model):
    client, records = talk(_budget("requests", 3))
    for _ in range(2):
        client.send(json.dumps({"type": "input_audio_buffer.commit"}))
        until(client, "response.done")
    client.send(json.dumps({"type": "input_audio_buffer.commit"}))
    assert ended(client)[0] == 4429
    assert model.closed.wait(5)
    wait_for(records)
    assert (records[0].outcome, records[0].rule, records[0].usage.total_tokens) == ("limited", "budget.requests", 600)


def test_usage_that_the_server_leaves_out_is_estimated(talk, model):
    model.usage = None
    client, records = talk()
    client.send(json.dumps({"type": "response.create", "response": {"max_output_tokens": 70}}))
    until(client, "response.done")
    client.close()
    wait_for(records)
    assert records[0].usage.output_tokens == 70
    assert records[0].usage.estimated


def test_a_session_holds_a_place_untilit_ends(talk, model):
    limit = {**OPEN, "l.yaml": "limits:\n  - {id: budget.open, per: [account.id], count: concurrent, max: 1}\n"}
    client, _ = talk(limit, account="one")
    with pytest.raises(InvalidStatus) as denied:
        talk(limit, account="one")
    assert denied.value.response.status_code == 429
    client.close()
    assert model.closed.wait(5)
    assert any(_opens(talk, limit) for _ in range(100)), "the place was never given back"


def _opens(talk: Any, limit: Any) -> bool:
    try:
        talk(limit, account="one")[0].close()
    except InvalidStatus:
        threading.Event().wait(0.02)
        return False
    return True
