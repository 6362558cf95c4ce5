"""Gemini: candidates made of parts, of which thoughts are marked; the same object whole or streamed."""

from __future__ import annotations

from typing import Final

import orjson

from proxy.inspection.shapes.shape import Fate, Json, Shape, drop
from proxy.inspection.tally import Tally, count

_LOGPROB_KEYS: Final = frozenset({"avgLogprobs", "logprobsResult"})


def read(answer: Json, tally: Tally) -> None:
    """Read a whole answer or one of a stream. Usage counts up from event to event."""
    for candidate in answer.get("candidates") or ():
        for part in (candidate.get("content") or {}).get("parts") or ():
            text = part.get("text")
            given = part.get("functionCall") or part.get("executableCode")
            tally.wrote(text if text or not given else orjson.dumps(given).decode())
        if candidate.get("finishReason"):
            tally.finished(candidate["finishReason"])
    usage = answer.get("usageMetadata")
    if usage:
        thoughts = count(usage.get("thoughtsTokenCount"))
        tally.report(
            prompt=count(usage.get("promptTokenCount")) + count(usage.get("toolUsePromptTokenCount")),
            cached=count(usage.get("cachedContentTokenCount")),
            output=count(usage.get("candidatesTokenCount")) + thoughts,
            reasoning=thoughts,
        )


class CandidateStripper:
    """Removes thoughts and log-probabilities.

    A `thoughtSignature` on another part stays: it is sealed, and Gemini refuses the next turn of a tool call without it.
    """

    def __init__(self, strips: frozenset[str]) -> None:
        self._reasoning = "reasoning" in strips
        self._logprobs = "logprobs" in strips

    def body(self, answer: Json) -> bool:
        """Strip a whole answer."""
        changed = False
        for candidate in answer.get("candidates") or ():
            changed |= self._candidate(candidate)
        return changed

    def event(self, event: Json) -> Fate:
        """An event left without anything a candidate said is dropped: the usage it tells is told again later."""
        if not self.body(event):
            return Fate.KEEP
        told = any(candidate.get("finishReason") or _parts(candidate) for candidate in event["candidates"])
        return Fate.CHANGED if told else Fate.DROP

    def _candidate(self, candidate: Json) -> bool:
        changed = self._logprobs and drop(candidate, _LOGPROB_KEYS)
        parts = _parts(candidate) if self._reasoning else []
        kept = [part for part in parts if not part.get("thought")]
        if len(kept) == len(parts):
            return changed
        if kept:
            candidate["content"]["parts"] = kept
        else:
            del candidate["content"]["parts"]  # as Gemini itself leaves it when thinking used up every token
        drop(candidate, _LOGPROB_KEYS)
        return True


def _parts(candidate: Json) -> list[Json]:
    parts: list[Json] = (candidate.get("content") or {}).get("parts") or []
    return parts


CANDIDATES: Final = Shape(read, CandidateStripper)
