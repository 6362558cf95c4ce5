from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.documents.strict_yaml import MAX_DEPTH, MAX_FILE_BYTES, read_yaml
from proxy.errors import ConfigError


def told(data: bytes) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read_yaml("f.yaml", data)
    return [str(problem) for problem in caught.value.problems]


def test_values_are_what_they_look_like():
    document = read_yaml("f.yaml", b'a: 1\nb: -2.5\nc: true\nd: "NO"\ne: 2027-03-31\nf: [x, ~]\ng: {}\nmode: off\n')
    assert document.value == {"a": 1, "b": -2.5, "c": True, "d": "NO", "e": "2027-03-31", "f": ["x", None], "g": {}, "mode": "off"}


@pytest.mark.parametrize(
    "word", ["NO", "no", "Yes", "on", "OFF", "True", "FALSE", "0x1F", "017", "1_000", "12:30", ".inf", "1e3", "1.", ".5"]
)
def test_a_plain_word_that_two_readers_could_understand_differently_is_refused(word):
    assert len(told(f"a: {word}\n".encode())) == 1
    assert read_yaml("f.yaml", f'a: "{word}"\n'.encode()).value == {"a": word}


def test_a_document_that_would_expand_is_refused_before_it_does():
    bomb = b"a: &a [x, x]\n" + b"".join(f"{chr(98 + i)}: &{chr(98 + i)} [*{chr(97 + i)}, *{chr(97 + i)}]\n".encode() for i in range(20))
    assert "anchors and aliases aren't allowed" in told(bomb)[0]


def test_depth_and_size_are_bounded():
    assert "nested deeper" in told(b"[" * (MAX_DEPTH + 2))[0]
    assert "nest" in told(b"[" * 100_000)[0]
    assert "more than" in told(b"a" * (MAX_FILE_BYTES + 1))[0]
    assert "values" in told(b"- 1\n" * 150_000)[0]


def test_every_value_knows_where_it_stands():
    document = read_yaml("f.yaml", b"a:\n  - b: 1\n    c: x\n")
    assert document.place(("a", 0, "c"))[:2] == (3, 8)
    assert document.keys[("a", 0, "c")][:2] == (3, 5)
    assert document.place(("a", 0, "missing"))[:2] == (2, 5)


@pytest.mark.parametrize(
    ("yaml", "expected"),
    [
        pytest.param("when: a && b\n", (1, 12), id="plain"),
        pytest.param('when: "a && b"\n', (1, 13), id="double quotes"),
        pytest.param("when: 'a && b'\n", (1, 13), id="single quotes"),
        pytest.param("when: >\n  a &&\n  b\n", (3, 3), id="folded"),
        pytest.param("when: |\n  a &&\n    b\n", (3, 5), id="literal"),
        pytest.param("when: >-\n\n  a &&\n  b\n", (4, 3), id="folded after an empty line"),
        pytest.param('when: "a &&\n  b"\n', (2, 3), id="quotes over two lines"),
    ],
)
def test_a_place_inside_a_text_is_found_however_it_is_written(yaml, expected):
    document = read_yaml("f.yaml", yaml.encode())
    value = document.value["when"]
    line = value[: value.index("b")].count("\n") + 1
    column = value.index("b") - (value.rfind("\n", 0, value.index("b")) + 1) + 1
    assert document.inside(("when",), value, line, column)[:2] == expected


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | st.text(alphabet="a:-[]{}&*!|>'\"#\n \t?%@`,é\0", max_size=60).map(str.encode))
def test_whatever_the_bytes_the_answer_is_a_document_or_a_list_of_problems(data):
    try:
        read_yaml("f.yaml", data)
    except ConfigError as error:
        told_of = error.problems
        assert told_of
