"""Ollama chat, generate and embed: one object, or one a line, the last of which has `done` and the counts."""

from __future__ import annotations

from typing import Final

import orjson

from proxy.inspection.shapes.shape import Fate, Json, Shape, Thoughts, drop
from proxy.inspection.tally import Tally, count

_REASONING_KEYS: Final = frozenset({"thinking"})
_ENVELOPE_KEYS: Final = frozenset({"thinking", "context"})
"""`context` holds the ids of every token, those of the thinking among them."""
_LOGPROB_KEYS: Final = frozenset({"logprobs"})


def read(answer: Json, tally: Tally) -> None:
    """Read a whole answer or one line of a stream.

    prompt_eval_count is left out where the prompt was cached; then the input is 0, which the caller knows better.
    """
    message = answer.get("message") or answer
    for key in ("content", "thinking", "response"):
        tally.wrote(message.get(key))
    for call in message.get("tool_calls") or ():
        tally.wrote(orjson.dumps(call).decode())
    if "eval_count" in answer or "prompt_eval_count" in answer:
        tally.report(prompt=count(answer.get("prompt_eval_count")), output=count(answer.get("eval_count")))
    if answer.get("done"):
        tally.finished(answer.get("done_reason") or "stop")


class ThinkingStripper:
    """Removes thinking and log-probabilities."""

    def __init__(self, strips: frozenset[str]) -> None:
        self._reasoning = "reasoning" in strips
        self._logprobs = "logprobs" in strips
        self._thoughts = Thoughts(strips)

    def body(self, answer: Json) -> bool:
        """Strip a whole answer."""
        logprobs = self._logprobs
        changed = False
        if self._reasoning:
            thought = drop(answer.get("message") or {}, _REASONING_KEYS) | drop(answer, _REASONING_KEYS) | self._untag(answer)
            changed = drop(answer, _ENVELOPE_KEYS) or thought
            logprobs |= thought  # the removed tokens have log-probabilities too, and those spell them
        return (logprobs and drop(answer, _LOGPROB_KEYS)) or changed

    def _untag(self, answer: Json) -> bool:
        holder, key = (answer["message"], "content") if "message" in answer else (answer, "response")
        return self._thoughts.untag_piece(holder, key, "", last=bool(answer.get("done")))

    def event(self, event: Json) -> Fate:
        """A line that only held thinking is dropped."""
        if not self.body(event):
            return Fate.KEEP
        message = event.get("message") or event
        told = event.get("done") or message.get("content") or message.get("response") or message.get("tool_calls")
        return Fate.CHANGED if told else Fate.DROP


LINES: Final = Shape(read, ThinkingStripper)
