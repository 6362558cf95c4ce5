r"""Keys that readers read, and the refusal of keys that only look like them.

Go's encoding/json (Ollama, LocalAI, many gateways) takes `MODEL`, `Messages` and `me\u017f\u017fages` for the real key, and a
later such key overrides an earlier exact one. Spelling is checked in every object that a reader reads.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from proxy.dialects.wire.strict import malformed

_KEYS: Final = """
model messages role content type text name stream n temperature seed user tools tool_calls tool_choice function functions
function_call arguments parameters description
"""
KNOWN: Final = frozenset(_KEYS.split())


def fold(key: str) -> str:
    """The form in which no reader that ignores case or width tells two keys apart."""
    if key.isascii():
        return key.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).casefold())


_FOLDS: Final = frozenset(map(fold, KNOWN))


def check_spelling(keys: Iterable[str], param: str) -> None:
    """Refuse two keys that differ only in spelling, and a key that only resembles one that is read."""
    seen: set[str] = set()
    for key in keys:
        folded = fold(key)
        if folded in seen or (folded in _FOLDS and key not in KNOWN):
            raise malformed("A key differs only in case or width from another one.", "ambiguous_key", param or None)
        seen.add(folded)
