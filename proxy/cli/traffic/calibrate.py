"""`tos-proxy calibrate`: base rates and thresholds from an operator's own honest traffic."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

import typer
import yaml

from proxy.adapters.recording import TraceFile
from proxy.cli.console import AsJson, problems_told, table, tell, tell_json, unusable
from proxy.cli.inputs.folders import open_folder
from proxy.cli.inputs.offline import Offline, SettingsFile, open_offline
from proxy.cli.inputs.progress import following
from proxy.cli.inputs.writing import written
from proxy.detection.detector import Detector
from proxy.detection.evidence.calibration import Measured, Rate, Scores, Threshold, override
from proxy.detection.evidence.table import EvidenceTable
from proxy.detection.shipped import shipped_evidence
from proxy.policy.ruleset import Ruleset
from proxy.replay.recorded import Recorded, read_trace

LOOK_S: Final = 1800.0
"""Event time between looks at what the detector holds."""
_WIDTH: Final = 1000
_HONEST: Final = ("", "benign")


class Calibration(NamedTuple):
    """What was found."""

    rates: list[Rate]
    thresholds: list[Threshold]
    accounts: int
    exchanges: int
    left_out: int
    """Exchanges labelled as attacks: they teach nothing of honest traffic."""
    first_at: float
    last_at: float


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("calibrate")(calibrate)


def calibrate(
    trace: Annotated[Path, typer.Argument(help="Recorded traffic of accounts you trust: JSON lines, plain or gzip, sorted by at.")],
    out_file: Annotated[Path, typer.Option("--out", help="Write the override there; name it in detection.evidence_file.")] = Path(
        "evidence.override.yaml"
    ),
    false_positives: Annotated[
        float, typer.Option(help="Share of honest accounts that may reach level 2; ten times as many level 1, a tenth levels 3 and 4.")
    ] = 0.001,
    policies: Annotated[Path, typer.Option(help="Policy folder, for the names of models.")] = Path("policies"),
    settings_file: SettingsFile = None,
    as_json_: AsJson = False,
) -> None:
    """Measure on your own honest traffic how often it looks like distillation, and write that as an override of the evidence.

    The traffic is put through the detector twice, everything served: first for the rates, then, judged by them, for the thresholds.
    Thresholds are never set below the shipped ones. Lines labelled as attacks (x_label) are left out. The traffic must have been recorded
    with its texts (capture.bodies).

    Exit code 0: done. 2: the trace, the policies or the settings can't be used; then nothing is written.

    Example: tos-proxy calibrate last-week.jsonl.gz --false-positives 0.001 --out evidence.override.yaml
    """
    with problems_told():
        if not 0.0 < false_positives <= 0.1:
            raise unusable("--false-positives", f"{false_positives:g} is no share to aim at", "choose above 0, at most 0.1")
        offline = open_offline(settings_file)
        if not offline.settings.detection.enabled:
            raise unusable("detection.enabled", "detection is off", "switch it on in the settings")
        ruleset = open_folder(policies).ruleset
        shipped = shipped_evidence()
        found = _calibrated(trace, offline, ruleset, shipped, false_positives)
        if not found.accounts:
            raise unusable(str(trace), "no exchange that can be read and isn't labelled as an attack", "record some honest traffic first")
        with written(out_file) as file:
            file.write(_document(shipped, found, trace.name, false_positives).encode())
    if as_json_:
        tell_json(_as_dict(found, out_file))
    else:
        _tell(found, out_file, false_positives)


def _calibrated(trace: Path, offline: Offline, ruleset: Ruleset, shipped: EvidenceTable, budget: float) -> Calibration:
    measured = Measured()
    passed = _Pass(trace, offline._replace(evidence=shipped), ruleset)
    passed.run("measuring rates", lambda detector: detector.measure(measured))
    rates = measured.rates(shipped)
    judging = shipped_evidence(yaml.safe_dump(override(shipped, rates, Scores(shipped).thresholds(budget), trace.name)).encode())
    scores = Scores(judging)
    passed = _Pass(trace, offline._replace(evidence=judging), ruleset)
    passed.run("setting thresholds", lambda detector: scores.see(detector.sightings()))
    return Calibration(rates, scores.thresholds(budget), len(scores), passed.exchanges, passed.left_out, passed.first_at, passed.last_at)


class _Pass:
    """The trace once through the stages, everything served, with a look at the detector now and then."""

    def __init__(self, trace: Path, offline: Offline, ruleset: Ruleset) -> None:
        self.exchanges = self.left_out = 0
        self.first_at = self.last_at = 0.0
        self._file = TraceFile(trace)
        self._replayer = offline.replayer(ruleset, observe=True)

    def run(self, what: str, look: Callable[[Detector], None]) -> None:
        detector = self._replayer.decider.detector
        assert detector is not None  # noqa: S101 - the command refuses to run without one
        due = 0.0
        for recorded in self._honest(what):
            if recorded.at >= due:
                if due:
                    look(detector)
                due = recorded.at + LOOK_S
            self._replayer.step(recorded)
        self._replayer.finish()
        look(detector)

    def _honest(self, what: str) -> Iterator[Recorded]:
        for recorded in following(read_trace(self._file.lines(), self._file.name), self._file, what):
            if recorded.label.partition(":")[0] not in _HONEST:
                self.left_out += 1
                continue
            if recorded.outlined:  # its rates would be far below the truth, and honest accounts pay for that
                what = "was recorded without its texts, so that nothing can be learned of what honest accounts ask for and share"
                raise unusable(f"{self._file.name}:{recorded.line}", what, "record with capture.bodies: true")
            self.first_at = self.first_at or recorded.at
            self.last_at = recorded.at
            self.exchanges += 1
            yield recorded


def _document(shipped: EvidenceTable, found: Calibration, name: str, budget: float) -> str:
    source = f"{name}, {_day(found.first_at)} to {_day(found.last_at)}"
    head = (
        f"# Written by `tos-proxy calibrate`: rates and thresholds from {found.exchanges} exchanges of {found.accounts} accounts.\n"
        f"# {source}. At most {budget:g} of the accounts may reach level 2. Name this file in detection.evidence_file.\n"
    )
    return head + yaml.safe_dump(
        override(shipped, found.rates, found.thresholds, source), sort_keys=False, allow_unicode=True, width=_WIDTH
    )


def _day(at: float) -> str:
    with suppress(ValueError, OverflowError, OSError):
        return datetime.fromtimestamp(at, UTC).date().isoformat()
    return "?"


def _as_dict(found: Calibration, out_file: Path) -> dict[str, Any]:
    return {
        "out": str(out_file), "accounts": found.accounts, "exchanges": found.exchanges, "left_out": found.left_out,
        "rates": [rate._asdict() for rate in found.rates], "thresholds": [threshold._asdict() for threshold in found.thresholds],
    }  # fmt: skip


def _tell(found: Calibration, out_file: Path, budget: float) -> None:
    days = (found.last_at - found.first_at) / 86_400.0
    tell(
        f"{found.exchanges:,} exchanges of {found.accounts:,} accounts in {days:.1f} days; {found.left_out:,} labelled as attacks left out"
    )
    moved = [rate for rate in found.rates if rate.cases and f"{rate.measured:.2g}" != f"{rate.shipped:.2g}"]
    titles = ("measure", "from", "reached by", "of", "honest rate", "shipped")
    rows = ((one.measure, f"{one.at_least:g}", one.hits, one.cases, f"{one.measured:.3g}", f"{one.shipped:g}") for one in moved)
    table(titles, rows, right=titles[1:])
    titles = ("level", "probability", "shipped", "accounts at it", "before", "allowed")
    told = ((one.level, f"{one.probability:g}", f"{one.shipped:g}", one.left, one.accounts, one.allowed) for one in found.thresholds)
    table(titles, told, right=titles[1:])
    if found.accounts * budget < 1.0:
        tell(f"{budget:g} of {found.accounts:,} accounts is less than one: none may reach level 2. More traffic makes this surer.")
    tell(f"written to {out_file}; name it in detection.evidence_file")
