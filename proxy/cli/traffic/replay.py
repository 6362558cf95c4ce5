"""`tos-proxy replay`: what policies would have done with recorded traffic."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from time import perf_counter
from typing import Annotated

import orjson
import typer

from proxy.adapters.recording import TraceFile
from proxy.cli.console import AsJson, problems_told, tell_json, warn_of_gaps
from proxy.cli.inputs.folders import open_folder
from proxy.cli.inputs.offline import Offline, SettingsFile, open_offline
from proxy.cli.inputs.progress import following
from proxy.cli.inputs.writing import written
from proxy.cli.traffic.tables import tell_summary
from proxy.policy.ruleset import Ruleset
from proxy.replay.outcomes import as_line
from proxy.replay.recorded import read_trace
from proxy.replay.showing.summary import Summary
from proxy.replay.showing.weights import Weights


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("replay")(replay)


def replay(
    trace: Annotated[Path, typer.Argument(help="Recorded traffic: JSON lines, plain or gzip, sorted by at.")],
    policies: Annotated[Path, typer.Option(help="Policy folder that judges.")] = Path("policies"),
    out_file: Annotated[Path | None, typer.Option("--out", help="Write one line an exchange there.")] = None,
    summary: Annotated[bool, typer.Option("--summary", help="Print what it showed; the default without --out.")] = False,
    observe: Annotated[bool, typer.Option("--observe", help="Serve everything, to measure detection alone.")] = False,
    settings_file: SettingsFile = None,
    as_json_: AsJson = False,
) -> None:
    """Put recorded traffic through the stages of the live proxy, in event time: regions, dialects, rules, limits, detection.

    An exchange that policy refuses is not served: it uses nothing and its end doesn't happen. A request whose address or body can't be
    read is refused by `rejected.<code>`. Traces don't tell what a prompt cache gave or took: limits in usd count all input at its plain
    price. Where lines carry x_label, the summary says what was found and who was touched wrongly.

    Exit code 0: done. 2: the trace, the policies or the settings can't be used; then --out isn't written.

    Example: tos-proxy replay yesterday.jsonl.gz --policies policies --out decisions.jsonl --summary
    """
    with problems_told():
        offline = open_offline(settings_file)
        ruleset = open_folder(policies).ruleset
        told, elapsed_s = _run(trace, offline, ruleset, out_file, observe=observe)
    warn_of_gaps(trace, told.exchanges, told.outlined)
    if as_json_:
        tell_json(told.as_dict(elapsed_s))
    elif summary or out_file is None:
        tell_summary(told, elapsed_s)


def _run(trace: Path, offline: Offline, ruleset: Ruleset, out_file: Path | None, *, observe: bool) -> tuple[Summary, float]:
    replayer = offline.replayer(ruleset, observe=observe)
    detector = replayer.decider.detector
    summary = Summary(observed=observe)
    weights = Weights(detector, offline.evidence)
    file = TraceFile(trace)
    began = perf_counter()
    with ExitStack() as stack:
        lines = stack.enter_context(written(out_file)) if out_file is not None else None
        for recorded in following(read_trace(file.lines(), file.name), file, "replaying"):
            replayed = replayer.step(recorded)
            summary.add(replayed)
            if lines is not None:
                families = weights.of(recorded.account.id, replayed.signals, recorded.at)
                lines.write(orjson.dumps(as_line(replayed, families), option=orjson.OPT_APPEND_NEWLINE))
        replayer.finish()
    if detector is not None:
        summary.campaigns = detector.campaigns(replayer.now)
    return summary, perf_counter() - began
