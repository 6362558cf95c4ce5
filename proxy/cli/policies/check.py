"""`tos-proxy check` and `tos-proxy test`: what a policy folder is worth before it judges anybody."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from proxy.cli.console import FINDINGS, UNUSABLE, AsJson, problems_told, some, tell, tell_json
from proxy.cli.inputs.folders import Folder, counts, open_folder
from proxy.errors import ConfigError
from proxy.policy.cases import run_cases
from proxy.policy.ruleset import Ruleset
from proxy.policy.tools.findings import Finding, as_json, as_sarif
from proxy.policy.tools.lints import lint

NOT_LOADED = "not-loaded"
"""The check under which SARIF tells what keeps a folder from loading."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("check")(check)
    app.command("test")(test)


def check(
    policies: Folder = Path("policies"),
    as_json_: AsJson = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF 2.1.0, for code review.")] = False,
) -> None:
    """Say what is wrong with a policy folder, and what is odd, late or forgotten, with file, line and what to write instead.

    Exit code 0: nothing. 1: it loads, with warnings or errors of the linter (notes don't count). 2: it doesn't load.

    Example: tos-proxy check policies --sarif > policies.sarif
    """
    ruleset: Ruleset | None = None
    try:
        files, ruleset, now = open_folder(policies)
        findings = lint(ruleset, files, now)
    except ConfigError as error:
        findings = [Finding(NOT_LOADED, "error", problem) for problem in error.problems]
    if sarif:
        tell_json(as_sarif(findings, "" if policies == Path() else f"{policies.as_posix()}/"))
    elif as_json_:
        tell_json({"ok": ruleset is not None, "revision": ruleset.revision if ruleset else None, "findings": as_json(findings)})
    else:
        _tell(policies, ruleset, findings)
    if ruleset is None:
        raise typer.Exit(UNUSABLE)
    if any(finding.level != "note" for finding in findings):
        raise typer.Exit(FINDINGS)


def _tell(policies: Path, ruleset: Ruleset | None, findings: list[Finding]) -> None:
    for finding in findings:
        tell(str(finding.problem if ruleset is None else finding))
    if ruleset is None:
        tell(f"{policies}: {some(len(findings), 'problem')}, not loaded")
    else:
        tell(f"{policies}: {counts(ruleset)}, {ruleset.revision}, {some(len(findings), 'finding')}")


def test(policies: Folder = Path("policies"), as_json_: AsJson = False) -> None:
    """Run a policy folder's own cases, and say which rules and limits no case would miss.

    Exit code 0: all hold. 1: failures or gaps, or no case at all. 2: it doesn't load.

    Example: tos-proxy test policies
    """
    with problems_told():
        files, ruleset, now = open_folder(policies)
        report = run_cases(ruleset, files, now)
    findings = (*report.failures, *report.gaps)
    if as_json_:
        failures, gaps = ([asdict(problem) for problem in problems] for problems in (report.failures, report.gaps))
        tell_json({"ran": report.ran, "failures": failures, "gaps": gaps})
    else:
        for problem in findings:
            tell(str(problem))
        failed = len({(problem.file, problem.line) for problem in report.failures})  # a case may miss several expectations
        tell(f"{some(report.ran, 'case')} ran over {counts(ruleset)}: {failed} failed, {some(len(report.gaps), 'gap')}")
    if findings or not report.ran:
        raise typer.Exit(FINDINGS)
