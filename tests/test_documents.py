"""Documents say what the code does: commands, settings, metrics, headers and snippets in them exist and work."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest
import typer
import yaml

from proxy import replies
from proxy.adapters.prometheus import METRICS
from proxy.adapters.settings_file import fields
from proxy.cli.app import build
from proxy.policy.load import load
from proxy.settings import Settings
from tests.cli.running import run, told, trace
from tests.replay.lines import AT, line

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "deploy" / "README.md", ROOT / "policies" / "README.md"]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands() -> set[str]:
    group = typer.main.get_command(build())
    return set(getattr(group, "commands", {}))


def _snippets(language: str, text: str = README) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def _chart_values() -> set[str]:
    """Values of the Helm chart, which documents name like settings."""
    values = yaml.safe_load((ROOT / "deploy" / "helm" / "tos-proxy" / "values.yaml").read_text(encoding="utf-8"))
    return {f"{section}.{key}" for section, inside in values.items() if isinstance(inside, dict) for key in inside}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_named_exists(path):
    named = set(re.findall(r"`tos-proxy ([a-z]+)", path.read_text(encoding="utf-8")))
    assert named <= _commands()


def test_the_output_shown_is_that_of_the_shipped_policies():
    assert set(re.findall(r"sha256:[0-9a-f]+", README)) == {told("check", ROOT / "policies")["revision"]}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_metric_named_exists(path):
    known = {metric.name for metric in METRICS}
    named = set(re.findall(r"\btosproxy_[a-z_]+[a-z]", path.read_text(encoding="utf-8")))
    assert {name for name in named if re.sub(r"_(bucket|sum|count)$", "", name) not in known and name not in known} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_to_a_file_leads_somewhere(path):
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", [ROOT / "README.md", ROOT / "deploy" / "README.md"], ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_named_exists(path):
    known = {name.replace("[]", "") for name, *_ in fields()}
    sections = {name.rsplit(".", 1)[0] for name in known if "." in name} | {name.split(".")[0] for name in known}
    named = set(
        re.findall(
            r"`((?:listen|admin|identity|geo|state|caps|log|capture|detection|tracing|shutdown)\.[a-z_.]+[a-z])`",
            path.read_text(encoding="utf-8"),
        )
    )
    assert named - known - sections - _chart_values() == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_variable_named_is_a_setting(path):
    known = {"TOSPROXY_" + name.replace("[]", "").replace(".", "__").upper() for name, *_ in fields()}
    named = set(re.findall(r"\bTOSPROXY_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))) - {"TOSPROXY"}
    assert named <= known


def test_the_readme_rule_loads():
    rule = next(snippet for snippet in _snippets("yaml") if snippet.startswith("rules:"))
    assert load({"readme.yaml": rule.encode()}, time.time()).rules[0].id == "usage.one_answer"


def test_the_readme_rule_goes_its_way_from_idea_to_enforcement(tmp_path):
    old, new = (Path(shutil.copytree(ROOT / "policies", tmp_path / name)) for name in ("policies.old", "policies"))
    rule = next(snippet for snippet in _snippets("yaml") if snippet.startswith("rules:"))
    (new / "mine.yaml").write_text(rule)
    (new / "cases" / "mine.yaml").write_text(
        "cases:\n"
        "  - name: a stranger gets one answer\n    facts: {request.n: 2, account.verified: false}\n"
        "    expect: {outcome: allow, rule: usage.one_answer}\n"
        "  - name: a verified account gets several\n    facts: {request.n: 2}\n    expect: {outcome: allow, clamps: {}}\n"
    )
    yesterday = trace(tmp_path / "yesterday.jsonl.gz", [line(AT, body={**line()["body"], "n": 3})])
    for mode, percent in (("shadow", ""), ("enforce", "\n    enforce_percent: 10"), ("enforce", "")):
        (new / "mine.yaml").write_text(rule.replace("mode: shadow", f"mode: {mode}{percent}"))
        assert {finding["check"] for finding in told("check", new)["findings"]} <= {"stale-source", "undated-shadow"}
        assert run("test", new).exit_code == 0
        traffic = told("diff", old, new, "--trace", yesterday)["traffic"]
        if mode == "shadow":
            assert (traffic["different"], [one["rule"] for one in traffic["shadow"]]) == (0, ["usage.one_answer"])
    assert [one["new"]["clamps"] for one in traffic["switches"]] == [{"n": 1}]


def test_the_readme_settings_are_settings():
    text = next(snippet for snippet in _snippets("yaml") if snippet.startswith("listen:"))
    assert Settings(**yaml.safe_load(text)).upstreams[0].name == "vllm"


def test_the_headers_named_are_those_sent():
    assert replies.DECISION_HEADER in README
    assert replies.POLICY_HEADER in README


def test_every_setting_says_what_it_means():
    assert [name for name, _, _, meaning in fields() if not meaning] == []
