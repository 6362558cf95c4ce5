"""What the shape checker found, worded for the operator: what is wrong, what to write instead."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from types import UnionType
from typing import Any, NamedTuple, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from proxy.documents.strict_yaml import Document, Path
from proxy.errors import Problem
from proxy.policy.language.shapes.fields import FORMS
from proxy.policy.language.shapes.policy_file import PolicyDoc

_EXPECTED: Mapping[str, str] = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
}


_BOUNDS: Mapping[str, str] = {
    "string_too_short": "the text is empty",
    "string_too_long": "the text is longer than {max_length} characters",
    "too_short": "the list is empty",
    "too_long": "the list has more than {max_length} items",
    "less_than_equal": "{given} is above {le}",
    "greater_than": "{given} isn't above {gt}",
    "greater_than_equal": "{given} is below {ge}",
}


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` was probably meant to be, or ""."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return close[0] if close else ""


def suggest(word: str, known: Iterable[str]) -> str:
    """Advice for a word that isn't known."""
    choices = sorted(known)
    close = nearest(word, choices)
    if close:
        return f"did you mean {close!r}?"
    return "known: " + ", ".join(choices) if 0 < len(choices) <= 16 else ""


class Part(NamedTuple):
    """One policy file: its places, what of it has the right shape, and what has not."""

    document: Document
    policy: PolicyDoc
    kept: Mapping[str, Sequence[int]]
    """By section that is a list: the index in the file of each item that was kept."""
    problems: tuple[Problem, ...]


def conform(document: Document) -> Part:
    """The document as a policy file. Items of the wrong shape are left out, so that the others can be checked all the same."""
    value = document.value
    if not isinstance(value, dict):
        problem = document.problem((), f"expected a mapping with sections such as rules, got {_name(value)}", "see the language reference")
        return Part(document, PolicyDoc(), {}, (problem,))
    nothing = _nothing(document)
    kept = {section: list(range(len(items))) for section, items in value.items() if isinstance(items, list)}
    try:
        return Part(document, PolicyDoc.model_validate(value), kept, tuple(nothing))
    except ValidationError as error:
        details = error.errors(include_url=False)
    problems = _without_repeats([*(_complain(PolicyDoc, document, detail) for detail in details), *nothing])
    bad = {tuple(detail["loc"][:2]) for detail in details} | {tuple(detail["loc"][:1]) for detail in details if len(detail["loc"]) == 1}
    pruned = {section: _without(section, items, bad) for section, items in value.items() if (section,) not in bad}
    for section, indexes in kept.items():
        kept[section] = [index for index in indexes if (section, index) not in bad]
    try:
        return Part(document, PolicyDoc.model_validate(pruned), kept, tuple(problems))
    except ValidationError:
        return Part(document, PolicyDoc(), {}, tuple(problems))


def shape_problems(model: type[BaseModel], document: Document) -> list[Problem]:
    """Everything in which the document differs from the model's shape."""
    try:
        model.model_validate(document.value)
    except ValidationError as error:
        return _without_repeats([*(_complain(model, document, detail) for detail in error.errors(include_url=False)), *_nothing(document)])
    return _nothing(document)


def _nothing(document: Document) -> list[Problem]:
    """Keys without a value: an end or a condition someone forgot to write must not count as left out on purpose."""
    return [document.problem(path, "expected a value, got nothing", "write a value or remove the key") for path in document.empty]


def _without(section: str, items: Any, bad: set[Path]) -> Any:
    if isinstance(items, list):
        return [item for index, item in enumerate(items) if (section, index) not in bad]
    return {key: item for key, item in items.items() if (section, key) not in bad} if isinstance(items, dict) else items


def _without_repeats(problems: Iterable[Problem]) -> list[Problem]:
    """One fault a place: a value that may be of several types is complained about once for each."""
    seen: dict[tuple[int, int, str], Problem] = {}
    for problem in problems:
        seen.setdefault((problem.line, problem.column, problem.path), problem)
    return sorted(seen.values(), key=lambda problem: (problem.line, problem.column))


