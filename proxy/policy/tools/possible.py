"""What conditions can say at all: their joint truth over every combination of fact values that matters.

Each test that reads one fact is tried on values that tell such tests apart: the constants it names, their neighbours, everything the fact
can be where that is known. Other tests may be true or false at will. So what is reported impossible is impossible; the reverse is a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import combinations, product
from math import prod
from typing import Any, Final, NamedTuple

from proxy.policy.facts import BY_NAME, Kind
from proxy.policy.language.checked import Node, walk
from proxy.policy.language.closures import LISTS_PREFIX, Truth, join
from proxy.policy.language.expression import Atom, Condition
from proxy.policy.names.vocabulary import Vocabulary
from proxy.policy.tools import domains

MOST_COMBINATIONS: Final = 50_000
_MOST_MEMBERS: Final = 6
_OTHER: Final = "\0other"


class _Column(NamedTuple):
    """Truths that occur together for tests of one fact: by test, as one row for each way they can fall."""

    tests: tuple[str, ...]
    rows: tuple[tuple[bool, ...], ...]


def joint_truths(conditions: Sequence[tuple[Condition, Vocabulary]]) -> set[tuple[bool, ...]] | None:
    """Every combination of truths that the conditions can have together, or None when there are too many cases to look at."""
    columns = _columns(conditions)
    if columns is None:
        return None
    asks = [join(condition.tree, _looking_up(condition, vocabulary)).ask for condition, vocabulary in conditions]
    names = [test for column in columns for test in column.tests]
    found: set[tuple[bool, ...]] = set()
    for rows in product(*(column.rows for column in columns)):
        truths: Any = dict(zip(names, (truth for row in rows for truth in row), strict=True))
        found.add(tuple(bool(ask(truths)) for ask in asks))
    return found


def _looking_up(condition: Condition, vocabulary: Vocabulary) -> Callable[[Node], Truth]:
    keys = iter([_key(atom, vocabulary) for atom in condition.atoms])

    def leaf(_: Node) -> Truth:
        key = next(keys)  # atoms stand in the order in which the tree is walked
        return Truth(lambda truths: truths[key], sound=True)

    return leaf


def _key(atom: Atom, vocabulary: Vocabulary) -> str:
    """A test by its text and by what its lists hold: the same words about another list are another test."""
    lists = sorted({node.name for node in walk(atom.node) if node.op == "fact" and node.name.startswith(LISTS_PREFIX)})
    return "|".join([atom.text, *(str(hash(vocabulary.lists[name.removeprefix(LISTS_PREFIX)].values)) for name in lists)])


def _columns(conditions: Sequence[tuple[Condition, Vocabulary]]) -> list[_Column] | None:
    by_fact: dict[str, dict[str, Atom]] = {}
    values: dict[str, set[Any]] = {}
    columns: dict[str, _Column] = {}
    for condition, vocabulary in conditions:
        for atom in condition.atoms:
            key = _key(atom, vocabulary)
            if not atom.truth.sound or len(atom.reads) > 1:
                columns[key] = _Column((key,), ((False,), (True,)))
            elif not atom.reads:
                columns[key] = _Column((key,), ((bool(atom.truth.ask({})),),))
            else:
                (name,) = atom.reads
                by_fact.setdefault(name, {})[key] = atom
                values.setdefault(name, set()).update(_values(name, atom, vocabulary))
    for name, atoms in by_fact.items():
        for key in _opaque(name, atoms, values[name]):
            columns[key] = _Column((key,), ((False,), (True,)))
            del atoms[key]
        rows = {tuple(bool(atom.truth.ask({name: value})) for atom in atoms.values()) for value in values[name]}
        columns[name] = _Column(tuple(atoms), tuple(sorted(rows)))
    size = prod(len(column.rows) for column in columns.values())
    return list(columns.values()) if 0 < size <= MOST_COMBINATIONS else None


def _opaque(name: str, atoms: Mapping[str, Atom], values: set[Any]) -> list[str]:
    """Tests for which telling values can't be made up: a regular expression or length over an open fact, several parts of one text."""
    if not values:
        return list(atoms)
    if domains.choices(name) is not None:
        return []
    calls = {text: {node.name for node in walk(atom.node) if node.op == "call"} for text, atom in atoms.items()}
    measured = [text for text, names in calls.items() if names & {"matches", "size"}]
    parts = [text for text, names in calls.items() if names & {"startsWith", "endsWith", "contains"}]
    return measured + (parts if len(parts) > 1 else [])


def _values(name: str, atom: Atom, vocabulary: Vocabulary) -> Iterable[Any]:
    """Values of a fact that tell a test of it apart; none when they can't be made up."""
    known = domains.choices(name)
    if known is not None:
        return known
    kind = BY_NAME[name].kind
    constants = set(_constants(name, atom, vocabulary))
    if kind is Kind.BOOL:
        return (False, True)
    if kind is Kind.STRING:
        return _texts(name, constants, vocabulary)
    if kind is Kind.STRINGS:
        members = sorted(constants, key=str)
        sizes = range(len(members) + 1) if len(members) <= _MOST_MEMBERS else ()
        return [tuple(chosen) for size in sizes for chosen in combinations(members, size)]
    return domains.numbers_around(name, constants, whole=kind is Kind.INT)


def _texts(name: str, constants: set[Any], vocabulary: Vocabulary) -> set[str]:
    texts = {"", _OTHER}
    for constant in constants:
        texts |= {constant, constant + _OTHER, _OTHER + constant, _OTHER + constant + _OTHER}
    if name == "request.model":
        texts = {vocabulary.models.canonical(text) for text in texts}
    if name == "client.subdivision":
        texts = {text for text in texts if text == "" or domains.is_subdivision(text)} | {"DE-BE"}
    return texts


def _constants(name: str, atom: Atom, vocabulary: Vocabulary) -> Iterator[Any]:
    """What the test compares the fact with."""
    for node in walk(atom.node):
        if node.op == "const" and _comparable(name, node.value):
            yield node.value
        elif node.op == "fact" and node.name.startswith(LISTS_PREFIX):
            values: Iterable[Any] = vocabulary.lists[node.name.removeprefix(LISTS_PREFIX)].values
            yield from (value for value in values if _comparable(name, value))


def _comparable(name: str, value: Any) -> bool:
    numeric = BY_NAME[name].kind in {Kind.INT, Kind.DOUBLE}
    return isinstance(value, int | float) and not isinstance(value, bool) if numeric else isinstance(value, str)
