from __future__ import annotations

from pathlib import Path

import pytest

from proxy.errors import ConfigError
from proxy.policy.load import load

CORPUS = sorted(Path(__file__).parent.glob("*.yaml"))
COMPANIONS = {
    "lists/countries.txt": b"DE FR\n",
    "lists/eval.csv": b"acct-1\n",
    "patterns/sign.txt": b"one\nissue #[0-9]+\n",
    "patterns/bad.txt": b"# one\nstep by step\n(unclosed\n",
    "presets/anthropic-2025-09.yaml": b"""preset: {provider: P, date: 2025-01-01, source: s}
rules:
  - {id: regions.p, when: client.country == 'XX', then: {tag: [x]}}
""",
}


def expected(content: bytes) -> list[str]:
    """The leading comment lines: every problem that must be told, and no other."""
    lines = content.decode("utf-8-sig", "replace").splitlines()
    head = []
    for line in lines:
        if not line.startswith("# policy.yaml") and not line.startswith("# patterns/"):
            break
        head.append(line.removeprefix("# "))
    return head


def test_the_corpus_is_there():
    assert len(CORPUS) > 70


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_each_fault_is_told_with_its_place_and_what_to_write_instead(path):
    content = path.read_bytes()
    assert expected(content), "the first line must be a comment with the expected message"
    with pytest.raises(ConfigError) as caught:
        load({"policy.yaml": content, **COMPANIONS}, 1_795_520_000.0)
    assert [str(problem) for problem in caught.value.problems] == expected(content)
