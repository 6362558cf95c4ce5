"""One JSON object a line (NDJSON, JSON Lines): Ollama's streams and the results of batches."""

from __future__ import annotations

from proxy.inspection.lines import MAX_LINE_BYTES, Lines
from proxy.inspection.shapes.shape import Shape, read_json, strip_json
from proxy.inspection.tally import Tallied


class RecordReader(Tallied):
    """Forwards every chunk at once and untouched; reads the lines that it completes."""

    __slots__ = ("_lines", "_shape")

    buffers = False
    rewrites = False

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self._lines = Lines()
        self._shape = shape

    def feed(self, chunk: bytes) -> bytes:
        """The chunk, untouched."""
        if self.ended:
            return b""
        for line in self._lines.feed(chunk):
            self._record(line)
        return chunk

    def close(self) -> bytes:
        """Nothing is held back; a last line that nothing ended is read too."""
        if not self.ended:
            self._record(self._lines.close())
        return b""

    def cut(self, error_event: bytes) -> bytes:
        """A line that was forwarded in part is ended first: clients report it as broken JSON."""
        begun = self._lines.partial
        self.ended = True
        return b"\n" + error_event if begun else error_event

    def _record(self, line: bytes) -> None:
        text = line.strip()
        if text and not read_json(text, self._shape, self._tally):
            self.broken = True
            self._tally.unread(len(text))


class RecordStripper(Tallied):
    """Holds each line until it is complete. A line that can't be read is never forwarded: the answer ends there."""

    __slots__ = ("_lines", "_shape", "_stripper")

    buffers = False
    rewrites = True

    def __init__(self, shape: Shape, strips: frozenset[str]) -> None:
        super().__init__()
        self._lines = Lines()
        self._shape = shape
        self._stripper = shape.stripper(strips)

    def feed(self, chunk: bytes) -> bytes:
        """The lines that `chunk` completes, stripped."""
        if self.ended:
            return b""
        out: list[bytes] = []
        for line in self._lines.feed(chunk):
            out.append(self._record(line))
            if self.ended:
                break
        if self._lines.overlong and not self.ended:
            self._give_up(MAX_LINE_BYTES)
        return b"".join(out)

    def close(self) -> bytes:
        """A last line that nothing ended."""
        line = self._lines.close()
        return self._record(line).removesuffix(b"\n") if line.strip() and not self.ended else b""

    def cut(self, error_event: bytes) -> bytes:
        """What is held back of a line that hasn't ended is dropped."""
        self.ended = True
        return error_event

    def _record(self, line: bytes) -> bytes:
        text = line.strip()
        if not text:
            return line + b"\n"
        if len(line) > MAX_LINE_BYTES:
            self._give_up(MAX_LINE_BYTES)
            return b""
        stripped = strip_json(text, self._shape, self._stripper, self._tally)
        if stripped is None:
            self._give_up(len(text))
        return stripped + b"\n" if stripped else b""

    def _give_up(self, unread_bytes: int) -> None:
        self.broken = self.ended = True
        self._tally.unread(unread_bytes)
