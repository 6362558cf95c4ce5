"""Forward one request on a pooled connection and read the answer: aiohttp's connector and parser, without its session.

A ClientSession costs 100 us of CPU a request, this 55 (2 kB, uvloop). The price is semi-public API (`ResponseHandler`,
`TCPConnector._factory`), so aiohttp is pinned to one minor version and nothing outside this file knows of it.

Retry: one, on a fresh connection, and only where the request can't have been served twice unnoticed: the connection was reused, not one
byte of an answer came, and the body is in memory. That is the race with an upstream that closes idle connections.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from aiohttp import ClientError, ClientRequest, ClientTimeout, DummyCookieJar, TCPConnector
from aiohttp.client import ClientSession
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import BadHttpMessage, BadStatusLine, HttpProcessingError
from aiohttp.http_parser import RawResponseMessage
from aiohttp.streams import StreamReader
from yarl import URL

from proxy.adapters.secrets import Secret
from proxy.adapters.traffic.certificates import Certificates
from proxy.adapters.traffic.http1 import Head
from proxy.errors import UpstreamError
from proxy.identity.credentials import CREDENTIAL_HEADERS, without_keys
from proxy.settings import Upstream as UpstreamSettings

READ_BUFFER_BYTES: Final = 16 * 1024
"""Held for each slow reader, twice: 16 KiB keeps a stalled client near 0.13 MiB where 256 KiB costs 1.3 MiB."""

ANSWER_FIELD_BYTES: Final = 64 * 1024
ANSWER_FIELDS: Final = 512
"""What an answer's head may hold: gateways that repeat another's headers under names of their own come near the 128 that aiohttp takes."""
INTERIM: Final = frozenset({100, 102, 103})
"""Answers before the answer (RFC 9110, 15.2). 101 would switch to a protocol that nobody asked for."""
FIRST_STATUS: Final = 200
LAST_STATUS: Final = 599


class Wire(ResponseHandler):
    """One upstream connection, which knows whether it has served before, whether an answer has begun, and whether one is due."""

    served: int = 0
    answering: bool = False
    idle: bool = False
    """It waits in the pool: no answer is due."""

    def set_response_params(self, **params: Any) -> None:
        """A request is about to be sent."""
        self.idle = self.answering = False
        super().set_response_params(**params)

    def data_received(self, data: bytes) -> None:
        """Note that an answer has begun: after this nothing may be sent twice. What nobody asked for ends the connection."""
        if self.idle:
            self.abort()  # the rest of an answer that was longer than it said would be taken for the next caller's
            return
        self.answering = True
        super().data_received(data)


class Answer(NamedTuple):
    """An answer whose head has arrived. Its body is read with `chunk` until b""; then `done`, or `abort` at any time."""

    message: RawResponseMessage
    payload: StreamReader
    connection: Connection
    retries: int

    async def chunk(self) -> bytes:
        """The next bytes of the body as they arrive, b"" at its end. Raises UpstreamError when it is cut short."""
        try:
            return await self.payload.readany()
        except TimeoutError as error:
            raise UpstreamError("timeout", "the model endpoint fell silent") from error
        except (ClientError, HttpProcessingError, OSError) as error:
            raise UpstreamError("reset", "the model endpoint broke off its answer") from error

    def done(self) -> None:
        """Give the connection back. One whose request wasn't fully sent, or with bytes left over, is closed instead."""
        transport = self.connection.transport
        if transport is None or transport.get_write_buffer_size():
            _drop(self.connection)
        else:
            _wire(self.connection).idle = True
            self.connection.release()

    def abort(self) -> None:
        """Drop the connection, so that the model endpoint stops generating."""
        _drop(self.connection)


class Models:
    """Names of models, with * at the end for a prefix."""

    __slots__ = ("_exact", "_prefixes", "none")

    def __init__(self, names: tuple[str, ...]) -> None:
        self._prefixes = tuple(name.removesuffix("*") for name in names if name.endswith("*"))
        self._exact = frozenset(name for name in names if not name.endswith("*"))
        self.none = not names

    def __contains__(self, model: str) -> bool:
        return model in self._exact or model.startswith(self._prefixes)


