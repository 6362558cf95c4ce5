"""The Gemini dialect: which reader reads which endpoint, where they live, and how errors are worded."""

from __future__ import annotations

from typing import Any, Final

import orjson

from proxy.dialects.dialect import ByEndpoint, Clamper, Dialect, Endpoint, Reader, RouteKind
from proxy.dialects.gemini import clamps, generate

READERS: Final[dict[str, Reader]] = {
    "generate_content": generate.generate,
    "stream_generate_content": generate.generate,
    "count_tokens": generate.count_tokens,
    "embed_content": generate.embed,
    "batch_embed_contents": generate.batch_embed,
}

CLAMPERS: Final[dict[str, Clamper]] = {
    "generate_content": clamps.generate,
    "stream_generate_content": clamps.generate,
}

STATUSES: Final = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    408: "DEADLINE_EXCEEDED",
    429: "RESOURCE_EXHAUSTED",
    451: "PERMISSION_DENIED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""google.rpc.Code by HTTP status (googleapis, google/rpc/code.proto)."""

_CUT_STATUS: Final = 403


def _error(status: int, code: str, message: str, param: str | None, request_id: str) -> dict[str, Any]:
    about = {name: value for name, value in (("param", param), ("request_id", request_id)) if value}
    info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": code, "domain": "tos-proxy", "metadata": about}
    name = STATUSES.get(status, "INTERNAL" if status >= 500 else "INVALID_ARGUMENT")
    return {"error": {"code": status, "message": message, "status": name, "details": [info]}}


class Gemini(ByEndpoint):
    """Google's own API."""

    def error_body(self, status: int, code: str, message: str, param: str | None, request_id: str, /) -> bytes:
        """`{"error": {"code", "message", "status", "details"}}`; the stable code is the ErrorInfo's reason."""
        return orjson.dumps(_error(status, code, message, param, request_id))

    def error_event(self, code: str, message: str) -> bytes:
        """A chunk that begins with `error`, for which google-genai raises APIError (google/genai/_api_client.py)."""
        return b"data: " + orjson.dumps(_error(_CUT_STATUS, code, message, None, "")) + b"\n\n"


GEMINI: Final[Dialect] = Gemini("gemini", READERS, CLAMPERS)

_ACTIONS: Final = (
    ("generateContent", "generate_content", False),
    ("streamGenerateContent", "stream_generate_content", True),
    ("countTokens", "count_tokens", False),
    ("embedContent", "embed_content", False),
    ("batchEmbedContents", "batch_embed_contents", False),
)

ENDPOINTS: Final = (
    *(
        Endpoint(GEMINI, "POST", f"/{version}/{collection}/{{model}}:{action}", name, RouteKind.CALL, stream)
        for version in ("v1", "v1beta", "v1alpha")
        for collection in ("models", "tunedModels")
        for action, name, stream in _ACTIONS
    ),
    *(
        row
        for version in ("v1beta", "v1alpha")
        for row in (
            Endpoint(GEMINI, "GET", f"/{version}/models", "models.list", RouteKind.METADATA),
            Endpoint(GEMINI, "GET", f"/{version}/models/{{model}}", "models.get", RouteKind.METADATA),
        )
    ),
)
