"""A request's body: one content coding under a cap, then strict JSON."""

from __future__ import annotations

import re
import zlib
from typing import Final

import brotli
import zstandard

from proxy.dialects.wire.strict import JsonLimits, read_json
from proxy.errors import CallerError, Fault

__all__ = ["JsonLimits", "check_media_type", "decode", "read_json"]

_PLAIN_JSON: Final = frozenset({"", "application/json"})
_JSON: Final = re.compile(r"""\s*application/json\s*(?:;\s*charset\s*=\s*(?:utf-8|"utf-8")\s*)?\Z""", re.IGNORECASE)

_GZIP_WINDOW: Final = 31
_ZLIB_WINDOW: Final = 15
_ZSTD_WINDOW_BYTES: Final = 8 << 20
"""Largest window a decoder should have to allow (RFC 8878, 3.1.1.1.2)."""


def decode(raw: bytes, content_encoding: str, cap_bytes: int) -> bytes:
    """The body without its one content coding: identity, gzip, deflate, br or zstd.

    Never holds more than `cap_bytes` plus one decoder window of output. Exactly one complete stream is accepted: bytes behind it are
    a second reading. Raises CallerError MEDIA_TYPE for any other coding or list of them, TOO_LARGE, or MALFORMED.
    """
    coding = content_encoding.strip().lower()
    if coding in {"", "identity"}:
        if len(raw) > cap_bytes:
            raise _too_large(cap_bytes)
        return raw
    reader = _READERS.get(coding)
    if reader is None:
        raise CallerError(
            Fault.MEDIA_TYPE, "Content-Encoding must be one of identity, gzip, deflate, br, zstd.", "unsupported_content_encoding"
        )
    try:
        return reader(raw, cap_bytes)
    except (zlib.error, brotli.error, zstandard.ZstdError):
        raise _corrupt(coding) from None


def check_media_type(content_type: str) -> None:
    """Refuse a document that isn't declared as JSON in UTF-8. A missing declaration passes: boto3 sends none.

    Raises CallerError MEDIA_TYPE.
    """
    if content_type not in _PLAIN_JSON and _JSON.match(content_type) is None:
        raise CallerError(Fault.MEDIA_TYPE, "Content-Type must be application/json, in UTF-8.")


def _too_large(cap_bytes: int) -> CallerError:
    return CallerError(Fault.TOO_LARGE, f"The body is larger than {cap_bytes} bytes once decoded.")


def _corrupt(coding: str) -> CallerError:
    return CallerError(Fault.MALFORMED, f"The body is not one complete {coding} stream.", "invalid_content_encoding")


def _zlib(raw: bytes, cap_bytes: int, window: int, coding: str) -> bytes:
    reader = zlib.decompressobj(window)
    out = reader.decompress(raw, cap_bytes + 1)
    if len(out) > cap_bytes:
        raise _too_large(cap_bytes)
    if not reader.eof or reader.unused_data:
        raise _corrupt(coding)
    return out


def _gzip(raw: bytes, cap_bytes: int) -> bytes:
    return _zlib(raw, cap_bytes, _GZIP_WINDOW, "gzip")


def _deflate(raw: bytes, cap_bytes: int) -> bytes:
    return _zlib(raw, cap_bytes, _ZLIB_WINDOW, "deflate")


def _brotli(raw: bytes, cap_bytes: int) -> bytes:
    reader = brotli.Decompressor()
    out: bytes = reader.process(raw, output_buffer_limit=cap_bytes + 1)
    if len(out) > cap_bytes:
        raise _too_large(cap_bytes)
    if not reader.is_finished() or not reader.can_accept_more_data():
        raise _corrupt("br")
    return out


def _zstd(raw: bytes, cap_bytes: int) -> bytes:
    codec = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES)
    if len(codec.stream_reader(raw, read_across_frames=False).read(cap_bytes + 1)) > cap_bytes:
        raise _too_large(cap_bytes)
    reader = codec.decompressobj()  # the only interface that says where the frame ended; its output is known to fit by now
    out = reader.decompress(raw)
    if not reader.eof or reader.unused_data:
        raise _corrupt("zstd")
    return out


_READERS: Final = {"gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstd}
