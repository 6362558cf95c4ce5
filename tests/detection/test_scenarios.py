from __future__ import annotations

from random import Random

import pytest

from proxy.detection.campaigns.candidate import Candidate
from proxy.detection.observation import Observation
from proxy.dialects.call import ModelCall, Text
from tests.detection.traffic import HARVEST, PLAIN, SMALL, TOOL, Sent, Writer, crowd, levels, pool, replay, small

DAY = 86_400.0


def names(prefix, count):
    return [f"{prefix}{index}" for index in range(count)]


def everyday(writer, hours=8.0):
    return list(crowd(writer, 150, 0.0, hours * 3600.0, mean=8.0))


@pytest.fixture(scope="module")
def harvest():
    writer = Writer(1)
    detector = small()
    now = replay(detector, [*everyday(writer), *pool(writer, 100, 8, 1000, 4 * 3600.0)])
    return detector, now


def test_a_harvest_spread_over_many_accounts_is_found(harvest):
    detector, now = harvest
    assert min(levels(detector, names("c", 100), now)) >= 2


def test_the_campaign_is_explained_in_sentences_with_numbers(harvest):
    detector, now = harvest
    (campaign,) = [report for report in detector.campaigns(now) if report.level]
    assert campaign.size == 100
    assert set(campaign.families) >= {"shared_text", "timing", "intent"}
    told = " ".join(one.sentence for one in campaign.evidence)
    assert "100 accounts sent a text" in told
    assert "requests in flight" in told
    assert set(campaign.members) <= set(names("c", 100))


def test_ordinary_accounts_beside_it_stay_untouched(harvest):
    detector, now = harvest
    assert max(levels(detector, names("p", 150), now)) == 0


def test_the_first_request_of_a_new_member_is_recognised_by_its_text(harvest):
    detector, now = harvest
    call = ModelCall("openai", "chat.completions", "m", texts=(Text("user", HARVEST.format(Writer(77).prose())),))
    assert detector.assess("newcomer", now).level == 0
    recognised = detector.assess("newcomer", now, Observation("newcomer", call))
    assert recognised.level == 1
    assert recognised.campaign
    assert detector.assess("newcomer", now, Observation("newcomer", call, waived=True)).level == 0


def test_a_report_on_a_member_shows_the_evidence_and_a_release_clears_it(harvest):
    detector, now = harvest
    report = detector.account("c5", now + 700.0)
    assert report is not None
    assert report.campaign
    assert report.evidence
    detector.release("c5", "talked to them", now + 700.0)
    assert levels(detector, ["c5"], now + 800.0) == [0]
    cleared = detector.account("c5", now + 900.0)
    assert cleared is not None
    assert "talked to them" in cleared.note


def test_a_campaign_without_telling_words_is_found_by_its_shared_workers():
    writer = Writer(2)
    detector = small()
    now = replay(detector, [*everyday(writer), *pool(writer, 100, 8, 800, 4 * 3600.0, PLAIN)])
    assert min(levels(detector, names("c", 100), now)) >= 2


def test_one_templated_prompt_in_ten_is_enough():
    writer = Writer(3)
    harvest = list(pool(writer, 100, 2, 260, 4 * 3600.0))
    Random(3).shuffle(turn := [sent.account for sent in harvest])
    harvest = [sent._replace(account=account) for sent, account in zip(harvest, turn, strict=True)]
    detector = small()
    ordinary = crowd(writer, 100, 0.0, 8 * 3600.0, prefix="c", mean=23.0)
    now = replay(detector, [*everyday(writer), *harvest, *ordinary])
    assert sum(level >= 2 for level in levels(detector, names("c", 100), now)) >= 90
    assert max(levels(detector, names("p", 150), now)) == 0


def test_a_new_tool_that_many_accounts_adopt_is_left_alone():
    writer = Writer(4)
    detector = small()
    now = replay(detector, [*everyday(writer), *crowd(writer, 100, 4 * 3600.0, 9 * 3600.0, TOOL, prefix="t")])
    assert max(levels(detector, names("t", 100), now)) == 0


