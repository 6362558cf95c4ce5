"""What the demo model says: plausible, short, and the same every time for the same words."""

from __future__ import annotations

import hashlib
import json
import math
import re
from typing import Any, Final, NamedTuple

DEFAULT_MAX_TOKENS: Final = 256
LONG_TOKENS: Final = 100_000
"""How far any answer goes, whatever the limit; a model whose name ends in -long gets there if nobody stops it."""

OPENINGS: Final = (
    "Good question.",
    "Happy to help.",
    "Let me take that in order.",
    "Here is a short answer.",
    "That can be said in a few words.",
)
MIDDLES: Final = (
    "The main point is that {topic} depends on what it is used for.",
    "As far as {topic} goes, start with the simplest case and add detail only where it pays.",
    "For {topic}, three things matter: the goal, the limits, and who will read the result.",
    "People who work with {topic} usually write down the question first, which settles half of it.",
    "With {topic} it helps to name what is known and what is only assumed.",
)
CLOSINGS: Final = (
    "I am a demo model, so please check this with a real one.",
    "If you tell me more, I can be more exact.",
    "That is as much as a demo model knows.",
    "Ask again with an example and the answer gets better.",
)
THOUGHTS: Final = (
    "The user asks about {topic}.",
    "I should say what {topic} is, keep it short, and offer to go on.",
    "Nothing here needs a tool unless one was offered for it.",
    "I will answer in plain words.",
)

_PIECE: Final = re.compile(r"\s*\S{1,8}|\s+\Z")
_WORD: Final = re.compile(r"[^\W_]+(?:['-][^\W_]+)*")
_NUMBER: Final = re.compile(r"-?\d+")


class Tool(NamedTuple):
    """A tool the caller offers: its name and the JSON Schema of its arguments."""

    name: str
    schema: dict[str, Any]


class Wish(NamedTuple):
    """What the caller wants, whichever API it came through."""

    model: str
    prompt: str
    """The last thing the user said."""
    everything: str
    """All text of the conversation: what input tokens are counted on."""
    max_tokens: int = 0
    """0 when the caller set no limit."""
    reasoning: bool = False
    tools: tuple[Tool, ...] = ()
    tool_choice: str = "auto"
    """auto, none, required, or the name of a tool."""
    answered: bool = False
    """The last message is a tool's result."""


class Call(NamedTuple):
    """A tool call: arguments as JSON."""

    id: str
    name: str
    arguments: str


class Speech(NamedTuple):
    """One answer, in the pieces it streams in. Every piece counts as one token."""

    thoughts: tuple[str, ...]
    words: tuple[str, ...]
    call: Call | None
    cut_short: bool
    """It ran into the token limit."""
    input_tokens: int

    @property
    def output_tokens(self) -> int:
        """Words, thoughts and the tool call."""
        called = len(pieces(self.call.arguments)) + 1 if self.call else 0
        return max(1, len(self.thoughts) + len(self.words) + called)


def pieces(text: str) -> list[str]:
    """The tokens of a text: words with the space before them, long ones in parts. Joined, they are the text."""
    return _PIECE.findall(text)


