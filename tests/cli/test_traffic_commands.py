from __future__ import annotations

import gzip
import json
import os
import pty
import subprocess
import sys

import pytest

from proxy.cli.inputs.offline import open_offline
from tests.cli.running import ROOT, a_day, folder, run, told, trace
from tests.replay.lines import AT, KOREA, line


def lines(path) -> list[dict]:
    return [json.loads(one) for one in path.read_text().splitlines()]


def test_replay_writes_a_line_an_exchange_and_prints_a_summary(tmp_path):
    policies, day, decided = folder(tmp_path / "p"), a_day(tmp_path / "day.jsonl.gz"), tmp_path / "out.jsonl"
    result = run("replay", day, "--policies", policies, "--out", decided, "--summary")
    assert result.exit_code == 0
    assert [one["outcome"] for one in lines(decided)] == ["allow", "refuse", "clamp", "throttle", "allow", "allow"]
    assert lines(decided)[1] == {
        "at": AT + 1, "account": "acct-2", "outcome": "refuse", "rule": "regions.korea", "shadow": [],
        "risk": {"level": 0, "score": 0.0, "families": {}}, "campaign": "", "revision": lines(decided)[0]["revision"],
    }  # fmt: skip
    assert "6 exchanges of 3 accounts" in result.stdout
    assert "limits.requests" in result.stdout
    assert not (tmp_path / "out.jsonl.part").exists()


def test_without_a_file_to_write_the_summary_is_what_is_printed(tmp_path):
    policies, day = folder(tmp_path / "p"), a_day(tmp_path / "day.jsonl")
    assert "6 exchanges" in run("replay", day, "--policies", policies).stdout
    assert run("replay", day, "--policies", policies, "--out", tmp_path / "o").stdout == ""
    said = told("replay", day, "--policies", policies)
    assert said["outcomes"] == {"allow": 3, "refuse": 1, "clamp": 1, "throttle": 1}
    assert said["accounts_by_highest_level"] == {"0": 3, "1": 0, "2": 0, "3": 0, "4": 0}
    assert "labelled" not in said


def test_observing_serves_everything(tmp_path):
    policies = folder(tmp_path / "p")
    day = trace(tmp_path / "t.jsonl", [line(AT, client_ip=KOREA, x_label="attack:a", x_campaign="c"), line(AT + 1, x_label="benign:human")])
    fates = [
        told("replay", day, "--policies", policies, *more)["labelled"]["campaigns"][0]["served"] for more in ((), ("--observe",))
    ]  # fmt: skip
    assert fates == [0, 1]


