"""Reading policy folders for commands."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from proxy.adapters.policy_folder import read_folder
from proxy.errors import ConfigError, Problem
from proxy.policy.assembly.reading import Files
from proxy.policy.load import load
from proxy.policy.ruleset import Ruleset

Folder = Annotated[Path, typer.Argument(help="Policy folder.")]


class Opened(NamedTuple):
    """A folder that loads."""

    files: Files
    ruleset: Ruleset
    now: float
    """When it was read, seconds since the epoch."""


def open_folder(folder: Path) -> Opened:
    """Read and load a folder. Raises ConfigError with every problem."""
    files = read_folder(folder)
    now = time.time()
    return Opened(files, load(files, now), now)


def open_both(old: Path, new: Path) -> tuple[Opened, Opened]:
    """Two folders; the problems of both are told at once."""
    opened: list[Opened] = []
    problems: list[Problem] = []
    for folder in (old, new):
        try:
            opened.append(open_folder(folder))
        except ConfigError as error:
            problems += [_in(folder, problem) for problem in error.problems]
    if problems:
        raise ConfigError(problems)
    return opened[0], opened[1]


def _in(folder: Path, problem: Problem) -> Problem:
    """The same problem, saying in which folder."""
    return problem if Path(problem.file).is_relative_to(folder) else replace(problem, file=str(folder / problem.file))


def counts(ruleset: Ruleset) -> str:
    """How much there is, in words."""
    return f"{len(ruleset.rules)} rules, {len(ruleset.limits)} limits, {len(ruleset.waivers)} waivers"
