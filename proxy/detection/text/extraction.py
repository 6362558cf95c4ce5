"""What one request's texts say: fingerprints, exact-prompt hash, intent, bank membership. Bounded, whatever the length.

Only text that is new in the request is read, since agents and chats repeat their whole past: a request that continues a
conversation seen before is read from where that one ended. System texts are read once and remembered by their hash.

Cannot see: the middle of a long text, and texts beyond the first and last few new ones.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import islice
from typing import Final, NamedTuple

from xxhash import xxh3_64_intdigest

from proxy.detection.text.bank import QuestionBank
from proxy.detection.text.intent import Intents
from proxy.detection.text.shingles import CJK_RUN_WORDS, RUN_WORDS, Packed, fingerprints, prefix_sums, runs
from proxy.detection.text.words import folded, pieces, words
from proxy.dialects.call import Text

NEW_TEXTS: Final = 4
"""New texts read at either end of a request; the rest only counts towards the conversation's hash."""
REMEMBERED: Final = 4096
"""System texts, and conversations' first texts, whose reading is remembered."""
FORGOTTEN: Final = 256
MAX_FINGERPRINTS: Final = 256
MIN_EXACT_WORDS: Final = 8
"""Shorter prompts are everyday phrases that unrelated people send too."""

_MASK: Final = (1 << 64) - 1
_CHAIN: Final = 0x9E3779B97F4A7C15
_EXACT: Final = 0x5851F42D4C957F2D


class Reading(NamedTuple):
    """What a piece of text says."""

    fingerprints: Packed
    intents: int
    """Bits, see `Intents.of`."""
    question: int
    """Of the bank; 0 for none."""
    words: int


class Extraction(NamedTuple):
    """What the new text of a request says."""

    fingerprints: Packed
    exact: int
    """Hash of the whole new prompt; 0 when it is too short to tell accounts apart."""
    intents: int
    question: int
    """A question of a published bank that the text holds; 0 for none."""
    words: int
    continues: bool
    """A user goes on with a conversation that this account had before; an agent's next step is none."""
    chain: int
    """Hash of the conversation so far, for the next request to continue."""


_NOTHING: Final = Reading(b"", 0, 0, 0)


class Extractor:
    """Reads requests; remembers the readings of system texts, which thousands of requests share."""

    def __init__(self, intents: Intents, bank: QuestionBank | None) -> None:
        """Without a bank no text is a member."""
        self._intents = intents
        self._bank = bank
        self._known: dict[int, Reading] = {}
        self._openings: dict[int, Reading] = {}

    def extract(self, texts: Sequence[Text], conversations: Collection[int]) -> Extraction:
        """Read what is new in `texts`, given the chain hashes of the account's recent conversations."""
        digests: list[int] = []
        systems: list[int] = []
        asked: list[int] = []
        for place, (role, said) in enumerate(texts):
            digests.append(xxh3_64_intdigest(said.encode("utf-8", "replace")))
            if role == "system":
                systems.append(place)
            elif role != "assistant":
                asked.append(place)
        new_from, chain = _continued(digests, conversations)
        readings = [self._remembered(digests[place], texts[place].text) for place in systems[:NEW_TEXTS]]
        read_before = len(readings)
        new = [place for place in asked if place >= new_from] if new_from else asked
        if len(new) > 2 * NEW_TEXTS:
            new = new[:NEW_TEXTS] + new[-NEW_TEXTS:]
        if new_from:
            readings += self._carried(texts, digests)
        exact = 0
        for place in new:
            exact = (exact * _EXACT + digests[place]) & _MASK
            readings.append(self.read(texts[place].text))
        if new and not new_from:
            self._keep(digests[new[0]], readings[read_before])
        continues = new_from > 0 and any(texts[place].role in {"user", "input"} for place in new)
        return _joined(readings, exact, continues=continues, chain=chain)

    def _carried(self, texts: Sequence[Text], digests: list[int]) -> list[Reading]:
        """The opening of a conversation that goes on, if it is still remembered: every step of a trajectory carries its task."""
        for digest, text in zip(digests, texts, strict=True):
            if text.role not in {"system", "assistant"}:
                reading = self._openings.get(digest)
                return [] if reading is None else [reading]
        return []

    def _keep(self, digest: int, reading: Reading) -> None:
        self._openings.pop(digest, None)
        self._openings[digest] = reading
        if len(self._openings) > REMEMBERED:
            _forget(self._openings)

    def _remembered(self, digest: int, text: str) -> Reading:
        reading = self._known.pop(digest, None)
        if reading is None:
            reading = self.read(text)
        self._known[digest] = reading
        if len(self._known) > REMEMBERED:
            _forget(self._known)
        return reading

    def read(self, text: str) -> Reading:
        """Fingerprints, intents and bank membership of one text."""
        if not text:
            return _NOTHING
        found = b""
        intents = count = question = 0
        parts = pieces(text)
        for place, part in enumerate(parts):
            piece = folded(part)
            hashes = words(piece)
            count += hashes.size
            intents |= self._intents.bits(piece)
            dense = hashes.size * 3 > len(piece)
            sums = prefix_sums(hashes)
            found += fingerprints(
                runs(sums, CJK_RUN_WORDS if dense else RUN_WORDS), head=place == 0, tail=place == len(parts) - 1
            ).tobytes()
            if self._bank is not None:
                question = question or self._bank.question(sums)
        return Reading(found, intents, question, count)


def _forget(readings: dict[int, Reading]) -> None:
    """The oldest ones, many at a time: to find the first entry a dictionary steps over all that were deleted before it."""
    for digest in list(islice(readings, FORGOTTEN)):
        del readings[digest]


def _continued(digests: list[int], conversations: Collection[int]) -> tuple[int, int]:
    chain, new_from = 0, 0
    for place, digest in enumerate(digests):
        chain = ((chain ^ digest) * _CHAIN + 1) & _MASK
        if chain in conversations and place + 1 < len(digests):
            new_from = place + 1
    return new_from, chain


def _joined(readings: list[Reading], exact: int, *, continues: bool, chain: int) -> Extraction:
    found = b""
    count = intents = question = 0
    for reading in readings:
        found += reading.fingerprints
        count += reading.words
        intents |= reading.intents
        question = question or reading.question
    return Extraction(found[: 8 * MAX_FINGERPRINTS], exact if count >= MIN_EXACT_WORDS else 0, intents, question, count, continues, chain)
