"""Tally: what one answer has cost so far. Readers write to it, the handler settles from it."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.call import Usage

BYTES_PER_TOKEN: Final = 3
"""Deliberately low: English runs at about 4 UTF-8 bytes a token, code near 3, so the estimate errs upwards."""

MAX_COUNT: Final = 2**40
"""No answer has more tokens: a larger number is an upstream's fault and must not overflow somebody's counter."""

MAX_FINISH_CHARS: Final = 64

_new = tuple.__new__
"""Builds a NamedTuple in half the time its own constructor takes."""


def count(value: Any) -> int:
    """A token count out of a stranger's JSON: 0 for anything but a non-negative number."""
    if type(value) is int:
        return (value if value < MAX_COUNT else MAX_COUNT) if value > 0 else 0  # noqa: FURB136  min() costs 70 ns, seven times an answer
    if type(value) is float and 0.0 < value < MAX_COUNT:
        return int(value)
    return 0


class Tally:
    """Usage as reported, and a conservative count of what the model wrote, relayed or stripped."""

    __slots__ = (
        "_cache_created",
        "_cache_read",
        "_cached",
        "_output",
        "_prompt",
        "_reasoning",
        "_written",
        "_written_long",
        "complete",
        "deltas",
        "finish",
        "reported",
        "text_bytes",
    )

    def __init__(self) -> None:
        self._prompt = 0
        self._cached = 0
        self._written = 0
        self._written_long = 0
        self._cache_created = 0
        self._cache_read = 0
        self._output = 0
        self._reasoning = 0
        self.reported = False
        self.complete = False
        """The whole answer came, whether or not it tells a finish reason."""
        self.finish = ""
        self.deltas = 0
        self.text_bytes = 0

    def wrote(self, text: Any) -> None:
        """The model wrote `text`, in one delta; anything but a non-empty string is nothing."""
        if type(text) is str and text:
            self.deltas += 1
            self.text_bytes += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))

    def finished(self, reason: Any) -> None:
        """The answer, or one of its choices, ended for `reason`."""
        if type(reason) is str and reason:
            self.finish = reason[:MAX_FINISH_CHARS]

    def report(
        self,
        *,
        prompt: int | None = None,
        cached: int | None = None,
        written: int | None = None,
        written_long: int | None = None,
        cache_created: int | None = None,
        cache_read: int | None = None,
        output: int | None = None,
        reasoning: int | None = None,
    ) -> None:
        """Usage as the upstream says, cumulative: a later number replaces an earlier one, None leaves it.

        `cached` and `written` are the parts of `prompt` that came from a cache and went into one; `cache_read` and `cache_created` are the
        same of an upstream that counts them beside it. `written_long` is the part of what was written that is kept for longer.
        """
        self.reported = True
        if prompt is not None:
            self._prompt = prompt
        if cached is not None:
            self._cached = cached
        if written is not None:
            self._written = written
        if written_long is not None:
            self._written_long = written_long
        if cache_created is not None:
            self._cache_created = cache_created
        if cache_read is not None:
            self._cache_read = cache_read
        if output is not None:
            self._output = output
        if reasoning is not None:
            self._reasoning = reasoning

    def unread(self, size_bytes: int) -> None:
        """So many bytes can't be read: they count as text."""
        self.deltas += 1
        self.text_bytes += size_bytes

    @property
    def output_estimate(self) -> int:
        """Output tokens by our own count: at least one a delta, at least one per `BYTES_PER_TOKEN` bytes."""
        return max(self.deltas, -(-self.text_bytes // BYTES_PER_TOKEN))

    @property
    def usage(self) -> Usage | None:
        """Usage, None when none was reported.

        An answer that ended before its finish reason has reported only a part (Anthropic's message_start says one output
        token), so there our own count stands in wherever it is higher.
        """
        if not self.reported:
            return None
        output = self._output
        estimated = False
        if not (self.finish or self.complete) and self.output_estimate > output:
            output, estimated = self.output_estimate, True
        prompt = self._prompt + self._cache_created + self._cache_read
        written = self._written + self._cache_created
        long = self._written_long if self._written_long < written else written  # noqa: FURB136  as in `count`
        return _new(Usage, (prompt, output, self._cached + self._cache_read, self._reasoning, estimated, written, long))


class Tallied:
    """What every inspector tells of the answer it tallies; see `inspector.Inspector`."""

    __slots__ = ("_tally", "broken", "ended")

    def __init__(self) -> None:
        self._tally = Tally()
        self.broken = False
        self.ended = False

    def told_in_head(self, prompt: int, output: int) -> None:
        """The answer's head told its usage, as Bedrock's does for InvokeModel; what the body tells replaces it."""
        self._tally.report(prompt=prompt, output=output)

    @property
    def usage(self) -> Usage | None:
        """What the upstream reported so far."""
        return self._tally.usage

    @property
    def output_estimate(self) -> int:
        """Output tokens by our own count so far."""
        return self._tally.output_estimate

    @property
    def finish(self) -> str:
        """The last finish reason."""
        return self._tally.finish
