"""`tos-proxy explain`: why one request is judged as it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.text import Text
from rich.tree import Tree

from proxy.cli.console import AsJson, printable, problems_told, show, tell, tell_json
from proxy.cli.inputs.folders import Folder, open_folder
from proxy.cli.inputs.offline import SettingsFile
from proxy.cli.inputs.requests import Question, question
from proxy.limits.ask import Standing
from proxy.policy.facts import FactValue
from proxy.policy.language.amounts import amount_text
from proxy.policy.tools.explain import Explanation, Looked, Test
from proxy.policy.tools.explain import explain as explained
from proxy.policy.verdict import Verdict
from proxy.replay.inquiry import contradictions
from proxy.replay.outcomes import as_line

_TRUTH: Final = {True: ("true ", "green"), False: ("false", "red"), None: ("fails", "yellow")}
_MOST_SHOWN: Final = 160


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    app.command("explain")(explain)


def explain(
    policies: Folder,
    request: Annotated[str, typer.Argument(help="File with facts, file of recorded traffic, or a decision id with --log.")],
    log: Annotated[Path | None, typer.Option("--log", help="Record file in which the decision id is looked up.")] = None,
    line: Annotated[
        int | None, typer.Option("--line", min=1, help="Line of the recorded traffic; what came before it is replayed.")
    ] = None,
    settings_file: SettingsFile = None,
    as_json_: AsJson = False,
) -> None:
    """Say what every rule, limit and waiver makes of one request: the truth of each test in its condition, and each fact with its source.

    A file with facts is JSON such as {"client.country": "CU"}; {"facts": {...}, "texts": ["..."], "at": 1790000000} also names the prompt's
    texts and the time. What isn't said is that of an ordinary request. A line of recorded traffic is judged after the lines before it, so
    that limits and signals stand as they would have. A record holds only some facts; the others are said to be assumed.

    Exit code 0: explained. 2: the policies or the request can't be used.

    Example: tos-proxy explain policies 0193f7c2a1b4 --log records.jsonl
    """
    with problems_told():
        opened = open_folder(policies)
        asked = question(request, opened, log, line, settings_file)
        inquiry = asked.inquiry
        explanation = explained(opened.ruleset, inquiry.facts, inquiry.at, inquiry.sources)
        if asked.found is not None and asked.found.record.get("revision") == explanation.revision:
            more = contradictions(asked.found.record, explanation.verdict, opened.ruleset)
            asked = asked._replace(inquiry=inquiry._replace(notes=(*inquiry.notes, *more)))
    if as_json_:
        tell_json(_as_dict(asked, explanation))
    else:
        _tell(asked, explanation)


def _as_dict(asked: Question, explanation: Explanation) -> dict[str, Any]:
    said = explanation.as_dict()
    said["standings"] = [standing._asdict() for standing in asked.inquiry.standings]
    said["notes"] = list(asked.inquiry.notes)
    if asked.found is not None:
        said["record"] = {"file": asked.found.file, "line": asked.found.line, **asked.found.record}
    if asked.replayed is not None:
        said["replayed"] = as_line(asked.replayed, {})
    return said


def _tell(asked: Question, explanation: Explanation) -> None:
    for text in (*_headline(asked, explanation.verdict), f"policies {explanation.revision}", *asked.inquiry.notes):
        tell(text)
    looked = (*explanation.rules, *explanation.limits, *explanation.waivers)
    standings = {standing.limit: standing for standing in asked.inquiry.standings}
    if asked.found is not None:
        standings_told = {str(limit.get("limit")): limit for limit in asked.found.record.get("limits", ()) if isinstance(limit, dict)}
        for name, limit in standings_told.items():
            tell(f"limit {name} as recorded: {'within' if limit.get('allowed') else 'over'}, {limit.get('remaining')} left")
    for title, chosen in _groups(looked):
        tree = Tree(Text(title, style="bold"), guide_style="dim")
        for one in chosen:
            _branch(tree, one, explanation, standings.get(one.id) if one.kind == "limit" else None)
        if chosen:
            show(tree)


def _groups(looked: tuple[Looked, ...]) -> Iterator[tuple[str, list[Looked]]]:
    yield "counts", [one for one in looked if one.acts]
    yield "matches, and doesn't count", [one for one in looked if not one.acts and one.truth is not False and one.tests]
    yield "doesn't match", [one for one in looked if not one.acts and one.truth is False]
    yield "wasn't asked", [one for one in looked if not one.acts and one.truth is None and not one.tests]


def _headline(asked: Question, verdict: Verdict) -> Iterator[str]:
    if asked.found is not None:
        record = asked.found.record
        by = f" by {record['rule']}" if record.get("rule") else ""
        yield f"recorded in {asked.found.file}:{asked.found.line}: {record.get('outcome')}{by}"
    if verdict.refusal is not None:
        yield f"refused by {verdict.refusal.rule} ({verdict.refusal.code}): {verdict.refusal.message}"
    elif asked.replayed is not None and not asked.replayed.served:
        yield f"refused by the limit {asked.replayed.rule}"
    else:
        clamps = [f"{name} <= {value}" for name, value in verdict.clamps.items()]
        effects = [*clamps, *(f"without {part}" for part in sorted(verdict.strips)), *(f"tagged {tag}" for tag in sorted(verdict.tags))]
        yield "allowed by the rules" + (f": {', '.join(effects)}" if effects else "")


def _branch(tree: Tree, looked: Looked, explanation: Explanation, standing: Standing | None) -> None:
    head = Text.assemble((f"{looked.kind} ", "dim"), (printable(looked.id), "bold" if looked.acts else ""), f" {printable(looked.outcome)}")
    head.append(f"  {looked.place}", style="dim")
    branch = tree.add(head)
    if looked.acts and looked.source:
        branch.add(Text(printable(looked.source), style="italic dim"))
    if standing is not None:
        branch.add(Text(_stands(standing)))
    if looked.tests and looked.when != looked.tests[0].text:  # `true` beside a test says nothing of a condition that negates it
        branch.add(Text.assemble(("when   ", "dim"), printable(looked.when)))
    for test in looked.tests:
        branch.add(_test(test, explanation))


def _stands(standing: Standing) -> str:
    state = "within" if standing.allowed else f"over, possible again in {standing.retry_after_s:,.1f} s"
    return f"{state}: {amount_text(standing.remaining)} of {amount_text(standing.burst)} {standing.unit} left, full again in {standing.reset_s:,.1f} s"


def _test(test: Test, explanation: Explanation) -> Text:
    word, style = _TRUTH[test.truth]
    told = Text.assemble((word, style), f"  {printable(test.text)}")
    for name, value in test.facts.items():
        source = explanation.sources.get(name, "")
        told.append(f"\n       {name} = {_value(value)}", style="cyan")
        told.append(f"  from {printable(source)}" if source else "", style="dim")
    return told


def _value(value: FactValue) -> str:
    written = repr(list(value) if isinstance(value, tuple) else value)
    if isinstance(value, bool):
        written = written.lower()  # as in a condition
    text = printable(written)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}..."
