"""The Ollama dialect: which reader reads which endpoint, where they live, and how errors are worded.

Pulling, pushing, creating, copying and deleting models are left out, and therefore refused.
"""

from __future__ import annotations

from typing import Final

import orjson

from proxy.dialects.dialect import ByEndpoint, Clamper, Dialect, Endpoint, Reader, RouteKind
from proxy.dialects.ollama import chat, clamps

READERS: Final[dict[str, Reader]] = {
    "chat": chat.chat,
    "generate": chat.generate,
    "embed": chat.embed,
    "models.show": chat.show,
}

CLAMPERS: Final[dict[str, Clamper]] = {"chat": clamps.generate, "generate": clamps.generate}


class Ollama(ByEndpoint):
    """Ollama's own API."""

    def error_body(self, _status: int, code: str, message: str, _param: str | None, _request_id: str, /) -> bytes:
        """`{"error": "..."}`, which the SDK's ResponseError takes its message from."""
        return orjson.dumps({"error": message, "code": code})

    def error_event(self, code: str, message: str) -> bytes:
        """A line with `error`, for which the SDK raises ResponseError (ollama/_client.py)."""
        return orjson.dumps({"error": message, "code": code}) + b"\n"


OLLAMA: Final[Dialect] = Ollama("ollama", READERS, CLAMPERS)

ENDPOINTS: Final = (
    Endpoint(OLLAMA, "POST", "/api/chat", "chat", RouteKind.CALL),
    Endpoint(OLLAMA, "POST", "/api/generate", "generate", RouteKind.CALL),
    Endpoint(OLLAMA, "POST", "/api/embed", "embed", RouteKind.CALL),
    Endpoint(OLLAMA, "POST", "/api/embeddings", "embed", RouteKind.CALL),
    Endpoint(OLLAMA, "POST", "/api/show", "models.show", RouteKind.CALL),
    Endpoint(OLLAMA, "GET", "/api/tags", "models.list", RouteKind.METADATA),
    Endpoint(OLLAMA, "GET", "/api/ps", "models.running", RouteKind.METADATA),
    Endpoint(OLLAMA, "GET", "/api/version", "version", RouteKind.METADATA),
)
