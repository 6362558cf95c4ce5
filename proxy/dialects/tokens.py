"""How long is a prompt? A conservative local estimate, made before any model's own tokeniser sees it.

ASCII counts a quarter of a token a character; every UTF-8 byte beyond a character's first adds half a token. So a Latin letter with
an accent or a Cyrillic letter costs 0.75, a Chinese or Japanese character 1.25, an emoji 1.75: above what the common byte-pair
vocabularies need for prose. Source code, base64 and random strings can need more than a quarter a character; the reserve
is settled with the real usage afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from proxy.dialects.call import Text

IMAGE_TOKENS: Final = 1_600
"""One image: Anthropic scales to at most 1,568 tokens (vision guide, width x height / 750), OpenAI's high detail starts at 765."""

AUDIO_TOKENS: Final = 2_000
"""One audio part: about one minute at Gemini's 32 tokens a second (audio guide)."""

DOCUMENT_TOKENS: Final = 3_000
"""One page of a PDF seen as text and image: 1,500 to 3,000 (Anthropic, PDF support)."""

PAGE_CHARS: Final = 68_000
"""Base64 characters of a PDF taken as one page: 50 kB."""

MESSAGE_TOKENS: Final = 4
"""The frame of one message in a chat template."""


def of_texts(texts: Iterable[Text]) -> int:
    """Estimated tokens of these texts, each rounded up."""
    total = 0
    for _, words in texts:
        chars = len(words)
        total += (chars + 3) >> 2
        if not words.isascii():
            total += (len(words.encode()) - chars + 1) >> 1
    return total


def of_file(base64_chars: int) -> int:
    """Estimated tokens of an attached document of that many base64 characters."""
    return DOCUMENT_TOKENS * (1 + base64_chars // PAGE_CHARS)
