"""OpenAI Responses: output items, each streamed under its output index. Also events that only have a delta (transcriptions)."""

from __future__ import annotations

from typing import Any, Final

import orjson

from proxy.inspection.shapes.shape import Fate, Json, Thoughts, drop, moved_index, report_openai_usage
from proxy.inspection.tally import Tally

_OVER: Final = frozenset({"completed", "incomplete", "failed", "cancelled"})
"""Statuses of a response to which nothing is added any more."""

_RAW_KEYS: Final = frozenset({"input_messages", "output_messages"})
"""vLLM's copies of what went through the model, token by token."""

_TEXT: Final = "output_text"
_TEXT_DELTA: Final = "response.output_text.delta"
_TEXT_DONE: Final = "response.output_text.done"


def read(event: Json, tally: Tally) -> None:
    """Read one event of a stream, or a whole response."""
    kind = event.get("type")
    if type(kind) is str and "response" in event:
        _read_end(event["response"], tally)
    elif type(kind) is str:
        delta = event.get("delta")
        if delta and not kind.endswith("audio.delta"):
            tally.wrote(delta)
        elif event.get("usage"):
            report_openai_usage(event["usage"], tally)
    elif "output" in event:
        for item in event["output"]:
            _read_item(item, tally)
        _read_end(event, tally)
    elif event.get("usage"):
        report_openai_usage(event["usage"], tally)


def _read_end(response: Json, tally: Tally) -> None:
    if response.get("usage"):
        report_openai_usage(response["usage"], tally)
    if response.get("status") in _OVER:
        details = response.get("incomplete_details") or {}
        tally.finished(details.get("reason") or response["status"])


def _read_item(item: Json, tally: Tally) -> None:
    for part in (*(item.get("content") or ()), *(item.get("summary") or ())):
        tally.wrote(part.get("text") or part.get("refusal"))
    given = item.get("arguments") or item.get("input") or item.get("action")
    tally.wrote(given if given is None or type(given) is str else orjson.dumps(given).decode())


class ResponseStripper:
    """Removes reasoning items; items after them move up, since SDKs append an item but look it up by its index.

    A thought between tags, which vLLM and SGLang leave in the text where no reasoning parser is set, is removed from it. Text that ends
    in what might have become a tag is told by the events that repeat the whole of it.
    `sequence_number` stays as it is: it names a place in the upstream's stream, from which a client may ask to go on.
    """

    def __init__(self, strips: frozenset[str]) -> None:
        self._reasoning = "reasoning" in strips
        self._logprobs = "logprobs" in strips
        self._thoughts = Thoughts(strips)
        self._gone: set[int] = set()
        """Output indices of reasoning items, as the upstream counts."""

    def body(self, answer: Json) -> bool:
        """Strip a whole response."""
        changed = False
        output = answer.get("output")
        if self._reasoning:
            changed = drop(answer, _RAW_KEYS)
            if output:
                kept = [item for item in output if item.get("type") != "reasoning"]
                changed |= len(kept) < len(output)
                answer["output"] = output = kept
        for item in output or ():
            changed |= self._item(item)
        return self._logprobs_of(answer) or changed

    def event(self, event: Json) -> Fate:
        """Strip one event of a stream."""
        changed = self._logprobs_of(event)
        if event.get("response"):
            changed |= self.body(event["response"])
        if event.get("item"):
            changed |= self._item(event["item"])
        if event.get("part"):
            changed |= self._part(event["part"])
        if self._reasoning:
            if self._is_reasoning(event):
                return Fate.DROP
            if event.get("type") == _TEXT_DONE:
                changed |= self._untag(event)
            elif event.get("type") == _TEXT_DELTA and self._untag_delta(event):
                if not event["delta"]:
                    return Fate.DROP
                changed = True
            changed |= moved_index(event, "output_index", self._gone)
        return Fate.CHANGED if changed else Fate.KEEP

    def _is_reasoning(self, event: Json) -> bool:
        index = event.get("output_index")
        item, part = event.get("item") or {}, event.get("part") or {}
        reasoning = (
            str(event.get("type")).startswith("response.reasoning")
            or item.get("type") == "reasoning"
            or str(part.get("type")).startswith("reasoning")
        )
        if reasoning and type(index) is int:
            self._gone.add(index)
        return reasoning or index in self._gone

    def _item(self, item: Json) -> bool:
        changed = self._logprobs_of(item)  # where vLLM has them
        for part in item.get("content") or ():
            changed |= self._part(part)
        return changed

    def _part(self, part: Json) -> bool:
        changed = self._reasoning and part.get("type") == _TEXT and self._untag(part)
        return self._logprobs_of(part) or changed

    def _untag(self, holder: Json) -> bool:
        """Remove a thought between tags from a whole text."""
        return self._thoughts.untag(holder, "text") and _unspelt(holder)

    def _untag_delta(self, event: Json) -> bool:
        place = event.get("output_index"), event.get("content_index")
        return self._thoughts.untag_piece(event, "delta", place) and _unspelt(event)

    def _logprobs_of(self, holder: Json) -> bool:
        """Empty the list instead of removing it: the SDKs declare it as required."""
        logprobs: Any = holder.get("logprobs") if self._logprobs else None
        if not logprobs:
            return False
        holder["logprobs"] = []
        return True


def _unspelt(holder: Json) -> bool:
    """Remove the log-probabilities of a text that lost a thought, since they spell it. Always true."""
    if holder.get("logprobs"):
        holder["logprobs"] = []
    return True
