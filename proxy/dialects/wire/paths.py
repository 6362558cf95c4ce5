"""One spelling for a path. A path that two servers could take for different resources is refused, never repaired."""

from __future__ import annotations

import re
from typing import Final

from proxy.errors import CallerError, Fault

MAX_PATH_CHARS: Final = 2_000

_PLAIN: Final = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,=:@/]*\Z", re.ASCII)
_ENCODED: Final = re.compile(r"/(?:[A-Za-z0-9\-._~!$&'()*+,=:@/]|%[0-9A-Fa-f]{2})*\Z", re.ASCII)
_OCTET: Final = re.compile(r"%([0-9A-Fa-f]{2})")
_COLON: Final = "(?::|%3A)"
_ARN: Final = re.compile(
    rf"(/model/)(arn{_COLON}aws[a-z-]{{0,16}}{_COLON}(?:bedrock|sagemaker){_COLON}[a-z0-9-]{{0,32}}{_COLON}[0-9]{{0,12}}{_COLON}[a-z-]{{1,64}}"
    rf"%2F[A-Za-z0-9](?:[A-Za-z0-9._-]|{_COLON}){{0,255}})(/[a-z-]{{1,64}})\Z",
    re.ASCII,
)
"""Amazon's resource names, as its SDKs write them into a path. Decoded once more, one leads to no other resource."""


def _decode(octet: re.Match[str]) -> str:
    char = chr(int(octet[1], 16))
    if char == "/" or _PLAIN.match(f"/{char}") is None:
        raise ambiguous()
    return char


def ambiguous() -> CallerError:
    """The refusal of a path that could be read in two ways."""
    return CallerError(Fault.MALFORMED, "The path is ambiguous: write it without escapes, empty or dot segments.", "ambiguous_path")


def segments(path: str) -> list[str]:
    """The segments of a path's one spelling, "" first. Only in Amazon's resource names an escaped slash belongs to a segment.

    Raises CallerError as `canonical` does.
    """
    named = _ARN.match(path)
    if named is None:
        return canonical(path).split("/")
    return [*named[1].split("/")[:-1], named[2].replace("%3A", ":").replace("%2F", "/"), named[3][1:]]


def canonical(path: str) -> str:
    """The raw path after one percent-decode.

    Raises CallerError for escapes of separators, of `%` and of anything that isn't visible ASCII, for backslashes, `;`
    parameters, empty and dot segments, and for characters RFC 3986 doesn't allow in a path.
    """
    if len(path) > MAX_PATH_CHARS:
        raise CallerError(Fault.MALFORMED, f"The path is longer than {MAX_PATH_CHARS} characters.", "path_too_long")
    if _PLAIN.match(path) is None:
        if _ENCODED.match(path) is None:
            raise ambiguous()
        path = _OCTET.sub(_decode, path)
    if "//" in path or ("/." in path and any(segment in {".", ".."} for segment in path.split("/"))):
        raise ambiguous()
    return path
