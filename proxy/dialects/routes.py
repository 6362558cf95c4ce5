"""Which endpoint does an address mean? One table of everything that is understood; the rest is refused."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from proxy.dialects.anthropic.dialect import ANTHROPIC
from proxy.dialects.anthropic.dialect import ENDPOINTS as ANTHROPIC_ENDPOINTS
from proxy.dialects.bedrock.dialect import BEDROCK
from proxy.dialects.bedrock.dialect import ENDPOINTS as BEDROCK_ENDPOINTS
from proxy.dialects.dialect import Dialect, Endpoint, Route
from proxy.dialects.gemini.dialect import ENDPOINTS as GEMINI_ENDPOINTS
from proxy.dialects.gemini.dialect import GEMINI
from proxy.dialects.ollama.dialect import ENDPOINTS as OLLAMA_ENDPOINTS
from proxy.dialects.ollama.dialect import OLLAMA
from proxy.dialects.openai.addresses import ENDPOINTS as OPENAI_ENDPOINTS
from proxy.dialects.openai.dialect import AZURE, OPENAI
from proxy.dialects.wire.paths import ambiguous, segments
from proxy.errors import CallerError, Fault

__all__ = ["ENDPOINTS", "Route", "dialect_for_errors", "find_route"]

ENDPOINTS: Final[tuple[Endpoint, ...]] = (
    *OPENAI_ENDPOINTS,
    *ANTHROPIC_ENDPOINTS,
    *GEMINI_ENDPOINTS,
    *BEDROCK_ENDPOINTS,
    *OLLAMA_ENDPOINTS,
)
"""Every method and path that is understood. The matrix test has a row for each endpoint in it."""

_ANY: Final = "{}"
_METHODS: Final = "\n"
"""Keys of the tree that no path segment can be: braces and control characters are refused in paths."""

_Tree = dict[str, Any]


def _grow() -> tuple[dict[tuple[str, str], Route], _Tree]:
    exact: dict[tuple[str, str], Route] = {}
    tree: _Tree = {}
    for row in ENDPOINTS:
        if "{" not in row.path:
            exact[row.method, row.path] = Route(row.dialect, row.endpoint, row.kind, "", row.stream)
        node = tree
        for segment in row.path.split("/")[1:]:
            node = node.setdefault(_shape(segment), {})
        node.setdefault(_METHODS, {})[row.method] = row, _place(row.path)
    return exact, tree


def _shape(segment: str) -> str:
    """A literal segment as it is, `{model}` as `{}`, `{model}:action` as `{}:action`."""
    return _ANY + segment.partition("}")[2] if segment.startswith("{") else segment


def _place(path: str) -> int:
    """Which segment names the model; 0 when none does."""
    return next((at for at, segment in enumerate(path.split("/")) if segment.startswith("{model}")), 0)


_EXACT, _TREE = _grow()


def find_route(method: str, path: str) -> Route:
    """The route of a request. `path` is the raw path without the query.

    Compared exactly and with regard to case after one percent-decode. Raises CallerError MALFORMED for an ambiguous path,
    UNKNOWN_ENDPOINT, or METHOD.
    """
    route = _EXACT.get((method, path))
    if route is not None:
        return route
    parts = segments(path)
    node: _Tree = _TREE
    for segment in parts[1:]:
        below = node.get(segment)
        if below is None:
            below = node.get(_ANY + segment[segment.rindex(":") :] if ":" in segment else _ANY) or node.get(_ANY)
        if below is None or not segment:
            raise _unknown()
        node = below
    methods = node.get(_METHODS)
    if methods is None:
        raise _unknown()
    if method not in methods:
        raise CallerError(Fault.METHOD, f"This address takes {' or '.join(sorted(methods))}.")
    row, place = methods[method]
    return Route(row.dialect, row.endpoint, row.kind, _named(row.path, parts, place), row.stream)


def _named(template: str, parts: list[str], place: int) -> str:
    if not place:
        return ""
    action = template.split("/")[place].partition("}")[2]
    name = parts[place].removesuffix(action)
    if not name:
        raise ambiguous()
    return name


def _unknown() -> CallerError:
    return CallerError(Fault.UNKNOWN_ENDPOINT, "No reader understands this address, so it can't be judged and is refused.")


_PREFIXES: Final = (
    ("/v1/completions", OPENAI),
    ("/v1/messages", ANTHROPIC),
    ("/v1/complete", ANTHROPIC),
    ("/v1beta/openai/", OPENAI),
    ("/v1beta/", GEMINI),
    ("/v1alpha/", GEMINI),
    ("/openai/", AZURE),
    ("/model/", BEDROCK),
    ("/api/", OLLAMA),
)
_HEADERS: Final = (
    ("anthropic-version", ANTHROPIC),
    ("x-goog-api-key", GEMINI),
    ("x-amz-date", BEDROCK),
)


def dialect_for_errors(path: str, header_names: Collection[str] = ()) -> Dialect:
    """Whose wording a caller expects where no route was found: by path, then by a header that only one API's clients send.

    `header_names` are lower-case.
    """
    for prefix, dialect in _PREFIXES:
        if path.startswith(prefix):
            return dialect
    for name, dialect in _HEADERS:
        if name in header_names:
            return dialect
    return OPENAI
