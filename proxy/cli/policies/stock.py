"""`tos-proxy presets`, `waivers` and `reference`: what a policy folder has in stock, and how policies are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.cli.console import FINDINGS, AsJson, problems_told, table, tell, tell_json, unusable
from proxy.cli.inputs.folders import Folder, open_folder
from proxy.policy.tools import inventory
from proxy.policy.tools.difference import as_json as changes_as_json
from proxy.policy.tools.reference import case_json_schema, json_schema, reference_markdown, schema_text

FILES: Final[Mapping[str, Callable[[], str]]] = {
    "README.md": reference_markdown,
    "schema.json": lambda: schema_text(json_schema()),
    "cases/schema.json": lambda: schema_text(case_json_schema()),
}
"""What `reference` writes, by path in the folder."""

PoliciesOption = Annotated[Path, typer.Option("--policies", help="Policy folder with the presets.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    packs = typer.Typer(help="Packs copied from providers' terms on a date. None is ever current, only dated.", no_args_is_help=True)
    packs.command("list")(presets_list)
    packs.command("diff")(presets_diff)
    app.add_typer(packs, name="presets")
    exemptions = typer.Typer(help="Who is exempt from what, why and until when.", no_args_is_help=True)
    exemptions.command("list")(waivers_list)
    app.add_typer(exemptions, name="waivers")
    app.command("reference")(reference)


def presets_list(policies: Folder = Path("policies"), as_json_: AsJson = False) -> None:
    """List the presets of a folder with provider, date and source, and say which are used.

    Example: tos-proxy presets list policies
    """
    with problems_told():
        opened = open_folder(policies)
        lines = inventory.presets(opened.files, opened.now)
    if as_json_:
        tell_json(inventory.as_json(lines))
        return
    rows = ((line.name, line.provider, line.date, "yes" if line.used else "", line.rules, line.source) for line in lines)
    table(("preset", "provider", "copied", "used", "rules", "source"), rows, right=("rules",))
    tell("use one with `use: [presets/NAME]` in a policy file; compare it with its source before relying on it")


def presets_diff(
    old: Annotated[str, typer.Argument(help="Preset as `use` writes it, with or without presets/.")],
    new: Annotated[str, typer.Argument(help="The one that would take its place.")],
    policies: PoliciesOption = Path("policies"),
    as_json_: AsJson = False,
) -> None:
    """Compare two presets: which codes come and go, which rules differ.

    Exit code 0: no difference. 1: differences. 2: there is no such preset.

    Example: tos-proxy presets diff anthropic-2025-09 openai-2024
    """
    with problems_told():
        opened = open_folder(policies)
        found = inventory.preset_difference(opened.files, old, new, opened.now)
    if as_json_:
        said = {"gained": list(found.gained), "lost": list(found.lost), "changes": changes_as_json(found.changes)}
        tell_json({"old": found.old._asdict(), "new": found.new._asdict(), **said})
    else:
        tell(f"{found.old.name}: {found.old.provider}, copied {found.old.date}")
        tell(f"{found.new.name}: {found.new.provider}, copied {found.new.date}")
        tell(f"+ {' '.join(found.gained) or 'nothing'}", style="green")
        tell(f"- {' '.join(found.lost) or 'nothing'}", style="red")
        for change in found.changes:
            tell(str(change))
    if found.gained or found.lost or found.changes:
        raise typer.Exit(FINDINGS)


def waivers_list(policies: Folder = Path("policies"), as_json_: AsJson = False) -> None:
    """List the waivers of a folder, those that end first at the top: what each still waives, for whom, who granted it and why.

    Exit code 0: all are in force. 1: some have expired, and waive nothing any more. 2: the folder doesn't load.

    Example: tos-proxy waivers list policies
    """
    with problems_told():
        opened = open_folder(policies)
        lines = inventory.waivers(opened.ruleset, opened.now)
    if as_json_:
        tell_json(inventory.as_json(lines))
    elif not lines:
        tell("no waivers")
    else:
        for line in lines:
            _tell_waiver(line)
    if any(line.expired for line in lines):
        raise typer.Exit(FINDINGS)


def _tell_waiver(line: inventory.WaiverLine) -> None:
    left = "EXPIRED: waives nothing any more" if line.expired else f"{line.days_left} days left"
    tell(f"{line.id}: until {line.expires}, {left}  ({line.place})", style="bold red" if line.expired else "bold")
    tell(f"  {line.reason} (approved by {line.approver or 'nobody named'})")
    tell(f"  when {line.when}")
    for glob, targets in line.waives.items():
        tell(f"  waives {glob}: {', '.join(targets) or 'nothing that still exists'}")


def reference(
    policies: Folder = Path("policies"),
    check_only: Annotated[bool, typer.Option("--check", help="Write nothing; exit code 1 if a file isn't what it should be.")] = False,
) -> None:
    """Write the language reference and the schemas for editors into a policy folder: README.md, schema.json, cases/schema.json.

    Example: tos-proxy reference policies
    """
    with problems_told():
        if not policies.is_dir():
            raise unusable(str(policies), "isn't a folder", "name the policy folder")
        stale = [name for name, made in FILES.items() if _content(policies / name) != made()]
        if check_only:
            for name in stale:
                tell(f"{policies / name}: isn't what the code says; run `tos-proxy reference {policies}`")
        else:
            for name in stale:
                _write(policies / name, FILES[name]())
                tell(f"{policies / name}: written")
    if check_only and stale:
        raise typer.Exit(FINDINGS)


def _content(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise unusable(str(path), f"can't be written: {error.strerror}") from error
