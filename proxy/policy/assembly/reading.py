"""Which files of the folder are policies, and what they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from proxy.documents.strict_yaml import read_yaml
from proxy.errors import ConfigError, Problem
from proxy.policy.language.complaints import Part, conform, suggest
from proxy.policy.names.vocabulary import Preset

Files = Mapping[str, bytes]
"""Contents by path relative to the policy folder, with forward slashes."""

PRESETS: Final = "presets/"
_YAML: Final = (".yaml", ".yml")


class Parts(NamedTuple):
    """Every policy file that counts, and everything wrong with their shape."""

    parts: tuple[Part, ...]
    presets: tuple[Preset, ...]
    problems: tuple[Problem, ...]

    @property
    def complete(self) -> bool:
        """Nothing was left out, so a name that isn't declared really isn't."""
        return not self.problems


def is_policy(path: str) -> bool:
    """Whether a file of the folder is a policy file of its own: YAML at the top."""
    return "/" not in path and path.endswith(_YAML) and not path.startswith(".")


def is_read(path: str) -> bool:
    """Whether a YAML file of the folder stands where policies, presets or cases are looked for."""
    folder, _, name = path.rpartition("/")
    return (name.endswith(_YAML) and (not folder or path.startswith("cases/"))) or (
        name.endswith(".yaml") and folder in {PRESETS.rstrip("/"), f"{PRESETS}cases"}
    )


def judges(path: str) -> bool:
    """Whether a file takes part in judging requests, so that a change of it is another revision."""
    hidden = any(step.startswith(".") for step in path.split("/"))
    return not hidden and not path.startswith("cases/") and not path.startswith(f"{PRESETS}cases/") and path.endswith((*_YAML, ".txt"))


def read_parts(files: Files) -> Parts:
    """All policy files and the presets they use."""
    problems: list[Problem] = []
    parts: list[Part] = []
    names = sorted(path for path in files if is_policy(path))
    if not names:
        problems.append(Problem("policies", 0, 0, "", "the folder holds no policy file", "put at least one .yaml file with rules there"))
    for name in names:
        part = _read(name, files[name], problems)
        if part is not None:
            parts.append(part)
            if part.policy.preset is not None:
                problems.append(
                    part.document.problem(("preset",), "only files under presets/ describe a preset", "move the file or remove the key")
                )
    packs = _packs(parts, files, problems)
    presets = tuple(_preset(path, part) for path, part in packs.items())
    return Parts((*parts, *packs.values()), presets, tuple(problems))


def preset_files(files: Files) -> list[str]:
    """Names of the presets in the folder, as `use` writes them."""
    return sorted(
        path.removesuffix(".yaml") for path in files if path.startswith(PRESETS) and path.count("/") == 1 and path.endswith(".yaml")
    )


def _read(name: str, data: bytes, problems: list[Problem]) -> Part | None:
    try:
        part = conform(read_yaml(name, data))
    except ConfigError as error:
        problems.extend(error.problems)
        return None
    problems.extend(part.problems)
    if not part.problems and not part.policy.model_fields_set:
        problems.append(part.document.problem((), "the file holds no section", "write rules, limits or lists, or delete the file"))
    if not part.problems:
        empty = [section for section in sorted(part.policy.model_fields_set) if getattr(part.policy, section) in ([], {})]
        problems.extend(part.document.problem((section,), f"the section {section} is empty", "fill it or remove it") for section in empty)
    return part


def _packs(parts: list[Part], files: Files, problems: list[Problem]) -> dict[str, Part]:
    packs: dict[str, Part] = {}
    for part in parts:
        for index, name in enumerate(part.policy.use):
            path = f"{name}.yaml"
            if path in packs:
                problems.append(part.document.problem(("use", index), f"{name} is used twice", "use it once"))
            elif path not in files:
                problems.append(part.document.problem(("use", index), f"there is no preset {name}", suggest(name, preset_files(files))))
            else:
                pack = _read(path, files[path], problems)
                if pack is not None:
                    packs[path] = pack
                    _check_pack(pack, problems)
    return packs


def _check_pack(pack: Part, problems: list[Problem]) -> None:
    if pack.policy.preset is None and not pack.problems:
        problems.append(
            pack.document.problem(
                (), "the preset doesn't say where it comes from", "write the section preset with provider, date and source"
            )
        )
    if pack.policy.use:
        problems.append(pack.document.problem(("use",), "a preset can't use presets", "name them in a policy file"))


def _preset(path: str, part: Part) -> Preset:
    about = part.policy.preset
    name = path.removesuffix(".yaml")
    return Preset(name, about.provider, about.date, about.source, about.note) if about else Preset(name, "", "", "", "")
