"""One row for each endpoint that a call can come through: the least it needs, and where each field of a ModelCall is found in it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any, NamedTuple

from proxy.dialects.batch import read_upload
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import Route
from proxy.dialects.realtime.session import RealtimeSession
from proxy.dialects.routes import find_route
from proxy.errors import CallerError, Fault

Path = tuple[str | int, ...]


class Probe(NamedTuple):
    """Setting `value` at `path` makes the call's field `expected`."""

    path: Path
    value: Any
    expected: Any


def as_body(route: Route, document: dict[str, Any]) -> ModelCall:
    """The document is the request's body."""
    return route.read(document)


def as_form(route: Route, document: dict[str, Any]) -> ModelCall:
    """Its keys are the form's fields; bytes are files, a list is a field that is repeated, None is one that is left out."""
    return read_upload(route, FORM, form(document)).call


def as_line(route: Route, document: dict[str, Any]) -> ModelCall:
    """It is the body of a line in a batch file."""
    line = {"custom_id": "1", "method": "POST", "url": "/v1/chat/completions", "body": document}
    upload = read_upload(route, FORM, form({"purpose": "batch", "file": json.dumps(line).encode()}))
    return next(iter(upload.lines)).call


def as_params(route: Route, document: dict[str, Any]) -> ModelCall:
    """It is one of the requests of a message batch."""
    raw = json.dumps({"requests": [{"custom_id": "1", "params": document}]}).encode()
    return next(iter(read_upload(route, "application/json", raw).lines)).call


EVENTS = {"session": "session.update", "item": "conversation.item.create", "response": "response.create"}


def as_events(route: Route, document: dict[str, Any]) -> ModelCall:
    """Each key is a client event of a session; the call is the last one's, with the words of all."""
    session = RealtimeSession(route, "")
    calls = []
    for key, value in document.items():
        event = session.read_event(json.dumps({"type": EVENTS[key], key: value}).encode())
        assert event is not None
        calls.append(event.call)
    return calls[-1]._replace(texts=tuple(text for call in calls for text in call.texts))


FORM = "multipart/form-data; boundary=cut"


def form(fields: dict[str, Any]) -> bytes:
    """A form with these fields."""
    parts = [(name, one) for name, value in fields.items() for one in (value if isinstance(value, list) else [value]) if one is not None]
    return b"".join(b"--cut\r\n" + _part(name, value) + b"\r\n" for name, value in parts) + b"--cut--\r\n"


def _part(name: str, value: Any) -> bytes:
    file = b'; filename="f"' if isinstance(value, bytes) else b""
    content = value if isinstance(value, bytes) else (value if isinstance(value, str) else json.dumps(value)).encode()
    return b'Content-Disposition: form-data; name="%b"%b\r\n\r\n%b' % (name.encode(), file, content)


class Row(NamedTuple):
    path: str
    """An address of the endpoint."""
    least: dict[str, Any]
    probes: dict[str, tuple[Probe, ...]]
    """Field of ModelCall to its probes."""
    words: tuple[tuple[Path, Any], ...]
    """Everywhere a text can stand: a path and a value to put there with CANARY in it."""
    path_model: str = ""
    never: str = ""
    """Fields of ModelCall that the endpoint can't carry. Every other one must have a probe."""
    carry: Callable[[Route, dict[str, Any]], ModelCall] = as_body
    method: str = "POST"
    endpoint: str = ""
    """The endpoint that the call has, where it isn't that of the address."""

    @property
    def route(self) -> Route:
        """Where its address leads."""
        return find_route(self.method, self.path)

    def read(self, document: dict[str, Any]) -> ModelCall:
        """The call that a request with this document is."""
        return self.carry(self.route, document)


def fault_of(action: Callable[[], object]) -> Fault | None:
    """Why the action refuses; None if it doesn't."""
    try:
        action()
    except CallerError as error:
        return error.fault
    return None


CANARY = "the quick brown canary"

WRITTEN = "max_output_tokens temperature seed logprobs top_logprobs reasoning reasoning_effort reasoning_budget service_tier"
"""What only shapes text that a model writes."""
TALK = "tools tool_results"
"""What only a conversation holds."""


def put(document: dict[str, Any], path: Path, value: Any) -> dict[str, Any]:
    """A copy of the document with `value` at `path`; objects and lists on the way are made. An index beyond the end appends."""
    made: dict[str, Any] = copy.deepcopy(document)
    place: Any = made
    for key, following in zip(path, (*path[1:], None), strict=True):
        empty: Any = [] if isinstance(following, int) else {}
        step = value if following is None else empty
        if isinstance(place, list):
            assert isinstance(key, int)
            while len(place) <= key:
                place.append(copy.deepcopy(step))
            if following is None or not isinstance(place[key], type(step)):
                place[key] = step
        elif following is None or not isinstance(place.get(key), type(step)):
            place[key] = step
        place = place[key]
    return made
