"""The demo endpoint's OpenAI side."""

from __future__ import annotations

from proxy.adapters.demo.delivery import Json


def error(status: int, message: str) -> Json:
    """An error as OpenAI words it."""
    kinds = {400: "invalid_request_error", 404: "invalid_request_error", 429: "rate_limit_error"}
    codes = {404: "model_not_found", 429: "rate_limit_exceeded"}
    return {"error": {"message": message, "type": kinds.get(status, "server_error"), "param": None, "code": codes.get(status)}}
