"""`tos-proxy drill`: a campaign rehearsed against one's own policies."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from math import inf
from pathlib import Path
from typing import IO, Annotated, Any, Final, cast

import orjson
import typer

from proxy.cli.console import AsJson, problems_told, table, tell, tell_json
from proxy.cli.inputs.folders import open_folder
from proxy.cli.inputs.offline import SettingsFile, open_offline
from proxy.cli.inputs.progress import bar
from proxy.cli.inputs.writing import written
from proxy.cli.traffic.tables import moment, tell_fates
from proxy.drill.campaign.campaign import Pacing
from proxy.drill.campaign.pipeline import Paraphrase
from proxy.drill.loop import Decided, Judge, run
from proxy.drill.plan import KINDS, DrillPlan, planned_volume, sources
from proxy.drill.rota import DAY_S
from proxy.drill.timeline import LEVELS, CampaignTimeline, HonestKind, Timeline
from proxy.drill.trace import to_trace_line
from proxy.errors import ConfigError, Problem
from proxy.replay.rehearsal import Rehearsal
from proxy.replay.showing.labelled import campaign_dict

_USUAL: Final = DrillPlan()
_EVERY: Final = 256
_OPTIONS: Final = {"requests_per_account_per_day": "rate", "honest_accounts": "honest"}
"""Options that aren't called by their field of the plan."""


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("drill")(drill)


def drill(
    kind: Annotated[str, typer.Option(help=f"What is harvested: {', '.join(KINDS)}.")] = _USUAL.kind,
    accounts: Annotated[int, typer.Option(help="Accounts of the campaign.")] = _USUAL.accounts,
    rate: Annotated[float, typer.Option(help="Requests per account per day.")] = _USUAL.requests_per_account_per_day,
    dilution: Annotated[float, typer.Option(help="Share of the harvest in these accounts' traffic, above 0 up to 1.")] = _USUAL.dilution,
    paraphrase: Annotated[str, typer.Option(help=f"Wording: {', '.join(one.value for one in Paraphrase)}.")] = _USUAL.paraphrase,
    pacing: Annotated[str, typer.Option(help=f"How requests leave: {', '.join(one.value for one in Pacing)}.")] = _USUAL.pacing,
    rotation: Annotated[int, typer.Option(help="Requests after which a template is replaced; 0 for never.")] = _USUAL.rotation,
    one_network: Annotated[bool, typer.Option("--one-network", help="All accounts come from one network.")] = False,
    days: Annotated[int, typer.Option(help="Days of the campaign.")] = _USUAL.days,
    honest: Annotated[int, typer.Option(help="Honest accounts around it.")] = _USUAL.honest_accounts,
    honest_days: Annotated[int, typer.Option(help="Days of honest traffic before it.")] = _USUAL.honest_days,
    seed: Annotated[int, typer.Option(help="Another number, another rehearsal.")] = _USUAL.seed,
    policies: Annotated[Path, typer.Option(help="Policy folder that is rehearsed.")] = Path("policies"),
    write: Annotated[Path | None, typer.Option(help="Write the traffic there too, as recorded traffic; .gz is compressed.")] = None,
    settings_file: SettingsFile = None,
    as_json_: AsJson = False,
) -> None:
    """Rehearse a distillation campaign against your own policies, in event time; nothing is sent to anyone.

    Made-up accounts harvest answers among made-up honest ones and their look-alikes, through the stages that judge live traffic. Told is
    when the campaign became a candidate, when each level came, how much it had got by then, and which honest accounts were touched.

    Exit code 0: done. 2: the plan, the policies or the settings can't be used.

    Example: tos-proxy drill --kind reasoning-harvest --accounts 1000 --rate 26 --dilution 0.1
    """
    with problems_told():
        with _by_option():
            plan = DrillPlan(
                kind=kind, accounts=accounts, requests_per_account_per_day=rate, dilution=dilution, paraphrase=paraphrase, pacing=pacing,
                rotation=rotation, one_network=one_network, days=days, honest_accounts=honest, honest_days=honest_days, seed=seed,
            )  # fmt: skip
        offline = open_offline(settings_file)
        ruleset = open_folder(policies).ruleset
        timeline, exchanges = _run(plan, Rehearsal(ruleset, offline.decider()), write)
    if as_json_:
        tell_json(_as_dict(timeline, exchanges, ruleset.revision))
    else:
        _tell(plan, timeline, exchanges)


