from __future__ import annotations

import re
import subprocess
import sys

import pytest

from proxy import VERSION
from tests.cli.running import ROOT, run, started

COMMANDS = [
    ("serve",), ("health",), ("settings",), ("check",), ("test",), ("explain",), ("diff",), ("replay",), ("drill",), ("calibrate",), ("metrics",), ("reference",),
    ("presets", "list"), ("presets", "diff"), ("waivers", "list"), ("bank", "build"), ("audit", "verify"), ("audit", "show"),
]  # fmt: skip
WITHOUT_EXAMPLE = {("serve",), ("health",), ("settings",)}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_helps_and_shows_an_example(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert f"tos-proxy {' '.join(command)}" in " ".join(result.stdout.split()).replace("│ ", "") or command in WITHOUT_EXAMPLE


@pytest.mark.parametrize("group", [(), ("presets",), ("waivers",), ("bank",), ("audit",)], ids=" ".join)
def test_a_group_without_a_command_helps(group):
    assert "Usage" in run(*group).output


def test_the_version_is_the_packages():
    told = run("--version")
    assert told.exit_code == 0
    assert told.stdout.strip() == VERSION


def test_every_command_is_in_the_list_above():
    names = set(re.findall(r"│ ([a-z]+) ", run("--help").stdout))
    assert names == {command[0] for command in COMMANDS}


@pytest.mark.parametrize("words", [("chekc",), ("check", "--jason"), ("replay",), ("explain", "policies")])
def test_a_wrong_command_line_is_unusable_input(words):
    assert run(*words).exit_code == 2


def test_a_reader_that_leaves_ends_the_program_quietly():
    with subprocess.Popen(
        [sys.executable, "-m", "proxy", "settings", "--json"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as program:  # fmt: skip
        assert program.stdout.read(1) == b"["
        program.stdout.close()
        told = program.stderr.read()
    assert b"Traceback" not in told


def test_the_program_tells_how_it_ended_and_shows_no_traceback():
    ended = started("diff", "no-such-folder", "nor-this-one")
    assert ended.returncode == 2
    assert b"2 problems" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_help_breaks_lines_where_the_terminal_ends_and_not_where_the_source_does(monkeypatch):
    monkeypatch.setenv("TERMINAL_WIDTH", "100")
    monkeypatch.setenv("COLUMNS", "100")
    shown = run("explain", "--help").stdout
    paragraph = shown[shown.index("A file with facts is JSON") : shown.index("Exit code 0")].strip().splitlines()
    assert all(len(line.strip()) > 80 for line in paragraph[:-1]), paragraph


def test_names_of_settings_are_printed_whole_for_grep():
    listed = run("settings").stdout.splitlines()
    assert "identity.trust_everyone_which_lets_anyone_choose_their_address: boolean, false" in listed
    assert listed[listed.index("listen.port: integer, 8080") + 1] == "    Port to bind; 0 takes a free one."


def test_a_start_tells_the_problems_of_settings_and_of_policies_together(tmp_path):
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "a.yaml").write_text("rules: [{id: a.b, source: x, when: request.nope, then: {tag: [a]}}]\n")
    (tmp_path / "settings.yaml").write_text(f"policies: {tmp_path}/policies\nlisten: {{prot: 1}}\nstate: {{kind: disk}}\n")
    ended = started("serve", "-s", str(tmp_path / "settings.yaml"))
    told = ended.stderr.decode()
    assert ended.returncode == 2
    assert [word in told for word in ("listen.prot", "state.kind", "request.nope")] == [True] * 3
    assert "3 problems" in told


def test_a_health_check_loads_neither_the_server_nor_what_it_computes_with():
    seen = "import sys, proxy.cli.app as app\ntry: app.main()\nexcept SystemExit: print(sorted({'numpy', 'aiohttp', 'proxy.server'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", seen, "health", "--help"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
