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


def admin_app(
    *,
    metrics: Metrics,
    policies: PolicyFolder,
    reasons: Callable[[], Sequence[str]],
    warnings: Callable[[], Sequence[str]],
    risk: RiskDesk | None,
    note: Note,
    token: Callable[[], str],
    clock: Callable[[], float],
) -> web.Application:
    """`reasons` say why no traffic should come (none: ready), `warnings` what is degraded meanwhile. `token` is "" on loopback without one."""
    guard = Guard(token)

    async def exposition(request: web.Request) -> web.Response:
        body, content_type = await metrics.exposition(request.headers.get(hdrs.ACCEPT, ""))
        return web.Response(body=body, headers={hdrs.CONTENT_TYPE: content_type})

    async def alive(_: web.Request) -> web.Response:
        return web.json_response({"alive": True})

    async def ready(request: web.Request) -> web.Response:
        against = list(reasons())
        said: dict[str, object] = {"ready": not against}
        if guard.admits(request):
            said |= {"reasons": against, "warnings": list(warnings())}
        return web.json_response(said, status=503 if against else 200)

    async def in_force(_: web.Request) -> web.Response:
        view = policy_view(policies.current, policies.status, metrics.hits(), metrics.denials())
        return web.Response(body=orjson.dumps(view), content_type="application/json")

    async def index(_: web.Request) -> web.Response:
        return web.json_response({"see": ["/metrics", "/healthz", "/readyz", "/policy", "/risk"]})

    app = web.Application(middlewares=[guard.middleware], client_max_size=_LARGEST_BODY_BYTES)
    app.add_routes(
        [
            web.get("/", index),
            web.get("/metrics", exposition),
            web.get("/healthz", alive),
            web.get("/readyz", ready),
            web.get("/policy", in_force),
            *RiskRoutes(risk, note, clock).routes(),
        ]
    )
    return app
