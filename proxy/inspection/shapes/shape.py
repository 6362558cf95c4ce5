"""Shape: the two things known of every API's answers, how to read an event and how to strip one."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NamedTuple, Protocol

import orjson

from proxy.dialects.wire.thoughts import TAGS
from proxy.inspection.tally import Tally, count

Json = dict[str, Any]
"""A parsed body or event. It is a stranger's: `read_json` and `strip_json` expect it to raise KeyError, TypeError and the like."""


class Fate(Enum):
    """What becomes of an event."""

    KEEP = "keep"
    """Nothing in it had to go: forward its own bytes."""
    CHANGED = "changed"
    """Parts were removed in place: forward it re-serialised."""
    DROP = "drop"
    """Nothing is left of it."""


class Stripper(Protocol):
    """Removes parts from the events of one answer, in order, or from its one body."""

    def body(self, answer: Json) -> bool:
        """Strip a whole answer in place; true if anything was removed."""

    def event(self, event: Json) -> Fate:
        """Strip one event of a stream in place."""


class Shape(NamedTuple):
    """One API's answers."""

    read: Callable[[Json, Tally], None]
    """Write the usage, text and finish reason of a body or an event into the tally."""
    stripper: Callable[[frozenset[str]], Stripper]
    """Make a stripper for any of `reasoning`, `logprobs`, and `usage`: what a stream reports though the client didn't ask."""


_UNREADABLE: Final = (ValueError, TypeError, AttributeError, KeyError, RecursionError)

_LONG_NUMBER: Final = b"0" * 19
"""From here on a number may not fit 64 bits, and orjson would make a float of it: a tool's arguments must come through exactly."""

_DIGITS: Final = bytes(48 if chr(byte).isascii() and chr(byte).isdigit() else 32 for byte in range(256))
"""Every digit becomes a zero, everything else a space: looking for a run of digits is then a plain search, ten times as fast."""


def read_json(data: bytes | bytearray, shape: Shape, tally: Tally) -> bool:
    """Read a body or an event; false if it isn't what its format says."""
    try:
        shape.read(orjson.loads(data), tally)
    except _UNREADABLE:
        return False
    return True


def strip_json(data: bytes, shape: Shape, stripper: Stripper, tally: Tally) -> bytes | None:
    """Read and strip an event: the same bytes if nothing had to go, b"" if nothing is left.

    None if it isn't what its format says: nothing of it may be forwarded.
    """
    exact = _LONG_NUMBER in data.translate(_DIGITS)
    try:
        event = json.loads(data) if exact else orjson.loads(data)
        shape.read(event, tally)
        fate = stripper.event(event)
        if fate is Fate.KEEP:
            return data
        return b"" if fate is Fate.DROP else _dumped(event, exact=exact)
    except _UNREADABLE:
        return None


def strip_body(body: bytes, shape: Shape, stripper: Stripper, tally: Tally) -> bytes | None:
    """Read and strip a whole answer: the same bytes if nothing had to go. None if it isn't what its format says."""
    exact = _LONG_NUMBER in body.translate(_DIGITS)
    try:
        answer = json.loads(body) if exact else orjson.loads(body)
        shape.read(answer, tally)
        return _dumped(answer, exact=exact) if stripper.body(answer) else body
    except _UNREADABLE:
        return None


def _dumped(value: Json, *, exact: bool) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode() if exact else orjson.dumps(value)


def drop(holder: Json, keys: frozenset[str]) -> bool:
    """Remove `keys` from `holder`; true if any was there. A null tells nothing and stays, so that most events stay untouched."""
    found = False
    if holder.keys().isdisjoint(keys):
        return found
    for key in keys:
        if holder.get(key) is not None:
            del holder[key]
            found = True
    return found


OPEN_THOUGHT: Final = "open thought"
"""Stands among the parts to strip where the model's text begins inside a thought."""


