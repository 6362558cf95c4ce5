"""Settings from their file and the environment, with every problem at once, by file and line or by variable."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from proxy.documents.strict_yaml import Document, read_yaml, spell
from proxy.documents.variables import Variables
from proxy.errors import SETTINGS, ConfigError, Problem
from proxy.settings import Settings

PREFIX = "TOSPROXY_"
TOLD_OTHERWISE: Final = {
    "missing": ("is missing", "add it"),
    "string_type": ("must be a text", "put it in quotes"),
    "path_type": ("must be the name of a file or folder", ""),
    "bool_type": ("must be true or false", ""),
    "bool_parsing": ("must be true or false", ""),
    "int_type": ("must be a whole number", ""),
    "int_parsing": ("must be a whole number", ""),
    "int_from_float": ("must be a whole number", ""),
    "float_type": ("must be a number", ""),
    "float_parsing": ("must be a number", ""),
    "greater_than": ("must be above {gt:g}", ""),
    "greater_than_equal": ("must be at least {ge:g}", ""),
    "less_than_equal": ("must be at most {le:g}", ""),
    "literal_error": ("must be {expected}", ""),
    "string_pattern_mismatch": ("has the wrong form", "write up to 32 lower-case letters, digits, - and _, such as vllm-1"),
    "tuple_type": ("must be a list", 'write [a, b] in a file and ["a", "b"] in a variable'),
    "dict_type": ("must hold keys and values", 'write {key: value} in a file and {"key": "value"} in a variable'),
    "model_type": ("must hold keys and values", "see `tos-proxy settings`"),
}
"""Kinds of error: what is wrong, and what to write. Values are never quoted, since any may be a secret put in the wrong place."""
UNITS: Final = {
    "_s": "write seconds without a unit, such as 20",
    "_ms": "write milliseconds without a unit, such as 20",
    "_days": "write days without a unit, such as 45",
    "bytes": "write bytes without a unit, such as 1048576",
    "percent": "write percent without a sign, such as 10",
}
"""What a number counts, by the end of its setting's name."""


TYPES: Final = {SecretStr: "secret", Path: "path", str: "text", float: "number", int: "integer", bool: "boolean"}


def read_settings(path: Path | None) -> Settings:
    """Read settings. Raises ConfigError with all problems; without a file the defaults and the environment count."""
    document = _document(path) if path else None
    value = document.value if document else {}
    if not isinstance(value, dict):
        raise ConfigError([Problem(str(path), 1, 1, "", "the file must hold keys and values", "see `tos-proxy settings`")])
    problems = list(_unknown_variables(os.environ))
    try:
        settings = Settings(**value)
    except ValidationError as error:
        variables = Variables(Settings)()
        problems += [problem for detail in error.errors(include_url=False) for problem in _problems(detail, document, variables)]
    if problems:
        raise ConfigError(problems)
    return settings


@contextmanager
def located(path: Path | None) -> Iterator[None]:
    """For whoever uses the settings: what turns out to be wrong with one is told by its file and line, or by its variable."""
    try:
        yield
    except ConfigError as error:
        document, variables = _document(path) if path else None, Variables(Settings)()
        raise ConfigError([_located(problem, document, variables) for problem in error.problems]) from error


def _located(problem: Problem, document: Document | None, variables: Mapping[str, Any]) -> Problem:
    if problem.file != SETTINGS:
        return problem
    path = tuple(int(step) if step.isdigit() else step for step in re.findall(r"[^.\[\]]+", problem.path))
    if _holds(variables, path):
        return replace(problem, file=f"variable {_variable_of(path)}")
    if document is not None and _holds(document.value, path):
        return document.problem(path, problem.what, problem.fix, at=document.place(path))
    variable = PREFIX + "__".join(map(str, path)).upper()  # a default: nobody wrote it
    return replace(problem, fix=f"{problem.fix}; it is also the variable {variable}")


def named_policies(path: Path | None) -> Path | None:
    """The folder of policies, whatever else of the settings is wrong; None where that can't be told."""
    given = os.environ.get(f"{PREFIX}POLICIES")
    if given is None:
        try:
            value = _document(path).value if path else {}
        except ConfigError:
            return None
        given = value.get("policies", Settings.model_fields["policies"].default) if isinstance(value, dict) else None
    return Path(given) if isinstance(given, str | Path) else None


def _document(path: Path) -> Document:
    try:
        return read_yaml(str(path), path.read_bytes())
    except OSError as error:
        raise ConfigError([Problem(str(path), 0, 0, "", f"can't be read: {error.strerror}", "give a readable file")]) from error


