"""The demo model endpoint: no key, no network, every API that the proxy reads, the same answer to the same words."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from proxy.adapters.demo import messages, openai
from proxy.adapters.demo.delivery import endpoint
from proxy.adapters.demo.openai import chat, completions, responses

MAX_REQUEST_BYTES: Final = 64 * 1024 * 1024


def demo_app() -> web.Application:
    """An application to serve on loopback. How a model's name ends decides how it behaves.

    -reasoner thinks aloud even when not asked, -slow takes its time, -long talks up to its limit, -no-usage leaves usage out,
    -error answers 500, -overloaded 429, -missing 404, and -hangup drops the connection in the middle of a stream.
    """
    app = web.Application(client_max_size=MAX_REQUEST_BYTES)
    app.add_routes(
        [
            web.post("/v1/chat/completions", endpoint(chat.answer, openai.error)),
            web.post("/v1/completions", endpoint(completions.answer, openai.error)),
            web.post("/v1/responses", endpoint(responses.answer, openai.error)),
            web.post("/v1/embeddings", endpoint(completions.embeddings, openai.error)),
            web.get("/v1/models", completions.models),
            web.get("/v1/models/{model}", completions.model),
            web.post("/v1/messages", endpoint(messages.answer, messages.error)),
            web.post("/v1/messages/count_tokens", endpoint(messages.count_tokens, messages.error)),
        ]
    )
    return app