class LeadingThought:
    """Text that opens with a tag around a thought.

    Without the opening tag, which some chat templates and prompts put before it, a thought looks like any other text: OPEN_THOUGHT tells.
    """

    __slots__ = ("_closings", "_held", "_over")

    def __init__(self, *, opened: bool = False) -> None:
        """`opened`: the prompt ended with an opening tag, so that the text begins inside the thought."""
        self._held = ""
        self._closings = _CLOSINGS if opened else ()
        """What ends the thought that has begun."""
        self._over = False

    def feed(self, text: str) -> str:
        """What of the next piece is no thought. Holds back what may yet become a tag: a few characters."""
        if self._over:
            return text
        self._held += text
        while True:
            if not self._closings:
                begun = self._held.lstrip()
                opened = next((tag for tag in TAGS if begun.startswith(tag)), "")
                if not opened:
                    return "" if any(tag.startswith(begun) for tag in TAGS) and len(self._held) < _MAX_HELD_CHARS else self.end()
                self._closings = (TAGS[opened],)
                self._held = begun.removeprefix(opened)
            ends = [(at, closing) for closing in self._closings if (at := self._held.find(closing)) >= 0]
            if not ends:
                self._held = self._held[1 - max(map(len, self._closings)) :]
                return ""
            at, closing = min(ends)
            self._closings = ()
            self._held = self._held[at + len(closing) :]  # which may open with another one: some servers wrap every piece

    def end(self) -> str:
        """What was held back and turned out to be no tag."""
        held = "" if self._closings or self._over else self._held
        self._over = True
        return held

    def kept_of(self, text: Any, *, last: bool) -> str:
        """`feed`, and `end` if it is the last piece; no text is an empty one."""
        return self.feed(text if type(text) is str else "") + (self.end() if last else "")


class Thoughts:
    """Removes the thoughts between tags from the texts of one answer: a whole one at a time, or each as its pieces come."""

    __slots__ = ("_begun", "_opened")

    def __init__(self, strips: frozenset[str]) -> None:
        self._opened = OPEN_THOUGHT in strips
        self._begun: dict[Any, LeadingThought] = {}

    def untag(self, holder: Json, key: str) -> bool:
        """Remove the thought from a whole text in place; true if there was one."""
        return _put(holder, key, LeadingThought(opened=self._opened).kept_of(holder.get(key), last=True))

    def untag_piece(self, holder: Json, key: str, place: Any, *, last: bool = False) -> bool:
        """The same with a piece of the text that is streamed at `place`. Raises ValueError for more texts than any API gives."""
        if place not in self._begun:
            if len(self._begun) >= _MAX_TEXTS:
                raise ValueError("more texts than any API gives")
            self._begun[place] = LeadingThought(opened=self._opened)
        return _put(holder, key, self._begun[place].kept_of(holder.get(key), last=last))


def _put(holder: Json, key: str, kept: str) -> bool:
    if kept == (holder.get(key) or ""):
        return False
    holder[key] = kept
    return True


_MAX_TEXTS: Final = 1024
"""OpenAI gives at most 128 choices; each text costs memory while a stream lasts."""

_CLOSINGS: Final = tuple(TAGS.values())
_MAX_HELD_CHARS: Final = 256
"""White space held back before a tag."""


def moved_index(event: Json, key: str, gone: set[int]) -> bool:
    """Count `event[key]` without the indices in `gone`; true if that changed it."""
    index = event.get(key)
    if not gone or type(index) is not int:
        return False
    event[key] = index - sum(other < index for other in gone)
    return bool(event[key] != index)


def report_openai_usage(usage: Json, tally: Tally) -> None:
    """OpenAI's usage object, of either wording (prompt and completion, or input and output).

    Some upstreams (xAI) leave reasoning out of completion_tokens but not out of total_tokens: the total decides.
    One that counts something else (Whisper tells seconds) reports nothing. The prompt includes what a cache gave and what was written to
    one, also where LiteLLM tells the latter in Anthropic's word.
    """
    get = usage.get
    read, wrote = get("prompt_tokens", get("input_tokens")), get("completion_tokens", get("output_tokens"))
    if read is None and wrote is None:
        return
    prompt, written = count(read), count(wrote)
    unexplained = count(get("total_tokens")) - prompt
    prompt_details = get("prompt_tokens_details") or get("input_tokens_details") or get("input_token_details")
    written_details = get("completion_tokens_details") or get("output_tokens_details")
    cached = stored = stored_long = 0
    if prompt_details:
        cached, stored = count(prompt_details.get("cached_tokens")), count(prompt_details.get("cache_write_tokens"))
        split = prompt_details.get("cache_write_tokens_details")
        stored_long = count(split.get("ttl_12h_tokens")) if split else 0
    tally.report(
        prompt=prompt,
        output=max(written, unexplained) if written else 0,
        cached=cached or count(get("prompt_cache_hit_tokens")),
        written=stored or count(get("cache_creation_input_tokens")),
        written_long=stored_long,
        reasoning=count(written_details.get("reasoning_tokens")) if written_details else 0,
    )