def _complain(model: type[BaseModel], document: Document, detail: Any) -> Problem:
    path: Path = tuple(detail["loc"])
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "extra_forbidden":
        known = _keys_at(model, path[:-1])
        return document.problem(path, f"unknown key {path[-1]!r}", suggest(str(path[-1]), known), at=document.keys.get(path))
    if kind == "missing":
        return document.problem(path[:-1], f"key {path[-1]!r} is missing", "add it")
    real = path if path in document.places else path[:-1]
    if kind in _EXPECTED:
        fix = "write an amount and a time, such as 600/1m" if path[-1] == "rate" else _cure(kind, given, _keys_at(model, path))
        return document.problem(real, f"expected {_EXPECTED[kind]}, got {_name(given)}", fix)
    if kind == "literal_error":
        return _choice(document, real, context.get("expected", ""), given)
    if kind == "value_error":
        what, _, fix = str(context.get("error", detail["msg"])).partition("; ")
        return document.problem(real, what, fix or _fact_hint(given))
    if kind == "string_pattern_mismatch":
        pattern = context["pattern"]
        return document.problem(real, f"{given!r} has the wrong form", FORMS.get(pattern, f"it must match {pattern}"))
    if kind in _BOUNDS:
        return document.problem(real, _BOUNDS[kind].format(given=given, **context))
    return document.problem(real, _plain(detail["msg"]))


def _choice(document: Document, path: Path, expected: str, given: Any) -> Problem:
    if expected == "False":
        return document.problem(path, f"expected false, got {_name(given)}", "a clamp can only switch it off")
    words = [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
    hint = f"did you mean {nearest(str(given), words)!r}?" if nearest(str(given), words) else ""
    got = repr(given) if isinstance(given, str) else _name(given)
    return document.problem(path, f"expected {expected}, got {got}", hint)


def _fact_hint(given: Any) -> str:
    from proxy.policy.facts import BY_NAME

    return suggest(given, BY_NAME) if isinstance(given, str) else ""


def _name(given: Any) -> str:
    if given is None:
        return "nothing"
    if isinstance(given, bool):
        return f"the truth value {str(given).lower()}"
    if isinstance(given, int | float):
        return f"the number {given}"
    if isinstance(given, str):
        return f"the text {given[:40]!r}"
    return "a list" if isinstance(given, list) else "a mapping"


def _cure(kind: str, given: Any, keys: list[str]) -> str:
    if given is None:
        return "write a value or remove the key"
    if kind == "string_type" and not isinstance(given, list | dict):
        return f'write "{str(given).lower() if isinstance(given, bool) else given}" in quotes'
    if kind == "list_type":
        return "write [ ] around it, or one item a line after a dash"
    return f"write it with its keys: {', '.join(keys)}" if keys else ""


def _plain(message: str) -> str:
    return message[0].lower() + message[1:].replace("Input should", "should") if message else "wrong value"


def _keys_at(model: type[BaseModel], path: Path) -> list[str]:
    """Keys that the mapping at `path` may have."""
    here: Any = model
    for step in path:
        here = _step(here, step)
        if here is None:
            return []
    return sorted(here.model_fields) if isinstance(here, type) and issubclass(here, BaseModel) else []


def _step(here: Any, step: str | int) -> Any:
    if isinstance(here, type) and issubclass(here, BaseModel):
        field = here.model_fields.get(str(step))
        return None if field is None else _bare(field.annotation)
    arguments = get_args(here)
    if get_origin(here) is list:
        return _bare(arguments[0])
    return _bare(arguments[1]) if get_origin(here) is dict else None


def _bare(annotation: Any) -> Any:
    """The type without None around it and without constraints on it."""
    if get_origin(annotation) in {Union, UnionType}:
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
        return _bare(kinds[0])
    metadata = getattr(annotation, "__metadata__", None)
    return _bare(get_args(annotation)[0]) if metadata else annotation
