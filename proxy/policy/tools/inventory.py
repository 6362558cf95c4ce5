"""What a policy folder has in stock: waivers and what each still waives, presets and how two of them differ."""

from __future__ import annotations

from typing import Any, NamedTuple

from proxy.errors import ConfigError, Problem
from proxy.policy.assembly.reading import PRESETS, Files, preset_files
from proxy.policy.language.amounts import DAY_S
from proxy.policy.language.complaints import suggest
from proxy.policy.language.spans import plain
from proxy.policy.load import load
from proxy.policy.names.vocabulary import Preset
from proxy.policy.rules import matches_glob
from proxy.policy.ruleset import Ruleset
from proxy.policy.tools.difference import Change, compare


class WaiverLine(NamedTuple):
    """One waiver as it stands."""

    id: str
    expires: str
    days_left: int
    """Negative once it has expired."""
    waives: dict[str, list[str]]
    """By glob, the rules and limits it matches now; none where those have gone."""
    when: str
    reason: str
    approver: str
    place: str

    @property
    def expired(self) -> bool:
        """Its last day has passed: it waives nothing any more."""
        return self.days_left < 0


class PresetLine(NamedTuple):
    """One preset in the folder. Its date is that of the copy: it is never called current."""

    name: str
    provider: str
    date: str
    source: str
    note: str
    used: bool
    rules: int


class PresetDifference(NamedTuple):
    """One preset against another."""

    old: Preset
    new: Preset
    gained: tuple[str, ...]
    """Codes on the new one's lists only."""
    lost: tuple[str, ...]
    """Codes on the old one's lists only."""
    changes: tuple[Change, ...]


def waivers(ruleset: Ruleset, now: float) -> list[WaiverLine]:
    """All waivers, those that end first at the top. `now` is seconds since the epoch."""
    lines = []
    for waiver in sorted(ruleset.waivers, key=lambda one: (one.ends_at, one.id)):
        matched = {glob: sorted(target for target in waiver.targets if matches_glob(glob, target)) for glob in waiver.waives}
        days_left = int((waiver.ends_at - now) // DAY_S)
        when = plain(waiver.condition.text)
        lines.append(WaiverLine(waiver.id, waiver.expires, days_left, matched, when, waiver.reason, waiver.approver, str(waiver.origin)))
    return lines


def presets(files: Files, now: float) -> list[PresetLine]:
    """All presets of the folder. Raises ConfigError when one doesn't load."""
    used = {preset.name for preset in load(files, now).vocabulary.presets}
    lines = []
    for name in preset_files(files):
        alone = preset_alone(files, name, now)
        about = alone.vocabulary.presets[0]
        lines.append(PresetLine(name, about.provider, about.date, about.source, about.note, name in used, len(alone.rules)))
    return lines


def preset_difference(files: Files, old: str, new: str, now: float) -> PresetDifference:
    """What changes when one preset takes the place of another. Names as `use` writes them, with or without presets/.

    Raises ConfigError with each name that isn't a preset's.
    """
    known = preset_files(files)
    paths = [name if name.startswith(PRESETS) else PRESETS + name for name in (old, new)]
    if missing := [
        Problem(PRESETS, 0, 0, "", f"there is no preset {path[:80]}", suggest(path, known)) for path in paths if path not in known
    ]:
        raise ConfigError(missing)
    before, after = (preset_alone(files, path, now) for path in paths)
    was, will = _listed(before), _listed(after)
    changes = tuple(change for change in compare(before, after) if change.kind != "list")
    return PresetDifference(
        before.vocabulary.presets[0], after.vocabulary.presets[0], tuple(sorted(will - was)), tuple(sorted(was - will)), changes
    )


def _listed(ruleset: Ruleset) -> set[str]:
    return {str(value) for named in ruleset.vocabulary.lists.values() for value in named.values}


def preset_alone(files: Files, path: str, now: float) -> Ruleset:
    """The ruleset of one preset, as `use` writes its name, and nothing else. Raises ConfigError when it doesn't load."""
    rest = {file: data for file, data in files.items() if "/" in file}
    return load({**rest, "preset.yaml": f"use: [{path}]\n".encode()}, now)


def as_json(lines: list[WaiverLine] | list[PresetLine]) -> list[dict[str, Any]]:
    """Lines for JSON."""
    return [line._asdict() for line in lines]
