"""Bodies that try to show a policy one request and a model server another. Generated for every reader from the rows of the matrix."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.dialects.corpus import Path, Row, put
from tests.dialects.rows.every import ROWS

READERS = {"-".join(key): row for key, row in ROWS.items() if key[0] != "azure"}
"""Azure's requests are read by OpenAI's readers."""


class Case(NamedTuple):
    reader: str
    trick: str
    raw: bytes
    refused: bool
    """Else it has to be read exactly as Python's json reads it."""

    @property
    def row(self) -> Row:
        return READERS[self.reader]


class Doubled(dict[str, Any]):
    """An object with pairs that a dict can't hold, written behind its own: (key as it is written between quotes, value)."""

    def __init__(self, own: dict[str, Any], *pairs: tuple[str, Any]) -> None:
        super().__init__(own)
        self.pairs = pairs


def write(value: Any) -> str:
    """Compact JSON, as the official SDKs send it."""
    if isinstance(value, dict):
        pairs = [f"{json.dumps(key, ensure_ascii=False)}:{write(inside)}" for key, inside in value.items()]
        pairs += [f'"{key}":{write(inside)}' for key, inside in getattr(value, "pairs", ())]
        return "{" + ",".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(write, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def escaped(key: str) -> str:
    """The key with its second character as an escape."""
    return f"{key[0]}\\u{ord(key[1]):04x}{key[2:]}" if len(key) > 1 else f"\\u{ord(key):04x}"


def lookalikes(key: str) -> Iterator[tuple[str, str]]:
    """Keys that a reader which ignores case, or folds Unicode, takes for `key`."""
    yield "upper case", key.upper() if key != key.upper() else key.lower()
    yield "one capital", key[0].swapcase() + key[1:]
    if "s" in key:
        yield "long s", key.replace("s", "\u017f", 1)
    if "k" in key:
        yield "kelvin sign", key.replace("k", "\u212a", 1)
    yield "full width", chr(ord(key[0]) + 0xFEE0) + key[1:]


def _at(document: Any, path: Path) -> Any:
    for key in path:
        document = document[key]
    return document


def _key_cases(reader: str, row: Row) -> Iterator[Case]:
    done = set()
    for probes in row.probes.values():
        for probe in probes:
            key = probe.path[-1]
            if not isinstance(key, str) or probe.path in done:
                continue
            done.add(probe.path)
            document = put(row.least, probe.path, probe.value)
            holder = _at(document, probe.path[:-1])
            where = f"{'.'.join(map(str, probe.path))}"

            def case(trick: str, *pairs: tuple[str, Any], own: dict[str, Any] = holder, refused: bool = True) -> Case:
                inside = Doubled(own, *pairs)
                whole = put(document, probe.path[:-1], inside) if probe.path[:-1] else inside  # noqa: B023 - called in this turn only
                return Case(reader, f"{where}: {trick}", write(whole).encode(), refused)  # noqa: B023 - the same

            without = {name: value for name, value in holder.items() if name != key}
            yield case("the same key twice", (key, probe.value))
            yield case("the same key twice, once escaped", (escaped(key), probe.value))
            yield case("escaped", (escaped(key), probe.value), own=without, refused=False)
            for trick, spelt in lookalikes(key):
                yield case(f"{trick} beside it", (spelt, probe.value))
                yield case(f"{trick} instead of it", (spelt, probe.value), own=without)


class Lookalike(NamedTuple):
    """A body with a key that some server may take for `key`; what has to become of it depends on what the reader makes of the key."""

    reader: str
    key: str
    raw: bytes


def lookalikes_anywhere() -> Iterator[Lookalike]:
    """Every key of every document in the matrix, at its place, with a look-alike beside or instead of it."""
    for reader, row in READERS.items():
        documents = [row.least]
        documents += [put(row.least, path, value) for path, value in row.words]
        documents += [put(row.least, probe.path, probe.value) for probes in row.probes.values() for probe in probes]
        for document in documents:
            if "generateContentRequest" in document:
                document.pop("contents")
            for path in _keys(document):
                key = str(path[-1])
                holder = _at(document, path[:-1])
                without = {name: value for name, value in holder.items() if name != key}
                for own in (holder, without):
                    for _, spelt in lookalikes(key):
                        inside = Doubled(own, (spelt, holder[key]))
                        yield Lookalike(reader, key, write(put(document, path[:-1], inside) if path[:-1] else inside).encode())


def _keys(value: Any, path: Path = ()) -> Iterator[Path]:
    places = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inside in places:
        if isinstance(key, str):
            yield (*path, key)
        yield from _keys(inside, (*path, key))


REFUSED_WHOLE = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a string": b'"x"',
    "two objects": b"{}{}",
    "an object and a comma": b"{},",
    "unquoted keys": b"{model:1}",
    "single quotes": b"{'model':'x'}",
    "unfinished": b'{"model":"x"',
    "a huge list": b"[" * 100_000,
    "a huge object": b'{"a":' * 100_000,
}

