"""What is degraded while traffic is served all the same, in sentences for operators."""

from __future__ import annotations

from collections.abc import Iterator

from proxy.adapters.building import Parts
from proxy.adapters.redis_store import RedisStore
from proxy.limits.ask import LimitStore
from proxy.settings import Settings

_MOST_PROBLEMS = 3


def warnings(parts: Parts, settings: Settings, store: LimitStore, now: float) -> list[str]:
    """All of them. `now` is in seconds since the epoch."""
    return [*_files(parts), *_databases(parts, settings, now), *_state(parts, settings, store)]


def _files(parts: Parts) -> Iterator[str]:
    policies = parts.policies.status
    followed = [("policies", policies.problems)]
    followed += [("the accounts file", parts.accounts.status.problems)] if parts.accounts is not None else []
    followed += [("the token keys", parts.tokens.status.problems)] if parts.tokens is not None else []
    for what, problems in followed:
        yield from (f"{what} on disk can't be used: {problem}" for problem in problems[:_MOST_PROBLEMS])
    yield from (f"{identity} has expired and does nothing any more" for identity in policies.expired)


def _databases(parts: Parts, settings: Settings, now: float) -> Iterator[str]:
    for status in parts.geo.status():
        if status.problem:
            yield f"region database {status.name}: {status.problem}"
        if status.stale_at < now:
            yield f"region database {status.name} is older than {settings.geo.max_age_days:g} days"


def _state(parts: Parts, settings: Settings, store: LimitStore) -> Iterator[str]:
    if isinstance(store, RedisStore) and store.degraded:
        yield "the shared limit store is lost; limits are decided here alone"
    if parts.records is not None and parts.records.failing:
        yield "records can't be written"
    if settings.log.records == "file" and not (settings.identity.digest_key or settings.identity.digest_key_file):
        yield "identity.digest_key isn't set: records can't be verified, nor accounts compared, after a restart"
