"""The OpenAI dialect: which reader reads which endpoint, and how errors are worded."""

from __future__ import annotations

from typing import Final

import orjson

from proxy.dialects.dialect import ByEndpoint, Clamper, Dialect, Reader
from proxy.dialects.openai import chat, jobs, responses, single
from proxy.dialects.openai.lowering import parameters

READERS: Final[dict[str, Reader]] = {
    "chat.completions": chat.read,
    "completions": single.completions,
    "embeddings": single.embeddings,
    "moderations": single.moderations,
    "images.generate": single.images,
    "audio.speech": single.speech,
    "responses": responses.read,
    "responses.compact": responses.read,
    "responses.input_tokens": responses.read,
    "batches.create": jobs.batch,
    "fine_tuning.create": jobs.fine_tuning,
}

CLAMPERS: Final[dict[str, Clamper]] = {
    "chat.completions": parameters.chat,
    "completions": parameters.chat,
    "responses": parameters.responses,
    "responses.compact": parameters.responses,
    "images.generate": parameters.images,
}
ERROR_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    429: "rate_limit_error",
}


class OpenAI(ByEndpoint):
    """OpenAI's API under one of the names that it has in facts."""

    def error_body(self, status: int, code: str, message: str, param: str | None, _request_id: str, /) -> bytes:
        """`{"error": {"message", "type", "param", "code"}}`; the request id travels in its header."""
        kind = ERROR_TYPES.get(status, "server_error" if status >= 500 else "invalid_request_error")
        return orjson.dumps({"error": {"message": message, "type": kind, "param": param, "code": code}})

    def error_event(self, code: str, message: str) -> bytes:
        """An event with `error`, for which the SDKs raise APIError (openai/_streaming.py).

        `type` and the copies beside it are what readers of Responses streams look at.
        """
        error = {"message": message, "type": "policy_error", "param": None, "code": code}
        return (
            b"event: error\ndata: "
            + orjson.dumps({"type": "error", "code": code, "message": message, "param": None, "error": error})
            + b"\n\n"
        )


OPENAI: Final[Dialect] = OpenAI("openai", READERS, CLAMPERS)
AZURE: Final[Dialect] = OpenAI("azure", READERS, CLAMPERS)
