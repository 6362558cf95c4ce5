"""What the settings name, read for commands that judge traffic without serving any."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Final, NamedTuple, TypeVar

import typer

from proxy.adapters.building import LEASE_TTL_S, detector_seed, digest_key
from proxy.adapters.geo import GeoDatabases
from proxy.adapters.memory_store import MemoryStore
from proxy.adapters.settings_file import located, read_settings
from proxy.cli.console import unusable
from proxy.decide import Decider
from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.shipped import shipped_evidence, shipped_intents
from proxy.detection.text.bank import QuestionBank, load_bank
from proxy.errors import ConfigError, Problem
from proxy.identity.movement import Movements
from proxy.identity.region import EdgeHeaders, edge_headers
from proxy.policy.ruleset import Ruleset
from proxy.replay.replayer import Replayer
from proxy.settings import Geo, Settings

SettingsFile = Annotated[
    Path | None,
    typer.Option("--settings", "-s", help="Settings file (YAML), for region databases, detection and limits; the defaults without it."),
]

DAY_S: Final = 86_400.0
Part = TypeVar("Part")


class Offline(NamedTuple):
    """Everything but the policies."""

    settings: Settings
    geo: GeoDatabases
    evidence: EvidenceTable
    bank: QuestionBank | None
    seed: int
    """Of the detector's jitter: that of the proxy with these settings, where a digest key is among them."""

    def decider(self) -> Decider:
        """A decider in which nothing has happened yet. Its detector is that of a proxy with these settings, and the same each time."""
        store = MemoryStore(max_keys=self.settings.state.max_keys, lease_ttl_s=LEASE_TTL_S)
        detector = (
            Detector(self.evidence, DetectionConfig(), self.bank, self.seed, shipped_intents()) if self.settings.detection.enabled else None
        )
        return Decider(store, detector, Movements())

    def replayer(self, ruleset: Ruleset, *, observe: bool = False) -> Replayer:
        """A replayer of its own."""
        return Replayer(
            ruleset, self.decider(), self.geo, edge=_edge(self.settings.geo), sweep_s=self.settings.detection.sweep_s, observe=observe
        )


def open_offline(settings_file: Path | None) -> Offline:
    """Read settings and what they name. Raises ConfigError with the problems of all files."""
    settings = read_settings(settings_file)
    problems: list[Problem] = []

    def part(build: Callable[[], Part]) -> Part | None:
        try:
            return build()
        except ConfigError as error:
            problems.extend(error.problems)
            return None

    geo = part(lambda: GeoDatabases(settings.geo.databases, embedded=settings.geo.embedded, max_age_s=settings.geo.max_age_days * DAY_S))
    given = settings.detection
    evidence = part(lambda: shipped_evidence(_bytes_of(given.evidence_file) if given.evidence_file else None, str(given.evidence_file)))
    identity = settings.identity
    lasting = identity.digest_key is not None or identity.digest_key_file is not None
    seed = part(lambda: detector_seed(digest_key(identity)) if lasting else 0)
    bank = part(lambda: load_bank(_bytes_of(given.bank_file), str(given.bank_file)) if given.bank_file else None)
    if problems or geo is None or evidence is None or seed is None:
        with located(settings_file):
            raise ConfigError(problems)
    gc.freeze()  # what was read stays to the end: no use looking through it again and again
    return Offline(settings, geo, evidence, bank, seed)


def _edge(geo: Geo) -> EdgeHeaders | None:
    names = geo.edge
    return edge_headers(names.country, names.subdivision, names.asn)


def _bytes_of(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise unusable(str(path), f"can't be read: {error.strerror}", "name a readable file") from error
