"""The shared evaluation data, split by prompt and by template into a half to fit on and a half to judge on."""

from __future__ import annotations

import gzip
import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from proxy.drill.wording.honest import Draft

SHARED = Path(__file__).resolve().parents[4] / ".." / "shared" / "data"


def present() -> bool:
    return (SHARED / "README.md").is_file()


def rows(name: str) -> Iterator[Any]:
    with gzip.open(SHARED / f"{name}.jsonl.gz", "rt") as lines:
        yield from map(json.loads, lines)


def half(text: str) -> str:
    """Which half a prompt or a template belongs to: by its own hash, so that equal texts never stand on both sides."""
    return "fit" if crc32(text.encode()) & 0x10 else "judge"


class Material(NamedTuple):
    """One half of the data."""

    human: tuple[str, ...]
    personas: tuple[str, ...]
    etl_drafts: tuple[Draft, ...]
    etl_payloads: tuple[str, ...]
    agents: tuple[str, ...]
    tool_outputs: tuple[str, ...]
    judges: tuple[Draft, ...]
    bank: tuple[str, ...]
    bare: dict[str, tuple[str, ...]]
    rubric_draft: Draft
    rubric: tuple[str, ...]
    nemo: dict[str, tuple[Draft, ...]]
    alpaca: str
    seeds: tuple[str, ...]


@cache
def material(split: str) -> Material:
    def mine(text: str) -> bool:
        return half(text) == split

    drafts, payloads = _etl(split)
    agents = [row["messages"] for row in rows("prompts/agentic")]
    bare = defaultdict(list)
    for row in rows("prompts/attack_bare_instructions"):
        text = row["messages"][-1]["content"]
        if mine(text):
            bare[row["pipeline"]].append(text)
    return Material(
        tuple(text for row in rows("prompts/human") if mine(text := row["messages"][0]["content"])),
        tuple(row["system"] for row in rows("prompts/personas") if mine(row["system"])),
        drafts,
        payloads,
        tuple({messages[0]["content"] for messages in agents}),  # public agents' prompts are everybody's
        tuple(part["content"] for messages in agents for part in messages[3:] if part["role"] == "user" and mine(part["content"])),
        tuple(
            _slotted(row["system_prompt"] if row["type"] == "pairwise" else "", row["prompt_template"])
            for row in rows("templates/llm_judge_benign")
            if mine(row["name"])
        ),
        tuple(text for row in [*rows("banks/math"), *rows("banks/code")] if mine(text := row["question"]) and len(text) > 40),
        {name: tuple(texts) for name, texts in bare.items()},
        *_rubric(split),
        _nemo(split),
        (SHARED / "templates/stanford_alpaca_prompt.txt").read_text(),
        tuple(row["instruction"] for row in rows("templates/self_instruct_seeds") if mine(row["instruction"])),
    )


def bank_questions() -> list[str]:
    """The questions an operator's bank would hold: both halves, all but three in ten, since no bank is complete."""
    texts = [row["question"] for row in [*rows("banks/math"), *rows("banks/code")]]
    return [text for text in texts if crc32(text.encode()) % 10 < 7]


def _etl(split: str) -> tuple[tuple[Draft, ...], tuple[str, ...]]:
    groups = defaultdict(list)
    for row in rows("prompts/etl"):
        if half(row["template"]) == split:
            groups[row["template"]].append(row["messages"][-1]["content"])
    drafts, payloads = [], []
    for texts in groups.values():
        before, after = _shared(texts), _shared([text[::-1] for text in texts])[::-1]
        if len(before) + len(after) < 30:
            continue
        drafts.append(Draft(before, after))
        payloads += [text[len(before) : len(text) - len(after)] for text in texts if len(text) > len(before) + len(after)]
    return tuple(drafts), tuple(payloads)


def _rubric(split: str) -> tuple[Draft, tuple[str, ...]]:
    texts = [row["messages"][-1]["content"] for row in rows("prompts/attack_rubric")]
    before, after = _shared(texts), _shared([text[::-1] for text in texts])[::-1]
    return Draft(before, after), tuple(text[len(before) : len(text) - len(after)] for text in texts if half(text) == split)


def _shared(texts: list[str]) -> str:
    first, last = min(texts), max(texts)
    length = next((at for at, (one, other) in enumerate(zip(first, last, strict=False)) if one != other), min(len(first), len(last)))
    return first[:length]


def _slotted(system: str, template: str) -> Draft:
    head, _, rest = template.partition("{question}")
    tail = rest.rsplit("}", 1)[-1]
    return Draft(head, tail, system)


def _nemo(split: str) -> dict[str, tuple[Draft, ...]]:
    groups = defaultdict(list)
    for row in rows("templates/nemo_skills"):
        user, system = row["template"].get("user", ""), row["template"].get("system", "")
        if half(row["name"]) != split or len(user) + len(system) < 80 or "{" not in user:
            continue
        before, _, rest = user.partition("{")
        kind = (
            "judge"
            if "judge" in row["name"] or "select" in row["name"]
            else "solve"
            if "generic" in row["name"] or "reasoning/" in row["name"]
            else "augment"
        )
        groups[kind].append(Draft(before, rest.rsplit("}", 1)[-1], system))
    return {kind: tuple(drafts) for kind, drafts in groups.items()}
