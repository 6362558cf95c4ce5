"""Strict YAML: what two readers could understand differently is an error, and every value remembers its place.

Refused: duplicate keys, anchors and aliases (so no document can expand), tags, merge keys, several documents, byte-order
marks, bytes that aren't UTF-8, and plain scalars that YAML 1.1 and 1.2 read differently (`NO`, `0x1F`, `1_000`, `12:30`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import yaml

from proxy.errors import ConfigError, Problem

Path = tuple[str | int, ...]

MAX_FILE_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 16
MAX_NODES: Final = 100_000

_LOADER: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_INT: Final = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})")
_FLOAT: Final = re.compile(r"[-+]?[0-9]+\.[0-9]+([eE][-+]?[0-9]+)?")
_BOOLEAN_WORD: Final = re.compile(r"(?i:yes|no|on|off|true|false)")
_NUMBER_LIKE: Final = re.compile(
    r"[-+]?(0[0-9]+|0[xob][0-9a-fA-F_]+|[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9]*)?|[0-9][0-9_]*_[0-9_]*)|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)"
)
_EXPONENT: Final = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)[eE][-+]?[0-9]+|[-+]?([0-9]+\.|\.[0-9]+)")


class Place(NamedTuple):
    """Where a value stands: line and column from 1, and the line on which it ends; 0 where only its beginning is known."""

    line: int
    column: int
    end_line: int = 0


class Document(NamedTuple):
    """One file as plain Python values, with the place of each by its path."""

    file: str
    text: str
    value: Any
    places: Mapping[Path, Place]
    keys: Mapping[Path, Place]
    """Where a mapping's key stands, by the path of its value."""
    empty: tuple[Path, ...] = ()
    """Values that are nothing at all: null, ~ or left out after a colon or dash."""

    def place(self, path: Path) -> Place:
        """The place of the value at `path`, or of the nearest value around it."""
        while path and path not in self.places:
            path = path[:-1]
        return self.places.get(path, Place(1, 1))

    def inside(self, path: Path, value: str, line: int, column: int) -> Place:
        """The place in the file of a line and column inside a text value, however the text is quoted, folded or indented."""
        place = self.place(path)
        lines = self.text.split("\n")[place.line - 1 : place.end_line or place.line]
        raw = "\n".join(lines)
        at = place.column - 1
        if raw[at : at + 1] in {"|", ">"}:
            at = raw.find("\n", at) + 1
        elif raw[at : at + 1] in {"'", '"'}:
            at += 1
        offset = sum(len(part) + 1 for part in value.split("\n")[: line - 1]) + column - 1
        for char in value[:offset]:
            if not char.isspace():
                at = raw.find(char, at) + 1
        while raw[at : at + 1].isspace():
            at += 1
        return Place(place.line + raw.count("\n", 0, at), at - raw.rfind("\n", 0, at))

    def problem(self, path: Path, what: str, fix: str = "", *, at: Place | None = None) -> Problem:
        """A fault at a path, worded for the operator."""
        where = at or self.place(path)
        return Problem(self.file, where.line, where.column, spell(path), what, fix)


