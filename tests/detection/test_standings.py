"""How levels end: by an operator's decision, by fading, and for accounts that fell silent."""

from __future__ import annotations

import pytest

from proxy.adapters.telemetry.samples import detector_samples
from proxy.detection.detector import Detector
from proxy.detection.observation import Observation
from proxy.dialects.call import ModelCall, Text, Usage
from tests.detection.test_scenarios import DAY, everyday, names
from tests.detection.traffic import HARVEST, PLAIN, SMALL, Sent, Writer, levels, pool, replay, small

MEMBERS = names("c", 100)


def found() -> tuple[Detector, float]:
    """A detector that has found a campaign of a hundred accounts, all of them raised, and the time."""
    writer = Writer(1)
    detector = small()
    now = replay(detector, [*everyday(writer), *pool(writer, 100, 8, 1000, 4 * 3600.0)])
    assert min(levels(detector, MEMBERS, now)) >= 2
    return detector, now + 700.0


@pytest.fixture
def raised():
    return found()


def swept(told: tuple[Detector, float], time: int) -> int:
    """The campaign's level after a search at this time."""
    detector, _ = told
    detector.sweep(float(time))
    return detector.campaigns(float(time))[0].level


def campaign(detector: Detector, now: float) -> str:
    return next(report.id for report in detector.campaigns(now) if report.level)


def ask(detector: Detector, account: str, text: str, now: float) -> None:
    call = ModelCall("openai", "chat.completions", "m", texts=(Text("user", text),))
    detector.finished(detector.started(Observation(account, call), now), Usage(5, 5), 200, now + 1.0)


def counted(detector: Detector, name: str) -> dict[str, float]:
    told = detector.metrics()[name]
    assert not isinstance(told, float)
    return dict(told)


def by_level(detector: Detector) -> dict[str, float]:
    return counted(detector, "accounts_by_level")


def by_family(detector: Detector) -> dict[str, float]:
    return counted(detector, "accounts_by_family")


def test_releasing_a_campaign_sets_its_accounts_free_at_once(raised):
    detector, now = raised
    detector.release(campaign(detector, now), "a course that we know", now)
    assert {detector.assess(name, now + 1.0).level for name in MEMBERS} == {0}
    newcomer = Observation("new", ModelCall("openai", "chat.completions", "m", texts=(Text("user", HARVEST.format("some words")),)))
    assert detector.assess("new", now + 1.0, newcomer).level == 0


def test_a_released_campaign_says_so_and_stays_released_while_it_goes_on(raised):
    detector, now = raised
    released = campaign(detector, now)
    detector.release(released, "a course that we know", now)
    writer = Writer(5)
    for step in range(200):
        ask(detector, f"c{step % 100}", HARVEST.format(writer.prose()), now + 30.0 * step)
        detector.sweep(now + 30.0 * step + 15.0)
    later = now + 30.0 * 200
    assert max(levels(detector, MEMBERS, later)) == 0
    (report,) = [one for one in detector.campaigns(later) if one.id == released]
    assert (report.level, report.exempt_until, report.note) == (0, now + 7 * DAY, "released: a course that we know")


def test_a_campaign_that_an_operator_waived_is_not_forgotten_before_the_waiver_ends(raised):
    detector, now = raised
    waived = campaign(detector, now)
    detector.waive(waived, now + 60 * DAY, "contract", now)
    detector.sweep(now + 30 * DAY)
    assert waived in [report.id for report in detector.campaigns(now + 30 * DAY)]
    detector.sweep(now + 61 * DAY)
    assert detector.campaigns(now + 61 * DAY) == []


def test_a_released_campaign_shields_nobody_from_what_another_one_shows():
    writer = Writer(6)
    detector = small()
    first = pool(writer, 100, 8, 1000, 4 * 3600.0)
    now = replay(detector, [*everyday(writer), *first])
    detector.release(campaign(detector, now), "a course that we know", now)
    strength = next(report.score for report in detector.campaigns(now))
    accounts = [*names("c", 60), *names("d", 60)]
    turns = enumerate(sorted(pool(writer, 1, 6, 900, now, PLAIN)))
    other = [sent._replace(account=accounts[turn % 120]) for turn, sent in turns]
    now = replay(detector, other)
    (live,) = [report for report in detector.campaigns(now) if report.level]
    assert live.score < strength
    assert min(levels(detector, names("c", 60), now)) >= 1


def test_a_waived_account_stays_waived_after_a_silence_in_which_it_was_forgotten(raised):
    detector, now = raised
    detector.waive("c5", now + 300 * DAY, "contract", now)
    detector.sweep(now + 20 * DAY)
    assert detector.account("c5", now + 20 * DAY) is None
    ask(detector, "c5", "hello", now + 20 * DAY)
    report = detector.account("c5", now + 20 * DAY)
    assert report is not None
    assert (report.exempt_until, report.note) == (now + 300 * DAY, "waived: contract")


def test_accounts_that_fell_silent_are_counted_at_the_level_that_is_left_to_them(raised):
    detector, now = raised
    assert by_level(detector)["4"] == 100.0
    for step in range(0, int(8 * DAY), 3600):
        detector.sweep(now + step)
    assert set(by_level(detector).values()) == {0.0}
    assert detector.assess("c5", now + 8 * DAY).level == 0


def test_more_raised_accounts_than_one_search_looks_after_all_have_their_turn(raised, monkeypatch):
    monkeypatch.setattr("proxy.detection.campaigns.review.FOLLOWED", 7)
    detector, now = raised
    for turn in range(15):  # of seven accounts each
        assert any(by_family(detector).values())
        detector.sweep(now + 8 * DAY + 3600.0 * turn)
    assert not any(by_family(detector).values())


