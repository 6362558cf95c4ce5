"""Who may talk to the admin listener: whoever has the token; without a token, only this machine, and no web page open on it."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from ipaddress import ip_address
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

_OPEN: Final = frozenset({"/healthz", "/readyz"})
"""Probes carry no token; without one they learn a yes or no."""

_HEADERS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


class Guard:
    """`token` returns the current one, "" for none: then only requests to a loopback name are served."""

    def __init__(self, token: Callable[[], str]) -> None:
        self._token = token

    def admits(self, request: web.Request) -> bool:
        """The request may see everything."""
        token = self._token()
        if not token:
            return "Origin" not in request.headers and _is_loopback(request.host)
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        return kind.lower() == "bearer" and hmac.compare_digest(_bytes(given.strip()), _bytes(token))

    @property
    def middleware(self) -> Middleware:
        """Refuses strangers, and marks every answer as not to be kept."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            try:
                if request.path not in _OPEN and not self.admits(request):
                    raise self._refusal()
                answer = await handler(request)
            except web.HTTPException as error:
                answer = web.json_response({"error": error.text or error.reason}, status=error.status)
                answer.headers.update({name: value for name, value in error.headers.items() if name in {"Allow", "WWW-Authenticate"}})
            answer.headers.update(_HEADERS)
            return answer

        return guarded

    def _refusal(self) -> web.HTTPException:
        if self._token():
            return web.HTTPUnauthorized(text="send the admin token as a bearer token", headers={"WWW-Authenticate": "Bearer"})
        return web.HTTPForbidden(text="without a token the admin listener answers only to localhost, and to no web page")


def _is_loopback(host: str) -> bool:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    try:
        return name == "localhost" or ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
