"""Forms around a file: transcriptions, translations, image edits. The fields are the call; files are counted, not opened."""

from __future__ import annotations

import re
from typing import Final

from proxy.dialects.call import ModelCall, Text
from proxy.dialects.dialect import Document, Names, Route
from proxy.dialects.openai.sampling import COMMON_LIMITS
from proxy.dialects.reading import fields, model, text, wrong
from proxy.dialects.tokens import of_texts
from proxy.dialects.wire.multipart import Part
from proxy.dialects.wire.strict import malformed

BYTES_PER_MEDIA_TOKEN: Final = 500
"""Speech at 64 kbit/s is 8,000 bytes a second, which models take as 10 to 32 tokens; images hold fewer tokens a byte."""

_NUMBER: Final = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,32})?\Z")
"""What every language's parser takes for the same number."""
_FILES: Final = frozenset({"file", "image", "image[]", "mask"})
_TRUE: Final = frozenset({"true", "True", "1"})
_FALSE: Final = frozenset({"", "false", "False", "0"})


def read_form_call(route: Route, parts: tuple[Part, ...], names: Names) -> ModelCall:
    """Read a form that asks a model for something."""
    document = plain_fields(parts)
    if any(part.file and part.name not in _FILES for part in parts):
        raise malformed("A field of the form is sent as a file.", "invalid_form")  # some servers read it all the same
    spoken = tuple(Text("input", words) for words in (text(document, "prompt"), _keywords(parts)) if words)
    files = [len(part.content) for part in parts if part.file]
    heard = route.endpoint.startswith("audio.")
    return ModelCall(
        dialect=route.dialect.name,
        endpoint=route.endpoint,
        model=model(route, document, names),
        stream=_switch(document, "stream"),
        texts=spoken,
        images=0 if heard else len(files),
        audio=len(files) if heard else 0,
        max_output_tokens=max(_count(document, name, "0") for name in COMMON_LIMITS),
        n=_count(document, "n", "1"),
        temperature=_number(document, "temperature"),
        logprobs=any(part.name in {"include", "include[]"} and part.content == b"logprobs" for part in parts),
        end_user=text(document, "user"),
        input_tokens=of_texts(spoken) + sum(files) // BYTES_PER_MEDIA_TOKEN,
    )


def _keywords(parts: tuple[Part, ...]) -> str:
    """Words that a transcription is told to expect."""
    return "\n".join(part.content.decode("utf-8", "replace") for part in parts if part.name in {"keywords", "keywords[]"})


def plain_fields(parts: tuple[Part, ...]) -> Document:
    """The fields without a file by name; lists, whose names end in [], are left out."""
    try:
        document = {part.name: part.content.decode() for part in parts if not part.file and not part.name.endswith("[]")}
    except UnicodeDecodeError:
        raise malformed("A field of the form isn't UTF-8.", "invalid_form") from None
    return fields(document, "")


def _switch(document: Document, name: str) -> bool:
    value = document.get(name, "")
    if value not in _TRUE and value not in _FALSE:
        raise wrong(name, "true or false")
    return value in _TRUE


def _count(document: Document, name: str, left_out: str) -> int:
    value = document.get(name, left_out)
    if not (value.isascii() and value.isdigit() and int(value[:10]) >= int(left_out) and len(value) < 10):
        raise wrong(name, f"an integer, {left_out} or above")
    return int(value)


def _number(document: Document, name: str) -> float | None:
    value = document.get(name)
    if value is None:
        return None
    if _NUMBER.match(value) is None:
        raise wrong(name, "a number")
    return float(value)