@contextmanager
def _by_option() -> Iterator[None]:
    """Tell a plan's problems by the options that people write."""
    try:
        yield
    except ConfigError as error:
        names = ((_OPTIONS.get(problem.path, problem.path.replace("_", "-")), problem) for problem in error.problems)
        raise ConfigError([Problem(f"--{name}", 0, 0, "", problem.what, problem.fix) for name, problem in names]) from None


def _run(plan: DrillPlan, judge: Judge, write: Path | None) -> tuple[Timeline, int]:
    timeline = Timeline(planned_volume(plan))
    end = plan.campaign_start + plan.days * DAY_S
    count = 0
    with ExitStack() as stack:
        lines = _lines(stack, write) if write is not None else None
        show = stack.enter_context(bar("rehearsing", end - plan.start))
        for count, decided in enumerate(run(sources(plan), judge, until=end), 1):
            timeline.add(decided)
            if lines is not None:
                lines.write(_line(decided))
            if count % _EVERY == 0:
                show(decided.exchange.at - plan.start, count)
    return timeline, count


def _lines(stack: ExitStack, write: Path) -> IO[bytes]:
    file = stack.enter_context(written(write))
    return cast("IO[bytes]", stack.enter_context(gzip.GzipFile(fileobj=file, mode="wb"))) if write.suffix == ".gz" else file


def _line(decided: Decided) -> bytes:
    return orjson.dumps(to_trace_line(decided.exchange), option=orjson.OPT_APPEND_NEWLINE)


def _as_dict(timeline: Timeline, exchanges: int, revision: str) -> dict[str, Any]:
    honest = [
        {
            "kind": kind.kind,
            "accounts": kind.accounts,
            "reached": dict(zip(map(str, LEVELS), kind.reached, strict=True)),
            "refused": kind.refused,
            "refused_by": dict(kind.refused_by),
        }
        for kind in timeline.honest()
    ]
    return {
        "revision": revision,
        "exchanges": exchanges,
        "campaigns": [campaign_dict(one) for one in timeline.campaigns()],
        "honest": honest,
    }


def _tell(plan: DrillPlan, timeline: Timeline, exchanges: int) -> None:
    tell(f"{exchanges:,} exchanges rehearsed; the campaign began {moment(plan.campaign_start)} (event time)")
    for campaign in timeline.campaigns():
        tell(f"{campaign.name}: {campaign.accounts} accounts, {campaign.planned:,} requests planned", style="bold")
        for at, what in _events(campaign):
            tell(f"  {_after(at - campaign.started_at):>12}  {what}")
    tell_fates(timeline.campaigns())
    touched = [kind for kind in timeline.honest() if kind.reached[0] or kind.refused]
    sound = sum(kind.accounts for kind in timeline.honest())
    tell(f"honest accounts touched: {sum(kind.reached[0] for kind in touched)} of {sound}")
    if touched:
        table(("honest kind", "accounts", *(f">= {level}" for level in LEVELS), "requests refused"), map(_honest, touched))
        refused: Counter[str] = sum((Counter(kind.refused_by) for kind in touched), Counter())
        if refused:
            table(("requests of honest accounts refused by", "requests"), refused.most_common(), right=("requests",))


def _events(campaign: CampaignTimeline) -> Iterator[tuple[float, str]]:
    yield campaign.started_at, "first request"
    if campaign.candidate_at:
        yield campaign.candidate_at, "candidate: an account was put to a campaign"
    else:
        yield inf, "never a candidate"
    reached = {milestone.level: milestone for milestone in campaign.milestones}
    for level in LEVELS:
        if level in reached:
            part = reached[level].harvested / max(campaign.planned, 1)
            yield reached[level].at, f"level {level}: first account; {part:.1%} of the harvest had been served"
        else:
            yield inf, f"level {level}: never"


def _honest(kind: HonestKind) -> tuple[object, ...]:
    return kind.kind, kind.accounts, *kind.reached, kind.refused


def _after(seconds: float) -> str:
    if seconds == inf:
        return "-"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
