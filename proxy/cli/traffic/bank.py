"""`tos-proxy bank`: question banks that the detector recognises."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import typer

from proxy.cli.console import AsJson, problems_told, tell, tell_json, unusable
from proxy.cli.inputs.writing import written
from proxy.detection.text.bank import MIN_WORDS, QuestionBank, build_bank
from proxy.errors import ConfigError, Problem

_FIELDS: Final = ("question", "prompt", "instruction", "problem", "text")
_LARGEST_FILE_BYTES: Final = 1 << 30
_GZIP: Final = b"\x1f\x8b"
_MOST_PROBLEMS: Final = 20


def register(app: typer.Typer) -> None:
    """Add the commands of this file."""
    bank = typer.Typer(help="Question banks that the detector recognises.", no_args_is_help=True)
    bank.callback()(_only_a_group)
    bank.command("build")(build)
    app.add_typer(bank, name="bank")


def _only_a_group() -> None:
    """Question banks that the detector recognises."""


def build(
    files: Annotated[list[Path], typer.Argument(help="Files of questions: JSON lines, or one question a line; plain or gzip.")],
    out_file: Annotated[Path, typer.Option("--out", help="Bank to write; name it in detection.bank_file.")],
    as_json_: AsJson = False,
) -> None:
    """Build a question bank: a filter over word runs of published questions. It holds hashes, never the questions.

    A JSON line is a text, or an object with one of question, prompt, instruction, problem or text. Questions of fewer than 8 words are
    everyday sentences and are passed over.

    Exit code 0: written. 2: a file can't be used, or no question is long enough.

    Example: tos-proxy bank build math.jsonl.gz code.txt --out questions.bank
    """
    with problems_told():
        bank = _built(files)
        content = bank.to_bytes()
        with written(out_file) as file:
            file.write(content)
    if as_json_:
        tell_json({"bank": str(out_file), "questions": bank.questions, "bytes": len(content)})
    else:
        tell(f"{out_file}: {bank.questions:,} questions, {len(content):,} bytes")


def _built(files: list[Path]) -> QuestionBank:
    problems: list[Problem] = []
    questions = [question for path in files for question in _questions(path, problems)]
    if problems:
        raise ConfigError(problems[:_MOST_PROBLEMS])
    try:
        return build_bank(questions)
    except ValueError as error:
        raise unusable(", ".join(map(str, files)), str(error), f"give questions of at least {MIN_WORDS} words") from error


def _questions(path: Path, problems: list[Problem]) -> Iterator[str]:
    try:
        text = _content(path).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or ("isn't UTF-8" if isinstance(error, UnicodeDecodeError) else str(error))
        problems.append(Problem(str(path), 0, 0, "", f"can't be read: {reason}", "give questions as text or JSON lines, plain or gzip"))
        return
    as_lines = path.name.removesuffix(".gz").endswith((".jsonl", ".ndjson", ".json"))
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        question = _question(line) if as_lines else line
        if question is None:
            fix = f"write a text, or an object with one of {', '.join(_FIELDS)}"
            problems.append(Problem(str(path), number, 1, "", "holds no question", fix))
            if len(problems) >= _MOST_PROBLEMS:
                return
        else:
            yield question


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise ValueError("there is no such file")
    if path.stat().st_size > _LARGEST_FILE_BYTES:
        raise ValueError(f"has more than {_LARGEST_FILE_BYTES >> 20} MiB")
    with path.open("rb") as file:
        packed = file.read(2) == _GZIP
        file.seek(0)
        content = gzip.GzipFile(fileobj=file).read(_LARGEST_FILE_BYTES + 1) if packed else file.read(_LARGEST_FILE_BYTES + 1)
    if len(content) > _LARGEST_FILE_BYTES:
        raise ValueError(f"has more than {_LARGEST_FILE_BYTES >> 20} MiB")
    return content


def _question(line: str) -> str | None:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, dict):
        value = next((value[name] for name in _FIELDS if isinstance(value.get(name), str)), None)
    return value if isinstance(value, str) else None
