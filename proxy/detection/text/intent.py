"""Intent: which of the operator's pattern files a text matches, in linear time.

Cannot see: intent worded in none of the patterns, and what an image or an attached file asks for. A pattern match says how
a text is worded, not why: benign judges and tutors match too, so intent never decides alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import re2

from proxy.detection.text.pattern import ANY_CHARACTERS, GAPS, begins_word, split, width
from proxy.documents.strict_yaml import Document, Path, read_yaml
from proxy.errors import ConfigError, Problem

MAX_INTENTS: Final = 16
"""Intents are kept as bits and counted per account."""
HEAD_CHARS: Final = 1024
TAIL_CHARS: Final = 512
"""Instructions stand at the ends of a prompt."""
_MEMORY_BYTES: Final = 64 << 20
_WORDS: Final = r" (?:[^.!?\n\x{3002}\x{ff01}\x{ff1f}]* )?"
_CHARACTERS: Final = r"[^.!?\n\x{3002}\x{ff01}\x{ff1f}]*"
"""Gaps end with the sentence. Counted gaps would multiply the states of the automaton, and with them the time."""


_EVERYDAY: Final = (
    b"explain describe justify write create generate produce compose draft design formulate extract derive rate score grade evaluate assess judge "
    b"given from based on using about the answer response solution"
)
"""Words of ordinary requests: a part of a pattern that one of them matches tells little by itself."""

_Search = Callable[[bytes], list[int] | None]


class _Pattern(NamedTuple):
    bit: int
    parts: int
    """Bits of the parts that must match anywhere before it is worth searching for."""
    whole: _Search | None
    """None where the part is the pattern."""


class Intents:
    """All pattern files, searched in two steps.

    A pattern with gaps can only match where its most telling part does, so one set of those parts is scanned first: without gaps it
    stays a small automaton, whereas a set of whole patterns would make new states for every new text.
    """

    def __init__(self, patterns: Mapping[str, list[str]]) -> None:
        """`patterns` gives the patterns of each intent, gaps unexpanded; they compile."""
        self.names = tuple(patterns)
        self._match: _Search | None = None
        self._by_part: dict[int, list[_Pattern]] = {}
        """By the place in the set of the most telling part."""
        places: dict[str, int] = {}
        for place, found in enumerate(patterns.values()):
            for alternative in (one for pattern in found for one in split(pattern, ("|",))):
                parts = split(alternative, GAPS)
                if ANY_CHARACTERS not in alternative:  # behind such a gap a part may begin inside a word
                    parts = [_begun(part) for part in parts]
                first, *more = (places.setdefault(part, len(places)) for part in _telling(parts))
                whole = _searched(_begun(_expanded(alternative))) if len(parts) > 1 else None
                needed = sum((1 << part for part in more), 1 << first)
                self._by_part.setdefault(first, []).append(_Pattern(1 << place, needed, whole))
        if places:
            self._match = _searched(*places)

    def bits(self, folded: str) -> int:
        """One bit for each intent that a folded piece of text matches at its head or tail."""
        if self._match is None:
            return 0
        if len(folded) > HEAD_CHARS + TAIL_CHARS:
            folded = f"{folded[:HEAD_CHARS]}\n{folded[-TAIL_CHARS:]}"
        encoded = folded.encode("utf-8", "replace")
        matched = self._match(encoded)
        if matched is None:
            return 0
        present = found = 0
        for part in matched:
            present |= 1 << part
        for part in matched:
            for bit, needed, whole in self._by_part.get(part, ()):
                if not found & bit and present & needed == needed and (whole is None or whole(encoded)):
                    found |= bit
        return found

    def of(self, bits: int) -> tuple[str, ...]:
        """The names of the intents in `bits`."""
        return tuple(name for place, name in enumerate(self.names) if bits >> place & 1)


def _telling(parts: list[str]) -> list[str]:
    """The longest part, and a second one where everyday words match the first: the pattern is then searched for far less often."""
    first, *others = sorted(parts, key=width, reverse=True)
    return [first, *others[:1]] if _searched(first)(_EVERYDAY) else [first]


def _begun(pattern: str) -> str:
    """The pattern, where words begin if it begins one: inside other words the automaton then rests in one state."""
    return rf"\b(?:{pattern})" if begins_word(pattern) else pattern


def _searched(*patterns: str) -> _Search:
    """A set, if only of one: it answers at a third of the cost of a match with positions."""
    together = re2.Set.SearchSet(_options())
    for pattern in patterns:
        together.Add(pattern)
    together.Compile()
    search: _Search = together.Match
    return search


def _options() -> Any:
    options = re2.Options()
    options.max_mem = _MEMORY_BYTES
    options.log_errors = False
    options.never_capture = True
    return options


def _expanded(pattern: str) -> str:
    return pattern.replace(" ... ", _WORDS).replace(ANY_CHARACTERS, _CHARACTERS)


def load_intents(files: Mapping[str, bytes]) -> Intents:
    """Compile pattern files, given by file name. Raises ConfigError with every fault found."""
    problems: list[Problem] = []
    patterns: dict[str, list[str]] = {}
    for name, content in sorted(files.items()):
        try:
            intent, found = _intent(read_yaml(name, content), problems)
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        if intent in patterns:
            problems.append(Problem(name, 1, 1, "intent", f"{intent} is defined in another file too", "merge the two files"))
        patterns[intent] = found
    if len(patterns) > MAX_INTENTS:
        problems.append(Problem("patterns", 0, 0, "", f"{len(patterns)} intents", f"keep at most {MAX_INTENTS}"))
    if problems:
        raise ConfigError(problems)
    return Intents(patterns)


def _intent(document: Document, problems: list[Problem]) -> tuple[str, list[str]]:
    if not isinstance(document.value, dict):
        problems.append(document.problem((), "expected intent, means and patterns"))
        return "", []
    intent = ""
    found: list[str] = []
    for key, value in document.value.items():
        if key == "intent" and isinstance(value, str):
            intent = value
        elif key == "patterns" and isinstance(value, dict):
            for language in value:
                found += _patterns(document, language, problems)
        elif key != "means":
            at = document.keys.get((key,))
            problems.append(document.problem((key,), "unknown or misshapen key", "use intent, means and patterns", at=at))
    if not intent:
        problems.append(Problem(document.file, 1, 1, "intent", "the intent has no name"))
    return intent, found


def _patterns(document: Document, language: str, problems: list[Problem]) -> list[str]:
    path: Path = ("patterns", language)
    listed = document.value["patterns"][language]
    if not isinstance(listed, list):
        problems.append(document.problem(path, "expected a list of patterns"))
        return []
    found = []
    for place, pattern in enumerate(listed):
        try:
            re2.compile(_expanded(pattern), _options())
        except (re2.error, TypeError, AttributeError) as error:
            problems.append(document.problem((*path, place), f"not an RE2 pattern: {_told(error)}"))
        else:
            found.append(pattern)
    return found


def _told(error: Exception) -> str:
    told = error.args[0] if error.args else ""
    return told.decode() if isinstance(told, bytes) else str(told)
