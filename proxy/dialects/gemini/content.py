"""Contents and parts: every text through every nesting that Gemini allows."""

from __future__ import annotations

import re
from typing import Any, Final

from proxy.dialects.dialect import Document
from proxy.dialects.reading import Prompt, fields, text, wrong
from proxy.dialects.wire.strict import malformed

ROLES: Final = {"user": "user", "model": "assistant", "function": "tool", "system": "system", "": "user"}

_SNAKE: Final = re.compile("_([a-z])")
_OPAQUE: Final = frozenset({"thoughtSignature", "id", "partMetadata", "videoMetadata", "mediaResolution"})


def camel(value: Any, param: str) -> Document:
    """`value` as an object with its keys in camelCase. Both spellings of one key have two readings and are refused."""
    document = fields(value, param)
    if not any("_" in key for key in document):
        return document
    spelt = {spelling(key): value for key, value in document.items()}
    if len(spelt) != len(document):
        raise malformed("A key appears in camelCase and in snake_case.", "ambiguous_key", param or None)
    return spelt


def spelling(key: str) -> str:
    """A key in camelCase."""
    return _SNAKE.sub(lambda found: found[1].upper(), key)


def one_or_more(value: Any) -> list[Any]:
    """A repeated field: Google's reader takes a lone value for a list of one."""
    if value is None:
        return []
    return value if type(value) is list else [value]


def contents(prompt: Prompt, value: Any) -> int:
    """Read the conversation; returns how many messages it has."""
    found = one_or_more(value)
    for entry in found:
        if type(entry) is str:
            prompt.turns += 1
            prompt.say("user", entry)
            continue
        document = camel(entry, "contents")
        role = ROLES.get(text(document, "role"), "user")
        before = prompt.tool_results
        parts(prompt, role, document.get("parts"))
        prompt.turns += role == "user" and prompt.tool_results == before
    return len(found)


def parts(prompt: Prompt, role: str, value: Any) -> None:
    """Read the parts of one message."""
    for part in one_or_more(value):
        if type(part) is str:
            prompt.say(role, part)
        else:
            _part(prompt, role, camel(part, "parts"))


def _part(prompt: Prompt, role: str, part: Document) -> None:
    for key, value in part.items():
        if value is None or key in _OPAQUE:
            continue
        if key == "text":
            prompt.say(role, text(part, "text"))
        elif key in {"inlineData", "fileData"}:
            _media(prompt, camel(value, key))
        elif key in {"functionResponse", "toolResponse", "codeExecutionResult"}:
            prompt.tool_results += 1
            _response(prompt, camel(value, key))
        elif key == "thought":
            continue
        else:
            prompt.say_all(role, value)


def _response(prompt: Prompt, document: Document) -> None:
    for key, value in document.items():
        if key == "parts":
            parts(prompt, "tool", value)
        elif key not in _OPAQUE:
            prompt.say_all("tool", value)


def _media(prompt: Prompt, document: Document) -> None:
    """Images and video are seen, audio is heard; any other document is one that no reader opens."""
    kind = text(document, "mimeType").partition("/")[0]
    data = document.get("data")
    if data is not None and type(data) is not str:
        raise wrong("inlineData.data", "a base64 string")
    if kind in {"image", "video"}:
        prompt.see()
    elif kind == "audio":
        prompt.hear()
    else:
        prompt.attach(data)
    prompt.unseen += document.get("fileUri") is not None


def system(prompt: Prompt, value: Any) -> None:
    """Read the system instruction: a content, or a string."""
    if type(value) is str:
        prompt.say("system", value)
    elif value is not None:
        parts(prompt, "system", camel(value, "systemInstruction").get("parts"))


def tools(prompt: Prompt, value: Any) -> None:
    """Read the tools: declared functions, and the server's own by their field's name."""
    for entry in one_or_more(value):
        document = camel(entry, "tools")
        for key, inside in document.items():
            if key == "functionDeclarations":
                for declared in one_or_more(inside):
                    function = fields(declared, "functionDeclarations")
                    prompt.offer(text(function, "name"), function)
            elif inside is not None:
                prompt.offer(key, inside)
