"""Findings of the linter, as JSON and as SARIF for code review."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from proxy.errors import Problem

SARIF_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"

CHECKS: Final[Mapping[str, str]] = {
    "never-holds": "A condition that can't hold: an impossible country, model, level or combination.",
    "always-holds": "A condition that always holds, and isn't just true.",
    "unknown-country": "A country code that ISO 3166-1 doesn't know.",
    "unknown-subdivision": "A subdivision code that isn't of the form of ISO 3166-2.",
    "unknown-model": "A model name that a condition asks for but models.known doesn't cover, or that is an alias and so never seen.",
    "odd-value": "A value of a list that ends in a comma or semicolon.",
    "unknown-region-passes": "An allow-list of countries is in force, and an address of unknown region passes all the same.",
    "expired": "A rule or waiver whose last day has passed.",
    "expires-soon": "A rule or waiver that ends within 30 days.",
    "old-shadow": "A rule or limit that has been in shadow for more than 90 days.",
    "undated-shadow": "A rule or limit in shadow that doesn't say since when.",
    "missing-case": "A rule or limit without a firing case or a near miss, or whose deletion no case would notice.",
    "failing-case": "A case whose expectation isn't met.",
    "stale-source": "A list or preset whose source is older than a year.",
    "undated-source": "A list file that doesn't say when its source was read.",
    "unused": "A list, pattern set or file that nothing uses.",
    "shared-budget": "A limit that everyone without the fact in `per` shares.",
    "no-effect": "A setting that changes nothing as things are.",
}
"""Every check, by the name under which findings are told."""


class Finding(NamedTuple):
    """One thing worth a look. `level` is error, warning or note."""

    check: str
    level: str
    problem: Problem

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        problem = self.problem
        return {
            "check": self.check,
            "level": self.level,
            "file": problem.file,
            "line": problem.line,
            "column": problem.column,
            "path": problem.path,
            "what": problem.what,
            "fix": problem.fix,
        }

    def __str__(self) -> str:
        return f"{self.level}: {self.problem} [{self.check}]"


def as_json(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """All findings for JSON."""
    return [finding.as_dict() for finding in findings]


def as_sarif(findings: Sequence[Finding], prefix: str = "") -> dict[str, Any]:
    """All findings as a SARIF 2.1.0 log. `prefix` is the policy folder's path in the repository, such as policies/."""
    names = sorted({finding.check for finding in findings})
    driver = {"name": "tos-proxy", "rules": [{"id": name, "shortDescription": {"text": CHECKS.get(name, name)}} for name in names]}
    return {
        "$schema": SARIF_SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(one, prefix) for one in findings]}],
    }


def _result(finding: Finding, prefix: str) -> dict[str, Any]:
    problem = finding.problem
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(prefix + problem.file)}}
    if problem.line:
        place["region"] = {"startLine": problem.line, "startColumn": max(problem.column, 1)}
    text = f"{problem.path}: {problem.what}" if problem.path else problem.what
    return {
        "ruleId": finding.check,
        "level": finding.level,
        "message": {"text": f"{text}; {problem.fix}" if problem.fix else text},
        "locations": [{"physicalLocation": place}],
    }