class Upstream:
    """One configured model endpoint with its pool of connections."""

    def __init__(self, settings: UpstreamSettings, secrets: list[tuple[str, Secret]], certificates: Certificates | None = None) -> None:
        self.name = settings.name
        self.paths = settings.paths
        self.models = Models(settings.models)
        self.opens_thought = Models(settings.opens_thought)
        """Models whose text begins inside a thought."""
        names = frozenset(name for name, _ in secrets)
        self._pays = bool(names & CREDENTIAL_HEADERS)
        self.replaced = names | CREDENTIAL_HEADERS if self._pays else names
        """Headers of clients that don't go there: with the operator's credential goes no other, whatever header it came in."""
        self._secrets = secrets
        self._read_s = settings.read_s
        self._url = URL(settings.url)
        self._base = self._url.raw_path.rstrip("/")
        self._host = self._url.raw_authority
        self._timeout = ClientTimeout(total=None, connect=settings.connect_s, sock_connect=settings.connect_s)
        self._connector = TCPConnector(
            limit=0, force_close=settings.fresh_connections, keepalive_timeout=None if settings.fresh_connections else settings.idle_s,
            ssl=certificates.context if certificates is not None else True, enable_cleanup_closed=False,
        )  # fmt: skip
        setattr(self._connector, "_factory", partial(Wire, loop=asyncio.get_running_loop()))  # noqa: B010 - its type names the base class
        self._session = ClientSession(connector=self._connector, cookie_jar=DummyCookieJar(), auto_decompress=False, trust_env=False)
        self._certificates = certificates
        self._template = self._asked()

    def _asked(self) -> ClientRequest:
        context = self._certificates.context if self._certificates is not None else True
        return ClientRequest("POST", self._url, loop=asyncio.get_running_loop(), session=self._session, ssl=context)

    async def refresh_certificates(self) -> bool:
        """Use new certificate files for new connections; says whether there were any. Raises what `Certificates.refresh` raises."""
        if self._certificates is None or not self._certificates.refresh():
            return False
        self._connector._ssl = self._certificates.context
        self._template = self._asked()  # connections are pooled by their context: those made with the old one serve no more
        return True

    def takes(self, path: str, model: str) -> bool:
        """Whether a request for this path and model goes here."""
        if self.paths and not path.startswith(self.paths):
            return False
        return self.models.none or model in self.models

    def target(self, head: Head) -> str:
        """Path and query as they go there: with the operator's credential goes no key of the client's."""
        query = without_keys(head.query) if self._pays and head.query else head.query
        return f"{head.path}?{query}" if query else head.path

    def head(self, method: str, target: str, headers: str, length: int) -> bytes:
        """The request head to send: `target` is a checked path with query, `headers` a block of checked lines."""
        injected = "".join([f"{name}: {value}\r\n" for name, value in self.injected])
        framing = f"content-length: {length}\r\n" if length or method in {"POST", "PUT", "PATCH"} else ""
        return f"{method} {self._base}{target} HTTP/1.1\r\nhost: {self._host}\r\n{headers}{injected}accept-encoding: identity\r\n{framing}\r\n".encode(
            "ascii"
        )

    async def send(self, head: bytes, body: bytes, left: Callable[[], None] | None = None, *, bodiless: bool = False) -> Answer:
        """Send a request and wait for the answer's head. Raises UpstreamError.

        `left` is called once the request was written, for work that shall not delay it. `bodiless`: the answer to HEAD has no body.
        """
        try:
            return await self._attempt(head, body, 0, left, bodiless=bodiless)
        except _StaleConnectionError:
            return await self._attempt(head, body, 1, None, bodiless=bodiless)

    async def _attempt(self, head: bytes, body: bytes, retries: int, left: Callable[[], None] | None, *, bodiless: bool) -> Answer:
        connection = await (self._connect_afresh() if retries else self._connect())
        wire = _wire(connection)
        reused = wire.served > 0
        wire.served += 1
        try:
            wire.set_response_params(
                skip_payload=bodiless, read_until_eof=True, auto_decompress=False, read_timeout=self._read_s,
                read_bufsize=READ_BUFFER_BYTES, max_field_size=ANSWER_FIELD_BYTES, max_headers=ANSWER_FIELDS,
            )  # fmt: skip
            _write(wire, head, body)
            if left is not None:
                left()
            message, payload = await _answer_head(wire)
        except BaseException as error:
            _drop(connection)
            raise _worded(error, may_retry=reused and not retries and not wire.answering) from error
        return Answer(message, payload, connection, retries)

    async def _connect_afresh(self) -> Connection:
        """A connection that never served. Where one was found closed, those beside it in the pool may be: they served the same endpoint."""
        connection = await self._connect()
        while _wire(connection).served:
            _drop(connection)
            connection = await self._connect()
        return connection

    async def _connect(self) -> Connection:
        try:
            return await self._connector.connect(self._template, [], self._timeout)
        except ssl.SSLError as error:
            raise UpstreamError("tls", "the model endpoint's certificate was not accepted") from error
        except TimeoutError as error:
            raise UpstreamError("timeout", "the model endpoint did not accept a connection in time") from error
        except (ClientError, OSError) as error:
            raise UpstreamError("connect", "the model endpoint could not be reached") from error

    @property
    def injected(self) -> list[tuple[str, str]]:
        """Headers of the operator's, with their present values."""
        return [(name, secret.value) for name, secret in self._secrets]

    @property
    def session(self) -> ClientSession:
        """For WebSockets, which are upgraded through aiohttp's own client."""
        return self._session

    def websocket_target(self, target: str) -> URL:
        """Where a WebSocket for this checked target connects."""
        return URL(f"{self._url.scheme}://{self._host}{self._base}{target}", encoded=True)

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