def test_a_campaign_that_nobody_adds_to_keeps_its_level_for_little_more_than_a_minute_too_long():
    searched, other = found(), found()
    began = searched[1]
    hour = next(time for time in range(int(began), int(began + 8 * DAY), 3600) if swept(searched, time) < 4)
    detector, _ = other
    for time in range(int(began), hour, 3600):
        detector.sweep(float(time))
    ended = next(time for time in range(hour - 3585, hour + 90, 15) if swept(other, time) < 4)
    afresh = found()
    assert hour - 3600 + 75 < ended
    assert swept(afresh, ended - 76) == 4


def test_a_campaign_is_found_by_its_id(raised):
    detector, now = raised
    assert [detector.campaign(report.id, now) for report in detector.campaigns(now)] == detector.campaigns(now) != []
    assert detector.campaign("c-unknown", now) is None


def test_accounts_that_were_forgotten_are_neither_counted_nor_hold_the_brake():
    writer = Writer(11)
    detector = small(SMALL._replace(brake_share=0.05, brake_accounts=5, account_ttl_s=DAY))
    now = replay(detector, [*everyday(writer), *pool(writer, 100, 8, 1000, 4 * 3600.0)])
    levels(detector, MEMBERS, now)
    detector.sweep(now + 700.0)
    assert detector.metrics()["brake"] == 1.0
    ask(detector, "p1", "hello", now + 1.5 * DAY)
    detector.sweep(now + 1.5 * DAY)
    assert detector.metrics()["accounts"] == 1.0
    assert set(by_level(detector).values()) == {0.0}
    assert detector.metrics()["brake"] == 0.0


def test_waiving_the_campaign_that_trips_the_brake_lets_it_go():
    writer = Writer(11)
    detector = small(SMALL._replace(brake_share=0.05, brake_accounts=5))
    now = replay(detector, [*everyday(writer), *pool(writer, 100, 8, 1000, 4 * 3600.0, PLAIN)])
    levels(detector, MEMBERS, now)
    detector.sweep(now + 700.0)
    assert detector.metrics()["brake"] == 1.0
    detector.sweep(now + 715.0)
    braked = detector.account("c5", now + 700.0)
    assert braked is not None
    assert (braked.level, braked.limited_by.partition(",")[0]) == (1, "the brake is on")
    detector.waive(campaign(detector, now + 700.0), now + 30 * DAY, "a tool that we rolled out", now + 700.0)
    detector.sweep(now + 715.0)
    assert detector.metrics()["brake"] == 0.0


def explained(report, prior=-4.0):
    """The score that a reader gets who adds up the strongest evidence for and against in each family."""
    families = {one.family for one in report.evidence}
    strongest = [max((one.log10 for one in report.evidence if one.family == family and one.log10 > 0), default=0.0) for family in families]
    weakest = [min((one.log10 for one in report.evidence if one.family == family and one.log10 < 0), default=0.0) for family in families]
    return 1.0 / (1.0 + 10.0 ** -(prior + sum(strongest) + sum(weakest)))


@pytest.mark.parametrize("days", [0.0, 1.0, 3.0, 6.0, 12.0])
def test_scores_fade_with_the_evidence_and_reports_add_up_to_them(raised, days):
    detector, now = raised
    later = now + days * DAY
    detector.sweep(later)
    (found,) = detector.campaigns(later)
    assert found.score == pytest.approx(explained(found))
    report = detector.account("c5", later)
    assert report is not None
    assert report.score == pytest.approx(explained(report))
    signals = detector.assess("c5", later)
    assert signals.score == pytest.approx(report.score, rel=1e-3)
    assert bool(signals.families) == (days <= 6.0)
    assert (report.score < 0.3) == (days >= 3.0)


def test_who_may_only_send_the_same_is_told_apart_in_words():
    writer = Writer(31)
    detector = small()
    once = [Sent(4 * 3600.0 + 600.0 + 30.0 * number, f"u{number}", HARVEST.format(writer.prose()), 20.0) for number in range(30)]
    now = replay(detector, [*everyday(writer), *pool(writer, 100, 8, 1000, 4 * 3600.0), *once])
    reports = [detector.account(f"u{number}", now) for number in range(30)]
    limited = [report for report in reports if report is not None and report.limited_by]
    assert limited
    assert all("leave open whether it takes part" in report.limited_by and report.level <= 1 for report in limited)
    member = detector.account("c5", now)
    assert member is not None
    assert member.limited_by == ""


def test_sentences_count_no_more_prompts_than_were_sent():
    writer = Writer(4)
    for seed in range(6):
        detector = small()
        now = replay(detector, [*everyday(writer), *pool(Writer(seed), 30, 4, 100, 4 * 3600.0)])
        (found,) = detector.campaigns(now)
        told = next(one.sentence for one in found.evidence if one.measure == "harvest.one_way")
        assert int(told.split()[-2]) <= found.sendings


def test_a_job_that_repeats_its_prompts_is_told_by_how_often_it_does():
    writer = Writer(7)
    detector = small()
    prompts = [HARVEST.format(writer.prose()) for _ in range(4)]
    jobs = [Sent(4 * 3600.0 + 60.0 * turn, f"j{turn % 30}", prompts[turn % 4], 20.0) for turn in range(1200)]
    now = replay(detector, [*everyday(writer), *jobs])
    found = [one.sentence for report in detector.campaigns(now) for one in report.evidence if one.measure == "harvest.same_prompts"]
    assert found
    assert all("%" not in sentence for sentence in found)


def test_a_group_is_counted_in_one_state(raised):
    detector, _ = raised
    states = {sample.labels[0]: sample.value for sample in detector_samples(detector) if sample.name == "tosproxy_detection_campaigns"}
    assert states["confirmed"] == 1.0
    assert sum(states.values()) == detector.metrics()["candidates"]
