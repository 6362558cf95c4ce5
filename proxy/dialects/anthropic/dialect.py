"""The Anthropic dialect: which reader reads which endpoint, where they live, and how errors are worded."""

from __future__ import annotations

from typing import Final

import orjson

from proxy.dialects.anthropic import clamps, messages
from proxy.dialects.dialect import ByEndpoint, Clamper, Dialect, Endpoint, Reader, RouteKind

READERS: Final[dict[str, Reader]] = {
    "messages": messages.read,
    "messages.count_tokens": messages.read,
    "complete": messages.complete,
}

CLAMPERS: Final[dict[str, Clamper]] = {"messages": clamps.messages, "complete": clamps.complete}

ERROR_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Anthropic(ByEndpoint):
    """Anthropic's own API."""

    def error_body(self, status: int, code: str, message: str, param: str | None, request_id: str, /) -> bytes:
        """`{"type": "error", "error": {"type", "message"}, "request_id"}`; the stable code goes beside the type."""
        kind = ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        return orjson.dumps(
            {"type": "error", "error": {"type": kind, "message": message, "code": code, "param": param}, "request_id": request_id}
        )

    def error_event(self, code: str, message: str) -> bytes:
        """An `error` event, for which the SDKs raise APIStatusError (anthropic/_streaming.py)."""
        return (
            b"event: error\ndata: "
            + orjson.dumps({"type": "error", "error": {"type": "policy_error", "message": message, "code": code}})
            + b"\n\n"
        )


ANTHROPIC: Final[Dialect] = Anthropic("anthropic", READERS, CLAMPERS)

ENDPOINTS: Final = (
    Endpoint(ANTHROPIC, "POST", "/v1/messages", "messages", RouteKind.CALL),
    Endpoint(ANTHROPIC, "POST", "/v1/messages/count_tokens", "messages.count_tokens", RouteKind.CALL),
    Endpoint(ANTHROPIC, "POST", "/v1/complete", "complete", RouteKind.CALL),
    Endpoint(ANTHROPIC, "POST", "/v1/messages/batches", "messages.batches", RouteKind.UPLOAD),
    Endpoint(ANTHROPIC, "GET", "/v1/messages/batches", "messages.batches.list", RouteKind.METADATA),
    Endpoint(ANTHROPIC, "GET", "/v1/messages/batches/{id}", "messages.batches.get", RouteKind.METADATA),
    Endpoint(ANTHROPIC, "GET", "/v1/messages/batches/{id}/results", "messages.batches.results", RouteKind.METADATA),
    Endpoint(ANTHROPIC, "POST", "/v1/messages/batches/{id}/cancel", "messages.batches.cancel", RouteKind.METADATA),
    Endpoint(ANTHROPIC, "DELETE", "/v1/messages/batches/{id}", "messages.batches.delete", RouteKind.METADATA),
)
