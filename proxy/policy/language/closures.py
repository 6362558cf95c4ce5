"""Conditions as Python functions: what CEL decided at load, asked again without its price.

CEL stays the authority: it parses, checks types, and evaluates everything this file doesn't translate. What is translated are
operations that can't fail on typed facts (comparisons, membership, text tests, logic), because a call into CEL costs about 5 us on a
fresh activation and a closure 0.1 us. `tests/policy/language/test_closures.py` holds the two equal on generated conditions.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import re2

from proxy.policy.facts import BY_NAME, Facts, Kind
from proxy.policy.language.checked import Node

Ask = Callable[[Facts], Any]
"""A value or a truth, asked of the facts."""

ListValues = Mapping[str, frozenset[str] | frozenset[int]]

LISTS_PREFIX: Final = "lists."


class CelFault(Exception):  # noqa: N818  (CEL's word is fault: the condition has no truth value)
    """A condition failed on these facts: division by zero, overflow, a missing or mistyped fact."""


class Truth(NamedTuple):
    """A condition or a part of it. A `sound` one never raises CelFault."""

    ask: Ask
    sound: bool


_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "_==_": operator.eq,
    "_!=_": operator.ne,
    "_<_": operator.lt,
    "_<=_": operator.le,
    "_>_": operator.gt,
    "_>=_": operator.ge,
}
_MIRRORED: Final = {"_==_": "_==_", "_!=_": "_!=_", "_<_": "_>_", "_<=_": "_>=_", "_>_": "_<_", "_>=_": "_<=_"}


def join(node: Node, leaf: Callable[[Node], Truth]) -> Truth:
    """The condition as a function. `leaf` answers for the tests that its logic joins."""
    if node.op == "call":
        if node.name == "_&&_":
            return _both(join(node.args[0], leaf), join(node.args[1], leaf))
        if node.name == "_||_":
            return _either(join(node.args[0], leaf), join(node.args[1], leaf))
        if node.name == "!_":
            inner = join(node.args[0], leaf)
            negated = inner.ask
            return Truth(lambda facts: not negated(facts), inner.sound)
    return leaf(node)


def _both(left: Truth, right: Truth) -> Truth:
    a, b = left.ask, right.ask
    if left.sound:
        return Truth(lambda facts: a(facts) and b(facts), right.sound)

    def both(facts: Facts) -> bool:
        try:
            return bool(a(facts) and b(facts))
        except CelFault:  # CEL: false && error is false, whichever side it stands on
            if not b(facts):
                return False
            raise

    return Truth(both, sound=False)


def _either(left: Truth, right: Truth) -> Truth:
    a, b = left.ask, right.ask
    if left.sound:
        return Truth(lambda facts: a(facts) or b(facts), right.sound)

    def either(facts: Facts) -> bool:
        try:
            return bool(a(facts) or b(facts))
        except CelFault:
            if b(facts):
                return True
            raise

    return Truth(either, sound=False)


def sound_test(node: Node, lists: ListValues) -> Truth | None:
    """One test as a function if it is of the kinds that can't fail, else None."""
    ask = _test(node, lists)
    return None if ask is None else Truth(ask, sound=True)


def _test(node: Node, lists: ListValues) -> Ask | None:
    if node.op == "const":  # CEL checked that what is asked is true or false
        value = node.value
        return lambda _: value
    if node.op == "fact":
        return operator.itemgetter(node.name)
    if node.op != "call":
        return None
    if node.name in _ORDER:
        return _comparison(node)
    if node.name == "@in":
        return _membership(node, lists)
    if node.name in {"startsWith", "endsWith", "contains"}:
        return _text_test(node)
    if node.name == "matches":
        return _match(node)
    return None


def _comparison(node: Node) -> Ask | None:
    left, right = node.args
    if left.op == "const":
        left, right, name = right, left, _MIRRORED[node.name]
    else:
        name = node.name
    test = _ORDER[name]
    first = _scalar(left)
    if first is None:
        return None
    if right.op == "const" and _is_scalar(right.value):
        return _against_constant(left, first, name, right.value)
    second = _scalar(right)
    return None if second is None else lambda facts: test(first(facts), second(facts))


def _against_constant(left: Node, first: Ask, name: str, value: Any) -> Ask:
    test = _ORDER[name]
    if left.op != "fact":
        return lambda facts: test(first(facts), value)
    fact = left.name
    by_operator: Mapping[str, Ask] = {
        "_==_": lambda facts: facts[fact] == value,
        "_!=_": lambda facts: facts[fact] != value,
        "_<_": lambda facts: facts[fact] < value,
        "_<=_": lambda facts: facts[fact] <= value,
        "_>_": lambda facts: facts[fact] > value,
        "_>=_": lambda facts: facts[fact] >= value,
    }
    return by_operator[name]


def _membership(node: Node, lists: ListValues) -> Ask | None:
    item, group = node.args
    first = _scalar(item)
    if group.op == "fact" and group.name.startswith(LISTS_PREFIX):
        members: frozenset[Any] = lists[group.name[len(LISTS_PREFIX) :]]
        if item.op == "fact" and first is not None:
            fact = item.name
            return lambda facts: facts[fact] in members
        return None if first is None else lambda facts: first(facts) in members
    if group.op == "fact" and _kind(group) is Kind.STRINGS:
        name = group.name
        if item.op == "const":
            value = item.value
            return lambda facts: value in facts[name]  # type: ignore[operator]  # CEL checked that it is a list
        return None if first is None else lambda facts: first(facts) in facts[name]  # type: ignore[operator]
    if group.op == "list" and all(part.op == "const" and _is_scalar(part.value) for part in group.args) and first is not None:
        values = frozenset(part.value for part in group.args)
        if len({type(part.value) for part in group.args}) > 1:  # to Python true is 1, to CEL it isn't
            return None
        return lambda facts: first(facts) in values
    return None


def _text_test(node: Node) -> Ask | None:
    text, part = node.args
    first = _scalar(text)
    if first is None or part.op != "const":
        return None
    value = part.value
    if node.name == "startsWith":
        return lambda facts: first(facts).startswith(value)
    if node.name == "endsWith":
        return lambda facts: first(facts).endswith(value)
    return lambda facts: value in first(facts)


def _match(node: Node) -> Ask | None:
    """CEL's matches is RE2's partial match; CEL compiles the pattern, always a constant, at each call, which costs 8 us."""
    text, pattern = node.args
    first = _scalar(text)
    if first is None:
        return None
    search = re2.compile(pattern.value).search
    return lambda facts: search(first(facts)) is not None


def _scalar(node: Node) -> Ask | None:
    """A value that always exists: a fact, a text constant, the size of a fact."""
    if node.op == "fact" and node.name in BY_NAME and _kind(node) is not Kind.STRINGS:
        return operator.itemgetter(node.name)
    if node.op == "const" and _is_scalar(node.value):
        value = node.value
        return lambda _: value
    if node.op == "call" and node.name == "size" and node.args[0].op == "fact" and node.args[0].name in BY_NAME:
        name = node.args[0].name
        return lambda facts: len(facts[name])  # type: ignore[arg-type]  # CEL checked that it has a size
    return None


def _kind(node: Node) -> Kind | None:
    fact = BY_NAME.get(node.name)
    return None if fact is None else fact.kind


def _is_scalar(value: Any) -> bool:
    return isinstance(value, str | int | float | bool)