def _problems(detail: ErrorDetails, document: Document | None, variables: Mapping[str, Any]) -> Iterator[Problem]:
    path = tuple(detail["loc"])
    what, fix = _told(detail)
    unknown = detail["type"] == "extra_forbidden"
    if unknown:
        what = f"unknown setting {path[-1]!r}"
        close = difflib.get_close_matches(str(path[-1]), _names_at(path[:-1]), n=1)
        fix = f"did you mean {close[0]!r}?" if close else "see `tos-proxy settings`"
    written = path[:-1] if detail["type"] == "missing" else path
    for line in what.splitlines():
        if written and _holds(variables, written):  # first: a variable outweighs the file
            yield Problem(f"variable {_variable_of(written)}", 0, 0, spell(path), line, fix)
        elif document and written and _holds(document.value, written):
            yield document.problem(path, line, fix, at=document.keys[written] if unknown else document.place(written))
        else:
            yield Problem(document.file if document else SETTINGS, 0, 0, spell(path), line, fix)


def _told(detail: ErrorDetails) -> tuple[str, str]:
    """What is wrong, and what to write instead."""
    if detail["input"] is None and detail["type"] not in {"missing", "value_error"}:
        return "has no value", "write one, or remove the line"
    what, fix = TOLD_OTHERWISE.get(detail["type"]) or (detail["msg"].removeprefix("Value error, "), "")
    if what.endswith("number"):
        fix = next((fix for end, fix in UNITS.items() if str(detail["loc"][-1]).endswith(end)), "write it in digits")
    return what.format(**detail.get("ctx", {})), fix


def _holds(value: Any, path: tuple[str | int, ...]) -> bool:
    for step in path:
        inside = step in value if isinstance(value, dict) else isinstance(value, list) and isinstance(step, int) and step < len(value)
        if not inside:
            return False
        value = value[step]
    return True


def _variable_of(path: tuple[str | int, ...]) -> str:
    """The variable that sets `path`: its own, one below it, or one around it that holds JSON."""
    wanted = PREFIX + "__".join(str(step) for step in path).upper() + "__"
    names = [name for name in os.environ if name.upper().startswith(PREFIX)]
    related = [name for name in names if f"{name.upper()}__".startswith(wanted) or wanted.startswith(f"{name.upper()}__")]
    return max(related, key=len, default=PREFIX.rstrip("_"))


def _model_at(path: tuple[str | int, ...]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Settings
    for step in path:
        if isinstance(step, int) or model is None:
            continue
        field = model.model_fields.get(step)
        model = next(_models_in(field.annotation), None) if field else None
    return model


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)


def _names_at(path: tuple[str | int, ...]) -> list[str]:
    model = _model_at(path)
    return list(model.model_fields) if model else []


def _unknown_variables(environ: Mapping[str, str]) -> Iterator[Problem]:
    """A misspelt variable would silently not apply. What is misspelt below a section is told as an unknown setting."""
    sections = {PREFIX + name.upper() for name in Settings.model_fields}
    written = sections | {PREFIX + path.partition("[]")[0].replace(".", "__").upper() for path, _, _, _ in fields()}
    for variable in environ:
        if variable.upper().startswith(PREFIX) and variable.upper().split("__", 1)[0] not in sections:
            close = difflib.get_close_matches(variable.upper(), written, n=1)
            yield Problem(
                "environment", 0, 0, variable, "unknown setting", f"did you mean {close[0]}?" if close else "see `tos-proxy settings`"
            )


def fields(model: type[BaseModel] = Settings, prefix: str = "") -> Iterator[tuple[str, str, str, str]]:
    """Every setting: dotted name, type, default, meaning. For `tos-proxy settings` and the reference."""
    for name, field in model.model_fields.items():
        nested = next(_models_in(field.annotation), None)
        many = get_origin(field.annotation) is tuple
        path = f"{prefix}{name}" + ("[]" if nested and many else "")
        optional = nested is not None and (many or field.default is None)
        if nested is None or optional:
            kind = _type_name(field.annotation, nested) + (", required" if field.is_required() else "")
            yield path, kind, _default(field), field.description or ""
        if nested is not None:
            yield from fields(nested, path + ".")


def _type_name(annotation: Any, nested: type[BaseModel] | None) -> str:
    if nested:
        return "section"
    arguments = [argument for argument in get_args(annotation) if argument not in {type(None), Ellipsis}]
    origin = get_origin(annotation)
    if origin is tuple:
        return "list of paths" if arguments == [Path] else "list"
    if origin is dict:
        return "mapping"
    if origin is Literal:
        return " | ".join(arguments)
    return _type_name(arguments[0], None) if arguments else TYPES[annotation]


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required() or value is None:
        return ""
    if isinstance(value, SecretStr):
        return value.get_secret_value()  # of the code, and so no secret
    return str(value) if isinstance(value, str | Path) else json.dumps(value)
