"""`tos-proxy check` and `tos-proxy test`: what a policy folder is worth before it judges anybody."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from proxy.adapters.policy_folder import read_folder
from proxy.cli.console import FINDINGS, UNUSABLE, out, problems_told
from proxy.errors import ConfigError, Problem
from proxy.policy.cases import run_cases
from proxy.policy.load import load
from proxy.policy.ruleset import Ruleset

Folder = Annotated[Path, typer.Argument(help="Policy folder.", exists=True, file_okay=False)]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("check")(check)
    app.command("test")(test)


def check(policies: Folder = Path("policies"), as_json: AsJson = False) -> None:
    """Load a policy folder: syntax, types, names, codes. Prints every problem with file, line and what to write instead."""
    problems: list[Problem] = []
    ruleset: Ruleset | None = None
    try:
        ruleset = load(read_folder(policies), time.time())
    except ConfigError as error:
        problems = error.problems
    if as_json:
        out.print_json(
            json.dumps(
                {
                    "ok": not problems,
                    "revision": ruleset.revision if ruleset else None,
                    "problems": [asdict(problem) for problem in problems],
                }
            )
        )
    elif ruleset is not None:
        out.print(f"{policies}: {_counts(ruleset)}, {ruleset.revision}", markup=False)
    else:
        for problem in problems:
            out.print(str(problem), markup=False)
    if problems:
        raise typer.Exit(UNUSABLE)


def test(policies: Folder = Path("policies"), as_json: AsJson = False) -> None:
    """Run a policy folder's own cases, and say which rules and limits no case would miss."""
    with problems_told():
        files = read_folder(policies)
        now = time.time()
        ruleset = load(files, now)
        report = run_cases(ruleset, files, now)
    findings = (*report.failures, *report.gaps)
    if as_json:
        out.print_json(
            json.dumps(
                {
                    "ran": report.ran,
                    "failures": [asdict(problem) for problem in report.failures],
                    "gaps": [asdict(problem) for problem in report.gaps],
                }
            )
        )
    else:
        for problem in findings:
            out.print(str(problem), markup=False)
        out.print(f"{report.ran} cases ran over {_counts(ruleset)}: {len(report.failures)} failed, {len(report.gaps)} gaps", markup=False)
    if findings or not report.ran:
        raise typer.Exit(FINDINGS)


def _counts(ruleset: Ruleset) -> str:
    return f"{len(ruleset.rules)} rules, {len(ruleset.limits)} limits, {len(ruleset.waivers)} waivers"
