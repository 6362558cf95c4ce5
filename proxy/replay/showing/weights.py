"""How much each family of evidence weighs for an account: what `risk.families` of a replayed line shows."""

from __future__ import annotations

from collections.abc import Iterable

from proxy.detection.detector import Detector
from proxy.detection.evidence.fusion import Finding, fuse
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.observation import Signals
from proxy.detection.report import Evidence


class Weights:
    """Looks weights up in the detector's reports, once for each signals it gave."""

    def __init__(self, detector: Detector | None, table: EvidenceTable) -> None:
        """`table` is the one the detector judges by."""
        self._detector, self._table = detector, table
        self._known: dict[str, tuple[Signals, dict[str, float]]] = {}

    def of(self, account: str, signals: Signals, now: float) -> dict[str, float]:
        """Supporting families with their weight, log10 of the likelihood ratio; empty for an account nothing speaks against."""
        if not signals.families or self._detector is None:
            return {}
        known = self._known.get(account)
        if known is not None and known[0] is signals:
            return known[1]
        weights = self._fused(self._evidence(self._detector, account, signals, now))
        found = {family: weights.get(family, 0.0) for family in signals.families}
        self._known[account] = (signals, found)
        return found

    def _evidence(self, detector: Detector, account: str, signals: Signals, now: float) -> Iterable[Evidence]:
        """The campaign's, where there is one: reading it changes nothing. An account's own report reviews its standing."""
        if signals.campaign:
            campaign = detector.campaign(signals.campaign, now)
            return campaign.evidence if campaign is not None else ()
        report = detector.account(account, now)
        return report.evidence if report is not None else ()

    def _fused(self, evidence: Iterable[Evidence]) -> dict[str, float]:
        findings = [Finding(one.measure, 0.0, one.log10, one.sentence) for one in evidence]
        return dict(fuse(self._table, findings).families)
