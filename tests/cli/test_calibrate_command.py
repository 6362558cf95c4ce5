from __future__ import annotations

import json

import pytest

from proxy.detection.shipped import shipped_evidence
from tests.cli.running import folder, run, told, trace
from tests.replay.lines import AT, line


def week(path, labels=("benign:human", "")):
    """Three dozen accounts; a third of their prompts are one new text with words of their own."""
    template = "Read the note below, keep its headings and its numbers as they are, correct typing mistakes and return nothing else: {}"
    lines = []
    for step in range(720):
        own = f"note {step} of harbour {step * 7} and winter {step * 13}"
        text = template.format(own) if step % 3 == 0 else f"What should I know of {own}, and why does it matter to us today?"
        body = {"model": "m-large", "messages": [{"role": "user", "content": text}]}
        lines.append(line(AT + step * 60, account={"id": f"a{step % 36}"}, body=body, x_label=labels[step % len(labels)]))
    return trace(path, lines)


def test_an_override_is_written_that_the_proxy_reads(tmp_path):
    out = tmp_path / "evidence.override.yaml"
    result = run("calibrate", week(tmp_path / "week.jsonl.gz"), "--policies", folder(tmp_path / "p"), "--out", out)
    assert result.exit_code == 0
    assert "720 exchanges of 36 accounts" in result.stdout
    assert "less than one" in result.stdout
    table, shipped = shipped_evidence(out.read_bytes()), shipped_evidence()
    spread = table.document.measures["text.spread"].bins[0]
    assert spread.n == 36
    assert spread.benign > shipped.document.measures["text.spread"].bins[0].benign
    assert "week.jsonl.gz" in spread.source
    settings = tmp_path / "settings.yaml"
    settings.write_text(f"detection: {{evidence_file: {out}}}\n")
    assert run("replay", tmp_path / "week.jsonl.gz", "--policies", tmp_path / "p", "--settings", settings).exit_code == 0


def test_what_is_found_is_told_as_json_too(tmp_path):
    said = told("calibrate", week(tmp_path / "w.jsonl"), "--policies", folder(tmp_path / "p"), "--out", tmp_path / "o.yaml")
    assert (said["accounts"], said["exchanges"], said["left_out"]) == (36, 720, 0)
    assert [one["level"] for one in said["thresholds"]] == [1, 2, 3, 4]
    assert all(one["left"] <= one["allowed"] for one in said["thresholds"])
    assert {one["measure"] for one in said["rates"]} == set(shipped_evidence().document.measures)


def test_what_is_labelled_as_an_attack_is_left_out(tmp_path):
    day = week(tmp_path / "w.jsonl", labels=("benign:human", "attack:math"))
    assert told("calibrate", day, "--policies", folder(tmp_path / "p"), "--out", tmp_path / "o.yaml")["left_out"] == 360


@pytest.mark.parametrize(
    ("content", "more", "expected"),
    [
        ([line(AT)], ("--false-positives", "0"), "choose above 0"),
        ([line(AT)], ("--false-positives", "0.5"), "choose above 0"),
        ([line(AT, x_label="attack:math")], (), "no exchange"),
        ([], (), "no exchange"),
        ([line(AT), line(AT + 1, x_outlined=True)], (), "t.jsonl:2: was recorded without its texts"),
        ([line(AT), line(AT - 5)], (), "earlier than the line before"),
    ],
    ids=["no budget", "half of all", "only attacks", "empty", "without texts", "unsorted"],
)
def test_what_cannot_be_used_is_told_and_nothing_is_written(tmp_path, content, more, expected):
    out = tmp_path / "o.yaml"
    result = run("calibrate", trace(tmp_path / "t.jsonl", content), "--policies", folder(tmp_path / "p"), "--out", out, *more)
    assert result.exit_code == 2
    assert expected in result.stderr
    assert not out.exists()


def test_without_detection_there_is_nothing_to_calibrate(tmp_path):
    settings = tmp_path / "s.yaml"
    settings.write_text("detection: {enabled: false}\n")
    result = run("calibrate", week(tmp_path / "w.jsonl"), "--policies", folder(tmp_path / "p"), "--settings", settings)
    assert result.exit_code == 2
    assert "switch it on" in result.stderr


def test_json_is_the_only_thing_on_standard_output(tmp_path):
    result = run("calibrate", week(tmp_path / "w.jsonl"), "--policies", folder(tmp_path / "p"), "--out", tmp_path / "o.yaml", "--json")
    assert json.loads(result.stdout)["out"].endswith("o.yaml")
