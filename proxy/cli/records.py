"""`tos-proxy audit` and `tos-proxy metrics`: what is logged and counted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from proxy.adapters.audit_log import verify_log
from proxy.adapters.audit_log.search import find_record
from proxy.adapters.building import digest_key
from proxy.adapters.prometheus import METRICS
from proxy.adapters.secrets import read_secret
from proxy.adapters.settings_file import located, read_settings
from proxy.audit.chain import ChainKey, chain_key
from proxy.cli.console import FINDINGS, AsJson, SettingsFile, err, problems_told, table, tell, tell_json, unusable
from proxy.cli.inputs.requests import check_log
from proxy.errors import SETTINGS, ConfigError
from proxy.settings import Identity

LogFile = Annotated[Path, typer.Argument(help="Record file (log.file); those rotated from it are read too.")]
OldKeys = Annotated[list[Path] | None, typer.Option("--old-key-file", help="File with an earlier digest key; may be given several times.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    audit = typer.Typer(help="The log of records, and whether anybody changed it.", no_args_is_help=True)
    audit.command("verify")(verify)
    audit.command("show")(show)
    app.add_typer(audit, name="audit")
    app.command("metrics")(metrics)


def verify(log: LogFile, settings_file: SettingsFile = None, old_key_file: OldKeys = None, as_json_: AsJson = False) -> None:
    """Check every line of a log against its chain: edited, deleted, reordered, repeated or truncated lines are told with their place.

    The key is identity.digest_key or identity.digest_key_file of the settings.

    Exit code 0: nobody changed it. 1: somebody did. 2: the log or the key can't be used.

    Example: tos-proxy audit verify records.jsonl --settings settings.yaml
    """
    with problems_told():
        keys = _keys_for(log, settings_file, old_key_file or [])
        try:
            verified = verify_log(log, keys)
        except OSError as error:
            raise unusable(str(error.filename or log), f"can't be read: {error.strerror}") from error
    if as_json_:
        findings = [finding._asdict() for finding in verified.findings]
        told = {"lines": verified.lines, "first": verified.first, "head": verified.head._asdict()}
        tell_json({"sound": not findings, **told, "findings": findings})
    else:
        for finding in verified.findings:
            tell(f"{finding.file}:{finding.line}: {finding.kind}: {finding.what}", style="red")
        head, since = verified.head, f", the first is line {verified.first}: older files are gone" if verified.first > 1 else ""
        tell(f"{verified.lines} lines sound, {len(verified.findings)} findings, head {head.number} {head.mac[:16]}{since}")
    if any(finding.kind == "unknown_key" for finding in verified.findings):
        err.print("lines of an earlier key: give its file with --old-key-file", markup=False)
    if verified.findings:
        raise typer.Exit(FINDINGS)


def show(
    decision: Annotated[str, typer.Argument(help="Decision id, as the answer's header x-tosproxy-decision gave it.")],
    log: Annotated[Path, typer.Option("--log", help="Record file, or a file of what the proxy printed.")],
    settings_file: SettingsFile = None,
    old_key_file: OldKeys = None,
    as_json_: AsJson = False,
) -> None:
    """Show the record of one decision. With the key of the settings its line is checked too.

    Exit code 0: found. 1: found, but changed after it was written. 2: not found, or the log can't be used.

    Example: tos-proxy audit show 0193f7c2a1b4 --log records.jsonl
    """
    with problems_told():
        identity = read_settings(settings_file).identity
        keys = _keys(settings_file, old_key_file or []) if _has_key(identity) or old_key_file else {}
        check_log(log)
        try:
            found = find_record(log, decision, keys)
        except OSError as error:
            raise unusable(str(error.filename or log), f"can't be read: {error.strerror}") from error
        if found is None:
            fix = "decision ids are in the answers' header x-tosproxy-decision"
            raise unusable(str(log), f"holds no record of decision {decision[:80]}", fix)
    state = {
        True: "as it was written",
        False: "CHANGED after it was written",
        None: "not checked: the key of its line isn't in the settings",
    }
    if as_json_:
        tell_json({"file": found.file, "line": found.line, "chained": found.chained, "sound": found.sound, "record": dict(found.record)})
    else:
        tell(f"{found.file}:{found.line}: {state[found.sound] if found.chained else 'not part of a chain'}")
        tell_json(dict(found.record))
    if found.sound is False:
        raise typer.Exit(FINDINGS)


def metrics(
    as_json_: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print a Markdown table.")] = False,
) -> None:
    """List every metric that /metrics exports: name, type, labels, meaning.

    Example: tos-proxy metrics --markdown
    """
    if as_json_:
        tell_json([{**metric._asdict(), "labels": list(metric.labels), "buckets": list(metric.buckets)} for metric in METRICS])
    elif markdown:
        print("| metric | type | labels | meaning |\n|---|---|---|---|")
        for metric in METRICS:
            print(f"| `{metric.name}` | {metric.kind} | {', '.join(f'`{label}`' for label in metric.labels)} | {metric.help} |")
    else:
        rows = ((metric.name, metric.kind, ", ".join(metric.labels), metric.help) for metric in METRICS)
        table(("metric", "type", "labels", "meaning"), rows)


def _has_key(identity: Identity) -> bool:
    return identity.digest_key is not None or identity.digest_key_file is not None


def _keys_for(log: Path, settings_file: Path | None, old: list[Path]) -> dict[str, bytes]:
    """The chain's keys. Raises ConfigError with what is wrong with them and with the log."""
    try:
        keys = _keys(settings_file, old)
    except ConfigError as error:
        try:
            check_log(log)
        except ConfigError as further:
            raise ConfigError(further.problems + error.problems) from error
        raise
    check_log(log)
    return keys


def _keys(settings_file: Path | None, old: list[Path]) -> dict[str, bytes]:
    """The chain's keys by id. Raises ConfigError when there is none."""
    identity = read_settings(settings_file).identity
    keys: list[ChainKey] = [chain_key(read_secret("--old-key-file", file=path).value.encode()) for path in old]
    if _has_key(identity):
        with located(settings_file):
            keys.append(chain_key(digest_key(identity)))
    if not keys:
        fix = "give the settings of the proxy that wrote the log; without a lasting key its records can't be verified"
        raise unusable(SETTINGS, "no digest key is set", fix, "identity.digest_key")
    return {key.id: key.secret for key in keys}
