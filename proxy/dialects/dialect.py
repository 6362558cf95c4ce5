"""Route and Dialect: what an address means, and what the reader of an API can do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType
from typing import Any, Final, NamedTuple, Protocol

from proxy.dialects.call import ModelCall

Document = dict[str, Any]
"""A request's JSON object as `body.read_json` gives it: no duplicate keys, finite numbers, bounded depth."""

Names = Mapping[str, str]
"""Alias to canonical model name."""

Headers = tuple[tuple[str, str], ...]

Clamps = Mapping[str, int | float | bool | str]
"""Parameter to upper bound (numbers), False (switches) or highest allowed effort (strings)."""

NO_NAMES: Final[Names] = MappingProxyType({})


class RouteKind(Enum):
    """What a request on a route carries."""

    CALL = "call"
    """A JSON document that `Dialect.read` understands."""
    METADATA = "metadata"
    """No body: lists and look-ups."""
    UPLOAD = "upload"
    """A form or a batch, read by `batch.read_upload`."""
    SOCKET = "socket"
    """A WebSocket, whose events `realtime` reads."""
    PASSED = "passed"
    """Nothing that a reader understands: a policy passes it unread."""


class Dialect(Protocol):
    """One API. It reads and rewrites its own requests and words errors; it never converts to another API."""

    name: str

    def read(self, route: Route, document: Document, names: Names = NO_NAMES) -> ModelCall:
        """What is asked. Raises CallerError for a wrong type in any field that is read."""

    def clamp(self, route: Route, document: Document, clamps: Clamps, model: str) -> tuple[Document, tuple[str, ...]]:
        """The document within the bounds, and the parameters that changed. The argument itself stays as it is.

        `model` is the model's canonical name: path and body may know it by an alias, from which nobody tells what it takes.
        """

    def error_body(self, status: int, code: str, message: str, param: str | None, request_id: str, /) -> bytes:
        """The error document that the API's own SDKs turn into their exception."""

    def error_headers(self, status: int, code: str, /) -> Headers:
        """Headers besides Content-Type from which the API's SDKs read an error."""

    def error_event(self, code: str, message: str) -> bytes:
        """What ends a stream such that the SDK reports an error instead of a complete answer."""


class Route(NamedTuple):
    """An address that is understood."""

    dialect: Dialect
    endpoint: str
    """The `request.endpoint` fact."""
    kind: RouteKind
    model: str = ""
    """The model that the path names; "" when the body does."""
    stream: bool = False
    """The path itself asks for a stream."""

    def read(self, document: Document, names: Names = NO_NAMES) -> ModelCall:
        """What is asked in the body of a CALL. Raises CallerError for a wrong type in any field that is read."""
        return self.dialect.read(self, document, names)

    def bare_call(self) -> ModelCall:
        """What is asked where there is no body to read."""
        if self.kind is RouteKind.PASSED:
            return ModelCall("", self.endpoint, inspected=False)
        return ModelCall(self.dialect.name, self.endpoint, self.model, self.stream)


class Endpoint(NamedTuple):
    """One row of the table of everything that is understood; anything else is refused."""

    dialect: Dialect
    method: str
    path: str
    """A template: `{model}` is captured, `{id}` is not; either may be followed by a literal `:action`."""
    endpoint: str
    kind: RouteKind
    stream: bool = False


Reader = Callable[[Route, Document, Names], ModelCall]
Clamper = Callable[[Route, Document, Clamps, tuple[str, ...]], tuple[Document, tuple[str, ...]]]
"""The last argument holds all of the model's names, the canonical one first."""


class ByEndpoint:
    """Reading and rewriting looked up by endpoint: what dialects share."""

    def __init__(self, name: str, readers: Mapping[str, Reader], clampers: Mapping[str, Clamper]) -> None:
        self.name = name
        self._readers = readers
        self._clampers = clampers

    def read(self, route: Route, document: Document, names: Names = NO_NAMES) -> ModelCall:
        """See `Dialect`."""
        return self._readers[route.endpoint](route, document, names)

    def clamp(self, route: Route, document: Document, clamps: Clamps, model: str) -> tuple[Document, tuple[str, ...]]:
        """See `Dialect`. An endpoint without a clamper has no parameter that could be lowered."""
        clamper = self._clampers.get(route.endpoint)
        if clamper is None:
            return document, ()
        in_body = document.get("model")
        return clamper(route, document, clamps, (model, route.model, in_body if type(in_body) is str else ""))

    def error_headers(self, _status: int, _code: str, /) -> Headers:
        """None: SDKs read the status and the body."""
        return ()