def test_a_new_tool_for_tutors_is_at_most_slowed_down():
    writer = Writer(5)
    detector = small()
    now = replay(detector, [*everyday(writer), *crowd(writer, 100, 4 * 3600.0, 9 * 3600.0, HARVEST, prefix="t")])
    assert max(levels(detector, names("t", 100), now)) <= 1


def test_an_evaluation_by_one_team_is_left_alone():
    writer = Writer(6)
    detector = small()
    harness = [sent._replace(org="lab") for sent in pool(writer, 6, 16, 800, 4 * 3600.0, prefix="lab")]
    now = replay(detector, [*everyday(writer), *harness])
    assert max(levels(detector, names("lab", 6), now)) <= 1
    assert not [report for report in detector.campaigns(now) if report.level]


def test_the_same_job_at_every_full_hour_is_left_alone():
    writer = Writer(7)
    detector = small()
    rng = Random(7)
    jobs = [
        Sent(hour * 3600.0 + rng.random() * 4.0, f"j{account}", TOOL.format(writer.prose()), 5.0 + rng.expovariate(0.05))
        for hour in range(2, 10)
        for account in range(80)
    ]
    now = replay(detector, [*everyday(writer), *jobs])
    assert max(levels(detector, names("j", 80), now)) == 0


def test_batch_jobs_that_each_fill_a_pool_of_their_own_are_left_alone():
    writer = Writer(8)
    detector = small()
    jobs = [
        sent._replace(account=f"e{account}")
        for account in range(30)
        for sent in pool(writer, 1, 4, 40, 3600.0 * 2 + writer.rng.random() * 9000.0, TOOL)
    ]
    now = replay(detector, [*everyday(writer), *jobs])
    assert max(levels(detector, names("e", 30), now)) == 0


def test_waived_accounts_raise_no_campaign():
    writer = Writer(9)
    detector = small()
    order = sorted(pool(writer, 60, 8, 500, 0.0), key=lambda sent: sent.at)
    for sent in order:
        call = ModelCall("openai", "chat.completions", "m", texts=(Text("user", sent.text),))
        detector.started(Observation(sent.account, call, waived=True), sent.at)
    detector.sweep(order[-1].at)
    assert detector.campaigns(order[-1].at) == []
    assert detector.metrics()["candidates"] == 0.0


def test_a_new_template_of_a_known_campaign_is_recognised_by_its_senders():
    writer = Writer(10)
    first = pool(writer, 100, 8, 700, 4 * 3600.0)
    template = "Please handle this entry of our collection with care and at length.\n{}\nFollow the usual layout to the letter."
    later = pool(writer, 45, 8, 45, 7 * 3600.0, template)
    detector = small()
    now = replay(detector, [*everyday(writer), *first, *later])
    assert any("already" in one.sentence for report in detector.campaigns(now) for one in report.evidence)
    call = ModelCall("openai", "chat.completions", "m", texts=(Text("user", template.format(writer.prose())),))
    assert detector.assess("newcomer", now, Observation("newcomer", call)).level == 1


def test_the_brake_lowers_weaker_cases_to_throttling_when_too_many_accounts_would_be_punished():
    writer = Writer(11)
    detector = small(SMALL._replace(brake_share=0.05, brake_accounts=5))
    now = replay(detector, [*everyday(writer), *pool(writer, 100, 8, 800, 4 * 3600.0, PLAIN)])
    levels(detector, names("c", 100), now)
    detector.sweep(now + 800.0)
    assert detector.metrics()["brake"] == 1.0
    assert set(levels(detector, names("c", 100), now + 900.0)) == {1}


def test_the_order_of_near_simultaneous_events_barely_matters():
    writer = Writer(12)
    requests = [*everyday(writer), *pool(writer, 100, 8, 700, 4 * 3600.0)]
    rng = Random(1)
    scores = []
    for jitter in (0.0, 0.05):
        detector = small()
        now = replay(detector, [sent._replace(at=sent.at + rng.random() * jitter) for sent in requests])
        scores.append(next(report.score for report in detector.campaigns(now) if report.level))
    assert abs(scores[0] - scores[1]) < 0.15


