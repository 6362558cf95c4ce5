"""What the settings name, read and checked at start: every problem of every file at once, before anything listens."""

from __future__ import annotations

import hashlib
import secrets
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import structlog

from proxy import VERSION
from proxy.adapters.accounts.file import AccountsFile
from proxy.adapters.accounts.sources import AccountSources
from proxy.adapters.accounts.tokens import TokenAccounts
from proxy.adapters.audit_log import AuditLog, FileSink, StreamSink
from proxy.adapters.geo import GeoDatabases
from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.policy_folder import PolicyFolder
from proxy.adapters.recording import Capture, open_capture
from proxy.adapters.redis_store import RedisStore, check_url
from proxy.adapters.secrets import Secret, injected, read_secret
from proxy.adapters.telemetry.traces import Tracer, otlp_tracer
from proxy.adapters.traffic.certificates import Certificates, listener_certificates, upstream_certificates
from proxy.audit.chain import chain_key
from proxy.audit.digest import Digests
from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.shipped import shipped_evidence, shipped_intents
from proxy.detection.text.bank import QuestionBank, load_bank
from proxy.errors import SETTINGS, ConfigError, Problem
from proxy.identity.address import Trust
from proxy.identity.identify import Sources
from proxy.identity.region import edge_headers
from proxy.limits.ask import LimitStore
from proxy.settings import Admin, Detection, Identity, Log, Settings, Tracing, Upstream

DAY_S: Final = 86_400.0
LEASE_TTL_S: Final = 4 * 3600.0
"""Longer than any exchange: a stream must not give its slot away while it runs."""
LOOPBACK: Final = ("127.0.0.0/8", "::1/128")

Part = TypeVar("Part")


class Outward(NamedTuple):
    """A model endpoint with what it is called with."""

    settings: Upstream
    secrets: list[tuple[str, Secret]]
    certificates: Certificates | None


class Parts(NamedTuple):
    """Everything that is read from files."""

    policies: PolicyFolder
    geo: GeoDatabases
    accounts: AccountsFile | None
    tokens: TokenAccounts | None
    joined: AccountSources
    sources: Sources
    upstreams: tuple[Outward, ...]
    certificates: Certificates | None
    """Of the traffic listener."""
    digest_key: bytes
    detector: Detector | None
    records: AuditLog | None
    digests: Digests
    admin_token: Secret
    capture: Capture | None
    tracer: Tracer | None


def build_parts(settings: Settings, log: structlog.typing.FilteringBoundLogger) -> Parts:
    """Read every file. Raises ConfigError with the problems of all of them."""
    problems: list[Problem] = []

    def part(build: Callable[[], Part]) -> Part | None:
        try:
            return build()
        except ConfigError as error:
            problems.extend(error.problems)
            return None

    identity = settings.identity
    key = part(lambda: digest_key(identity))
    policies = part(lambda: PolicyFolder(settings.policies, time.time))
    geo = part(lambda: GeoDatabases(settings.geo.databases, embedded=settings.geo.embedded, max_age_s=settings.geo.max_age_days * DAY_S))
    accounts = part(lambda: _accounts(identity))
    tokens = part(lambda: _tokens(identity))
    joined = part(lambda: AccountSources(accounts, identity.account_headers))
    evidence, bank = part(lambda: _evidence(settings.detection)), part(lambda: _bank(settings.detection))
    records = part(lambda: _records(settings.log, key or b"", log))
    capture = part(lambda: open_capture(settings, log))
    tracer = part(lambda: _tracer(settings.tracing))
    token = part(lambda: _admin_token(settings.admin))
    part(lambda: check_url(settings.state.url.get_secret_value()) if settings.state.kind == "redis" else None)
    certificates = part(lambda: listener_certificates(settings.listen.tls) if settings.listen.tls else None)
    outward = [
        Outward(upstream, part(partial(injected, f"upstreams[{index}]", upstream)) or [], part(partial(upstream_certificates, upstream)))
        for index, upstream in enumerate(settings.upstreams)
    ]
    if problems or policies is None or geo is None or joined is None or key is None or token is None:
        raise ConfigError(problems)
    detector = Detector(evidence, DetectionConfig(), bank, detector_seed(key), shipped_intents()) if evidence is not None else None
    edge = settings.geo.edge
    placed = edge_headers(edge.country, edge.subdivision, edge.asn)
    sources = Sources(_trust(identity), geo, joined, tokens, key, identity.account_header.lower(), placed)
    return Parts(
        policies, geo, accounts, tokens, joined, sources, tuple(outward), certificates, key, detector, records, Digests(key), token, capture, tracer
    )  # fmt: skip


