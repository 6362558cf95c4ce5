"""From documents to names: lists, pattern sets, models, endpoints passed unread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from proxy.documents.strict_yaml import Path, decode_text
from proxy.errors import ConfigError, Problem
from proxy.policy.assembly.pricing import prices
from proxy.policy.assembly.reading import Files, Parts, judges
from proxy.policy.language.complaints import Part, suggest
from proxy.policy.language.shapes.named import ListDoc, PatternDoc
from proxy.policy.names.models import ModelNames
from proxy.policy.names.passes import Passes
from proxy.policy.names.patterns import BadPattern, PatternSets, check_pattern
from proxy.policy.names.vocabulary import NamedList, Vocabulary
from proxy.policy.rules import Origin

MAX_LIST_BYTES: Final = 4 << 20
_HEADER: Final = re.compile(r"#\s*(source|date|entries):\s*(.+?)\s*$", re.IGNORECASE)
_COMMENT: Final = re.compile(r"\s#")
_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")
_DATE_INSIDE: Final = re.compile(r"\b(20[0-9]{2}(?:-[0-9]{2}){0,2})\b")


class _Line(NamedTuple):
    text: str
    number: int
    column: int


class _TextFile(NamedTuple):
    """A list file: its lines without comments, and what its header says of itself."""

    lines: tuple[_Line, ...]
    header: Mapping[str, str]
    ended: bool = True
    """The last line has its end."""

    def check_length(self, file: str, entries: int, problems: list[Problem]) -> None:
        """A header that says how many entries there are makes a file cut short an error instead of a shorter list."""
        said = self.header.get("entries")
        if said is not None and (said != str(entries) or not self.ended):
            held = f"{entries}" if self.ended else f"{entries}, the last of them without the end of its line"
            problems.append(
                Problem(file, 1, 1, "", f"the header says {said} entries, the file holds {held}", "restore the file, or correct the header")
            )

    @property
    def date(self) -> str:
        """When its source was read, as precisely as the header says."""
        return self.header.get("date") or next(iter(_DATE_INSIDE.findall(self.header.get("source", ""))), "")


_NO_FILE: Final = _TextFile((), {})
"""Stands for one that can't be read, which was told."""


def name_everything(parts: Parts, files: Files, problems: list[Problem]) -> Vocabulary:
    """What the files name. Faults are added to `problems` and the name left out or left empty."""
    lists = _lists(parts, files, problems)
    patterns, origins = _patterns(parts, files, problems)
    models = _models(parts, problems)
    return Vocabulary(lists, patterns, origins, models, prices(parts, problems, models), _passes(parts, problems), parts.presets)


def origin(part: Part, path: Path) -> Origin:
    """Where something stands."""
    place = part.document.keys.get(path) or part.document.place(path)
    return Origin(part.document.file, place.line, place.column)


def _lists(parts: Parts, files: Files, problems: list[Problem]) -> dict[str, NamedList]:
    lists: dict[str, NamedList] = {}
    for part in parts.parts:
        for name, doc in part.policy.lists.items():
            where = origin(part, ("lists", name))
            if name in lists:
                problems.append(
                    Problem(*where, f"lists.{name}", f"the list is declared twice (first at {lists[name].origin})", "rename one of them")
                )
                continue
            text = _NO_FILE
            if doc.file is not None:
                text = _text_file(part, ("lists", name, "file"), doc.file, files, problems)
                values: Sequence[str | int] = [word for line in text.lines for word in _COMMENT.split(line.text, 1)[0].split()]
                text.check_length(doc.file, len(values), problems)
                if not values and text is not _NO_FILE:
                    problems.append(Problem(doc.file, 0, 0, "", "the list is empty", "add a value, or delete list and file"))
            else:
                values = doc.values or []
            lists[name] = NamedList(
                name, _typed(part, name, doc, values, problems), where, doc.file or "", text.header.get("source", ""), text.date
            )
    return lists


def _typed(part: Part, name: str, doc: ListDoc, values: Sequence[str | int], problems: list[Problem]) -> frozenset[str] | frozenset[int]:
    path: Path = ("lists", name, "file" if doc.file is not None else "values")
    if doc.of == "string":
        wrong = [value for value in values if not isinstance(value, str)]
        if wrong:
            problems.append(
                part.document.problem(path, f"{wrong[0]} is a number in a list of texts", f'write "{wrong[0]}" in quotes, or of: int')
            )
        return frozenset(value for value in values if isinstance(value, str))
    numbers: set[int] = set()
    for value in values:
        try:
            numbers.add(int(value if isinstance(value, int) or _WHOLE.fullmatch(value) else ""))
        except ValueError:
            problems.append(part.document.problem(path, f"{value!r} in a list of numbers isn't one", "correct it, or remove of: int"))
    return frozenset(numbers)


def _patterns(parts: Parts, files: Files, problems: list[Problem]) -> tuple[PatternSets, dict[str, Origin]]:
    sets: dict[str, list[str]] = {}
    origins: dict[str, Origin] = {}
    for part in parts.parts:
        for name, doc in part.policy.patterns.items():
            where = origin(part, ("patterns", name))
            if name in sets:
                problems.append(
                    Problem(
                        *where, f"patterns.{name}", f"the pattern set is declared twice (first at {origins[name]})", "rename one of them"
                    )
                )
                continue
            origins[name] = where
            sets[name] = list(_expressions(part, name, doc, files, problems))
    return PatternSets(sets), origins


