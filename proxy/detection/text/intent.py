"""Intent: which of the operator's pattern files a text matches, in linear time.

Cannot see: intent worded in none of the patterns, and what an image or an attached file asks for. A pattern match says how
a text is worded, not why: benign judges and tutors match too, so intent never decides alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import re2
import yaml

from proxy.errors import ConfigError, Problem

MAX_INTENTS: Final = 16
"""Intents are kept as bits and counted per account."""
HEAD_CHARS: Final = 1024
TAIL_CHARS: Final = 512
"""Instructions stand at the ends of a prompt."""
_SETS: Final = 3
_MEMORY_BYTES: Final = 64 << 20
_WORDS: Final = r" (?:[^.!?\n\x{3002}\x{ff01}\x{ff1f}]* )?"
_CHARACTERS: Final = r"[^.!?\n\x{3002}\x{ff01}\x{ff1f}]*"
"""Gaps end with the sentence. Counted gaps would multiply the states of the automaton, and with them the time."""


class Intents:
    """All pattern files in a few compiled sets.

    One set for all would multiply the automata's states (first texts cost six times as much), one each is read eight times.
    """

    def __init__(self, patterns: Mapping[str, list[str]]) -> None:
        """`patterns` gives the RE2 patterns of each intent; they compile."""
        self.names = tuple(patterns)
        self._sets = []
        for group in range(_SETS):
            members = [
                (1 << place, pattern) for place, found in enumerate(patterns.values()) if place % _SETS == group for pattern in found
            ]
            if members:
                self._sets.append((_compiled([pattern for _, pattern in members]).Match, [bit for bit, _ in members]))

    def bits(self, folded: str) -> int:
        """One bit for each intent that a folded piece of text matches at its head or tail."""
        if len(folded) > HEAD_CHARS + TAIL_CHARS:
            folded = f"{folded[:HEAD_CHARS]}\n{folded[-TAIL_CHARS:]}"
        found = 0
        for match, bits in self._sets:
            for place in match(folded) or ():
                found |= bits[place]
        return found

    def of(self, bits: int) -> tuple[str, ...]:
        """The names of the intents in `bits`."""
        return tuple(name for place, name in enumerate(self.names) if bits >> place & 1)


def _compiled(patterns: list[str]) -> Any:
    compiled = re2.Set.SearchSet(_options())
    for pattern in patterns:
        compiled.Add(pattern)
    compiled.Compile()
    return compiled


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    options.never_capture = True
    return options


def _expanded(pattern: str) -> str:
    return pattern.replace(" ... ", _WORDS).replace("…", _CHARACTERS)


class _File(NamedTuple):
    name: str
    root: yaml.MappingNode


def load_intents(files: Mapping[str, bytes]) -> Intents:
    """Compile pattern files, given by file name. Raises ConfigError with every fault found."""
    problems: list[Problem] = []
    patterns: dict[str, list[str]] = {}
    for name, content in sorted(files.items()):
        root = _root(name, content, problems)
        if root is None:
            continue
        intent, found = _intent(_File(name, root), problems)
        if intent in patterns:
            problems.append(Problem(name, 1, 1, "intent", f"{intent} is defined in another file too", "merge the two files"))
        patterns[intent] = found
    if len(patterns) > MAX_INTENTS:
        problems.append(Problem("patterns", 0, 0, "", f"{len(patterns)} intents", f"keep at most {MAX_INTENTS}"))
    if problems:
        raise ConfigError(problems)
    return Intents(patterns)


def _root(name: str, content: bytes, problems: list[Problem]) -> yaml.MappingNode | None:
    try:
        root = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        problems.append(Problem(name, line, column, "", f"not readable as YAML: {getattr(error, 'problem', None) or error}"))
        return None
    if not isinstance(root, yaml.MappingNode):
        problems.append(Problem(name, 1, 1, "", "expected intent, means and patterns"))
        return None
    return root


def _intent(file: _File, problems: list[Problem]) -> tuple[str, list[str]]:
    intent = ""
    found: list[str] = []
    for key, value in file.root.value:
        if key.value == "intent" and isinstance(value, yaml.ScalarNode):
            intent = value.value
        elif key.value == "patterns" and isinstance(value, yaml.MappingNode):
            for language, listed in value.value:
                found += _patterns(file.name, f"patterns.{language.value}", listed, problems)
        elif key.value != "means":
            problems.append(_at(file.name, key, str(key.value), "unknown or misshapen key", "use intent, means and patterns"))
    if not intent:
        problems.append(Problem(file.name, 1, 1, "intent", "the intent has no name"))
    return intent, found


def _patterns(name: str, path: str, listed: yaml.Node, problems: list[Problem]) -> list[str]:
    if not isinstance(listed, yaml.SequenceNode):
        problems.append(_at(name, listed, path, "expected a list of patterns"))
        return []
    found = []
    for place, node in enumerate(listed.value):
        try:
            re2.compile(_expanded(node.value), _options())
        except (re2.error, TypeError) as error:
            problems.append(_at(name, node, f"{path}[{place}]", f"not an RE2 pattern: {_told(error)}"))
        else:
            found.append(_expanded(node.value))
    return found


def _told(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode() if isinstance(told, bytes) else str(told)


def _at(name: str, node: yaml.Node, path: str, what: str, fix: str = "") -> Problem:
    return Problem(name, node.start_mark.line + 1, node.start_mark.column + 1, path, what, fix)
