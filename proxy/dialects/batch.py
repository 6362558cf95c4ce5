"""What a route of kind UPLOAD carries: a form, a file, a batch. Each line of a batch is judged as the call that it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from proxy.dialects.body import check_media_type
from proxy.dialects.call import ModelCall
from proxy.dialects.dialect import NO_NAMES, Names, Route
from proxy.dialects.reading import text
from proxy.dialects.uploads.forms import plain_fields, read_form_call
from proxy.dialects.uploads.lines import Line, file_lines, message_batch, message_lines
from proxy.dialects.wire.multipart import Part, read_form
from proxy.dialects.wire.strict import DEFAULT_LIMITS, JsonLimits, malformed

__all__ = ["Line", "Upload", "read_upload"]

BYTES_PER_TOKEN: Final = 4
FINE_TUNE: Final = ".fine_tune"


class Upload(NamedTuple):
    """An upload as a whole, and the calls in it.

    `lines` reads as it is consumed: a CallerError with the line's number comes when the line does.
    """

    call: ModelCall
    lines: Iterator[Line]


def read_upload(route: Route, content_type: str, raw: bytes, names: Names = NO_NAMES, limits: JsonLimits = DEFAULT_LIMITS) -> Upload:
    """Read an upload. Raises CallerError MALFORMED or MEDIA_TYPE."""
    if route.endpoint == "messages.batches":
        check_media_type(content_type)
        requests = message_batch(raw, limits)
        return Upload(_whole(route, route.endpoint, raw, len(requests)), message_lines(requests, names, limits))
    parts = read_form(raw, content_type)
    if route.endpoint != "files.upload":
        return Upload(read_form_call(route, parts, names), iter(()))
    content = _one_file(parts)
    purpose = text(plain_fields(parts), "purpose")
    if purpose == "batch":
        return Upload(_whole(route, route.endpoint, content, _line_count(content)), file_lines(route, content, names, limits))
    endpoint = route.endpoint + FINE_TUNE if purpose.startswith("fine-tune") else route.endpoint
    return Upload(_whole(route, endpoint, content, 0), iter(()))


def _whole(route: Route, endpoint: str, content: bytes, batch_size: int) -> ModelCall:
    tokens = len(content) // BYTES_PER_TOKEN
    return ModelCall(route.dialect.name, endpoint, batch_size=batch_size, input_tokens=tokens, unseen=int(batch_size == 0))


def _one_file(parts: tuple[Part, ...]) -> bytes:
    files = [part for part in parts if part.file]
    if len(files) != 1 or files[0].name != "file":
        raise malformed("The form must have exactly one file, named file.", "invalid_form", "file")
    return files[0].content


def _line_count(content: bytes) -> int:
    return content.count(b"\n") + (not content.endswith(b"\n"))