def test_labels_give_rates_with_intervals(tmp_path):
    policies = folder(tmp_path / "p")
    day = trace(
        tmp_path / "t.jsonl",
        [line(AT + step, account={"id": f"a{step}"}, x_label="benign:human" if step % 2 else "attack:math") for step in range(20)],
    )
    level = told("replay", day, "--policies", policies)["labelled"]["levels"]["1"]
    assert (level["true_positives"]["accounts"], level["true_positives"]["of"]) == (0, 10)
    assert level["false_positives"]["high"] == pytest.approx(0.2775, abs=1e-3)
    assert level["false_positives_by_kind"]["benign:human"]["of"] == 10
    assert level["requests_until_detection"] == {"median": None, "p90": None}
    assert "touched wrongly" in run("replay", day, "--policies", policies).stdout


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b'{"at": 1', "t.jsonl:1:1: isn't JSON"),
        (b"\xff\xff\n", "t.jsonl:1:1: isn't JSON"),
        (json.dumps(line()).encode() + b"\n" + json.dumps(line(AT - 1)).encode(), "t.jsonl:2:1: at: is earlier"),
        (json.dumps(line(unknown=1)).encode(), "t.jsonl:1:1: unknown: unknown key"),
        (gzip.compress(json.dumps(line()).encode() * 100, mtime=0)[:-20], "cut short"),
        (gzip.compress(b"x", mtime=0)[:5], "cut short"),
        (gzip.compress(json.dumps(line()).encode(), mtime=0)[:30] + b"\x00" * 40, "the compressed file is"),
        (b"\x1f\x8bnonsense", "damaged"),
    ],
)
def test_a_trace_that_cannot_be_used_is_told_and_nothing_is_written(tmp_path, content, expected):
    bad = tmp_path / "t.jsonl"
    bad.write_bytes(content)
    (tmp_path / "out").write_text("from before")
    result = run("replay", bad, "--policies", folder(tmp_path / "p"), "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert expected in result.stderr
    assert (tmp_path / "out").read_text() == "from before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "p", "t.jsonl"]


def test_an_empty_trace_is_a_trace_and_is_said_to_be_empty(tmp_path):
    empty, one, policies = trace(tmp_path / "t.jsonl", []), trace(tmp_path / "u.jsonl", [line()]), folder(tmp_path / "p")
    replayed = run("replay", empty, "--policies", policies)
    assert "0 exchanges" in replayed.stdout
    assert "t.jsonl: no exchange in it" in replayed.stderr
    assert "t.jsonl: no exchange in it" in run("diff", policies, policies, "--trace", empty).stderr
    assert "no exchange" not in run("replay", one, "--policies", policies).stderr + run("diff", policies, policies, "--trace", one).stderr


def test_traffic_without_texts_is_said_to_show_no_pattern_and_no_shared_text(tmp_path):
    policies, day = (
        folder(tmp_path / "p"),
        trace(tmp_path / "t.jsonl", [line(), line(AT + 1, x_outlined=True), line(AT + 2, x_outlined=True)]),
    )
    said = "2 of 3 exchanges were recorded without their texts"
    assert said in run("replay", day, "--policies", policies).stderr
    assert said in run("diff", policies, policies, "--trace", day).stderr
    assert told("replay", day, "--policies", policies)["without_texts"] == 2
    assert told("diff", policies, policies, "--trace", day)["traffic"]["without_texts"] == 2
    assert told("explain", policies, day, "--line", 1)["notes"] == []
    assert "without its texts" in told("explain", policies, day, "--line", 2)["notes"][0]


@pytest.mark.parametrize("missing", ["t.jsonl", ".", "pipe"])
def test_what_is_no_file_is_told_not_waited_for(tmp_path, missing):
    os.mkfifo(tmp_path / "pipe")
    result = run("replay", tmp_path / missing, "--policies", folder(tmp_path / "p"))
    assert result.exit_code == 2


def test_a_file_that_cannot_be_written_is_told(tmp_path):
    policies, day = folder(tmp_path / "p"), a_day(tmp_path / "day.jsonl")
    assert "can't be written" in run("replay", day, "--policies", policies, "--out", tmp_path / "no" / "such" / "folder").stderr
    assert "can't be written" in run("replay", day, "--policies", policies, "--out", "/dev/full").stderr


def test_settings_name_databases_and_evidence(tmp_path):
    policies, day = folder(tmp_path / "p"), a_day(tmp_path / "day.jsonl")
    (tmp_path / "off.yaml").write_text("detection: {enabled: false}\ngeo: {embedded: false}\n")
    assert told("replay", day, "--policies", policies, "--settings", tmp_path / "off.yaml")["outcomes"].get("refuse") is None
    (tmp_path / "bad.yaml").write_text("detection: {evidence_file: nowhere.yaml, bank_file: nowhere.bank}\n")
    result = run("replay", day, "--policies", policies, "--settings", tmp_path / "bad.yaml")
    assert result.exit_code == 2
    assert "2 problems" in result.stderr
    (tmp_path / "evidence.yaml").write_text("prior: low\n")
    (tmp_path / "bad.yaml").write_text(f"detection: {{evidence_file: {tmp_path / 'evidence.yaml'}}}\n")
    result = run("replay", day, "--policies", policies, "--settings", tmp_path / "bad.yaml")
    assert f"{tmp_path / 'evidence.yaml'}:1:8: prior: must hold keys and values" in result.stderr


def test_a_drill_tells_when_each_level_came_and_whom_it_touched(tmp_path):
    policies = folder(tmp_path / "p")
    small = ("--accounts", 12, "--honest", 0, "--honest-days", 0, "--policies", policies)
    result = run("drill", *small, "--kind", "rubric-grading", "--write", tmp_path / "drill.jsonl.gz")
    assert result.exit_code == 0
    assert "first request" in result.stdout
    assert "honest accounts touched: 0 of 0" in result.stdout
    assert "below N: served to accounts that stood below level N, of the volume" in result.stdout
    said = told("drill", *small, "--kind", "rubric-grading")
    assert sum(campaign["accounts"] for campaign in said["campaigns"]) == 12
    assert said == told("drill", *small, "--kind", "rubric-grading")
    replayed = told("replay", tmp_path / "drill.jsonl.gz", "--policies", policies)
    assert replayed["exchanges"] == said["exchanges"]
    assert {campaign["campaign"] for campaign in replayed["labelled"]["campaigns"]} == {
        campaign["campaign"] for campaign in said["campaigns"]
    }


def test_a_drill_tells_what_refused_honest_accounts(tmp_path):
    small = ("--accounts", 2, "--rate", 5, "--honest", 3, "--honest-days", 0, "--policies", folder(tmp_path / "p"))
    shown = run("drill", *small).stdout
    kinds = [line.split() for line in shown.splitlines() if line.strip().startswith("benign:")]
    words = shown.split()
    assert sum(int(kind[-1]) for kind in kinds) == int(words[words.index("limits.requests") + 1]) > 0


def test_what_a_drill_cannot_be_is_told_by_its_options(tmp_path):
    result = run("drill", "--rate", -1, "--honest", -1, "--honest-days", 99, "--policies", folder(tmp_path / "p"))
    assert result.stderr.splitlines() == [
        "--rate: -1.0 is out of range; choose 0.01 to 100000",
        "--honest: -1 is out of range; choose 0 to 100000",
        "--honest-days: 99 is out of range; choose 0 to 30",
        "3 problems",
    ]


def test_every_problem_of_a_drill_is_told_at_once(tmp_path):
    result = run("drill", "--kind", "theft", "--dilution", 0, "--days", 0, "--policies", folder(tmp_path / "p"))
    assert result.exit_code == 2
    assert "3 problems" in result.stderr


def test_a_bank_is_built_from_texts_and_json_lines(tmp_path):
    question = "How many apples does Ada have if she buys {} bags of twelve apples and eats one of them"
    (tmp_path / "a.txt").write_text("\n".join(question.format(number) for number in range(50)))
    (tmp_path / "b.jsonl.gz").write_bytes(
        gzip.compress(b"\n".join(json.dumps({"question": question.format(number)}).encode() for number in range(50, 80)))
    )
    result = run("bank", "build", tmp_path / "a.txt", tmp_path / "b.jsonl.gz", "--out", tmp_path / "x.bank")
    assert result.exit_code == 0
    assert "80 questions" in result.stdout
    (tmp_path / "s.yaml").write_text(f"detection: {{bank_file: {tmp_path / 'x.bank'}}}\n")
    assert run("replay", a_day(tmp_path / "d.jsonl"), "--policies", folder(tmp_path / "p"), "-s", tmp_path / "s.yaml").exit_code == 0


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.txt", b"too short\n", "no question has 8 words"),
        ("a.jsonl", b'{"answer": "x"}\n[1]\nnonsense\n', "3 problems"),
        ("a.jsonl.gz", gzip.compress(b"x" * 1000, mtime=0)[:-9], "can't be read"),
        ("a.txt", b"\xff\xfe\xfd", "isn't UTF-8"),
    ],
)
def test_questions_that_cannot_be_used_are_told(tmp_path, name, content, expected):
    (tmp_path / name).write_bytes(content)
    result = run("bank", "build", tmp_path / name, tmp_path / name, "--out", tmp_path / "x.bank")
    assert result.exit_code == 2
    assert expected in result.stderr or "6 problems" in result.stderr
    assert not (tmp_path / "x.bank").exists()


