"""Where OpenAI's operations live: on OpenAI and compatible servers, on Azure, and on Gemini's compatible paths.

Left out on purpose, and therefore refused: assistants, threads, stored conversations, uploads in parts, realtime secrets and calls,
stored responses: each reaches a model or its words around the readers.
"""

from __future__ import annotations

from typing import Final

from proxy.dialects.dialect import Dialect, Endpoint, RouteKind
from proxy.dialects.openai.dialect import AZURE, OPENAI

_PROMPTS: Final = (
    ("/chat/completions", "chat.completions"),
    ("/completions", "completions"),
    ("/embeddings", "embeddings"),
    ("/images/generations", "images.generate"),
    ("/audio/speech", "audio.speech"),
)
"""Operations on a model that Azure also addresses by deployment."""

_FORMS: Final = (
    ("/images/edits", "images.edit"),
    ("/audio/transcriptions", "audio.transcriptions"),
    ("/audio/translations", "audio.translations"),
)

_MORE: Final = (
    ("POST", "/moderations", "moderations", RouteKind.CALL),
    ("POST", "/responses", "responses", RouteKind.CALL),
    ("POST", "/responses/compact", "responses.compact", RouteKind.CALL),
    ("POST", "/responses/input_tokens", "responses.input_tokens", RouteKind.CALL),
    ("POST", "/images/variations", "images.variation", RouteKind.UPLOAD),
    ("GET", "/realtime", "realtime", RouteKind.SOCKET),
    ("GET", "/models", "models.list", RouteKind.METADATA),
    ("GET", "/models/{model}", "models.get", RouteKind.METADATA),
    ("POST", "/files", "files.upload", RouteKind.UPLOAD),
    ("GET", "/files", "files.list", RouteKind.METADATA),
    ("GET", "/files/{id}", "files.get", RouteKind.METADATA),
    ("GET", "/files/{id}/content", "files.content", RouteKind.METADATA),
    ("DELETE", "/files/{id}", "files.delete", RouteKind.METADATA),
    ("POST", "/batches", "batches.create", RouteKind.CALL),
    ("GET", "/batches", "batches.list", RouteKind.METADATA),
    ("GET", "/batches/{id}", "batches.get", RouteKind.METADATA),
    ("POST", "/batches/{id}/cancel", "batches.cancel", RouteKind.METADATA),
    ("POST", "/fine_tuning/jobs", "fine_tuning.create", RouteKind.CALL),
    ("GET", "/fine_tuning/jobs", "fine_tuning.list", RouteKind.METADATA),
    ("GET", "/fine_tuning/jobs/{id}", "fine_tuning.get", RouteKind.METADATA),
    ("GET", "/fine_tuning/jobs/{id}/events", "fine_tuning.events", RouteKind.METADATA),
    ("POST", "/fine_tuning/jobs/{id}/cancel", "fine_tuning.cancel", RouteKind.METADATA),
)


def _prompts(dialect: Dialect, prefix: str) -> tuple[Endpoint, ...]:
    calls = tuple(Endpoint(dialect, "POST", prefix + path, name, RouteKind.CALL) for path, name in _PROMPTS)
    return calls + tuple(Endpoint(dialect, "POST", prefix + path, name, RouteKind.UPLOAD) for path, name in _FORMS)


def _more(dialect: Dialect, prefix: str) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(dialect, method, prefix + path, name, kind) for method, path, name, kind in _MORE)


ENDPOINTS: Final = (
    *_prompts(OPENAI, "/v1"),
    *_more(OPENAI, "/v1"),
    Endpoint(OPENAI, "POST", "/v1/engines/{model}/completions", "completions", RouteKind.CALL),
    Endpoint(OPENAI, "POST", "/v1/engines/{model}/embeddings", "embeddings", RouteKind.CALL),
    *_prompts(AZURE, "/openai/deployments/{model}"),
    *_prompts(AZURE, "/openai/v1"),
    *_more(AZURE, "/openai/v1"),
    *_more(AZURE, "/openai"),
    Endpoint(OPENAI, "POST", "/v1beta/openai/chat/completions", "chat.completions", RouteKind.CALL),
    Endpoint(OPENAI, "POST", "/v1beta/openai/embeddings", "embeddings", RouteKind.CALL),
    Endpoint(OPENAI, "POST", "/v1beta/openai/images/generations", "images.generate", RouteKind.CALL),
    Endpoint(OPENAI, "GET", "/v1beta/openai/models", "models.list", RouteKind.METADATA),
    Endpoint(OPENAI, "GET", "/v1beta/openai/models/{model}", "models.get", RouteKind.METADATA),
)
