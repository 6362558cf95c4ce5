"""Tags that models write around a thought, where no server parses it away; and prompts that open one."""

from __future__ import annotations

from typing import Final

TAGS: Final = {
    "<think>": "</think>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",
    "[THINK]": "[/THINK]",
    "\u25c1think\u25b7": "\u25c1/think\u25b7",
    "<|START_THINKING|>": "<|END_THINKING|>",
}
"""Opening to closing tag. Most models' (llama.cpp, vLLM and Ollama relay it when no reasoning parser is set), that of Gemini's
compatible paths, that of gpt-oss in Bedrock's InvokeModel, then Seed's, Mistral's, Kimi's and Cohere's (vLLM, reasoning parsers)."""


def left_open(words: str) -> bool:
    """Whether a thought begins in `words` and doesn't end there: what a model writes next still belongs to it."""
    return any(words.rfind(opening) > words.rfind(closing) for opening, closing in TAGS.items())
