"""The detector as shipped: evidence table and pattern files that come with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.detection.evidence.table import EvidenceTable, load_evidence
from proxy.detection.text.bank import QuestionBank
from proxy.detection.text.intent import Intents, load_intents


def shipped_evidence(override: bytes | None = None, file: str = "override") -> EvidenceTable:
    """The shipped evidence table, with an operator's override merged over it, which problems name by its `file`."""
    return load_evidence((files("proxy.detection") / "evidence.yaml").read_bytes(), override, file)


@cache
def shipped_intents() -> Intents:
    """The shipped pattern files, compiled once: nothing of them changes."""
    folder = files("proxy.detection") / "patterns"
    return load_intents({file.name: file.read_bytes() for file in folder.iterdir() if file.name.endswith(".yaml")})


def shipped_detector(config: DetectionConfig | None = None, bank: QuestionBank | None = None, seed: int = 0) -> Detector:
    """A detector with everything as shipped."""
    return Detector(shipped_evidence(), config or DetectionConfig(), bank, seed, shipped_intents())
