"""Anthropic messages: content blocks, each streamed as start, deltas and stop under its index."""

from __future__ import annotations

from typing import Any, Final

import orjson

from proxy.inspection.shapes.shape import Fate, Json, Shape, Thoughts
from proxy.inspection.tally import Tally, count

_REASONING_BLOCKS: Final = frozenset({"thinking", "redacted_thinking"})
_REASONING_DELTAS: Final = frozenset({"thinking_delta", "signature_delta"})
_BLOCK_EVENTS: Final = frozenset({"content_block_start", "content_block_delta", "content_block_stop"})

_COUNTS: Final = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


def read(event: Json, tally: Tally) -> None:
    """Read one event of a stream or a whole message."""
    kind = event.get("type")
    if kind == "content_block_delta":
        delta = event["delta"]
        tally.wrote(delta.get("text") or delta.get("partial_json") or delta.get("thinking"))
    elif kind == "message_delta":
        tally.finished(event["delta"].get("stop_reason"))
        read_usage(event.get("usage"), tally)
    elif kind == "message_start":
        read_usage(event["message"].get("usage"), tally)
    elif kind == "message":
        for block in event.get("content") or ():
            _read_block(block, tally)
        tally.finished(event.get("stop_reason"))
        read_usage(event.get("usage"), tally)
    elif kind == "completion" or (kind is None and "completion" in event):
        tally.wrote(event.get("completion"))
        tally.finished(event.get("stop_reason"))


def _read_block(block: Json, tally: Tally) -> None:
    tally.wrote(block.get("text") or block.get("thinking"))
    if block.get("input"):
        tally.wrote(orjson.dumps(block["input"]).decode())


def read_usage(usage: Json | None, tally: Tally) -> None:
    """Anthropic counts cached input apart from `input_tokens`. A count that message_delta leaves out keeps message_start's value.

    Where the server ran several iterations (compaction), `iterations` lists them all, and the counts beside it leave some out.
    """
    if not usage:
        return
    if usage.get("iterations"):
        sums = {key: sum(count(each.get(key)) for each in usage["iterations"]) for key in _COUNTS}
        usage = {**usage, **{key: total for key, total in sums.items() if total > count(usage.get(key))}}
        written_long = max(_written_long(usage) or 0, sum(_written_long(each) or 0 for each in usage["iterations"])) or None
    else:
        written_long = _written_long(usage)
    details = usage.get("output_tokens_details") or {}
    tally.report(
        prompt=_maybe(usage.get("input_tokens")),
        cache_created=_maybe(usage.get("cache_creation_input_tokens")),
        written_long=written_long,
        cache_read=_maybe(usage.get("cache_read_input_tokens")),
        output=_maybe(usage.get("output_tokens")),
        reasoning=_maybe(details.get("thinking_tokens")),
    )


def _written_long(usage: Json) -> int | None:
    """The part of `cache_creation_input_tokens` that is kept for an hour; message_delta leaves the split out."""
    split = usage.get("cache_creation")
    return count(split.get("ephemeral_1h_input_tokens")) if split else None


def _maybe(value: Any) -> int | None:
    return None if value is None else count(value)


class MessageStripper:
    """Removes thinking blocks; blocks after them move up, since SDKs append a block but look it up by its index.

    A thought between tags, which compatible servers leave in the text where no reasoning parser is set, is removed from it.
    """

    def __init__(self, strips: frozenset[str]) -> None:
        self._reasoning = "reasoning" in strips
        self._moved: dict[int, int] = {}
        """Index upstream to index as forwarded, for the blocks that go through."""
        self._started = 0
        self._thoughts = Thoughts(strips)

    def body(self, answer: Json) -> bool:
        """Strip a whole message."""
        content = answer.get("content")
        if not self._reasoning or not content:
            return False
        kept = [block for block in content if block.get("type") not in _REASONING_BLOCKS]
        answer["content"] = kept
        untagged = [self._thoughts.untag(block, "text") for block in kept if block.get("type") == "text"]
        return any(untagged) or len(kept) < len(content)

    def event(self, event: Json) -> Fate:
        """Strip one event of a stream."""
        if not self._reasoning:
            return Fate.KEEP
        if "message" in event:
            return Fate.CHANGED if self.body(event["message"]) else Fate.KEEP
        if (event.get("delta") or {}).get("type") in _REASONING_DELTAS:
            return Fate.DROP
        if event.get("type") not in _BLOCK_EVENTS:
            return Fate.KEEP
        index = event["index"]
        if event["type"] == "content_block_start" and event["content_block"]["type"] not in _REASONING_BLOCKS:
            self._moved[index] = self._started
            self._started += 1
        moved = self._moved.get(index)
        if moved is None:
            return Fate.DROP
        event["index"] = moved
        if (event.get("delta") or {}).get("type") == "text_delta" and self._thoughts.untag_piece(event["delta"], "text", index):
            return Fate.CHANGED if event["delta"]["text"] else Fate.DROP
        return Fate.CHANGED if moved != index else Fate.KEEP


MESSAGES: Final = Shape(read, MessageStripper)
