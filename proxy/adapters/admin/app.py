"""The admin application: /metrics, /healthz, /readyz, /policy, /risk. It shares no listener and no route with traffic."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import orjson
from aiohttp import hdrs, web

from proxy.adapters.admin.guard import Guard
from proxy.adapters.admin.policy import policy_view
from proxy.adapters.admin.risk import Note, RiskDesk, RiskRoutes
from proxy.adapters.policy_folder import PolicyFolder
from proxy.adapters.prometheus import Metrics

_LARGEST_BODY_BYTES: Final = 64 * 1024


class _Pages:
    """What GET answers, apart from risk."""

    def __init__(
        self,
        metrics: Metrics,
        policies: PolicyFolder,
        reasons: Callable[[], Sequence[str]],
        warnings: Callable[[], Sequence[str]],
        guard: Guard,
    ) -> None:
        self._metrics, self._policies, self._reasons, self._warnings, self._guard = metrics, policies, reasons, warnings, guard

    async def exposition(self, request: web.Request) -> web.Response:
        body, content_type = await self._metrics.exposition(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    async def alive(self, _: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def ready(self, request: web.Request) -> web.Response:
        against = list(self._reasons())
        said: dict[str, object] = {"ready": not against}
        if self._guard.admits(request):
            said |= {"reasons": against, "warnings": list(self._warnings())}
        return web.json_response(said, status=503 if against else 200)

    async def in_force(self, _: web.Request) -> web.Response:
        view = policy_view(self._policies.current, self._policies.status, self._metrics.hits(), self._metrics.denials())
        return web.Response(body=orjson.dumps(view), content_type="application/json")

    async def index(self, request: web.Request) -> web.Response:
        routes = [route for route in request.app.router.routes() if route.method in {"GET", "POST"} and route.resource is not None]
        return web.json_response({"see": [f"{route.method} {route.resource.canonical}" for route in routes if route.resource]})


def admin_app(
    *,
    metrics: Metrics,
    policies: PolicyFolder,
    reasons: Callable[[], Sequence[str]],
    warnings: Callable[[], Sequence[str]],
    risk: RiskDesk | None,
    note: Note,
    logged: Callable[[str], str],
    token: Callable[[], str],
    clock: Callable[[], float],
) -> web.Application:
    """`reasons` say why no traffic should come (none: ready), `warnings` what is degraded meanwhile.

    `logged` is how the log names an account. `token` is "" on loopback without one.
    """
    guard = Guard(token)
    pages = _Pages(metrics, policies, reasons, warnings, guard)
    app = web.Application(middlewares=[guard.middleware], client_max_size=_LARGEST_BODY_BYTES)
    app.add_routes(
        [
            web.get("/", pages.index),
            web.get("/metrics", pages.exposition),
            web.get("/healthz", pages.alive),
            web.get("/readyz", pages.ready),
            web.get("/policy", pages.in_force),
            *RiskRoutes(risk, note, logged, clock).routes(),
        ]
    )
    return app
