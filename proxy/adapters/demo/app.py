"""The demo model endpoint: no key, no network, OpenAI's, Anthropic's, Gemini's and Ollama's API, the same answer to the same words."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from proxy.adapters.demo import gemini, messages, ollama, openai
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
            *(
                web.post(f"/{version}/models/{{model}}:{action}", endpoint(answer, gemini.error))
                for version in ("v1", "v1beta", "v1alpha")
                for action, answer in gemini.ACTIONS.items()
            ),
            web.post("/api/chat", endpoint(ollama.chat, ollama.error)),
            web.post("/api/generate", endpoint(ollama.generate, ollama.error)),
            web.post("/api/embed", endpoint(ollama.embed, ollama.error)),
            web.get("/api/tags", ollama.tags),
        ]
    )
    return app
