"""How the makers of models name their parameters: Bedrock passes them on as they are."""

from __future__ import annotations

from typing import Final, NamedTuple


class Family(NamedTuple):
    """How a vendor's models take their parameters."""

    config: str
    """The object that holds them; "" for the top level."""
    limit: str
    """The output limit."""


OTHERS: Final = {
    "amazon": Family("textGenerationConfig", "maxTokenCount"),
    "meta": Family("", "max_gen_len"),
    "cohere": Family("", "max_tokens"),
    "ai21": Family("", "max_tokens"),
    "mistral": Family("", "max_tokens"),
    "deepseek": Family("", "max_tokens"),
    "writer": Family("", "max_tokens"),
    "qwen": Family("", "max_tokens"),
    "openai": Family("", "max_completion_tokens"),
}
"""Bedrock user guide, inference parameters of the foundation models, by the vendor in the model's id."""

LIMITS: Final = (
    "max_tokens",
    "max_completion_tokens",
    "max_gen_len",
    "maxTokens",
    "max_tokens_to_sample",
    "max_new_tokens",
    "maxTokenCount",
)
SAMPLES: Final = ("n", "num_generations", "numResults", "numberOfImages")
CONFIGS: Final = ("textGenerationConfig", "inferenceConfig", "imageGenerationConfig")


def vendor(name: str) -> str:
    """Who made the model: the segment before its own name, behind a region such as `us.` or `global.`; "" when the id doesn't tell."""
    parts = name.split(".")
    return next((part for part in parts[:-1] if part in OTHERS or part == "anthropic"), "")
