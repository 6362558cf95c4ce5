"""What conditions can say at all: their joint truth over every combination of fact values that matters.

All tests that read the same one fact are tried together on values that tell them apart: the constants they name, their neighbours,
everything the fact can be where that is known. Other tests may be true or false at will. So what is reported impossible is impossible; the
reverse holds where no such test is bound to another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from math import prod
from typing import Any, Final, NamedTuple

from proxy.policy.language.checked import Node, walk
from proxy.policy.language.closures import LISTS_PREFIX, Truth, join
from proxy.policy.language.expression import Atom, Condition
from proxy.policy.names.vocabulary import Vocabulary
from proxy.policy.tools import domains
from proxy.policy.tools.domains import Asked

MOST_COMBINATIONS: Final = 50_000


class _Column(NamedTuple):
    """Truths that occur together for tests of one fact: by test, as one row for each way they can fall."""

    tests: tuple[str, ...]
    rows: tuple[tuple[bool, ...], ...]


class Joint(NamedTuple):
    """Truths that conditions can have together."""

    found: set[tuple[bool, ...]]
    """Whatever is missing can't happen."""
    exact: bool
    """Whatever is here can happen; otherwise tests that may be bound to each other were let fall at will."""


def joint_truths(conditions: Sequence[tuple[Condition, Vocabulary]]) -> Joint | None:
    """Every combination of truths that the conditions can have together, or None when there are too many cases to look at."""
    tests = {_key(atom, vocabulary): Asked(atom, vocabulary) for condition, vocabulary in conditions for atom in condition.atoms}
    columns, free = _columns(tests)
    if not 0 < prod(len(column.rows) for column in columns) <= MOST_COMBINATIONS:
        return None
    asks = [join(condition.tree, _looking_up(condition, vocabulary)).ask for condition, vocabulary in conditions]
    names = [test for column in columns for test in column.tests]
    found: set[tuple[bool, ...]] = set()
    for rows in product(*(column.rows for column in columns)):
        truths: Any = dict(zip(names, (truth for row in rows for truth in row), strict=True))
        found.add(tuple(bool(ask(truths)) for ask in asks))
    bound = any(tests[key].atom.reads & asked.atom.reads for key in free for other, asked in tests.items() if other != key)
    return Joint(found, exact=not bound)


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


def _columns(tests: Mapping[str, Asked]) -> tuple[list[_Column], set[str]]:
    """How the tests can fall, and those among them that are let fall at will."""
    by_fact: dict[str, dict[str, Asked]] = {}
    columns: list[_Column] = []
    free: set[str] = set()
    for key, asked in tests.items():
        atom = asked.atom
        if not atom.truth.sound or len(atom.reads) > 1:
            free.add(key)
        elif not atom.reads:
            columns.append(_Column((key,), ((bool(atom.truth.ask({})),),)))
        else:
            (name,) = atom.reads
            by_fact.setdefault(name, {})[key] = asked
    for name, about in by_fact.items():
        values, settled = domains.telling_values(name, about)
        free |= about.keys() - settled
        if keys := [key for key in about if key in settled]:
            rows = {tuple(bool(about[key].atom.truth.ask({name: value})) for key in keys) for value in values}
            columns.append(_Column(tuple(keys), tuple(sorted(rows))))
    columns += [_Column((key,), ((False,), (True,))) for key in sorted(free)]
    return columns, free
