"""Fingerprints: a content-defined sample of the hashes of word runs.

Two prompts that share a stretch of text share its sampled fingerprints wherever the stretch stands. The first and the last
runs of a text are always kept, because a short template stands there.

Cannot see: text reworded in every run of five words.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from proxy.detection.text.words import Words, constant, powers

Packed = bytes
"""Fingerprints, eight bytes each in the machine's order: a fifth of what a tuple of them takes."""

RUN_WORDS: Final = 5
CJK_RUN_WORDS: Final = 10
"""Single ideographs carry about half a word each."""
ENDS: Final = 8
"""Runs always kept at either end of a text."""
ONE_IN: Final = 8

_BASE: Final = 0xD6E8FEB86659FD93
_SPAN: Final = 10_000  # more words than any piece can hold
_POWERS: Final = powers(_BASE, _SPAN)
_INVERSES: Final = powers(pow(_BASE, -1, 1 << 64), _SPAN)
_MIX: Final = constant(0xFF51AFD7ED558CCD)  # the finaliser of MurmurHash3 (public domain)
_FIRST_SHIFT: Final = constant(33)
_SECOND_SHIFT: Final = constant(29)
_LOW: Final = constant(ONE_IN - 1)


def unpacked(packed: Packed) -> memoryview[int]:
    """The fingerprints as numbers."""
    return memoryview(packed).cast("Q")


def prefix_sums(words: Words) -> Words:
    """What `runs` needs, for runs of any length."""
    words = words[: _SPAN - 1]
    sums = np.zeros(words.size + 1, np.uint64)
    np.add.accumulate(words * _POWERS[: words.size], out=sums[1:])
    return sums


def runs(sums: Words, length: int) -> Words:
    """One hash for every run of `length` words, from the words' prefix sums; none when there are fewer words."""
    count = sums.size - length
    if count <= 0:
        return sums[:0]
    hashes: Words = (sums[length:] - sums[:count]) * _INVERSES[:count]
    hashes ^= hashes >> _FIRST_SHIFT
    hashes *= _MIX
    hashes ^= hashes >> _SECOND_SHIFT
    return hashes


def fingerprints(hashes: Words, *, head: bool = True, tail: bool = True) -> Words:
    """The sample of a piece's run hashes; `head` and `tail` say which of its ends are ends of the text."""
    keep = (hashes & _LOW) == 0
    if head:
        keep[:ENDS] = True
    if tail:
        keep[-ENDS:] = True
    kept: Words = hashes[keep]
    return kept