def spell(path: Path) -> str:
    """A path as an operator reads it: rules[0].then.clamp."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).lstrip(".")


def decode_text(file: str, data: bytes, max_bytes: int = MAX_FILE_BYTES) -> str:
    """The bytes of one file as text. Raises ConfigError when they are too many, empty, or not plain UTF-8."""
    if len(data) > max_bytes:
        raise ConfigError([Problem(file, 0, 0, "", f"the file has {len(data)} bytes, more than {max_bytes}", "split it")])
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise ConfigError([Problem(file, 1, 1, "", "the file begins with a byte-order mark", "save it as UTF-8 without one")])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - (data.rfind(b"\n", 0, error.start) + 1) + 1
        raise ConfigError([Problem(file, line, column, "", "this byte isn't UTF-8", "save the file as UTF-8")]) from None
    if not text.strip():
        raise ConfigError([Problem(file, 0, 0, "", "the file is empty", "delete it if it isn't needed")])
    return text


def read_yaml(file: str, data: bytes) -> Document:
    """One YAML document. Raises ConfigError with every fault found up to where the syntax breaks."""
    text = decode_text(file, data)
    builder = _Builder(file)
    try:
        value = builder.document(iter(yaml.parse(text, Loader=_LOADER)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what, fix = f"not YAML: {error.problem}", "check indentation, quotes and brackets"
        if mark and text[mark.index : mark.index + 1] == "\t":
            what, fix = "not YAML: a tab", "indent with spaces"
        elif error.problem == "could not find expected ':'":  # noticed on a later line than it is missing on
            mark, what, fix = error.context_mark, "not YAML: a key without a colon and a blank", "write key: value"
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        builder.problems.append(Problem(file, line, column, "", what, fix))
    except yaml.YAMLError as error:
        builder.problems.append(Problem(file, 0, 0, "", f"not YAML: {str(error).splitlines()[0]}", "remove control characters"))
    except _TooBig as error:
        builder.problems.append(error.problem)
    if builder.problems:
        raise ConfigError(builder.problems)
    return Document(file, text, value, builder.places, builder.keys, tuple(builder.empty))


class _TooBig(Exception):  # noqa: N818  (it ends the walk; it isn't an error anyone catches outside this file)
    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))
        self.problem = problem


def _place_of(event: Any) -> Place:
    start, end = event.start_mark, event.end_mark
    return Place(start.line + 1, start.column + 1, end.line + 1)


class _Builder:
    """Turns parse events into values; the events come before PyYAML would resolve tags or expand aliases."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.places: dict[Path, Place] = {}
        self.keys: dict[Path, Place] = {}
        self.empty: list[Path] = []

    def document(self, events: Iterator[Any]) -> Any:
        """The single document of the stream."""
        value: Any = None
        documents = 0
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._complain(event, (), "a second document begins here", "keep one document in a file")
            elif isinstance(event, yaml.NodeEvent):
                value = self._node(event, events, ())
        return value

    def _complain(self, event: Any, path: Path, what: str, fix: str = "") -> None:
        self.problems.append(Problem(self.file, event.start_mark.line + 1, event.start_mark.column + 1, spell(path), what, fix))

    def _node(self, event: Any, events: Iterator[Any], path: Path) -> Any:
        if len(path) > MAX_DEPTH or len(self.places) > MAX_NODES:
            what = f"nested deeper than {MAX_DEPTH}" if len(path) > MAX_DEPTH else f"more than {MAX_NODES} values"
            raise _TooBig(
                Problem(self.file, event.start_mark.line + 1, event.start_mark.column + 1, spell(path[:8]), what, "simplify the file")
            )
        self.places[path] = _place_of(event)
        if isinstance(event, yaml.AliasEvent):
            self._complain(event, path, f"alias *{event.anchor}", "anchors and aliases aren't allowed: write the value out")
            return None
        if event.anchor is not None:
            self._complain(event, path, f"anchor &{event.anchor}", "anchors and aliases aren't allowed: write the value out")
        if event.tag is not None:
            fix = "put a text that begins with ! in quotes" if event.tag.startswith("!") else "tags aren't allowed: write a plain value"
            self._complain(event, path, f"tag {event.tag}", fix)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event, path)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(events, path)
        return self._mapping(events, path)

    def _sequence(self, events: Iterator[Any], path: Path) -> list[Any]:
        items: list[Any] = []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Any], path: Path) -> dict[str, Any]:
        items: dict[str, Any] = {}
        for event in events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            key = self._key(event, events, path, items)
            items[key] = self._node(next(events), events, (*path, key))
        return items

    def _key(self, event: Any, events: Iterator[Any], path: Path, seen: Mapping[str, Any]) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self._complain(event, path, "a key must be a text")
            self._node(event, events, (*path, "?"))
            return "?"
        key: str = event.value
        if key in seen:
            first = self.keys[(*path, key)]
            self._complain(event, (*path, key), f"key {key!r} is written twice (first on line {first.line})", "keep one of them")
        elif key == "<<" and event.implicit[0]:
            self._complain(event, path, "merge key <<", "merging isn't allowed: write the keys out")
        self.keys[(*path, key)] = _place_of(event)
        return key

    def _scalar(self, event: Any, path: Path) -> str | int | float | bool | None:
        text: str = event.value
        if not event.implicit[0] or len(text) > 40:  # no number or truth value is longer
            return text
        if text in {"true", "false"}:
            return text == "true"
        if text in {"", "~", "null"}:
            self.empty.append(path)
            return None
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text):
            return float(text)
        if _BOOLEAN_WORD.fullmatch(text) and path[-1:] != ("mode",):  # a mode is a word, and may be off
            self._complain(
                event,
                path,
                f"{text} is a truth value to some YAML readers and a text to others",
                f'write "{text}" in quotes, or true or false',
            )
        elif _NUMBER_LIKE.fullmatch(text) or _EXPONENT.fullmatch(text):
            self._complain(
                event, path, f"{text} is read as different numbers by different YAML readers", "write plain digits, or quote it as a text"
            )
        return text
