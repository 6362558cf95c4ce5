"""Messages and their parts: every text through every nesting that chat completions, Responses and realtime allow."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects import reading
from proxy.dialects.dialect import Document
from proxy.dialects.reading import Prompt, fields, items, text, wrong

ROLES: Final = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
"""Any other role reaches the model through its chat template; it counts as the user's."""

_ORDINARY: Final = frozenset({"role", "content"})
"""What most messages consist of."""

_TEXT: Final = frozenset({"text", "input_text", "output_text", "refusal", "summary_text", "reasoning_text", "thinking"})
_IMAGE: Final = frozenset({"image_url", "input_image", "image", "image_pil", "image_embeds", "computer_screenshot", "video_url"})
_AUDIO: Final = frozenset({"input_audio", "audio", "audio_url", "output_audio"})
_FILE: Final = frozenset({"file", "input_file", "container_file"})


def message(prompt: Prompt, value: Any) -> None:
    """Read one message with everything in it."""
    document = fields(value, "messages")
    role = reading.role(document, ROLES)
    if role == "user":
        prompt.turns += 1
    elif role == "tool":
        prompt.tool_results += 1
    content = document.get("content")
    if type(content) is str:
        prompt.say(role, content)
    elif content is not None:
        parts(prompt, role, content)
    if not _ORDINARY.issuperset(document):
        _beside_content(prompt, role, document)


def _beside_content(prompt: Prompt, role: str, document: Document) -> None:
    for key in ("name", "refusal", "reasoning_content", "reasoning"):
        prompt.say(role, text(document, key))
    for called in items(document, "tool_calls"):
        _tool_call(prompt, fields(called, "messages.tool_calls"))
    if document.get("function_call") is not None:
        _called(prompt, fields(document["function_call"], "messages.function_call"), "arguments")
    prompt.say_all(role, document.get("reasoning_details"))
    if document.get("audio") is not None:
        prompt.hear()
        prompt.unseen += 1  # an earlier answer, by its id


def _tool_call(prompt: Prompt, called: Document) -> None:
    """A function's arguments or a custom tool's input, as the model wrote them."""
    for kind, words in (("function", "arguments"), ("custom", "input")):
        if called.get(kind) is not None:
            _called(prompt, fields(called[kind], f"messages.tool_calls.{kind}"), words)


def _called(prompt: Prompt, call: Document, words: str) -> None:
    """A call as chat templates write it into the prompt: which tool, and with what. Compatible servers take any string for its name."""
    prompt.say("assistant", text(call, "name"))
    prompt.say_all("assistant", call.get(words))


def parts(prompt: Prompt, role: str, content: Any) -> None:
    """Read a list of content parts. A part of an unknown type counts as text, with every string in it."""
    if type(content) is dict:
        content = [content]
    if type(content) is not list:
        raise wrong("content", "a string or a list of parts")
    for part in content:
        if type(part) is str:
            prompt.say(role, part)
        else:
            _part(prompt, role, fields(part, "content"))


def _part(prompt: Prompt, role: str, part: Document) -> None:
    kind = part.get("type")
    if kind is None:
        kind = next((key for key in part if key in _IMAGE or key in _AUDIO or key in _FILE), "text" if "text" in part else "")
    elif type(kind) is not str:
        raise wrong("content.type", "a string")
    if kind in _TEXT:
        _text_part(prompt, role, part, kind)
    elif kind in _IMAGE:
        image(prompt, part)
    elif kind in _AUDIO:
        prompt.hear()
        prompt.say(role, text(part, "transcript"))
    elif kind in _FILE:
        inside = part.get("file")
        prompt.attach(fields(part if inside is None else inside, "content.file").get("file_data"))
    else:
        prompt.say_all(role, part)


def image(prompt: Prompt, part: Document) -> None:
    """Read an image that is sent along, linked, or named by the id of a file."""
    prompt.see()
    prompt.unseen += part.get("file_id") is not None


def _text_part(prompt: Prompt, role: str, part: Document, kind: str) -> None:
    words = part.get("text")
    if words is None:
        words = part.get(kind)
    if type(words) is not str:
        raise wrong("content.text", "a string")
    prompt.say(role, words)


def tool(prompt: Prompt, value: Any) -> None:
    """Read one tool that is offered: a function, a custom tool, or one that the server runs."""
    document = fields(value, "tools")
    inside = document.get("function", document.get("custom"))
    named = document if inside is None else fields(inside, "tools.function")
    name = text(named, "name") or text(document, "server_label") or text(document, "type")
    prompt.offer(name, document)
    if document.get("type") != "function":
        _run_by_the_server(prompt, document)


def _run_by_the_server(prompt: Prompt, tool: Document) -> None:
    """What a tool that the server runs brings in: files by their ids, and models of its own."""
    reading.no_further_model(tool)
    reading.no_further_model(reading.inner(tool, "svg"))
    prompt.unseen += len(items(tool, "vector_store_ids"))
    container = tool.get("container")
    if type(container) is str:
        prompt.unseen += 1
    elif container is not None:
        prompt.unseen += len(items(fields(container, "tools.container"), "file_ids"))
    shell = tool.get("environment")
    if type(shell) is dict and shell.get("type") != "local":  # that of a computer is a name
        fields(shell, "tools.environment")
        prompt.unseen += ("container_id" in shell) + len(items(shell, "file_ids")) + len(items(shell, "skills"))