def _trust(identity: Identity) -> Trust:
    return Trust.parse(
        identity.trusted_proxies, header=identity.forwarded_header, malformed=identity.malformed_forwarded,
        allow_any=identity.trust_everyone_which_lets_anyone_choose_their_address,
    )  # fmt: skip


def digest_key(identity: Identity) -> bytes:
    """The key of all digests: given, or fresh for this process. Raises ConfigError for one too short to be secret."""
    if identity.digest_key is not None:
        text = identity.digest_key.get_secret_value()
    elif identity.digest_key_file is not None:
        text = read_secret("identity.digest_key_file", file=identity.digest_key_file).value
    else:
        return secrets.token_bytes(32)
    if not 16 <= len(text.encode()) <= 64:
        file, name = (SETTINGS, "digest_key") if identity.digest_key is not None else (str(identity.digest_key_file), "digest_key_file")
        fix = "give 16 to 64 random bytes, such as `openssl rand -hex 32` prints"
        raise ConfigError([Problem(file, 0, 0, f"identity.{name}", "has too few or too many bytes", fix)])
    return text.encode()


def detector_seed(key: bytes) -> int:
    """What makes the detector's thresholds hard to guess: alike for replicas that share a digest key, and for a replay with their settings."""
    return int.from_bytes(hashlib.blake2b(key, digest_size=4, person=b"tosproxy.seed").digest(), "big")


def _tracer(given: Tracing) -> Tracer | None:
    return otlp_tracer(given, VERSION) if given.endpoint else None


def _admin_token(admin: Admin) -> Secret:
    if admin.token_file is not None:
        return read_secret("admin.token_file", file=admin.token_file)
    return Secret(admin.token.get_secret_value() if admin.token else "")


def _accounts(identity: Identity) -> AccountsFile | None:
    return AccountsFile(identity.accounts_file) if identity.accounts_file else None


def _tokens(identity: Identity) -> TokenAccounts | None:
    given = identity.jwt
    return TokenAccounts(given.jwks_file, given.issuer, given.audience, given.account_claim, given.claims) if given else None


def _evidence(given: Detection) -> EvidenceTable | None:
    """The shipped evidence, with the operator's overrides; None when detection is switched off."""
    if not given.enabled:
        return None
    path = given.evidence_file
    return shipped_evidence(_bytes_of(path, "detection.evidence_file") if path else None, str(path))


def _bank(given: Detection) -> QuestionBank | None:
    """The operator's question bank."""
    if not given.enabled or given.bank_file is None:
        return None
    return load_bank(_bytes_of(given.bank_file, "detection.bank_file"), str(given.bank_file))


def _records(given: Log, key: bytes, log: structlog.typing.FilteringBoundLogger) -> AuditLog | None:
    """Where records go; None when they are switched off."""
    if given.records == "off":
        return None
    if given.records == "stdout":
        return AuditLog(StreamSink(sys.stdout.buffer), queue=given.queue, log=log)
    sink = FileSink(given.file, chain_key(key), rotate_bytes=given.rotate_bytes, keep_files=given.keep_files, sync=given.sync)
    return AuditLog(sink, queue=given.queue, log=log)


def _bytes_of(path: Path, setting: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigError([Problem(str(path), 0, 0, setting, f"can't be read: {error.strerror}", "name a readable file")]) from error


def demo_settings(settings: Settings) -> Settings:
    """Without upstreams the demo endpoint answers, and callers on this machine may play any address."""
    if settings.identity.trusted_proxies:
        return settings
    return settings.model_copy(update={"identity": settings.identity.model_copy(update={"trusted_proxies": LOOPBACK})})


def limit_store(settings: Settings, key: bytes, log: structlog.typing.FilteringBoundLogger) -> LimitStore:
    """Where limits are counted. Redis may be down."""
    state = settings.state
    if state.kind == "memory":
        return MemoryStore(max_keys=state.max_keys, lease_ttl_s=LEASE_TTL_S)
    return RedisStore(
        state.url.get_secret_value(), key, replicas=state.replicas, on_loss=state.on_loss, budget_s=state.budget_ms / 1000.0,
        max_keys=state.max_keys, log=log,
    )  # fmt: skip
