"""Content blocks: every text through every nesting that messages allow."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects import reading
from proxy.dialects.dialect import Document
from proxy.dialects.reading import Prompt, fields, inner, text, wrong

ROLES: Final = {"user": "user", "assistant": "assistant", "system": "system"}

_OPAQUE: Final = frozenset(
    {"type", "id", "tool_use_id", "cache_control", "encrypted_content", "encrypted_stdout", "encrypted_index", "signature"}
)
"""Parts of a block that hold no words."""


def message(prompt: Prompt, value: Any) -> str:
    """Read one message; returns the effort that it sets for the turns behind it."""
    document = fields(value, "messages")
    role = reading.role(document, ROLES)
    content = document.get("content")
    if type(content) is str:
        prompt.turns += role == "user"
        prompt.say(role, content)
    else:
        prompt.turns += role == "user" and not _only_results(content)
        blocks(prompt, role, content)
    return text(inner(document, "output_config"), "effort") if "output_config" in document else ""


def _only_results(content: Any) -> bool:
    """A user message of tool results alone is a step of the tool loop, not a turn of the user."""
    if type(content) is not list or not content:
        return False
    return all(type(block) is dict and block.get("type") == "tool_result" for block in content)


def blocks(prompt: Prompt, role: str, content: Any) -> None:
    """Read a string or a list of content blocks."""
    if type(content) is str:
        prompt.say(role, content)
        return
    if type(content) is not list:
        raise wrong("content", "a string or a list of content blocks")
    for block in content:
        _block(prompt, role, fields(block, "content"))


def _block(prompt: Prompt, role: str, block: Document) -> None:
    kind = block.get("type")
    if type(kind) is not str:
        raise wrong("content.type", "a string")
    if kind == "text":
        _words(prompt, role, block, "text")
    elif kind == "image":
        prompt.see()
        _source(prompt, block)
    elif kind == "document":
        _document(prompt, role, block)
    elif kind == "tool_result":
        _result(prompt, block)
    elif kind == "thinking":
        _words(prompt, role, block, "thinking")
    elif kind == "redacted_thinking":
        prompt.tokens += len(text(block, "data")) >> 2
    else:
        _other(prompt, role, block)


def _words(prompt: Prompt, role: str, block: Document, key: str) -> None:
    words = block.get(key)
    if type(words) is not str:
        raise wrong(f"content.{key}", "a string")
    prompt.say(role, words)


def _source(prompt: Prompt, block: Document) -> None:
    source = fields(block.get("source"), "content.source")
    if source.get("type") == "file":
        prompt.unseen += 1


def _document(prompt: Prompt, role: str, block: Document) -> None:
    """A document: plain text, blocks of its own, or pages that no reader opens."""
    prompt.say(role, text(block, "title"))
    prompt.say(role, text(block, "context"))
    source = fields(block.get("source"), "content.source")
    kind = source.get("type")
    if kind == "text":
        _words(prompt, role, source, "data")
    elif kind == "content":
        blocks(prompt, role, source.get("content"))
    else:
        prompt.attach(source.get("data"))


def _result(prompt: Prompt, block: Document) -> None:
    prompt.tool_results += 1
    if block.get("content") is not None:
        blocks(prompt, "tool", block["content"])


def _other(prompt: Prompt, role: str, block: Document) -> None:
    """Tool calls, results of the server's own tools, search results, blocks to come: every string in them except ciphertext."""
    kind = block["type"]
    if kind.endswith("tool_result"):
        prompt.tool_results += 1
        role = "tool"
    for key, value in block.items():
        if value is None:
            continue
        if key == "content":
            blocks(prompt, role, [value] if type(value) is dict else value)
        elif key == "file_id":
            prompt.unseen += 1
        elif key not in _OPAQUE:
            prompt.say_all(role, value)


def system(prompt: Prompt, value: Any) -> None:
    """Read the system prompt: a string or text blocks."""
    if value is not None:
        blocks(prompt, "system", value)


def tool(prompt: Prompt, value: Any) -> None:
    """Read one tool that is offered; the server's own tools have a type and a name."""
    document = fields(value, "tools")
    reading.no_further_model(document)
    prompt.offer(text(document, "name") or text(document, "mcp_server_name") or text(document, "type"), document)