def test_a_terminal_is_shown_how_far_a_replay_has_come_while_its_lines_go_elsewhere(tmp_path):
    policies, day = folder(tmp_path / "p"), a_day(tmp_path / "day.jsonl")
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", "replay", day, "--policies", policies, "--out", "/dev/stdout"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=theirs, env={**os.environ, "TERM": "xterm"},
    ) as program:  # fmt: skip
        os.close(theirs)
        lines_out = program.stdout.read().splitlines()
        shown = os.read(ours, 65_536)
    os.close(ours)
    assert program.returncode == 0
    assert len(lines_out) == 6
    assert b"replaying" in shown


def test_replay_jitters_as_the_proxy_does_whose_digest_key_is_given(serve, tmp_path):
    (tmp_path / "key").write_text("0123456789abcdef")
    (tmp_path / "s.yaml").write_text(f"identity: {{digest_key_file: {tmp_path / 'key'}}}\n")
    live = [serve(identity={"digest_key_file": tmp_path / "key"}).server.parts.detector for _ in range(2)]
    assert {detector._reviewer._seed for detector in live} == {open_offline(tmp_path / "s.yaml").decider().detector._reviewer._seed}
    assert open_offline(None).decider().detector._reviewer._seed == 0
    assert serve().server.parts.detector._reviewer._seed != live[0]._reviewer._seed