REFUSED_VALUES = {
    "NaN": b"NaN",
    "Infinity": b"Infinity",
    "minus Infinity": b"-Infinity",
    "a float beyond range": b"1e999",
    "a negative float beyond range": b"-1e999",
    "an integer of 33 digits": b"1" * 33,
    "an integer of 5,000 digits": b"1" * 5_000,
    "a fraction of 5,000 digits": b"0." + b"1" * 5_000,
    "a leading zero": b"01",
    "a plus sign": b"+1",
    "hexadecimal": b"0x1",
    "no digit before the point": b".5",
    "no digit behind the point": b"5.",
    "undefined": b"undefined",
    "a trailing comma in a list": b"[1,]",
    "a comment": b"1/* x */",
    "a line comment": b"1//x\n",
    "a lone high surrogate": b'"\\ud800"',
    "a lone low surrogate": b'"\\udc00"',
    "surrogates in the wrong order": b'"\\udc00\\ud800"',
    "a surrogate in UTF-8": b'"\xed\xa0\x80"',
    "an overlong form": b'"\xc0\xaf"',
    "a byte that is not UTF-8": b'"\xff"',
    "a raw control character": b'"\n"',
    "a raw NUL": b'"\x00"',
    "an unknown escape": b'"\\x41"',
    "depth 65": b"[" * 64 + b"]" * 64,
    "depth 300": b"[" * 300 + b"]" * 300,
    "depth 2,000": b"[" * 2_000 + b"]" * 2_000,
    "50,001 keys": b"{" + b",".join(b'"k%d":0' % at for at in range(50_001)) + b"}",
    "a duplicate deep inside": b'[[{"a":[{"b":1,"c":2,"b":1}]}]]',
}

READ_VALUES = {
    "a nested escape": b'"\\u0041\\/\\b\\u0000"',
    "a pair of surrogates": b'"\\ud83d\\ude00"',
    "an exponent": b"1E2",
    "a long fraction": b"0.1000000000000000055511151231",
    "minus zero": b"-0",
    "an integer of 20 digits": b"99999999999999999999",
    "depth 60": b"[" * 60 + b"]" * 60,
    "line separators": '"\u2028\u2029"'.encode(),
    "keys in two cases that nobody reads": b'{"inside":{"Foo":1,"foo":2}}',
}


def _body_cases(reader: str, row: Row) -> Iterator[Case]:
    plain = write(row.least)
    for trick, raw in REFUSED_WHOLE.items():
        yield Case(reader, trick, raw, True)
    for trick, value in REFUSED_VALUES.items():
        yield Case(reader, trick, _with(plain, value), True)
    for trick, value in READ_VALUES.items():
        yield Case(reader, trick, _with(plain, value), False)
    for trick, coding in (("UTF-16", "utf-16"), ("UTF-16 LE", "utf-16-le"), ("UTF-32", "utf-32"), ("a byte order mark", "utf-8-sig")):
        yield Case(reader, trick, plain.encode(coding), True)
    yield Case(reader, "spaces", json.dumps(row.least).encode(), False)
    yield Case(reader, "indented", json.dumps(row.least, indent=2).encode(), False)
    yield Case(reader, "tabs, returns and blanks around", b"\r\n\t " + plain.encode() + b" \n", False)


def _with(plain: str, value: bytes) -> bytes:
    """The body with one more key, which no reader reads, and this value."""
    return plain[:-1].encode() + (b"," if plain != "{}" else b"") + b'"x_note":' + value + b"}"


def cases() -> Iterator[Case]:
    """Every case for every reader."""
    for reader, row in READERS.items():
        yield from _key_cases(reader, row)
        yield from _body_cases(reader, row)
