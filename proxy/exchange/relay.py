"""Steps 6 and 7 of an exchange: send it on, and relay what comes back while it is inspected.

The client sees bytes as they arrive; an answer that breaks off is broken off to the client too, never ended cleanly.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Final, NamedTuple

from proxy import replies
from proxy.adapters.traffic.downstream import Downstream
from proxy.adapters.traffic.http1 import answer_headers, header
from proxy.adapters.traffic.upstream import Answer, Upstream
from proxy.audit.record import Record
from proxy.dialects.call import NO_USAGE, ModelCall, Usage
from proxy.dialects.dialect import Dialect
from proxy.errors import UpstreamError
from proxy.exchange.budget import Allowance, Cut
from proxy.inspection.inspector import Inspector, inspector_for
from proxy.limits.costs import uncounted_output

WHOLE_ANSWER_BYTES: Final = 64 * 1024
"""Answers up to this size leave as one buffer; longer ones and streams are relayed piece by piece."""
FIRST_ERROR_STATUS: Final = 400
UNREADABLE: Final = Cut("", "answer_unreadable", "The answer can't be read any further and was cut.")
STOPPED: Final = Cut("", replies.STOPPING_CODE, replies.STOPPING)
LONGEST_COUNT: Final = 16
"""Digits of a token count: more is no count."""


class Outgoing(NamedTuple):
    """A request ready to be sent, and how its answer is to be read."""

    upstream: Upstream
    head: bytes
    body: bytes
    dialect: Dialect
    call: ModelCall
    strips: frozenset[str]
    hide_usage: bool
    """We asked for the stream's usage, the client didn't."""
    bodiless: bool
    """The answer to HEAD has no body."""
    http10: bool
    """The client can't read chunks."""
    own_headers: bytes
    """Lines of ours that go out with the answer."""
    allowance: Allowance | None
    """Set for a stream that some limit meters."""
    prepaid: Usage | None
    """What an accepted batch costs."""
    strip_bytes: int
    """Longest body that is held to be stripped."""
    left: Callable[[float], None]
    """Called with the record's time once the request has left, while the upstream works."""


async def relay(outgoing: Outgoing, down: Downstream, record: Record) -> None:
    """Forward one exchange; `record` gets outcome, usage, sizes and timings on every way out.

    Raises UpstreamError, whether or not something of the answer has been sent. A client that leaves aborts the upstream.
    """
    asked = perf_counter()
    answer = await _send(outgoing, down, record)
    record.first_byte_s = perf_counter() - asked
    record.upstream_status = record.status = answer.message.code
    record.upstream_retries = answer.retries
    inspector: Inspector | None = None
    try:
        inspector = _inspector(outgoing, answer)
        if outgoing.dialect.name == "bedrock":
            _told_in_head(inspector, answer)
        record.outcome = "allowed"
        await _relay_body(outgoing, answer, inspector, down, record)
        answer.done() if record.outcome == "allowed" else answer.abort()
    except asyncio.CancelledError:
        answer.abort()
        if down.gone or not down.started or inspector is None:
            raise
        await _cut(STOPPED, outgoing, inspector, down, record)
    except BaseException:
        answer.abort()
        raise
    finally:
        if inspector is not None:
            record.usage = _usage(outgoing, inspector, answer.message.code)


async def _send(outgoing: Outgoing, down: Downstream, record: Record) -> Answer:
    away = False

    def left() -> None:
        nonlocal away
        away = True
        outgoing.left(record.at)

    try:
        return await outgoing.upstream.send(outgoing.head, outgoing.body, left, bodiless=outgoing.bodiless)
    except asyncio.CancelledError:
        if down.gone and away:
            record.usage = _unanswered(outgoing)
        raise


def _inspector(outgoing: Outgoing, answer: Answer) -> Inspector:
    raw = answer.message.raw_headers
    coding = header(raw, b"content-encoding").strip().lower()
    if coding not in {b"", b"identity"} and outgoing.strips and answer.message.code < FIRST_ERROR_STATUS:
        raise UpstreamError("protocol", "the model endpoint encoded an answer that policy must read")
    content_type = header(raw, b"content-type").decode("latin-1") if coding in {b"", b"identity"} else "application/octet-stream"
    call, status = outgoing.call, answer.message.code
    return inspector_for(
        call.dialect, call.endpoint, content_type, outgoing.strips,
        hide_usage=outgoing.hide_usage, status=status, strip_bytes=outgoing.strip_bytes,
    )  # fmt: skip


