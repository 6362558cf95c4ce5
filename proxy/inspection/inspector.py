"""Inspector: what comes back, read and stripped as it passes. `inspector_for` picks the one that fits an answer.

Whatever the cuts between chunks, the joined output, the usage and every count are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Final, Protocol

from proxy.dialects.call import PICTURES_AND_SOUND, Usage
from proxy.inspection.arrays import ArrayReader, ArrayStripper
from proxy.inspection.bodies import STRIP_BYTES, BodyReader, BodyStripper
from proxy.inspection.events import EventReader, EventStripper
from proxy.inspection.frames import FrameReader, FrameStripper
from proxy.inspection.records import RecordReader, RecordStripper
from proxy.inspection.shapes.anthropic import MESSAGES
from proxy.inspection.shapes.batches import RESULTS
from proxy.inspection.shapes.bedrock import BLOCKS
from proxy.inspection.shapes.gemini import CANDIDATES
from proxy.inspection.shapes.ollama import LINES
from proxy.inspection.shapes.openai import ANSWERS
from proxy.inspection.shapes.shape import Shape, read_json
from proxy.inspection.tally import BYTES_PER_TOKEN, Tally

SHAPES: Final[dict[str, Shape]] = {
    "openai": ANSWERS,
    "azure": ANSWERS,
    "anthropic": MESSAGES,
    "gemini": CANDIDATES,
    "bedrock": BLOCKS,
    "ollama": LINES,
}

WORDLESS: Final = ("embed", "batch_embed", "moderation", *PICTURES_AND_SOUND)
"""How the names of endpoints begin whose answers hold nothing a model wrote: their usage counts, they are never stripped."""

STORED: Final = ("model", "files", "batches", "messages.batches", "messages.count", "fine_tuning", "responses.input", "count", "version")
"""How the names of endpoints begin that tell of things kept or counted: no model runs, and what usage they tell was counted before."""

RESULTS_OF: Final = frozenset({"files.content", "messages.batches.results"})
"""Downloads of a batch's answers, whatever content type they come with."""

FIRST_ERROR_STATUS: Final = 400
"""From here on an answer is an error: it holds nothing a model wrote, so it is neither read nor stripped."""

_ONLY_USAGE: Final = frozenset({"usage"})
_NOTHING: Final[frozenset[str]] = frozenset()
_EVENTS: Final = "text/event-stream"
_FRAMES: Final = "application/vnd.amazon.eventstream"
_RECORDS: Final = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines"}
)


class Inspector(Protocol):
    """Reads one answer on its way to the caller.

    Without anything to strip, `feed` returns the very chunk it got. An answer that can't be stripped is never forwarded: where
    `buffers`, `feed` and `close` raise UpstreamError (`protocol`), and the handler can still answer with a status; in a
    stream, `ended` and `broken` turn true after the last readable event, and the handler forwards a `cut`.
    """

    @property
    def buffers(self) -> bool:
        """Nothing comes out before `close`, and what does has another length: hold the head back, drop Content-Length."""

    @property
    def rewrites(self) -> bool:
        """The output may differ from the input: Content-Length, ETag and digests of the answer no longer hold."""

    @property
    def usage(self) -> Usage | None:
        """What the upstream reported; None if nothing. Estimated where the answer was cut before it reported everything."""

    @property
    def output_estimate(self) -> int:
        """Output tokens by our own, conservative count of what the model wrote, relayed or stripped."""

    @property
    def finish(self) -> str:
        """Why the answer ended, in the upstream's word, at most 64 characters; "" if it hasn't said."""

    @property
    def broken(self) -> bool:
        """Something couldn't be read: usage may be missing. When stripping, the answer was cut there."""

    @property
    def ended(self) -> bool:
        """Nothing more will come out: close the upstream and forward a `cut`."""

    def told_in_head(self, prompt: int, output: int) -> None:
        """The answer's head told its usage (Bedrock: x-amzn-bedrock-input-token-count and -output-token-count)."""

    def feed(self, chunk: bytes) -> bytes:
        """What to forward now; b"" if nothing."""

    def close(self) -> bytes:
        """The upstream's answer is complete: the rest to forward."""

    def cut(self, error_event: bytes) -> bytes:
        """End the answer here: `error_event` (`Dialect.error_event`), placed such that an SDK reads it as an event of its own.

        b"" for a body, which has no place for an error: if the head is out, close the connection without completing the body.
        """


