"""The rows of all dialects, by dialect and endpoint."""

from __future__ import annotations

from tests.dialects.corpus import Row
from tests.dialects.rows import anthropic, bedrock, gemini, ollama, openai

ROWS: dict[tuple[str, str], Row] = {
    **{("openai", name): row for name, row in openai.ROWS.items()},
    **{("azure", name): row._replace(path=row.path.replace("/v1/", "/openai/v1/")) for name, row in openai.ROWS.items()},
    **{("anthropic", name): row for name, row in anthropic.ROWS.items()},
    **{("gemini", name): row for name, row in gemini.ROWS.items()},
    **{("bedrock", name): row for name, row in bedrock.ROWS.items()},
    **{("ollama", name): row for name, row in ollama.ROWS.items()},
}
