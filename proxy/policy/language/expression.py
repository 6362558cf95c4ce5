"""Conditions: checked by CEL against the facts table at load, then held as functions.

One environment serves a whole rule set. A misspelt fact, a type clash, a pattern RE2 refuses and a loop inside a loop are load errors
with the place in the file.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, NamedTuple

import re2
from cel_expr_python import cel

from proxy.policy.facts import BY_NAME, FACTS, Facts, Kind, Phase
from proxy.policy.language.checked import Node, read_checked, walk
from proxy.policy.language.closures import LISTS_PREFIX, CelFault, ListValues, Truth, join, sound_test
from proxy.policy.language.complaints import suggest
from proxy.policy.language.spans import Span, plain, span_of

_TYPES: Final[Mapping[Kind, cel.Type]] = {
    Kind.STRING: cel.Type.STRING,
    Kind.INT: cel.Type.INT,
    Kind.DOUBLE: cel.Type.DOUBLE,
    Kind.BOOL: cel.Type.BOOL,
    Kind.STRINGS: cel.Type.List(cel.Type.STRING),
}
_FUNCTIONS: Final = ("startsWith", "endsWith", "contains", "matches", "size", "exists", "all", "exists_one", "filter", "map")
_COMPLAINT: Final = re.compile(r"ERROR: [^:]*:(\d+):(\d+): (.*)")
_UNDECLARED: Final = re.compile(r"undeclared reference to '([^']*)'")
_QUOTED: Final = re.compile(r"'[^']*'|\"[^\"]*\"|//[^\n]*")
_HABITS: Final = (
    (re.compile("[\u2018-\u201f\u00ab\u00bb]"), "write straight quotes, ' or \""),
    (re.compile("[\u00a0\u2000-\u200b\u202f\u3000\ufeff]"), "write an ordinary blank there"),
    (re.compile(r"(?<![=!<>])=(?!=)"), "write == to compare"),
    (re.compile(r"<>"), "write != for unequal"),
    (re.compile(r"\b(?i:and)\b"), "write && for and"),
    (re.compile(r"\b(?i:or)\b"), "write || for or"),
    (re.compile(r"\b(?i:not)\b"), "write ! for not, such as !account.verified or !(client.country in lists.supported)"),
)
_OVERLOAD: Final = re.compile(r"no matching overload for '([^']*)' applied to '([^']*)'")


class Fault(NamedTuple):
    """One thing wrong in a condition; line and column count from 1 inside its text."""

    line: int
    column: int
    what: str
    fix: str


class Atom(NamedTuple):
    """One test inside a condition, as written."""

    text: str
    truth: Truth
    reads: frozenset[str]
    node: Node


class Condition(NamedTuple):
    """A checked condition. `holds` raises CelFault when the condition has no truth value on these facts."""

    text: str
    holds: Callable[[Facts], bool]
    reads: frozenset[str]
    lists: frozenset[str]
    phase: Phase
    tree: Node
    atoms: tuple[Atom, ...]
    reference: Callable[[Facts], bool]
    """The same question put to CEL whole: slower, and what `holds` must agree with."""


class FaultyExpression(Exception):  # noqa: N818  (collected and turned into problems by the loader)
    """A condition that can't be used. Carries every fault found."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("; ".join(fault.what for fault in faults))
        self.faults = faults