def test_evidence_fades_and_the_accounts_are_left_alone_again(harvest):
    detector, now = harvest
    later = now + 12 * DAY
    detector.sweep(later)
    levels(detector, names("c", 100), later)
    assert max(levels(detector, names("c", 100), later + 2 * 3600.0)) <= 1


def test_honest_users_of_the_text_that_a_pool_sends_are_not_punished_for_it():
    writer = Writer(31)
    detector = small()
    users = list(crowd(writer, 12, 4 * 3600.0, 10 * 3600.0, PLAIN, "u", mean=14.0))
    now = replay(detector, [*everyday(writer), *pool(writer, 100, 8, 1000, 4 * 3600.0, PLAIN), *users])
    assert min(levels(detector, names("c", 100), now)) >= 2
    assert max(levels(detector, names("u", 12), now)) <= 1
    assert sum(levels(detector, names("u", 12), now)) <= 2


def test_a_harvest_of_empty_turns_is_found_by_its_settings_and_its_workers():
    writer = Writer(32)
    detector = small()
    empty = ModelCall("openai", "chat.completions", "m", texts=(Text("user", ""),), temperature=1.0, max_output_tokens=3333)
    sent = [one._replace(call=empty) for one in pool(writer, 60, 8, 900, 4 * 3600.0, "{}")]
    now = replay(detector, [*everyday(writer), *sent])
    assert min(levels(detector, names("c", 60), now)) >= 1
    assert max(levels(detector, names("p", 150), now)) == 0


def batch(sent, *, template="{}"):
    """The request with a batch tool's settings."""
    text = template.format(sent.text)
    return sent._replace(
        text=text, call=ModelCall("openai", "chat.completions", "m", texts=(Text("user", text),), temperature=1.0, max_output_tokens=3333)
    )


def test_a_text_that_next_to_nobody_but_the_workers_of_a_pool_sends_needs_one_sending_only():
    writer = Writer(33)
    detector = small()
    sent = sorted(pool(writer, 80, 8, 1600, 4 * 3600.0, "{}"))
    sent = [batch(one, template=HARVEST) if turn % 23 == 0 else batch(one) for turn, one in enumerate(sent)]
    for turn in range(10):  # accounts with one request of the harvest each, among twelve of their own
        place = 23 * (40 + 2 * turn)
        sent[place] = sent[place]._replace(account=f"x{turn}")
    own = crowd(writer, 10, 4 * 3600.0, 7 * 3600.0, "{}", "x")
    users = [batch(one, template=HARVEST) for one in crowd(writer, 4, 4 * 3600.0, 7 * 3600.0, "{}", "u", mean=3.0)]
    now = replay(detector, [*everyday(writer), *sent, *own, *users])
    assert min(levels(detector, names("c", 80), now)) >= 1
    assert min(levels(detector, names("x", 10), now)) == 1
    assert max(levels(detector, names("u", 4), now)) == 0


def test_users_of_a_tool_whose_text_and_settings_a_pool_takes_for_a_part_of_its_requests_are_left_alone():
    writer = Writer(34)
    detector = small()
    sent = sorted(pool(writer, 80, 8, 1600, 4 * 3600.0, "{}"))
    sent = [batch(one, template=TOOL) if turn % 12 == 0 else batch(one) for turn, one in enumerate(sent)]
    users = [batch(one, template=TOOL) for one in crowd(writer, 15, 4 * 3600.0, 8 * 3600.0, "{}", "u", mean=6.0)]
    now = replay(detector, [*everyday(writer), *sent, *users])
    assert min(levels(detector, names("c", 80), now)) >= 1
    assert max(levels(detector, names("u", 15), now)) == 0


def test_two_texts_that_are_each_others_company_are_no_endless_question():
    one, other = Candidate(1, 1, 0.0), Candidate(2, 2, 0.0)
    one.company, other.company = other, one
    assert not one.apart(7)
