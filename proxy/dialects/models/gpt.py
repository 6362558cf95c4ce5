"""OpenAI's own models, by any of their names."""

from __future__ import annotations

import re
from typing import Final

from proxy.dialects.rewrite import lowered

_REASONING_FAMILIES: Final = ("o1", "o3", "o4", "gpt-5", "gpt-6", "gpt-7", "gpt-8", "gpt-9")
"""OpenAI's own models that refuse `max_tokens` and take a reasoning effort; every compatible server takes `max_tokens`."""

_DEFAULT: Final = "medium"
"""What those models do when the effort is left out."""

_RESTING: Final = re.compile(r"gpt-5\.[124](?![0-9])(?!.*(?:codex|pro))|.*-chat(?:-|\Z)")
"""Those of them that don't reason unless an effort is given (API reference), which one would raise, and those of ChatGPT, which refuse one."""

_SAMPLED: Final = re.compile(r"gpt-5\.(?:1(?!-codex)|[2-4])(?![0-9])(?!.*-(?:pro|chat))|gpt-5-chat")
"""Those of them that take a temperature where no effort is given. While they reason they take none but the default (reasoning guide), and those of
ChatGPT from 5.1 on always do; tried model by model by the authors of pydantic-ai (its profiles, 2026-07)."""

_SEARCHING: Final = re.compile(r"gpt-4o(?:-mini)?-search-preview")
"""Models before them that refuse a temperature all the same: "Model incompatible request argument supplied"."""


def own_reasoning(names: tuple[str, ...]) -> str:
    """The first of a model's names that is one of OpenAI's own reasoning models; "" without one."""
    return next((name for name in names if name.startswith(_REASONING_FAMILIES)), "")


def chooses_more(own: str, most: str) -> bool:
    """Whether the reasoning model would choose an effort above `most` by itself."""
    return own != "" and _RESTING.match(own) is None and lowered(_DEFAULT, most)


def takes_temperature(names: tuple[str, ...], effort: str) -> bool:
    """Whether a model takes a temperature of the caller's choice where the request asks for this effort; "" for none."""
    own = own_reasoning(names)
    if own == "":
        return not any(map(_SEARCHING.match, names))
    return effort == "none" or (effort == "" and _SAMPLED.match(own) is not None)
