"""What is in force, as an operator asks for it: every rule, limit and waiver, where it is written and how often it counted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from proxy.adapters.policy_folder import PolicyStatus
from proxy.policy.rules import Described, Limit, Rule, Waiver
from proxy.policy.ruleset import Ruleset

Hits = Mapping[tuple[str, ...], float]
"""How often a rule (or a limit) counted since the start, by id and mode."""


def policy_view(rules: Ruleset, status: PolicyStatus, hits: Hits, denials: Hits) -> dict[str, Any]:
    """The answer to /policy. Conditions stay in the files: they may quote lists of accounts."""
    return {
        "revision": rules.revision,
        "loaded_at": _moment(status.loaded_at),
        "reloads": status.reloads,
        "reload_failures": status.reload_failures,
        "problems": [str(problem) for problem in status.problems],
        "expired": list(status.expired),
        "rules": [_rule(rule, hits) for rule in rules.rules],
        "limits": [_limit(limit, denials) for limit in rules.limits],
        "waivers": [_waiver(waiver) for waiver in rules.waivers],
    }


def _rule(rule: Rule, hits: Hits) -> dict[str, Any]:
    return {
        "id": rule.id,
        "mode": rule.mode.value,
        "effects": list(rule.effects.names),
        "phase": rule.phase.value,
        "enforce_percent": rule.percent,
        "not_before": _moment(rule.starts_at),
        "expires": _moment(rule.ends_at),
        "hits": _hits(rule.id, hits),
        **_about(rule.about),
        "at": str(rule.origin),
    }


def _limit(limit: Limit, denials: Hits) -> dict[str, Any]:
    return {
        "id": limit.id,
        "mode": limit.mode.value,
        "per": list(limit.per),
        "count": limit[2],
        "rate_per_s": limit.rate,
        "burst": limit.burst,
        "denials": _hits(limit.id, denials),
        **_about(limit.about),
        "at": str(limit.origin),
    }


def _waiver(waiver: Waiver) -> dict[str, Any]:
    return {
        "id": waiver.id,
        "waives": list(waiver.waives),
        "sets_aside": sorted(waiver.targets),
        "expires": waiver.expires,
        "reason": waiver.reason,
        "approver": waiver.approver,
        "at": str(waiver.origin),
    }


def _about(about: Described) -> dict[str, str]:
    return {name: value for name, value in about._asdict().items() if value}


def _hits(identity: str, hits: Hits) -> dict[str, int]:
    return {mode: int(number) for (name, mode), number in hits.items() if name == identity}


def _moment(seconds: float) -> str | None:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if isfinite(seconds) else None