def speak(wish: Wish, choice: int = 0) -> Speech:
    """The answer number `choice` to a wish."""
    long = wish.model.endswith("-long")
    limit = min(wish.max_tokens or (LONG_TOKENS if long else DEFAULT_MAX_TOKENS), LONG_TOKENS)
    seed = f"{wish.prompt}\n{choice}"
    thoughts = pieces(_thoughts(wish.prompt)) if wish.reasoning or wish.model.endswith("-reasoner") else []
    call = _call(wish, seed)
    words = [] if call else pieces(_text(wish, seed))
    if long and words:
        words = (words * (limit // len(words) + 1))[: limit + 1]
    cut_short = len(thoughts) + len(words) > limit
    thoughts = thoughts[:limit]
    words = words[: limit - len(thoughts)]
    return Speech(tuple(thoughts), tuple(words), None if cut_short else call, cut_short, len(pieces(wish.everything)) + 3)


def identifier(prefix: str, wish: Wish) -> str:
    """An id in the style of the APIs, the same for the same conversation."""
    return prefix + _digest(f"{wish.model}\n{wish.everything}").hex()[:24]


def logprob(piece: str) -> float:
    """A log-probability for a piece: always below zero, likelier for short ones."""
    return -(1 + _digest(piece)[0]) / 256 * math.log(2 + len(piece))


def rivals(piece: str, count: int) -> list[tuple[str, float]]:
    """The piece and what might have stood in its place, likeliest first."""
    likeliest = logprob(piece)
    others = [word for opening in OPENINGS + CLOSINGS for word in pieces(opening) if word != piece]
    start = _digest(piece)[1] % len(others)
    chosen = list(dict.fromkeys(others[start:] + others[:start]))[: max(0, count - 1)]
    return [(piece, likeliest), *((other, likeliest - 0.5 * (rank + 1)) for rank, other in enumerate(chosen))][:count]


def embedding(text: str, dimensions: int) -> list[float]:
    """A unit vector in which texts that share words lie close together."""
    vector = [0.0] * dimensions
    for word in _WORD.findall(text.lower()):
        digest = _digest(word)
        for byte in range(0, 16, 4):
            vector[int.from_bytes(digest[byte : byte + 3], "big") % dimensions] += 1.0 if digest[byte + 3] & 1 else -1.0
    length = math.sqrt(sum(value * value for value in vector))
    return [value / length for value in vector] if length else [1.0, *vector[1:]]


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _topic(prompt: str) -> str:
    words = [word for word in _WORD.findall(prompt) if len(word) > 3]
    return " ".join(words[-3:]) or "this"


def _text(wish: Wish, seed: str) -> str:
    digest = _digest(seed)
    if wish.answered:
        return f"The tool says: {wish.prompt.strip()[:200]}. {CLOSINGS[digest[2] % len(CLOSINGS)]}"
    parts = (OPENINGS[digest[0] % len(OPENINGS)], MIDDLES[digest[1] % len(MIDDLES)], CLOSINGS[digest[2] % len(CLOSINGS)])
    return " ".join(parts).format(topic=_topic(wish.prompt))


def _thoughts(prompt: str) -> str:
    return " ".join(THOUGHTS).format(topic=_topic(prompt))


def _call(wish: Wish, seed: str) -> Call | None:
    if wish.tool_choice == "none" or (wish.answered and wish.tool_choice == "auto"):
        return None
    asked = {word.lower() for word in _WORD.findall(wish.prompt)}
    for tool in wish.tools:
        meant = {word for word in re.split(r"[^a-z0-9]+", tool.name.lower()) if len(word) > 3}
        if wish.tool_choice in {"required", tool.name} or (wish.tool_choice == "auto" and meant & asked):
            arguments = json.dumps(_value(tool.schema, wish.prompt), ensure_ascii=False)
            return Call(_digest(seed + tool.name).hex()[:24], tool.name, arguments)
    return None


def _value(schema: Any, prompt: str, depth: int = 0) -> Any:
    """Something that fits a JSON Schema, taken from the prompt where it can be."""
    if not isinstance(schema, dict) or depth > 8:
        return {}
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "string":
        names = [word for word in _WORD.findall(prompt)[1:] if word[0].isupper()]
        return names[-1] if names else _topic(prompt)
    if kind in {"integer", "number"}:
        found = _NUMBER.search(prompt)
        return int(found[0][:15]) if found else 1
    if kind == "boolean":
        return True
    if kind == "array":
        return [_value(schema.get("items"), prompt, depth + 1)]
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return {}
    wanted = schema.get("required") or list(properties)
    return {name: _value(properties.get(name), prompt, depth + 1) for name in wanted if isinstance(name, str)}
