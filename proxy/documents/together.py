"""A model whose parts ask something of each other: what is wrong in one part doesn't hide what is wrong between the others."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, TypeVar, cast, get_args

from pydantic import BaseModel, ModelWrapValidatorHandler, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

Model = TypeVar("Model", bound=BaseModel)

_OF_THE_CORE: Final = frozenset(get_args(ErrorType))

Conflict = tuple[tuple[str | int, ...], frozenset[str], str]
"""The path of the value to change, the parts that were compared, and what is wrong between them."""


def validated(
    values: Mapping[str, Any], handler: ModelWrapValidatorHandler[Model], conflicts: Callable[[Model], Iterable[Conflict]]
) -> Model:
    """For a wrap validator. Raises ValidationError with the faults of all parts, and the conflicts of those that have none."""
    faults: list[InitErrorDetails] = []
    unusable: set[str | int] = set()
    try:
        model = handler(values)
    except ValidationError as error:
        faults = [_again(detail) for detail in error.errors(include_url=False)]
        unusable = {part for detail in faults for part in detail["loc"][:1]}
        model = handler({name: value for name, value in values.items() if name not in unusable})
    told = [(path, what) for path, compared, what in conflicts(model) if unusable.isdisjoint(compared)]
    faults += [{"type": "value_error", "loc": path, "input": None, "ctx": {"error": ValueError(what)}} for path, what in told]
    if faults:
        raise ValidationError.from_exception_data(type(model).__name__, faults)
    return model


def _again(detail: ErrorDetails) -> InitErrorDetails:
    """A fault to raise once more. Kinds that aren't of pydantic's core, such as that of paths, are made by the message alone."""
    if detail["type"] in _OF_THE_CORE:
        return cast("InitErrorDetails", detail)
    return {"type": PydanticCustomError(detail["type"], "{said}", {"said": detail["msg"]}), "loc": detail["loc"], "input": detail["input"]}
