"""Query parameters that change how a server reads a body, or which parts of an answer it sends: the body alone would be judged.

Google's servers take them at every address, with or without `$` (https://cloud.google.com/apis/docs/system-parameters).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_plus

from proxy.errors import CallerError, Fault

_REFUSED: Final = frozenset({"ct", "httpmethod", "httpheaders", "fields", "callback"})
"""Another media type, method or headers; the parts of an answer without those that tell reasoning and cost; an answer that is no JSON."""
_FORM: Final = "alt"
_FORMS: Final = frozenset({"json", "sse"})
"""Google's generated clients ask for `json;enum-encoding=int`."""
_MASK: Final = "x-goog-fieldmask"
_PAIRS: Final = re.compile("[&;]")


def check_query(query: str, headers: Sequence[tuple[str, str]]) -> None:
    """`query` as it came, and lower-case names of headers with their values. Raises CallerError MALFORMED."""
    for name, _ in headers:
        if name == _MASK:
            raise _refusal(_MASK)
    for pair in _PAIRS.split(query) if query else ():
        written, _, value = pair.partition("=")
        name = unquote_plus(written).lower().removeprefix("$")
        if name in _REFUSED or (name == _FORM and unquote_plus(value).lower().partition(";")[0] not in _FORMS):
            raise _refusal(name)


def _refusal(name: str) -> CallerError:
    return CallerError(
        Fault.MALFORMED, f"{name} would change how the request is read, or which parts of the answer come.", "invalid_query", name
    )
