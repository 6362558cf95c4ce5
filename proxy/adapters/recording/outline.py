"""A request body without its words: the same keys, lists, numbers and switches, every text replaced by one of the same length.

A placeholder has as many characters and as many UTF-8 bytes as the text it stands for, so that token estimates, and with them limits, come
out alike. What stays are names that a reader decides by (model, role, type, effort, media type, names of tools), if they look like names.
"""

from __future__ import annotations

import re
from typing import Any, Final

_NAMES: Final = frozenset(
    {
        "model", "role", "type", "effort", "reasoning_effort", "mimeType", "mime_type", "media_type", "think", "thinkingLevel", "thinking_level",
        "stream_format",
    }
)  # fmt: skip
_TOOLS: Final = frozenset({"tools", "function", "functions", "custom", "functionDeclarations", "function_declarations", "toolSpec"})
"""Where `name` is a tool's."""
_FREE: Final = frozenset(
    {"arguments", "args", "parameters", "parametersJsonSchema", "input_schema", "inputSchema", "schema", "json_schema", "response", "json"}
)
"""Whatever the caller likes: nothing in it decides how a request is read, and keys and numbers say as much as texts."""
_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:/@+-]{0,127}\Z")
_KEY: Final = re.compile(r"[A-Za-z_$][A-Za-z0-9_$-]{0,63}\Z")


def outline(body: dict[str, Any]) -> dict[str, Any]:
    """The body without its words. It is at most as deep as `JsonLimits` allows."""
    return _object(body, "", free=False)


def placeholder(text: str) -> str:
    """As many characters and bytes, and nothing else of the text."""
    chars = len(text)
    if text.isascii():
        return "x" * chars
    more = len(text.encode("utf-8", "replace")) - chars
    fours = max(0, more - 2 * chars)
    threes, twos = divmod(more - 3 * fours, 2)
    return "𝕩" * fours + "ⅹ" * threes + "×" * twos + "x" * (chars - fours - threes - twos)  # noqa: RUF001 - four, three and two bytes long


def _object(value: dict[str, Any], parent: str, *, free: bool) -> dict[str, Any]:
    if free:
        return {f"k{place}": _inside(inner, "", free=True) for place, inner in enumerate(value.values())}
    shown: dict[str, Any] = {}
    for place, (key, inner) in enumerate(value.items()):
        name = key if _KEY.match(key) else f"k{place}"
        if type(inner) is str:
            kept = (key in _NAMES or (key == "name" and parent in _TOOLS)) and _NAME.match(inner)
            shown[name] = inner if kept else placeholder(inner)
        else:
            shown[name] = _inside(inner, key, free=key in _FREE or (key == "input" and type(inner) is dict))
    return shown


def _inside(value: Any, parent: str, *, free: bool) -> Any:
    if type(value) is str:
        return placeholder(value)
    if type(value) is dict:
        return _object(value, parent, free=free)
    if type(value) is list:
        return [_inside(item, parent, free=free) for item in value]
    return 0 if free and type(value) in {int, float} else value
