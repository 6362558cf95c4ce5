"""`tos-proxy diff`: what another version of the policies says differently, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from proxy.adapters.recording import TraceFile
from proxy.cli.console import FINDINGS, AsJson, problems_told, some, table, tell, tell_json, warn_of_gaps
from proxy.cli.inputs.folders import Opened, open_both
from proxy.cli.inputs.offline import SettingsFile, open_offline
from proxy.cli.inputs.progress import following
from proxy.policy.tools.difference import Change, as_json, by_direction, compare
from proxy.replay.contrast import Contrast, Switch, by_size, contrast_dict
from proxy.replay.recorded import read_trace

MOST_ACCOUNTS_SHOWN: Final = 5
_STYLES: Final = {"stricter": "red", "milder": "green", "mixed": "yellow", "unclear": "yellow"}


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("diff")(diff)


def diff(
    old: Annotated[Path, typer.Argument(help="Policy folder as it is.")],
    new: Annotated[Path, typer.Argument(help="Policy folder as it would be.")],
    trace: Annotated[Path | None, typer.Option(help="Recorded traffic: who would be answered differently?")] = None,
    settings_file: SettingsFile = None,
    as_json_: AsJson = False,
) -> None:
    """Compare two policy folders by what they mean: rules added, removed, changed, milder, stricter.

    With a trace both judge the same traffic, and every exchange and account they disagree about is counted, by rule; so is what rules in
    shadow would do, where the old folder said nothing.

    Exit code 0: no difference. 1: differences. 2: a folder or the trace can't be used.

    Example: tos-proxy diff policies policies.new --trace yesterday.jsonl.gz
    """
    with problems_told():
        before, after = open_both(old, new)
        changes = compare(before.ruleset, after.ruleset)
        contrast = _replayed(trace, before, after, settings_file) if trace is not None else None
    if trace is not None and contrast is not None:
        warn_of_gaps(trace, contrast.exchanges, contrast.outlined)
    if as_json_:
        tell_json(_as_dict(before, after, changes, contrast))
    else:
        _tell_changes(changes)
        if contrast is not None:
            _tell_contrast(contrast)
    if changes or (contrast is not None and contrast.switches):
        raise typer.Exit(FINDINGS)


def _replayed(trace: Path, before: Opened, after: Opened, settings_file: Path | None) -> Contrast:
    offline = open_offline(settings_file)
    file = TraceFile(trace)
    contrast = Contrast(offline.replayer(before.ruleset), offline.replayer(after.ruleset))
    for recorded in following(read_trace(file.lines(), file.name), file, "comparing"):
        contrast.step(recorded)
    return contrast


def _as_dict(before: Opened, after: Opened, changes: tuple[Change, ...], contrast: Contrast | None) -> dict[str, Any]:
    said: dict[str, Any] = {"old": before.ruleset.revision, "new": after.ruleset.revision, "changes": as_json(changes)}
    if contrast is not None:
        said["traffic"] = contrast_dict(contrast)
    return said


def _tell_changes(changes: tuple[Change, ...]) -> None:
    for change in changes:
        tell(str(change), style=_STYLES.get(change.direction, ""))
    directions = ", ".join(f"{count} {direction}" for direction, count in sorted(by_direction(changes).items()))
    tell(f"{some(len(changes), 'change')}: {directions}" if changes else "no change of meaning")


def _tell_contrast(contrast: Contrast) -> None:
    differing = sum(switch.exchanges for switch in contrast.switches.values())
    tell(f"{differing} of {contrast.exchanges} exchanges would be decided differently, of {len(contrast.accounts)} accounts")
    if contrast.switches:
        table(
            ("exchanges", "accounts", "now", "then", "for example", "first line"),
            _rows(contrast),
            right=("exchanges", "accounts", "first line"),
        )
    if contrast.shadow:
        rows = ((one.exchanges, len(one.accounts), rule, _examples(one), one.first_line) for rule, one in by_size(contrast.shadow))
        titles = ("exchanges", "accounts", "would be acted on, but is in shadow", "for example", "first line")
        table(titles, rows, right=("exchanges", "accounts", "first line"))


def _rows(contrast: Contrast) -> Iterator[tuple[object, ...]]:
    for (was, will), switch in by_size(contrast.switches):
        yield switch.exchanges, len(switch.accounts), was, will, _examples(switch), switch.first_line


def _examples(switch: Switch) -> str:
    names = sorted(switch.accounts)[:MOST_ACCOUNTS_SHOWN]
    more = len(switch.accounts) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")
