"""The Bedrock dialect: which reader reads which endpoint, where they live, and how errors are worded."""

from __future__ import annotations

import struct
import zlib
from typing import Final

import orjson

from proxy.dialects.bedrock import clamps, converse, invoke
from proxy.dialects.dialect import ByEndpoint, Clamper, Dialect, Endpoint, Headers, Reader, RouteKind

READERS: Final[dict[str, Reader]] = {
    "invoke": invoke.read,
    "invoke_stream": invoke.read,
    "converse": converse.read,
    "converse_stream": converse.read,
}

CLAMPERS: Final[dict[str, Clamper]] = {
    "invoke": clamps.invoke_model,
    "invoke_stream": clamps.invoke_model,
    "converse": clamps.converse,
    "converse_stream": clamps.converse,
}

EXCEPTIONS: Final = {
    400: "ValidationException",
    401: "AccessDeniedException",
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    429: "ThrottlingException",
    451: "AccessDeniedException",
    503: "ServiceUnavailableException",
}
"""Exceptions of the runtime API's service model (botocore, bedrock-runtime 2023-09-30)."""

_STREAM_EXCEPTION: Final = "throttlingException"
"""The only one of a stream's exceptions that says the caller, not the server, is at its limit."""

_STRING: Final = 7


class Bedrock(ByEndpoint):
    """Amazon's runtime API."""

    def error_body(self, _status: int, _code: str, message: str, _param: str | None, _request_id: str, /) -> bytes:
        """`{"message"}`: the kind of the error travels in a header."""
        return orjson.dumps({"message": message})

    def error_headers(self, status: int, _code: str, /) -> Headers:
        """The exception by which botocore names the error."""
        kind = EXCEPTIONS.get(status, "InternalServerException" if status >= 500 else "ValidationException")
        return (("x-amzn-errortype", kind),)

    def error_event(self, code: str, message: str) -> bytes:
        """An exception frame, for which botocore raises EventStreamError.

        Format: https://smithy.io/2.0/aws/amazon-eventstream.html
        """
        headers = b"".join(
            _header(name, value)
            for name, value in (
                (b":exception-type", _STREAM_EXCEPTION.encode()),
                (b":content-type", b"application/json"),
                (b":message-type", b"exception"),
            )
        )
        payload = orjson.dumps({"message": message, "code": code})
        head = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
        frame = head + struct.pack(">I", zlib.crc32(head)) + headers + payload
        return frame + struct.pack(">I", zlib.crc32(frame))


def _header(name: bytes, value: bytes) -> bytes:
    return struct.pack(">B", len(name)) + name + struct.pack(">BH", _STRING, len(value)) + value


BEDROCK: Final[Dialect] = Bedrock("bedrock", READERS, CLAMPERS)

ENDPOINTS: Final = (
    Endpoint(BEDROCK, "POST", "/model/{model}/invoke", "invoke", RouteKind.CALL),
    Endpoint(BEDROCK, "POST", "/model/{model}/invoke-with-response-stream", "invoke_stream", RouteKind.CALL, stream=True),
    Endpoint(BEDROCK, "POST", "/model/{model}/converse", "converse", RouteKind.CALL),
    Endpoint(BEDROCK, "POST", "/model/{model}/converse-stream", "converse_stream", RouteKind.CALL, stream=True),
)
