"""Load: keep-alive connections, each of which asks again as soon as it is answered. And the model endpoints that answer."""

from __future__ import annotations

import asyncio
import json
from time import perf_counter
from typing import Final, cast

PROMPT: Final = " ".join(f"word{number % 97} of a prompt" for number in range(100))[:1800]
HEAD: Final = (
    b"POST /v1/chat/completions HTTP/1.1\r\nhost: model\r\ncontent-type: application/json\r\nauthorization: Bearer sk-bench\r\n"
    b"user-agent: OpenAI/Python 1.99.0\r\nx-stainless-lang: python\r\nx-stainless-retry-count: 0\r\naccept: application/json\r\n"
)
EVENTS: Final = 100
ANSWER: Final = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": "demo",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "An answer of some words. " * 16}, "finish_reason": "stop"},
        ],
        "usage": {"prompt_tokens": 420, "completion_tokens": 90, "total_tokens": 510},
    },
    separators=(",", ":"),
).encode()  # fmt: skip
_WHOLE: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(ANSWER) + ANSWER
_STREAM: Final = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_EVENT: Final = b'data: {"id":"chatcmpl-1","object":"chat.completion.chunk","created":1790000000,"model":"demo","choices":[{"index":0,"delta":{"content":" word"},"finish_reason":null}]}\n\n'
_CHUNK: Final = b"%x\r\n%b\r\n" % (len(_EVENT), _EVENT)
_LAST: Final = b"0\r\n\r\n"
_END: Final = b"e\r\ndata: [DONE]\n\n\r\n" + _LAST


def question(*, stream: bool) -> bytes:
    """A request with a 2 kB prompt, as the official client sends it."""
    messages = [{"role": "system", "content": "You are a helpful assistant."}, {"role": "user", "content": PROMPT}]
    asked = {"model": "demo", "messages": messages, "max_tokens": 512, "temperature": 0.7, **({"stream": True} if stream else {})}
    body = json.dumps(asked, separators=(",", ":")).encode()  # as the official clients write it
    return HEAD + b"content-length: %d\r\n\r\n" % len(body) + body


class Model(asyncio.Protocol):
    """A model endpoint that answers from memory: whole, or to whoever asks for it a stream with one write an event."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's transports don't inherit from asyncio's
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer once the body is there: no head or piece of this prompt ends like one."""
        self.buffer += data
        if not self.buffer.endswith(b"}"):
            return
        stream = b'"stream":' in self.buffer
        self.buffer = b""
        self.transport.write(_STREAM if stream else _WHOLE)
        if stream:
            asyncio.get_running_loop().call_soon(self._go_on, EVENTS)

    def _go_on(self, left: int) -> None:
        if self.transport.is_closing():
            return
        self.transport.write(_CHUNK if left else _END)
        if left:
            asyncio.get_running_loop().call_soon(self._go_on, left - 1)


class Caller(asyncio.Protocol):
    """One connection that asks until told to stop. `done` and `bad` count answers and those that aren't 200."""

    def __init__(self, asked: bytes) -> None:
        self.asked = asked
        self.done = self.bad = 0
        self.stopped = False
        self._head = b""
        self._left = -1
        """Bytes of the answer still to come; -1 while its head isn't there, 0 for a chunked one."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast("asyncio.Transport", transport)
        self.transport.write(self.asked)

    def connection_lost(self, exc: Exception | None) -> None:
        """A connection that is closed under us is an answer missing."""
        del exc
        self.bad += not self.stopped

    def data_received(self, data: bytes) -> None:
        """Count an answer when it is whole, and ask again."""
        if self._left < 0:
            self._head += data
            head, found, data = self._head.partition(b"\r\n\r\n")
            if not found:
                return None
            self._head = b""
            self.bad += not head.startswith(b"HTTP/1.1 200")
            _, told, length = head.lower().partition(b"content-length: ")
            self._left = int(length.partition(b"\r\n")[0]) if told else 0
            if not told:
                return self._streamed(data)
        elif not self._left:
            return self._streamed(data)
        self._left -= len(data)
        return None if self._left else self._answered()

    def _streamed(self, data: bytes) -> None:
        if data.endswith(_LAST):
            self._answered()

    def _answered(self) -> None:
        self.done += 1
        self._left = -1
        if not self.stopped:
            self.transport.write(self.asked)


async def ask(port: int, connections: int, seconds: float, *, stream: bool) -> tuple[float, int, int]:
    """Answers a second, answers, and how many weren't 200."""
    loop = asyncio.get_running_loop()
    asked = question(stream=stream)
    began = perf_counter()
    callers = [(await loop.create_connection(lambda: Caller(asked), "127.0.0.1", port))[1] for _ in range(connections)]
    await asyncio.sleep(seconds)
    passed = perf_counter() - began
    for caller in callers:
        caller.stopped = True
    done = sum(caller.done for caller in callers)
    return done / passed, done, sum(caller.bad for caller in callers)
