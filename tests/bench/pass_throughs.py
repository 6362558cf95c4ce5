"""Proxies to compare with: a bare one on our own data plane, and a plain one as anyone would write it with aiohttp."""

from __future__ import annotations

import asyncio
import gc

from aiohttp import ClientSession, DummyCookieJar, web

from proxy.adapters.traffic.downstream import Downstream, read_body
from proxy.adapters.traffic.http1 import answer_headers, read_head, upstream_headers
from proxy.adapters.traffic.listener import Listener
from proxy.adapters.traffic.upstream import Upstream
from proxy.settings import Caps, Listen
from proxy.settings import Upstream as UpstreamSettings
from tests.bench.load import Model


async def run_role(role: str, port: int, upstream: str) -> None:
    """Serve until killed."""
    if role == "model":
        await asyncio.get_running_loop().create_server(Model, "127.0.0.1", port, backlog=1024)
    else:
        await (_bare if role == "bare" else _plain)(port, upstream)
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)
    await asyncio.Event().wait()


async def _bare(port: int, url: str) -> None:
    upstream = Upstream(UpstreamSettings(name="origin", url=url), [])
    caps = Caps()

    async def handle(request: web.BaseRequest) -> Downstream:
        down = Downstream(request, stall_s=60.0)
        head = read_head(request._message, caps.header_bytes)
        body = await read_body(request.content, head, caps.body_bytes, caps.body_s)
        answer = await upstream.send(upstream.head(head.method, head.path, upstream_headers(head, upstream.replaced), len(body)), body)
        headers = answer_headers(answer.message.raw_headers)
        if answer.message.chunked:
            await down.start(answer.message.code, headers, None, http10=False)
            while chunk := await answer.chunk():
                await down.write(chunk)
            await down.finish()
        else:
            pieces = []
            while chunk := await answer.chunk():
                pieces.append(chunk)
            await down.send(answer.message.code, headers, b"".join(pieces))
        answer.done()
        return down

    await Listener(handle, lambda _: (400, b"", b""), Listen(port=port), caps).open()


async def _plain(port: int, url: str) -> None:
    session = ClientSession(cookie_jar=DummyCookieJar())

    async def handle(request: web.Request) -> web.StreamResponse:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in {"host", "content-length"}}
        async with session.request(
            request.method, url + request.path_qs, headers=headers, data=await request.read(), allow_redirects=False
        ) as answer:
            out = web.StreamResponse(status=answer.status)
            out.content_type = answer.content_type
            await out.prepare(request)
            async for chunk in answer.content.iter_any():
                await out.write(chunk)
            await out.write_eof()
            return out

    app = web.Application(client_max_size=64 << 20)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