class Expressions:
    """Compiles the conditions of one rule set; `lists` are the named lists they may ask."""

    def __init__(self, lists: ListValues) -> None:
        self._lists = lists
        variables = {fact.name: _TYPES[fact.kind] for fact in FACTS}
        for name, values in lists.items():
            of = cel.Type.INT if any(isinstance(value, int) for value in values) else cel.Type.STRING
            variables[LISTS_PREFIX + name] = cel.Type.Map(of, cel.Type.BOOL)
        self._env = cel.NewEnv(variables=variables)
        self._maps: dict[str, dict[Any, bool]] = {LISTS_PREFIX + name: dict.fromkeys(values, True) for name, values in lists.items()}

    def compile(self, text: str) -> Condition:
        """The condition of `text`. Raises FaultyExpression."""
        expression = self._checked(text)
        tree = read_checked(expression.serialize())
        faults = [*_bad_patterns(tree, text), *_nested_loops(tree, text)]
        if expression.return_type() != cel.Type.BOOL:
            faults.append(
                Fault(1, 1, f"the condition is {_type_name(expression.return_type())}, not true or false", "compare it with something")
            )
        if faults:
            raise FaultyExpression(faults)
        leaves = {id(node): self._atom(node, text[span.start : span.end]) for node, span in _leaf_nodes(tree, Span(0, len(text)), text)}
        truth = join(tree, lambda node: leaves[id(node)].truth)
        names = {node.name for node in walk(tree) if node.op == "fact"}
        reads = frozenset(names & BY_NAME.keys())
        phase = Phase.SIGNALS if any(BY_NAME[name].phase is Phase.SIGNALS for name in reads) else Phase.REQUEST
        lists = frozenset(name.removeprefix(LISTS_PREFIX) for name in names if name in self._maps)
        return Condition(text, truth.ask, reads, lists, phase, tree, tuple(leaves.values()), self._ask_cel(expression, tree))

    def _checked(self, text: str) -> cel.Expression:
        try:
            return self._env.compile(text)
        except RuntimeError as error:
            raise FaultyExpression(self._explain(str(error), text)) from None

    def _explain(self, message: str, text: str) -> list[Fault]:
        faults = [
            Fault(int(line), _name_start(text, int(line), int(column), what), *self._word(what, text))
            for line, column, what in _COMPLAINT.findall(message)
        ]
        syntax = [fault for fault in faults if fault.what.startswith("syntax error")]
        return syntax[:1] or faults or [Fault(1, 1, message.splitlines()[0], "")]  # behind the first, a parser that lost its way

    def _word(self, what: str, text: str) -> tuple[str, str]:
        undeclared = _UNDECLARED.search(what)
        if undeclared:
            name = undeclared[1]
            if name.startswith(LISTS_PREFIX):
                return f"unknown list {name!r}", suggest(name, self._maps) or "declare it under lists"
            if "." not in name and name in {known.split(".")[0] for known in BY_NAME}:
                return (
                    f"{name!r} is a group of facts",
                    f"write one of them, such as {next(known for known in BY_NAME if known.startswith(name))}",
                )
            kind = "fact" if "." in name else "name"
            meant = (
                f"write {name.lower()}"
                if name.lower() in {"true", "false"}
                else f"put a text in quotes: '{name}'"
                if kind == "name"
                else ""
            )
            return f"unknown {kind} {name!r}", suggest(name, [*BY_NAME, *self._maps, *_FUNCTIONS]) or meant
        overload = _OVERLOAD.search(what)
        if overload:
            sign = overload[1].strip("_@").replace("_", " ")
            return f"{sign} can't be applied to {overload[2]}", _overload_hint(overload[2])
        if what.startswith("Syntax error"):
            said = what.partition(" expecting")[0].removeprefix("Syntax error: ").replace("<EOF>", "the end")
            return f"syntax error: {said}", _operator_hint(said, text)
        return what, ""

    def _atom(self, node: Node, text: str) -> Atom:
        truth = sound_test(node, self._lists) or Truth(self._ask_cel(self._checked(text), node), sound=False)
        names = {inner.name for inner in walk(node) if inner.op == "fact"}
        return Atom(plain(text), truth, frozenset(names & BY_NAME.keys()), node)

    def _ask_cel(self, expression: cel.Expression, tree: Node) -> Callable[[Facts], bool]:
        """The question put to CEL, with only the facts it reads: an activation costs by the fact."""
        names = {node.name for node in walk(tree) if node.op == "fact"}
        facts_read = tuple(sorted(names & BY_NAME.keys()))
        sequences = frozenset(name for name in facts_read if BY_NAME[name].kind is Kind.STRINGS)
        fixed = {name: self._maps[name] for name in names & self._maps.keys()}

        def ask(facts: Facts) -> bool:
            try:
                data: dict[str, Any] = {name: list(facts[name]) if name in sequences else facts[name] for name in facts_read}  # type: ignore[arg-type]
                value = expression.eval(data=data | fixed).value()
            except Exception as error:  # noqa: BLE001  (the binding raises RuntimeError and others for values it can't convert)
                raise CelFault(str(error)) from None
            if value is True or value is False:
                return value
            raise CelFault(str(value))

        return ask


