"""The golden answers: what an upstream sends, what is forwarded stripped, and what is read out of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

from proxy.dialects.call import Usage
from proxy.inspection.inspector import Inspector, inspector_for

FOLDER = Path(__file__).parents[1] / "golden" / "answers"

BOTH = frozenset({"reasoning", "logprobs"})
NOTHING: frozenset[str] = frozenset()


class Answer(NamedTuple):
    """One golden answer: a file of bytes and a row of its folder's cases.json."""

    dialect: str
    endpoint: str
    content_type: str
    sent: bytes
    stripped: bytes
    usage: Usage | None
    finish: str
    least_estimate: int

    def inspector(self, strips: frozenset[str] = NOTHING, *, hide_usage: bool = False) -> Inspector:
        return inspector_for(self.dialect, self.endpoint, self.content_type, strips, hide_usage=hide_usage, status=200)


def _load() -> dict[str, Answer]:
    answers = {}
    for cases in sorted(FOLDER.glob("*/cases.json")):
        for name, case in json.loads(cases.read_text()).items():
            file = cases.parent / name
            stripped = file.with_name(f"{file.stem}.stripped{file.suffix}")
            answers[f"{cases.parent.name}/{name}"] = Answer(
                dialect=cases.parent.name,
                endpoint=case["endpoint"],
                content_type=case["content_type"],
                sent=file.read_bytes(),
                stripped=stripped.read_bytes() if stripped.exists() else file.read_bytes(),
                usage=Usage(**case["usage"]) if case["usage"] else None,
                finish=case["finish"],
                least_estimate=case["least_estimate"],
            )
    return answers


ANSWERS = _load()


def told(inspector: Inspector) -> tuple[Any, ...]:
    """Everything an inspector says once the answer is over."""
    return inspector.usage, inspector.output_estimate, inspector.finish, inspector.broken, inspector.ended


def fed(inspector: Inspector, *chunks: bytes) -> bytes:
    """The joined output for these chunks and the end."""
    return b"".join([*map(inspector.feed, chunks), inspector.close()])