def _expressions(part: Part, name: str, doc: PatternDoc, files: Files, problems: list[Problem]) -> Iterator[str]:
    """The usable expressions of one set."""
    if doc.file is not None:
        file = _text_file(part, ("patterns", name, "file"), doc.file, files, problems)
        file.check_length(doc.file, len(file.lines), problems)
        if not file.lines and file is not _NO_FILE:
            problems.append(Problem(doc.file, 0, 0, "", "the pattern set is empty", "add an expression, or delete set and file"))
        written = [(line.text, Problem(doc.file, line.number, line.column, "", "")) for line in file.lines]
        for line in file.lines:
            if cut := _COMMENT.search(line.text):
                what = "a # behind a blank: it could be part of the expression or begin a comment"
                fix = "write [#] for the sign, or the comment on a line of its own"
                problems.append(Problem(doc.file, line.number, line.column + cut.start() + 1, "", what, fix))
    else:
        values = doc.values or []
        written = [(text, part.document.problem(("patterns", name, "values", index), "")) for index, text in enumerate(values)]
        if not values:
            problems.append(
                part.document.problem(("patterns", name, "values"), "the pattern set is empty", "add an expression or remove the set")
            )
    for text, where in written:
        try:
            check_pattern(text)
        except BadPattern as reason:
            what = f"RE2 can't use {text[:80]!r}: {reason}"
            problems.append(
                Problem(where.file, where.line, where.column, where.path, what, "see the RE2 syntax: no look-around, no back-references")
            )
        else:
            yield text


def _text_file(part: Part, path: Path, file: str, files: Files, problems: list[Problem]) -> _TextFile:
    if file not in files:
        candidates = [name for name in files if name.endswith(".txt")]
        problems.append(part.document.problem(path, f"there is no file {file!r} in the policy folder", suggest(file, candidates)))
        return _NO_FILE
    if not judges(file):
        fix = "give it a name that ends in .txt, outside cases/"
        problems.append(part.document.problem(path, f"changes of {file!r} would go unnoticed", fix))
        return _NO_FILE
    try:
        text = decode_text(file, files[file], MAX_LIST_BYTES)
    except ConfigError as error:
        problems.extend(error.problems)
        return _NO_FILE
    header: dict[str, str] = {}
    lines: list[_Line] = []
    for number, line in enumerate(text.splitlines(), 1):
        found = _HEADER.match(line)
        if found:
            header.setdefault(found[1].lower(), found[2])
        content = "" if line.lstrip().startswith("#") else line.strip()
        if content:
            lines.append(_Line(content, number, line.find(content) + 1))
    return _TextFile(tuple(lines), header, text.endswith("\n"))


def _models(parts: Parts, problems: list[Problem]) -> ModelNames:
    aliases: dict[str, str] = {}
    known: list[str] = []
    for part in parts.parts:
        if part.policy.models is None:
            continue
        for name, target in part.policy.models.aliases.items():
            if aliases.setdefault(name, target) != target:
                what = f"{name!r} is an alias of two models: {aliases[name]!r} and {target!r}"
                problems.append(part.document.problem(("models", "aliases", name), what, "keep one"))
        for index, name in enumerate(part.policy.models.known):
            if "*" in name[:-1]:
                problems.append(
                    part.document.problem(("models", "known", index), f"{name!r} has a * inside", "* may only stand at the end")
                )
        known.extend(part.policy.models.known)
    problems.extend(_bad_aliases(parts, aliases))
    return ModelNames(aliases, known)


def _bad_aliases(parts: Parts, aliases: Mapping[str, str]) -> Iterator[Problem]:
    for part in parts.parts:
        for name, target in (part.policy.models.aliases if part.policy.models else {}).items():
            path = ("models", "aliases", name)
            if "*" in name + target:
                what = f"{name!r}: {target!r} has a *, which has no meaning in an alias"
                yield part.document.problem(path, what, "write each name out")
            if target in aliases:
                fix = "remove it" if target == name else f"write {aliases[target]!r}"
                yield part.document.problem(path, f"{target!r} is an alias itself", fix)


def _passes(parts: Parts, problems: list[Problem]) -> Passes:
    listed: list[tuple[str, str]] = []
    for part in parts.parts:
        for index, doc in enumerate(part.policy.uninspected):
            segments = doc.path.split("/")
            if any("*" in segment and segment not in {"*", "**"} for segment in segments) or "**" in segments[:-1]:
                fix = "* stands for one whole segment, ** for any rest at the end"
                problems.append(
                    part.document.problem(("uninspected", index, "path"), f"{doc.path!r} uses * in a way that has no meaning", fix)
                )
            else:
                listed.append((doc.method, doc.path))
    return Passes(listed)


def list_values(lists: Mapping[str, NamedList]) -> dict[str, frozenset[str] | frozenset[int]]:
    """The values alone, for compiling conditions."""
    return {name: named.values for name, named in lists.items()}