async def _relay_body(outgoing: Outgoing, answer: Answer, inspector: Inspector, down: Downstream, record: Record) -> None:
    message = answer.message
    block = answer_headers(message.raw_headers, _own_headers(outgoing, message.code), changed=inspector.rewrites)
    length = _length(answer)
    if outgoing.bodiless:
        return await down.send(message.code, block, b"", http10=outgoing.http10, reason=message.reason, length=length or 0)
    # What is stripped as it passes may have to be cut in the middle, which only an answer of untold length can be with an error.
    if inspector.buffers or (length is not None and length <= WHOLE_ANSWER_BYTES and not inspector.rewrites):
        whole = await _whole(answer, inspector)
        record.response_bytes = len(whole)
        return await down.send(message.code, block, whole, http10=outgoing.http10, reason=message.reason)
    await down.start(message.code, block, None if inspector.rewrites else length, http10=outgoing.http10, reason=message.reason)
    allowance = outgoing.allowance
    coming = True
    while coming:  # an async generator would cost as much as inspecting what it gives
        chunk = await answer.chunk()
        piece = inspector.feed(chunk) if chunk else inspector.close()
        coming = bool(chunk) and not inspector.ended
        if not piece:
            continue
        record.response_bytes += len(piece)
        await down.write(piece)
        if allowance is not None and inspector.output_estimate > allowance.covered:
            spent = await allowance.cover(inspector.output_estimate)
            if spent is not None:
                return await _cut(spent, outgoing, inspector, down, record)
    if inspector.ended:
        return await _cut(UNREADABLE, outgoing, inspector, down, record)
    return await down.finish()


def _own_headers(outgoing: Outgoing, status: int) -> bytes:
    """Our lines of an answer's head. What we say of budgets stays out of a refusal for the model endpoint's: clients wait by its words."""
    own = outgoing.own_headers
    if status != replies.LIMITED:
        return own
    return b"".join([line for line in own.splitlines(keepends=True) if line.startswith(b"x-tosproxy-")])


async def _cut(why: Cut, outgoing: Outgoing, inspector: Inspector, down: Downstream, record: Record) -> None:
    """End a stream that may not go on such that the SDK raises an error; break off where the format has no place for one."""
    record.outcome, record.rule, record.code = "cut", why.rule, why.code
    event = inspector.cut(outgoing.dialect.error_event(why.code, why.message))
    if not event or not down.unbounded:
        return down.cut()
    await down.write(event)
    return await down.finish()


def _told_in_head(inspector: Inspector, answer: Answer) -> None:
    """Bedrock tells tokens in headers where a model maker's body doesn't."""
    raw = answer.message.raw_headers
    tokens = header(raw, b"x-amzn-bedrock-input-token-count"), header(raw, b"x-amzn-bedrock-output-token-count")
    if all(value.isdigit() and len(value) < LONGEST_COUNT for value in tokens):
        inspector.told_in_head(int(tokens[0]), int(tokens[1]))


async def _whole(answer: Answer, inspector: Inspector) -> bytes:
    """All that goes out of an answer that leaves as one buffer."""
    pieces = []
    while chunk := await answer.chunk():
        pieces.append(inspector.feed(chunk))
    pieces.append(inspector.close())
    return b"".join(pieces)


def _length(answer: Answer) -> int | None:
    """Bytes of the body, None when only its end will tell. aiohttp's parser has checked the framing."""
    if answer.message.chunked:
        return None
    value = header(answer.message.raw_headers, b"content-length")
    if value.isdigit():
        return int(value)
    return 0 if answer.message.code in {204, 304} else None


def _unanswered(outgoing: Outgoing) -> Usage:
    """What a client owes that left while the model endpoint was at work: the prompt was sent. An upload may well be kept, so it is paid for."""
    call = outgoing.call
    return outgoing.prepaid or (Usage(call.input_tokens, 0, estimated=True) if call.model else NO_USAGE)


def _usage(outgoing: Outgoing, inspector: Inspector, status: int) -> Usage:
    """What the exchange cost: as reported, else our own conservative count. An error answer costs nothing."""
    call, usage = outgoing.call, inspector.usage
    if usage is not None:
        # Ollama leaves the prompt's tokens out when it had them cached; they were read all the same.
        return usage if usage.input_tokens or not usage.output_tokens else usage._replace(input_tokens=call.input_tokens)
    if status >= FIRST_ERROR_STATUS:
        return NO_USAGE
    if outgoing.prepaid is not None:
        return outgoing.prepaid
    return Usage(call.input_tokens, inspector.output_estimate or uncounted_output(call), estimated=True) if call.model else NO_USAGE
