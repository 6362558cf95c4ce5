"""Question banks: a Bloom filter over the word runs of published questions.

An operator builds one from the banks that matter to them; the filter holds hashes, never the questions.

Cannot see: questions that are in no published bank, and questions reworded every few words. Honest benchmarking sends the
same questions, so membership says what was asked, not why.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from typing import Final

import numpy as np
from numpy.typing import NDArray

from proxy.detection.text.shingles import prefix_sums, runs
from proxy.detection.text.words import Words, folded, pieces, words
from proxy.errors import ConfigError, Problem

GRAM_WORDS: Final = 13
"""The n-gram length that test-set decontamination uses (GPT-3 report, appendix C); 0.12 % of human prompts share one."""
MIN_WORDS: Final = 8
"""A shorter question is an everyday sentence."""
_MAGIC: Final = b"question-bank-1\n"
_PROBES: Final = 4
_HIGH: Final = np.uint64(32)
_BYTE: Final = np.uint64(3)
_IN_BYTE: Final = np.uint64(7)
_BIT: Final = (1 << np.arange(8)).astype(np.uint8)


class QuestionBank:
    """Read-only membership test. False positives per run of words: as stated when the bank was built."""

    def __init__(self, bits: NDArray[np.uint8], questions: int) -> None:
        """`bits` is the packed filter; its size is a power of two."""
        self.questions = questions
        self._bits = bits
        self._mask = np.uint64(bits.size * 8 - 1)

    def question(self, sums: Words) -> int:
        """The question that a text holds, given by its words' prefix sums; 0 for none.

        A text holds a question by two of its runs (one, if it makes only one). The number is the same wherever the question stands.
        """
        grams = _grams(sums)
        if not grams.size:
            return 0
        found = grams
        for probe in range(_PROBES):
            places = _places(found, probe, self._mask)
            bits = self._bits.take((places >> _BYTE).view(np.int64)) & _BIT.take((places & _IN_BYTE).view(np.int64))
            found = found[bits != 0]
            if found.size < min(2, grams.size):
                return 0
        return int(found.min()) or 1

    def to_bytes(self) -> bytes:
        """The file form; `load_bank` reads it."""
        head = json.dumps({"questions": self.questions}).encode()
        return _MAGIC + head + b"\n" + self._bits.tobytes()


def _grams(sums: Words) -> Words:
    count = sums.size - 1
    if count >= GRAM_WORDS:
        return runs(sums, GRAM_WORDS)
    return runs(sums, count) if count >= MIN_WORDS else sums[:0]


def _places(grams: Words, probe: int, mask: np.uint64) -> NDArray[np.uint64]:
    if probe:
        grams = grams + np.uint64(probe) * ((grams >> _HIGH) | np.uint64(1))
    places: NDArray[np.uint64] = grams & mask
    return places


def build_bank(questions: Iterable[str], bits_per_run: int = 16) -> QuestionBank:
    """A bank of the questions; 16 bits a run give at most 0.24 % false positives per run. Raises ValueError when nothing is long enough."""
    found: list[Words] = []
    count = 0
    for question in questions:
        grams = [_grams(prefix_sums(words(folded(piece)))) for piece in pieces(question)]
        found += grams
        count += any(gram.size for gram in grams)
    if not count:
        raise ValueError(f"no question has {MIN_WORDS} words")
    together = np.unique(np.concatenate(found))
    size = max(64, 1 << math.ceil(math.log2(together.size * bits_per_run)))
    bits = np.zeros(size // 8, np.uint8)
    for probe in range(_PROBES):
        places = _places(together, probe, np.uint64(size - 1))
        np.bitwise_or.at(bits, places >> _BYTE, _BIT[places & _IN_BYTE])
    return QuestionBank(bits, count)


def load_bank(content: bytes, name: str = "bank") -> QuestionBank:
    """Read the bytes of `QuestionBank.to_bytes`. Raises ConfigError when they are something else."""
    try:
        magic, head, bits = content.split(b"\n", 2)
        questions = int(json.loads(head)["questions"])
        sound = magic + b"\n" == _MAGIC and len(bits).bit_count() == 1
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError([_unreadable(name)]) from error
    if not sound:
        raise ConfigError([_unreadable(name)])
    return QuestionBank(np.frombuffer(bits, np.uint8), questions)


def _unreadable(name: str) -> Problem:
    return Problem(name, 0, 0, "", "not a question bank", "build it again from its questions")