def _leaf_nodes(node: Node, span: Span, text: str) -> Iterator[tuple[Node, Span]]:
    """The tests that a condition's logic joins, each with where it is written."""
    span = span_of(text, span)
    if node.op == "call" and node.name in {"_&&_", "_||_"}:
        yield from _leaf_nodes(node.args[0], Span(span.start, node.offset), text)
        yield from _leaf_nodes(node.args[1], Span(node.offset + 2, span.end), text)
    elif node.op == "call" and node.name == "!_":
        yield from _leaf_nodes(node.args[0], Span(node.offset + 1, span.end), text)
    else:
        yield node, span


def _operator_hint(said: str, text: str) -> str:
    """What was probably meant by someone who writes conditions in another language, or in a word processor."""
    bare = _QUOTED.sub("''", text)
    for habit, advice in _HABITS:
        if habit.search(bare):
            return advice
    if said.startswith(("token recognition error at: '\"", "token recognition error at: ''")):
        return "close the quotes"
    if said.startswith(("extraneous input", "mismatched input")) and not said.endswith("'the end'"):
        return "put texts in quotes, and && or || between tests"
    return "see the language reference for the operators"


def _name_start(text: str, line: int, column: int, what: str) -> int:
    """CEL points at the last dot of an unknown name; people look for its beginning."""
    undeclared = _UNDECLARED.search(what)
    if undeclared is None or "." not in undeclared[1]:
        return column
    start = text.split("\n")[line - 1].rfind(undeclared[1].rpartition(".")[0], 0, column)
    return start + 1 if start >= 0 else column


def _at(text: str, offset: int) -> tuple[int, int]:
    before = text[: max(offset, 0)]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def _bad_patterns(tree: Node, text: str) -> Iterator[Fault]:
    options = re2.Options()
    options.log_errors = False
    for node in walk(tree):
        if node.op != "call" or node.name != "matches":
            continue
        pattern = node.args[1]
        if pattern.op != "const":
            yield Fault(*_at(text, node.offset), "the pattern of matches isn't a constant", "write it as a quoted text")
            continue
        try:
            re2.compile(pattern.value, options)
        except re2.error as error:
            yield Fault(*_at(text, pattern.offset), f"RE2 refuses the pattern {pattern.value!r}: {_text(error)}", "see the RE2 syntax")


def _text(error: Exception) -> str:
    given = error.args[0] if error.args else ""
    return given.decode("utf-8", "replace") if isinstance(given, bytes) else str(given)


def _nested_loops(tree: Node, text: str) -> Iterator[Fault]:
    for node in walk(tree):
        if node.op == "loop" and any(inner.op == "loop" for inner in walk(node) if inner is not node):
            yield Fault(
                *_at(text, node.offset), "a loop inside a loop", "split it into two conditions: a caller decides how long lists are"
            )
            return


def _overload_hint(types: str) -> str:
    if "double" in types and "int" in types:
        return "write numbers compared with a double with a decimal point, such as 50.0"
    if "map(" in types:
        return "ask lists with in: client.country in lists.NAME"
    if "list(" in types:
        return "ask with in, or with exists and all"
    if "string" in types and "int" in types:
        return "a text stands in quotes, a number doesn't"
    return ""


def _type_name(kind: cel.Type) -> str:
    return f"a value of type {str(kind.name()).lower()}"