async def _answer_head(wire: Wire) -> tuple[RawResponseMessage, StreamReader]:
    """The head of the answer. Raises HttpProcessingError for a status that is none, and for a coding under which its body can't be read."""
    message, payload = await wire.read()
    while message.code in INTERIM:
        wire.start_timeout()  # an interim answer ends the waiting as any other does
        message, payload = await wire.read()
    if not FIRST_STATUS <= message.code <= LAST_STATUS:
        raise BadStatusLine(str(message.code))
    codings = [value for name, value in message.raw_headers if name.lower() == b"transfer-encoding"]
    if codings and b"".join(codings).lower() != b"chunked":  # relayed, it would be said of nothing: the client gets a framing of ours
        raise BadHttpMessage("a transfer coding that nobody asked for")
    return message, payload


def _wire(connection: Connection) -> Wire:
    wire = connection.protocol
    assert isinstance(wire, Wire)  # noqa: S101 - the connector's factory makes no other kind
    return wire


def _drop(connection: Connection) -> None:
    """Close at once: a connection that is merely closed waits for the peer to read what was written, for ever if it doesn't."""
    transport = connection.transport
    if transport is not None:
        transport.abort()
    connection.close()


def _write(wire: Wire, head: bytes, body: bytes) -> None:
    """Hand everything over. Nobody waits until it has left: an answer may come before, and its silence is counted from here."""
    transport = wire.transport
    if transport is None:
        raise ConnectionResetError
    if len(body) < READ_BUFFER_BYTES:
        transport.write(head + body)
    else:
        transport.write(head)
        transport.write(body)
    wire.start_timeout()


class _StaleConnectionError(Exception):
    """A reused connection turned out to be closed before any answer."""


def _worded(error: BaseException, *, may_retry: bool) -> BaseException:
    if isinstance(error, TimeoutError):
        return UpstreamError("timeout", "the model endpoint did not answer in time")
    if isinstance(error, (ClientError, OSError)):
        return (
            _StaleConnectionError() if may_retry else UpstreamError("reset", "the model endpoint closed the connection without an answer")
        )
    if isinstance(error, HttpProcessingError):
        return UpstreamError("protocol", "the model endpoint's answer is not valid HTTP")
    return error


def choose(upstreams: list[Upstream], path: str, model: str) -> Upstream | None:
    """The first upstream that takes the request."""
    for upstream in upstreams:
        if upstream.takes(path, model):
            return upstream
    return None
