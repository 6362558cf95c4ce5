"""How long is a prompt? A conservative local estimate, made before any model's own tokeniser sees it.

A quarter of a token for each character, and half a token for each byte beyond the first of its UTF-8. Measured against
o200k_base and cl100k_base, estimate over truth: English 1.5 and 1.5, Markdown 1.0 and 1.0, Python 1.05 and 1.06, JSON 0.9 and
0.9, German 1.6 and 1.0, Russian 4.1 and 1.6, Arabic 3.5 and 1.0, Hindi 4.2 and 1.05, Chinese 2.1 and 1.0, Japanese 1.6 and 1.2,
Korean 2.2 and 0.9, emoji 1.0 and 0.6. Random strings fall short: base64 and hexadecimal 0.4. Whatever is reserved by it is settled
with the real usage afterwards.
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
