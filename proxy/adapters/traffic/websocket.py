"""WebSockets on both sides of the proxy: the client's is accepted, the model endpoint's is opened. Messages are text, bounded, uncompressed."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Final, NoReturn

from aiohttp import (
    ClientError,
    ClientSession,
    ClientTimeout,
    ClientWebSocketResponse,
    DummyCookieJar,
    TraceConfig,
    WSMsgType,
    WSServerHandshakeError,
    web,
)

from proxy.adapters.traffic.http1 import Head, upstream_headers
from proxy.adapters.traffic.upstream import Upstream
from proxy.errors import CallerError, Fault, UpstreamError

HEARTBEAT_S: Final = 30.0
"""A side that doesn't answer a ping for half of this is gone."""
HANDSHAKE_S: Final = 30.0
CLOSE_S: Final = 2.0
"""How long the other side may take to answer a close."""
MAX_REASON_BYTES: Final = 123
"""RFC 6455, 5.5.1."""
KEY_PROTOCOL: Final = "openai-insecure-api-key."
"""Browsers can't set headers on a WebSocket, so OpenAI's clients send their key as a subprotocol."""

NORMAL: Final = 1000
GOING_AWAY: Final = 1001
UNSUPPORTED: Final = 1003
UNREADABLE: Final = 1008
FAILED: Final = 1011
_NEVER_SENT: Final = frozenset({1005, 1006, 1015})

logging.getLogger("aiohttp.websocket").disabled = True  # it would log subprotocols, and a key may be one of them


class Socket:
    """One side. `receive` until None, then `code` and `reason` say how it closed."""

    def __init__(self, wire: web.WebSocketResponse[Any] | ClientWebSocketResponse[Any], session: ClientSession | None = None) -> None:
        self._wire = wire
        self._session = session
        self.code = NORMAL
        self.reason = ""
        self.broken = False
        """It didn't close: it sent what isn't text or is too long, or vanished."""

    async def receive(self) -> bytes | None:
        """The next message; None when the other side closed, or sent what isn't text or is too long."""
        message = await self._wire.receive()
        if message.type is WSMsgType.TEXT:
            return bytes(message.data)
        if message.type is WSMsgType.CLOSE:
            self.code = message.data if message.data not in _NEVER_SENT else NORMAL
            self.reason = message.extra or ""
        elif message.type is WSMsgType.BINARY:
            self.code, self.broken = UNSUPPORTED, True
        else:
            code = self._wire.close_code or FAILED
            self.code, self.broken = (FAILED if code in _NEVER_SENT else code), True
        return None

    async def send(self, message: bytes) -> None:
        """Send one message, waiting while the other side reads slower. Raises ConnectionError when it is gone."""
        await self._wire.send_frame(message, WSMsgType.TEXT)

    async def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close in bounded time; closing twice is harmless."""
        try:
            async with asyncio.timeout(CLOSE_S):
                await self._wire.close(code=code, message=reason.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode())
        except (ConnectionError, TimeoutError, ClientError):
            pass
        finally:
            if self._session is not None:
                await self._session.close()


def check_upgrade(head: Head, *, expected: bool) -> None:
    """Raises CallerError unless the request asks for a WebSocket exactly where one is expected."""
    if head.upgrade and not expected:
        raise CallerError(Fault.MALFORMED, "This address takes no WebSocket.", "unexpected_upgrade")
    if expected and (head.upgrade != "websocket" or head.length):
        raise CallerError(Fault.MALFORMED, "This address takes a WebSocket: send Upgrade: websocket, and no body.", "upgrade_required")


def protocols_of(head: Head) -> list[str]:
    """Subprotocols that the client offers."""
    return [name.strip() for key, value in head.headers if key == "sec-websocket-protocol" for name in value.split(",") if name.strip()]


def with_key_as_header(head: Head) -> Head:
    """The head with a key that came as a subprotocol where every other key is looked for."""
    keys = [name.removeprefix(KEY_PROTOCOL) for name in protocols_of(head) if name.startswith(KEY_PROTOCOL)]
    return head._replace(headers=[*head.headers, *[("authorization", f"Bearer {key}") for key in keys]]) if keys else head


async def accept(request: web.BaseRequest, protocol: str, own_headers: bytes, most_bytes: int) -> Socket:
    """Accept the client's side. Raises CallerError for a handshake that isn't one."""
    wire: web.WebSocketResponse[Any] = web.WebSocketResponse(
        protocols=(protocol,) if protocol else (), compress=False, max_msg_size=most_bytes, heartbeat=HEARTBEAT_S, timeout=CLOSE_S,
        autoclose=False, decode_text=False,
    )  # fmt: skip
    lines = own_headers.decode("ascii").split("\r\n")
    wire.headers.update({"server": "tos-proxy", **dict(line.split(": ", 1) for line in lines if line)})
    try:
        await wire.prepare(request)
    except web.HTTPException:
        raise CallerError(Fault.MALFORMED, "The WebSocket handshake is not valid.", "invalid_handshake") from None
    return Socket(wire)


async def connect(upstream: Upstream, head: Head, way: str, most_bytes: int) -> tuple[Socket, str]:
    """Open the model endpoint's side, with the client's own headers. Gives it and the subprotocol chosen. Raises UpstreamError."""
    block = upstream_headers(head, upstream.replaced) + way
    pairs = [(name, value) for name, _, value in (line.partition(": ") for line in block.split("\r\n") if line)]
    headers = [pair for pair in pairs if not pair[0].startswith("sec-websocket-")] + upstream.injected
    session = ClientSession(
        connector=upstream.session.connector, connector_owner=False, cookie_jar=DummyCookieJar(), trust_env=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"), trace_configs=[_refusing_redirects()],
        timeout=ClientTimeout(total=HANDSHAKE_S),
    )  # fmt: skip
    offered = [name for name in protocols_of(head) if not name.startswith(KEY_PROTOCOL)]
    try:
        wire: ClientWebSocketResponse[Any] = await session.ws_connect(
            upstream.websocket_target(upstream.target(head)), headers=headers, protocols=offered, max_msg_size=most_bytes, heartbeat=HEARTBEAT_S,
            autoclose=False, decode_text=False,
        )  # fmt: skip
    except BaseException as error:
        await session.close()
        raise _worded(error) from error
    return Socket(wire, session), wire.protocol or ""


def _worded(error: BaseException) -> BaseException:
    if isinstance(error, WSServerHandshakeError):
        return UpstreamError("protocol", f"the model endpoint refused the session with status {error.status}")
    if isinstance(error, TimeoutError):
        return UpstreamError("timeout", "the model endpoint did not open the session in time")
    if isinstance(error, (ClientError, OSError)):
        return UpstreamError("connect", "the model endpoint could not be reached")
    return error


def _refusing_redirects() -> TraceConfig:
    """A redirect would take the operator's secrets elsewhere."""

    async def refuse(*_: object) -> NoReturn:
        raise UpstreamError("protocol", "the model endpoint redirects the session")

    config = TraceConfig()
    config.on_request_redirect.append(refuse)
    return config
