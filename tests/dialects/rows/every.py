"""The rows of all dialects, by dialect and endpoint."""

from __future__ import annotations

from tests.dialects.corpus import Row
from tests.dialects.rows import anthropic, bedrock, carried, gemini, ollama, openai


def _on_azure(rows: dict[str, Row]) -> dict[tuple[str, str], Row]:
    return {("azure", name): row._replace(path=row.path.replace("/v1/", "/openai/v1/")) for name, row in rows.items()}


ROWS: dict[tuple[str, str], Row] = {
    **{("openai", name): row for name, row in openai.ROWS.items()},
    **_on_azure(openai.ROWS),
    **{("anthropic", name): row for name, row in anthropic.ROWS.items()},
    **{("gemini", name): row for name, row in gemini.ROWS.items()},
    **{("bedrock", name): row for name, row in bedrock.ROWS.items()},
    **{("ollama", name): row for name, row in ollama.ROWS.items()},
}
"""Endpoints whose calls are a JSON body."""

CARRIED: dict[tuple[str, str], Row] = {
    **{("openai", name): row for name, row in carried.ROWS.items()},
    **_on_azure(carried.ROWS),
    ("anthropic", "messages.batches"): carried.MESSAGES,
}
"""Endpoints whose calls come in a form, a batch or a session."""
