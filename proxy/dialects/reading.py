"""Typed access to what a stranger's JSON holds, and the prompt that a reader gathers.

A null means the field was left out: every supported API documents it so or ignores it. Any other wrong type is refused, because lax
servers coerce it: pydantic reads "100", 100.0 and true as integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from proxy.dialects import tokens
from proxy.dialects.call import Text
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.wire.keys import KNOWN, check_spelling
from proxy.dialects.wire.strict import malformed
from proxy.errors import CallerError

MAX_NAME_CHARS: Final = 512
NO_DEARER: Final = ("default", "standard", "auto", "standard_only", "flex")
"""Processing tiers that cost no more than the ordinary one, from the least telling name to the most."""


def wrong(param: str, expected: str) -> CallerError:
    """The refusal of a field of the wrong type or range."""
    return malformed(f"{param or 'The body'} must be {expected}.", "invalid_type", param or None)


def fields(value: Any, param: str) -> Document:
    """`value` as an object whose keys have one reading."""
    if type(value) is not dict:
        raise wrong(param, "an object")
    if not KNOWN.issuperset(value):
        check_spelling(value, param)
    return value


def inner(document: Document, key: str) -> Document:
    """The object at `key`; empty when left out."""
    value = document.get(key)
    return {} if value is None else fields(value, key)


def items(document: Document, key: str) -> list[Any]:
    """The list at `key`; empty when left out."""
    value = document.get(key)
    if value is None:
        return []
    if type(value) is not list:
        raise wrong(key, "a list")
    return value


def text(document: Document, key: str) -> str:
    """The string at `key`; "" when left out."""
    value = document.get(key)
    if value is None:
        return ""
    if type(value) is not str:
        raise wrong(key, "a string")
    return value


def whole(document: Document, key: str) -> int:
    """The integer at `key`; 0 when left out."""
    value = document.get(key)
    if value is None:
        return 0
    if type(value) is not int:
        raise wrong(key, "an integer")
    return value


def count(document: Document, key: str) -> int:
    """How many answers: the integer at `key`, at least 1; 1 when left out."""
    value = document.get(key)
    if value is None:
        return 1
    if type(value) is not int or value < 1:
        raise wrong(key, "an integer above 0")
    return value


def limit(document: Document, *keys: str) -> int:
    """The largest output limit among synonyms; 0 when left out or, as llama.cpp and Ollama allow, negative for unlimited."""
    found = 0
    for key in keys:
        value = document.get(key)
        if value is None:
            continue
        if type(value) is not int:
            raise wrong(key, "an integer")
        if value < 0:
            return 0
        found = max(found, value)
    return found


def number(document: Document, key: str) -> float | None:
    """The number at `key`; None when left out."""
    value = document.get(key)
    if value is None or type(value) is float:
        return value
    if type(value) is not int:
        raise wrong(key, "a number")
    return float(value)


def optional_whole(document: Document, key: str) -> int | None:
    """The integer at `key`; None when left out."""
    value = document.get(key)
    if value is not None and type(value) is not int:
        raise wrong(key, "an integer")
    return value


def switch(document: Document, key: str) -> bool:
    """The boolean at `key`; False when left out."""
    value = document.get(key)
    if value is None:
        return False
    if type(value) is not bool:
        raise wrong(key, "true or false")
    return value


def tier(*named: str) -> str:
    """Of several tiers that a request may name, the dearest, in lower case; "" when none is named. Any name but NO_DEARER may be dear."""
    told = [name.lower() for name in named if name]
    return max(told, key=lambda name: NO_DEARER.index(name) if name in NO_DEARER else len(NO_DEARER)) if told else ""


def model(route: Route, document: Document, names: Names) -> str:
    """The model's canonical name, from the path or the body.

    A path and a body that name different models are refused: servers disagree about which of them counts.
    """
    name = document.get("model")
    if name is None:
        name = route.model
    elif type(name) is not str or not name.isprintable() or len(name) > MAX_NAME_CHARS:
        raise wrong("model", f"a printable string of at most {MAX_NAME_CHARS} characters")
    return one_model(route.model, name, names)


def one_model(in_path: str, in_body: str, names: Names) -> str:
    """The canonical name that path and body agree on; either may be "" or an alias, as an Azure deployment is one of its model."""
    name = names.get(in_body, in_body) or names.get(in_path, in_path)
    if in_path and names.get(in_path, in_path) != name:
        raise malformed("The path and the body name different models.", "ambiguous_model", "model")
    return name


def no_further_model(tool: Document) -> None:
    """Refuse a tool whose work the server gives to a model that the request names beside its own: nobody judged that one."""
    if tool.get("model") is not None:
        raise malformed("A tool names a further model; leave it out, or send a request for that model.", "several_models", "tools.model")


def role(message: Document, roles: Mapping[str, str]) -> str:
    """Who speaks in a message, by the API's names for it. A role that isn't in `roles` counts as the user's."""
    said = message.get("role")
    if type(said) is not str:
        raise wrong("messages.role", "a string")
    return roles.get(said, "user")


def strings(value: Any) -> Iterator[str]:
    """Every string inside a value of unknown shape, in document order, without the keys. Nothing recurses."""
    stack = [value]
    while stack:
        value = stack.pop()
        if type(value) is str:
            yield value
        elif type(value) is dict:
            stack += reversed(value.values())
        elif type(value) is list:
            stack += reversed(value)


class Prompt:
    """What the model will read, gathered in document order."""

    __slots__ = ("audio", "images", "texts", "tokens", "tool_results", "tools", "turns", "unseen")

    def __init__(self) -> None:
        self.texts: list[Text] = []
        self.tokens = 0  # of everything but the texts
        self.images = 0
        self.audio = 0
        self.tools: list[str] = []
        self.tool_results = 0
        self.turns = 0
        self.unseen = 0

    def say(self, role: str, words: str) -> None:
        """Add one text."""
        if words:
            self.texts.append(Text(role, words))

    def say_all(self, role: str, value: Any) -> None:
        """Add every string inside `value` as one text: a schema, a tool's arguments, a block of an unknown type."""
        self.say(role, "\n".join(strings(value)))

    def see(self, images: int = 1) -> None:
        """Add images."""
        self.images += images
        self.tokens += images * tokens.IMAGE_TOKENS

    def hear(self) -> None:
        """Add one audio part."""
        self.audio += 1
        self.tokens += tokens.AUDIO_TOKENS

    def length(self, messages: int = 0) -> int:
        """Estimated tokens of everything gathered."""
        return self.tokens + tokens.of_texts(self.texts) + tokens.MESSAGE_TOKENS * messages

    def attach(self, base64_data: Any) -> None:
        """Add a document whose pages no reader opens."""
        self.unseen += 1
        self.tokens += tokens.of_file(len(base64_data) if type(base64_data) is str else 0)

    def offer(self, name: str, definition: Any) -> None:
        """Add a tool. Its whole definition is read by the model, so its strings are text."""
        self.tools.append(name)
        self.say_all("system", definition)
