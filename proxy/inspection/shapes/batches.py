"""Results of batches: one line for each call, with that call's whole answer inside."""

from __future__ import annotations

from typing import Final

from proxy.inspection.shapes import anthropic, openai
from proxy.inspection.shapes.shape import Fate, Json, Shape
from proxy.inspection.tally import Tally


def read(_line: Json, _tally: Tally) -> None:
    """Nothing: a batch is counted when it is uploaded, and its results can be fetched many times."""


class ResultStripper:
    """Strips the answers inside OpenAI's (`response.body`) and Anthropic's (`result.message`) lines."""

    def __init__(self, strips: frozenset[str]) -> None:
        self._strips = strips

    def body(self, answer: Json) -> bool:
        """Strip one line."""
        inner = (answer.get("response") or {}).get("body")
        if inner:
            return openai.AnswerStripper(self._strips).body(inner)
        message: Json | None = (answer.get("result") or {}).get("message")
        return anthropic.MessageStripper(self._strips).body(message) if message else False

    def event(self, event: Json) -> Fate:
        """Strip one line."""
        return Fate.CHANGED if self.body(event) else Fate.KEEP


RESULTS: Final = Shape(read, ResultStripper)