class OpaqueInspector:
    """Counts bytes that nothing here can read: audio, images, encoded content."""

    __slots__ = ("_bytes", "_counts_text", "ended", "usage")

    buffers = False
    rewrites = False
    finish = ""
    broken = False

    def __init__(self, *, text: bool = False) -> None:
        self.ended = False
        self.usage: Usage | None = None
        self._bytes = 0
        self._counts_text = text

    def told_in_head(self, prompt: int, output: int) -> None:
        """The head is all that can be read of it."""
        self.usage = Usage(prompt, output)

    @property
    def output_estimate(self) -> int:
        """As if every byte were text; 0 where the answer can't be a model's text."""
        return -(-self._bytes // BYTES_PER_TOKEN) if self._counts_text else 0

    def feed(self, chunk: bytes) -> bytes:
        """The chunk, untouched."""
        if self.ended:
            return b""
        self._bytes += len(chunk)
        return chunk

    def close(self) -> bytes:
        """Nothing is held back."""
        return b""

    def cut(self, error_event: bytes) -> bytes:  # noqa: ARG002 - an unread format has no error event
        """No place for an error event."""
        self.ended = True
        return b""


def inspector_for(
    dialect: str, endpoint: str, content_type: str, strips: frozenset[str], *, hide_usage: bool, status: int, strip_bytes: int = STRIP_BYTES
) -> Inspector:
    """The inspector for one answer, from its head.

    `strips` holds any of `reasoning` and `logprobs`, and with the first OPEN_THOUGHT; `hide_usage` says that the proxy asked for the stream's usage and the
    client didn't; `strip_bytes` is the longest body that is held to be stripped. An answer of no known dialect, from an endpoint that a policy passes unread, can't be stripped.
    """
    if status >= FIRST_ERROR_STATUS:
        return OpaqueInspector()
    return _maker(dialect, endpoint, content_type, strips, _ONLY_USAGE if hide_usage else _NOTHING, strip_bytes)()


@lru_cache(256)
def _maker(
    dialect: str, endpoint: str, content_type: str, strips: frozenset[str], unasked: frozenset[str], strip_bytes: int
) -> Callable[[], Inspector]:
    """What makes the inspectors of such answers: few kinds of them make up the most."""
    shape = SHAPES.get(dialect)
    media = content_type.partition(";")[0].strip().lower()
    if shape is None:
        return OpaqueInspector
    if endpoint in RESULTS_OF:
        return partial(RecordStripper, RESULTS, strips) if strips else OpaqueInspector
    if endpoint.startswith(STORED):
        return OpaqueInspector
    writes = not endpoint.startswith(WORDLESS)
    if media == _EVENTS:
        strips |= unasked
    if strips and writes:
        return _stripper(shape, strips, dialect, endpoint, media, strip_bytes)
    return _reader(shape, dialect, endpoint, media, writes=writes)


def realtime_usage(message: bytes | str) -> Usage | None:
    """What one server message of a realtime session costs; None for all but `response.done`."""
    raw = message.encode() if isinstance(message, str) else message
    if b"response.done" not in raw:
        return None
    tally = Tally()
    read_json(raw, ANSWERS, tally)
    return tally.usage


def _reader(shape: Shape, dialect: str, endpoint: str, media: str, *, writes: bool) -> Callable[[], Inspector]:
    if media == _EVENTS:
        return partial(EventReader, shape)
    if media in _RECORDS:
        return partial(RecordReader, shape)
    if media == _FRAMES:
        return partial(FrameReader, shape)
    if _is_array(dialect, endpoint):
        return partial(ArrayReader, shape)
    return partial(BodyReader, shape, text=writes) if _is_json(media) else partial(OpaqueInspector, text=writes)


def _stripper(shape: Shape, strips: frozenset[str], dialect: str, endpoint: str, media: str, strip_bytes: int) -> Callable[[], Inspector]:
    if media == _EVENTS:
        return partial(EventStripper, shape, strips)
    if media in _RECORDS:
        return partial(RecordStripper, shape, strips)
    if media == _FRAMES:
        return partial(FrameStripper, shape, strips)
    if _is_array(dialect, endpoint):
        return partial(ArrayStripper, shape, strips)
    if endpoint.startswith("audio") and not _is_json(media):
        return partial(OpaqueInspector, text=True)  # a transcript as plain text or subtitles
    return partial(BodyStripper, shape, strips, strip_bytes)


def _is_json(media: str) -> bool:
    return media == "application/json" or media.endswith("+json")


def _is_array(dialect: str, endpoint: str) -> bool:
    return dialect == "gemini" and "stream" in endpoint
