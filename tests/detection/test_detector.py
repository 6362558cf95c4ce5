from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.accounts.account import Account
from proxy.detection.campaigns.candidate import MEMBERS, Candidate
from proxy.detection.config import DetectionConfig
from proxy.detection.index.traits import settings_key
from proxy.detection.observation import NO_SIGNALS, Observation
from proxy.dialects.call import ModelCall, Text, Usage
from tests.detection.traffic import HARVEST, SMALL, Writer, pool, replay, small

TINY = SMALL._replace(accounts=50, index_bits=8, doorkeeper_bits=10, candidates=8, buffered=1024, in_flight=64)


def seen(account="a", text="hello", **more):
    return Observation(account, ModelCall("openai", "chat.completions", "m", texts=(Text("user", text),)), **more)


def test_nothing_is_known_of_an_account_that_sent_nothing():
    detector = small()
    assert detector.assess("a", 0.0) == NO_SIGNALS
    assert detector.account("a", 0.0) is None
    assert detector.campaigns(0.0) == []


def test_one_ordinary_request_leaves_the_account_at_level_zero():
    detector = small()
    ticket = detector.started(seen(), 0.0)
    detector.finished(ticket, Usage(5, 5), 200, 1.0)
    detector.sweep(10.0)
    assert detector.assess("a", 20.0).level == 0
    report = detector.account("a", 20.0)
    assert report is not None
    assert report.requests == 1
    assert sum(report.output_tokens) == 1


def test_a_ticket_that_comes_back_twice_counts_once():
    detector = small()
    ticket = detector.started(seen(), 0.0)
    for _ in range(2):
        detector.finished(ticket, Usage(5, 5), 200, 1.0)
    report = detector.account("a", 2.0)
    assert report is not None
    assert sum(report.output_tokens) == 1
    assert detector.metrics()["in_flight"] == 0.0


def test_a_ticket_that_never_comes_back_is_given_up():
    detector = small()
    detector.started(seen(), 0.0)
    detector.sweep(SMALL.ticket_ttl_s + 1.0)
    assert detector.metrics()["in_flight"] == 0.0


def test_reading_the_text_for_the_decision_changes_nothing_that_is_counted():
    writer = Writer(1)
    requests = list(pool(writer, 30, 4, 200, 0.0))
    plain, asked = small(), small()
    now = replay(plain, requests)
    original = asked.started

    def started(observation, at):
        asked.assess(observation.account, at, observation)
        return original(observation, at)

    asked.started = started  # type: ignore[method-assign]
    replay(asked, requests)
    assert plain.campaigns(now) == asked.campaigns(now)


def test_the_same_traffic_and_seed_give_the_same_result_and_another_seed_other_delays():
    requests = list(pool(Writer(2), 40, 4, 300, 0.0))
    one, two, other = small(), small(), small(seed=2)
    now, *_ = [replay(detector, requests) for detector in (one, two, other)]
    members = [f"c{index}" for index in range(40)]
    assert [one.assess(name, now) for name in members] == [two.assess(name, now) for name in members]
    assert [one._reviewer._chance(name) for name in members] != [other._reviewer._chance(name) for name in members]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["start", "finish", "refuse", "sweep", "assess", "release", "waive"]),
            st.sampled_from(["a", "b", "c", "\ud800", ""]),
            st.text(max_size=60),
            st.floats(-30, 4000),
        ),
        max_size=60,
    )
)
def test_no_order_of_calls_breaks_the_detector(steps):
    detector = small(TINY)
    tickets, now = [], 1e6
    for verb, account, text, step in steps:
        now += step
        if verb == "start":
            tickets.append(detector.started(seen(account, text), now))
        elif verb == "finish" and tickets:
            detector.finished(tickets.pop(0), Usage(1, 1), 429 if len(text) % 2 else 200, now)
        elif verb == "refuse":
            detector.refused(seen(account, text), now, 429)
        elif verb == "sweep":
            detector.sweep(now)
        elif verb == "release":
            detector.release(account, text, now)
        elif verb == "waive":
            detector.waive(account, now + 100.0, text, now)
        else:
            assert 0 <= detector.assess(account, now, seen(account, text)).level <= 4
    detector.metrics()


def test_memory_stays_bounded_under_texts_and_accounts_that_an_attacker_chooses():
    detector = small(TINY)
    writer = Writer(3)

    def flood(rounds, offset):
        for turn in range(rounds):
            text = HARVEST.format(writer.prose(20)) if turn % 3 else writer.prose(60)
            ticket = detector.started(seen(f"x{offset + turn}", text, network=f"net{turn}", user_agent=f"agent {turn}"), float(turn))
            if turn % 5:
                detector.finished(ticket, Usage(1, 1), 200, float(turn))
            if turn % 50 == 0:
                detector.sweep(float(turn))

    flood(1500, 0)
    tracemalloc.start()
    flood(1500, 10_000)
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for name, limit in (("accounts", TINY.accounts), ("candidates", TINY.candidates), ("in_flight", TINY.in_flight)):
        assert float(str(detector.metrics()[name])) <= limit
    assert grown < 3_000_000


def test_members_of_all_groups_together_are_bounded_whoever_sends_what():
    detector = small(TINY._replace(members=500))
    text = Writer(3).prose(30)
    for turn in range(3000):
        detector.finished(detector.started(seen(f"x{turn}", text), float(turn)), Usage(), 200, turn + 0.5)
        if turn % 100 == 99:
            detector.sweep(float(turn))
            assert sum(candidate.size for candidate in detector._board.candidates.values()) <= 500


def test_a_group_is_bounded_too():
    candidate, account = Candidate(1, 1, 0.0), Account("a", 0, 0.0)
    for principal in range(MEMBERS + 10):
        account.principal = principal
        candidate.enrol(account)
    assert candidate.size == MEMBERS


def test_what_a_client_writes_where_settings_belong_is_not_remembered_at_length():
    tracemalloc.start()
    for turn in range(200):
        call = ModelCall("openai", "chat.completions", "m", reasoning_effort=f"{turn}{'x' * 100_000}")
        settings_key(call)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 1_000_000


def test_a_request_of_200_kilobytes_is_read_in_part():
    detector = small()
    ticket = detector.started(seen("a", "word " * 40_000), 0.0)
    assert len(ticket.fingerprints) <= 256 * 8


def test_no_prompt_and_no_name_of_a_member_is_in_the_metrics():
    detector = small()
    replay(detector, pool(Writer(4), 30, 4, 200, 0.0))
    told = repr(detector.metrics())
    assert "c1" not in told
    assert "problem" not in told


@pytest.mark.parametrize("status", [200, 429, 500, 0])
def test_any_status_ends_an_exchange(status):
    detector = small()
    detector.finished(detector.started(seen(), 0.0), Usage(), status, 1.0)
    assert detector.metrics()["in_flight"] == 0.0


def test_the_default_configuration_stays_within_its_stated_memory():
    config = DetectionConfig()
    assert (1 << config.index_bits) * 160 + (8 << config.doorkeeper_bits) < 100 << 20
