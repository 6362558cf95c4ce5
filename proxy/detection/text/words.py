"""Normalised words of a text as 64-bit hashes, in one vectorised pass.

Case, digits, punctuation, compatibility forms and zero-width characters don't distinguish words: `Task 12:` and
`task 98` hash alike. A CJK, Thai or kana character is a word of its own, since those scripts write no spaces.

Cannot see: letters swapped for look-alikes of another script, and words spelt with inserted spaces.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]

HEAD_CHARS: Final = 1536
TAIL_CHARS: Final = 768
"""A longer text is read at its two ends only: templates put instructions before or after the payload."""

_LIMIT: Final = 4 * (HEAD_CHARS + TAIL_CHARS)  # compatibility forms expand: one character can become eighteen
_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_BASE: Final = 0x9E3779B97F4A7C15  # odd, so that its powers have inverses modulo 2**64
_SEPARATOR: Final = 0


def constant(value: int) -> NDArray[np.uint64]:
    """A number to calculate with: numpy takes two thirds of the time that a scalar of its own takes."""
    return np.array(value, np.uint64)


def powers(base: int, count: int) -> NDArray[np.uint64]:
    """1, base, base**2, ... modulo 2**64."""
    values = np.full(count, base, np.uint64)
    values[0] = 1
    return np.multiply.accumulate(values, dtype=np.uint64)


_POWERS: Final = powers(_BASE, _LIMIT + 2)
_INVERSES_BEHIND: Final = powers(pow(_BASE, -1, 1 << 64), _LIMIT + 2)[1:]
_HALF: Final = constant(31)


def _alone(code: int) -> bool:
    return (
        0x0E00 <= code < 0x1000 or 0x1780 <= code < 0x1800 or 0x3040 <= code < 0x3100 or 0x3400 <= code < 0xA000 or 0xF900 <= code < 0xFB00
    )


def _tables() -> tuple[NDArray[np.uint16], NDArray[np.bool_]]:
    fold = np.zeros(0x10000, np.uint16)
    alone = np.zeros(0x10000, np.bool_)
    for code in range(0x10000):
        kind = unicodedata.category(chr(code))
        if kind == "Nd":
            fold[code] = ord("0")
        elif kind[0] in "LMN":
            fold[code] = code
        alone[code] = kind[0] in "LMN" and _alone(code)
    return fold, alone


_FOLD, _ALONE = _tables()
_FOLD_ASCII: Final = bytes(int(_FOLD[ord(chr(code).lower())]) if code < 128 else 0 for code in range(256))


def pieces(text: str) -> tuple[str, ...]:
    """The parts of a text that are read: all of it, or its head and tail."""
    if len(text) <= HEAD_CHARS + TAIL_CHARS:
        return (text,)
    return text[:HEAD_CHARS], text[-TAIL_CHARS:]


def folded(piece: str) -> str:
    """The piece as patterns see it: NFKC, caseless, without invisible characters. Bounded even where NFKC expands."""
    if piece.isascii():
        return piece.lower()
    return unicodedata.normalize("NFKC", _INVISIBLE.sub("", piece)).casefold()[:_LIMIT]


def words(piece: str) -> Words:
    """One hash per word of a folded piece, in order."""
    padded = f" {piece} "  # every word then has a character before it and one behind
    if piece.isascii():
        codes = np.frombuffer(padded.encode("ascii").translate(_FOLD_ASCII), np.uint8)
        inside = codes != _SEPARATOR
        return _hashes(codes, (inside[1:] > inside[:-1]).nonzero()[0])
    wide = np.frombuffer(padded.encode("utf-32-le", "replace"), np.uint32)
    places = wide.astype(np.intp)
    if places.max() >= 0x10000:
        places = np.where(places < 0x10000, places, 0x4E00 + (places & 0xFFF))  # rare ideographs and emoji, one word each
    folded_codes = _FOLD.take(places)
    inside = folded_codes != _SEPARATOR
    joining = inside & ~_ALONE.take(places)  # characters that a neighbour may join to a word
    return _hashes(folded_codes, (inside[1:] & ~(joining[1:] & joining[:-1])).nonzero()[0])


def _hashes(codes: NDArray[np.uint8] | NDArray[np.uint16], before: NDArray[np.int64]) -> Words:
    """Of the words that begin behind the characters at `before`; what separates them counts nothing."""
    hashes: Words = np.add.reduceat(codes * _POWERS[: codes.size], before + 1) * _INVERSES_BEHIND.take(before)
    hashes ^= hashes >> _HALF
    return hashes
