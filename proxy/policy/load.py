"""From a policy folder's files to a ruleset, or to every reason why not."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

from proxy.errors import ConfigError, Problem
from proxy.policy.assembly.naming import list_values, name_everything
from proxy.policy.assembly.reading import Files, judges, read_parts
from proxy.policy.assembly.ruling import rule_everything
from proxy.policy.language.expression import Expressions
from proxy.policy.ruleset import Ruleset

MAX_PROBLEMS: Final = 200


def load(files: Files, now: float) -> Ruleset:
    """The ruleset of a folder. Raises ConfigError with every problem, in the order of files and lines.

    `files` maps paths relative to the folder, such as regions.yaml or lists/x.txt, to contents. YAML files at the top are policies
    and together one ruleset; presets/ are taken in where a policy uses them; cases/ take no part.
    """
    parts = read_parts(files)
    problems: list[Problem] = list(parts.problems)
    names = name_everything(parts, files, problems)
    ruled = rule_everything(parts, names, Expressions(list_values(names.lists)), problems)
    if problems:
        raise ConfigError(sorted(problems, key=lambda problem: (problem.file, problem.line, problem.column))[:MAX_PROBLEMS])
    return Ruleset(revision_of(files), ruled.rules, ruled.limits, ruled.waivers, names, now)


def revision_of(files: Files) -> str:
    """A short name for exactly these files: any change of a name or a byte changes it."""
    digest = sha256()
    for path in sorted(files):
        if judges(path):
            digest.update(f"{len(path)}:{path}:{len(files[path])}:".encode())
            digest.update(files[path])
    return f"sha256:{digest.hexdigest()[:12]}"
