"""Client events of a realtime session are read against what the session has been told so far."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects.realtime.session import PASSED, RealtimeSession, clamp_event
from proxy.dialects.routes import find_route
from proxy.errors import CallerError, Fault
from tests.dialects.corpus import CANARY
from tests.dialects.rows.responses import ITEMS

ROUTE = find_route("GET", "/v1/realtime")


def _session(model: str = "gpt-realtime") -> RealtimeSession:
    return RealtimeSession(ROUTE, model, {"alias": "gpt-realtime"})


def _event(kind: str, **more: Any) -> bytes:
    return json.dumps({"type": kind, **more}).encode()


def test_a_session_opens_with_the_model_of_its_address():
    call = _session("alias").call
    assert (call.dialect, call.endpoint, call.model, call.stream, call.texts) == ("openai", "realtime", "gpt-realtime", True, ())


@pytest.mark.parametrize("model", ["a\nb", "x" * 600])
def test_a_model_that_is_no_name_is_refused(model):
    with pytest.raises(CallerError):
        _session(model)


def test_settings_last_and_words_do_not():
    session = _session()
    tool = {"type": "function", "name": "look_up", "description": "d"}
    settings = {"type": "realtime", "instructions": CANARY, "tools": [tool], "max_output_tokens": 77, "temperature": 0.5}
    event = session.read_event(_event("session.update", session=settings))
    assert event is not None
    assert not event.generates
    assert CANARY in event.call.texts[0].text
    asked = session.read_event(_event("response.create"))
    assert asked is not None
    assert asked.generates
    assert (asked.call.tools, asked.call.max_output_tokens, asked.call.temperature, asked.call.texts) == (("look_up",), 77, 0.5, ())
    assert asked.call.input_tokens == event.call.input_tokens > 0


def test_what_a_response_sets_for_itself_does_not_last():
    session = _session()
    first = session.read_event(_event("response.create", response={"instructions": CANARY, "max_output_tokens": 5, "model": "other"}))
    assert first is not None
    assert (first.call.max_output_tokens, first.call.model, first.call.texts[0].text) == (5, "other", CANARY)
    again = session.read_event(_event("response.create"))
    assert again is not None
    assert (again.call.max_output_tokens, again.call.model, again.call.input_tokens) == (0, "gpt-realtime", 0)


@pytest.mark.parametrize("at", range(len(ITEMS)))
def test_every_text_of_an_item_is_read(at):
    for kind, more in (("conversation.item.create", {"item": ITEMS[at]}), ("response.create", {"response": {"input": [ITEMS[at]]}})):
        event = _session().read_event(_event(kind, **more))
        assert event is not None
        assert any(CANARY in text.text for text in event.call.texts)


def test_a_limit_that_is_lifted_again_is_none():
    session = _session()
    for settings, limit in (({"max_output_tokens": 77}, 77), ({"instructions": "x"}, 77), ({"max_response_output_tokens": "inf"}, 0)):
        event = session.read_event(_event("session.update", session=settings))
        assert event is not None
        assert event.call.max_output_tokens == limit
    asked = session.read_event(_event("response.create", response={"max_output_tokens": "inf"}))
    assert asked is not None
    assert asked.call.max_output_tokens == 0


def test_the_model_of_a_transcription_is_read():
    for settings in ({"audio": {"input": {"transcription": {"model": "alias"}}}}, {"input_audio_transcription": {"model": "alias"}}):
        event = _session("m").read_event(_event("session.update", session=settings))
        assert event is not None
        assert event.transcribed is not None
        assert (event.transcribed.model, event.call.model) == ("gpt-realtime", "m")
    both = {"audio": {"input": {"transcription": {"model": "a"}}}, "input_audio_transcription": {"model": "b"}}
    with pytest.raises(CallerError):
        _session().read_event(_event("session.update", session=both))


def test_items_are_counted_over_the_session():
    session = _session()
    parts = [{"type": "input_text", "text": "hi"}, {"type": "input_audio", "audio": "AA"}, {"type": "input_image", "image_url": "u"}]
    for _ in range(3):
        session.read_event(_event("conversation.item.create", item={"type": "message", "role": "user", "content": parts}))
    asked = session.read_event(_event("response.create"))
    assert asked is not None
    assert (asked.call.turns, asked.call.audio, asked.call.images) == (3, 3, 3)


def test_prompts_for_a_transcription_are_read():
    for settings in ({"audio": {"input": {"transcription": {"prompt": CANARY}}}}, {"input_audio_transcription": {"prompt": CANARY}}):
        event = _session().read_event(_event("session.update", session=settings))
        assert event is not None
        assert event.call.texts[0].text == CANARY


@pytest.mark.parametrize("kind", sorted(PASSED))
def test_events_without_words_or_settings_pass(kind):
    assert _session().read_event(_event(kind, audio="AAAA")) is None


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"[]", b"{", b"{}", b'{"type":5}', _event("session.create"), _event("transcription_session.update"), _event("Session.Update"),
        _event("session.update", session=[]), _event("session.update", session={"instructions": 5}), _event("session.update", session={"tools": {}}),
        _event("session.update", session={"Instructions": "x"}), _event("session.update", session={"max_output_tokens": "many"}),
        _event("response.create", response={"input": "x"}), _event("session.update", session={"max_output_tokens": "inf", "max_response_output_tokens": []}),
        _event("response.create", Response={"instructions": "x"}),
        _event("conversation.item.create"), _event("conversation.item.create", item="x"),
        b'{"type":"session.update","type":"response.cancel"}', b'{"type":"response.cancel","session":{},"session":{}}', b'{"type":"\\ud800"}',
    ],
)  # fmt: skip
def test_an_event_with_two_readings_or_an_unknown_type_is_refused(raw):
    with pytest.raises(CallerError) as refusal:
        _session().read_event(raw)
    assert refusal.value.fault is Fault.MALFORMED


def test_settings_of_an_event_are_lowered():
    settings = {
        "max_output_tokens": "inf",
        "temperature": 1.2,
        "reasoning": {"effort": "high"},
        "include": ["item.input_audio_transcription.logprobs"],
    }
    clamps: dict[str, Any] = {"max_tokens": 50, "temperature": 0.5, "reasoning_effort": "low", "logprobs": False}
    for kind, place in (("session.update", "session"), ("response.create", "response")):
        event = _session().read_event(_event(kind, **{place: settings}))
        assert event is not None
        lowered, changed = clamp_event(event.document, clamps, event.call)
        assert set(changed) == set(clamps)
        after = _session().read_event(json.dumps(lowered).encode())
        assert after is not None
        call = after.call
        assert (call.max_output_tokens, call.temperature, call.reasoning_effort, call.logprobs) == (50, 0.5, "low", False)
        assert event.document[place] == settings


def test_a_limit_is_set_where_an_event_leaves_it_out():
    call = _session().call
    lowered, changed = clamp_event({"type": "response.create"}, {"max_tokens": 50}, call)
    assert (lowered["response"], changed) == ({"max_output_tokens": 50}, ("max_tokens",))
    assert clamp_event({"type": "response.cancel"}, {"max_tokens": 50}, call) == ({"type": "response.cancel"}, ())


def test_a_bound_does_not_raise_the_limit_that_the_session_has():
    session = _session()
    session.read_event(_event("session.update", session={"max_output_tokens": 20, "temperature": 0.9}))
    for kind, place in (("session.update", "session"), ("response.create", "response")):
        event = session.read_event(_event(kind, **{place: {"instructions": "x"}}))
        assert event is not None
        assert clamp_event(event.document, {"max_tokens": 50}, event.call) == (event.document, ())
        assert clamp_event(event.document, {"max_tokens": 10}, event.call)[0][place] == {"instructions": "x", "max_output_tokens": 10}


def test_what_a_response_takes_from_its_session_is_lowered_where_bounds_came_later():
    session = _session()
    session.read_event(_event("session.update", session={"reasoning": {"effort": "high"}, "temperature": 1.2}))
    event = session.read_event(_event("response.create", response={"instructions": "x"}))
    assert event is not None
    lowered, changed = clamp_event(event.document, {"reasoning_effort": "low", "temperature": 0.5}, event.call)
    assert lowered["response"] == {"instructions": "x", "reasoning": {"effort": "low"}, "temperature": 0.5}
    assert changed == ("temperature", "reasoning_effort")
    bare = session.read_event(_event("response.create", response={"reasoning": {}}))
    assert bare is not None
    assert clamp_event(bare.document, {"reasoning_effort": "low"}, bare.call)[0]["response"]["reasoning"] == {"effort": "low"}
    assert clamp_event(event.document, {"reasoning_effort": "high"}, event.call) == (event.document, ())
