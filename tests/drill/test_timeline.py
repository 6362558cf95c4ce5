"""Timelines say what happened, and trace lines say what was sent."""

from __future__ import annotations

import json
from itertools import islice

from proxy.detection.observation import Signals
from proxy.drill.exchange import Outcome
from proxy.drill.loop import Decided, Everything, run
from proxy.drill.plan import DrillPlan, exchanges, planned_volume, sources
from proxy.drill.timeline import Timeline
from proxy.drill.trace import to_trace_line

PLAN = DrillPlan(kind="rubric-grading", accounts=20, honest_accounts=60, honest_days=0)


class Rising(Everything):
    """Raises every campaign account one level after each fifty campaign requests; touches one honest account."""

    def __init__(self) -> None:
        self.seen = 0

    def begin(self, exchange):
        if not exchange.campaign:
            refused = exchange.observation.account == "a1"
            return Outcome(429 if refused else 200, Signals(int(refused)), by="limits.requests" if refused else "")
        self.seen += 1
        level = min(self.seen // 50, 4)
        return Outcome(403 if level >= 3 else 200, Signals(level, campaign="k" if level else ""), stripped=level >= 2)


def test_a_timeline_counts_what_was_served_below_each_level():
    timeline = Timeline(planned_volume(PLAN))
    for decided in run(sources(PLAN), Rising()):
        timeline.add(decided)
    campaigns = timeline.campaigns()
    assert sum(one.planned for one in campaigns) == 520
    assert sum(one.served for one in campaigns) == 149
    assert [sum(one.served_below[level] for one in campaigns) for level in range(4)] == [49, 99, 149, 149]
    assert all(one.candidate_at > one.started_at for one in campaigns)
    assert [milestone.level for milestone in campaigns[0].milestones] == [1, 2, 3, 4][: len(campaigns[0].milestones)]
    assert 0 < campaigns[0].served_below[0] < campaigns[0].served_below[1] < campaigns[0].planned


def test_a_timeline_names_the_honest_accounts_that_were_touched():
    timeline = Timeline()
    for decided in run(sources(PLAN), Rising()):
        timeline.add(decided)
    touched = [kind for kind in timeline.honest() if kind.reached[0]]
    assert len(touched) == 1
    assert touched[0].reached == (1, 0, 0, 0)
    assert set(touched[0].refused_by) == {"limits.requests"}
    assert touched[0].refused == touched[0].refused_by["limits.requests"] > 0
    assert all(not kind.refused_by for kind in timeline.honest() if kind.kind != touched[0].kind)


def test_reasoning_that_was_stripped_counts_as_gone():
    plan = DrillPlan(accounts=9, honest_accounts=0, honest_days=0)
    timeline = Timeline()
    sent_all = list(exchanges(plan))
    for sent in sent_all:
        timeline.add(Decided(sent, Outcome(200, Signals(0), stripped=True)))
    assert sum(one.reasoning_below[0] for one in timeline.campaigns()) == 0
    assert sum(one.served_below[0] for one in timeline.campaigns()) == len(sent_all) > 150


def test_a_trace_line_has_the_keys_of_the_format_and_no_credential():
    known = {"at", "duration_s", "client_ip", "account", "method", "path", "headers", "body", "response"}
    for kind in ("agentic-coding", "reasoning-harvest"):
        for sent in islice(exchanges(DrillPlan(kind=kind, honest_accounts=60, honest_days=0)), 400):
            line = json.loads(json.dumps(to_trace_line(sent)))
            assert {key for key in line if not key.startswith("x_")} == known
            assert not {name for name, _ in line["headers"]} & {"authorization", "x-api-key", "cookie"}
            assert line["body"]["messages"]
            assert line["x_label"] == sent.label


def test_a_trace_line_keeps_the_texts():
    sent = next(one for one in exchanges(PLAN) if one.campaign)
    line = to_trace_line(sent)
    assert line["body"]["messages"][-1]["content"] == sent.observation.call.texts[-1].text
    assert line["x_campaign"] == sent.campaign
