"""The shape that keeps this code readable: sizes, folders, names, imports, and what must not stand anywhere."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted((ROOT / "proxy").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
TOP_LEVEL = {
    "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "Makefile", "requirements.txt", "requirements-dev.txt", ".gitignore", ".dockerignore",
    "proxy", "policies", "tests", "deploy", ".ci",
}  # fmt: skip
BANNED_NAMES = re.compile(r"(^|_)(utils?|helpers?|common|base|manager|service|info|misc)(_|$)")
ONE_LINE_A_FIELD = {
    "proxy/decide.py:facts_of", "proxy/dialects/anthropic/messages.py:read", "proxy/dialects/bedrock/converse.py:read", "proxy/dialects/openai/chat.py:read",
    "proxy/drill/exchange.py:exchange",
}  # fmt: skip
"""Functions that are long because they fill one wide value, a line for each of its fields."""
WAITS_FOR_A_PROCESS = {
    "tests/adapters/redis_server.py",
    "tests/adapters/test_redis_store.py",
    "tests/adapters/test_redis_loss.py",
    "tests/adapters/test_audit_log.py",
}
"""Tests that poll a real process of another program, since it has no event to wait for."""
FILE_LINES, FUNCTION_LINES, FOLDER_FILES = 300, 40, 9


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    return [ROOT / name for name in listed.decode().split("\0") if name]


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def test_no_file_is_longer_than_three_hundred_lines():
    assert [path for path in (*MODULES, *TESTS) if len(path.read_text(encoding="utf-8").splitlines()) > FILE_LINES] == []


def test_no_function_is_longer_than_forty_lines():
    long = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in MODULES
        for node in _functions(path)
        if (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES
    ]
    assert set(long) <= ONE_LINE_A_FIELD


def test_no_folder_of_the_package_holds_more_than_nine_modules():
    folders = {path.parent for path in MODULES}
    assert [folder for folder in folders if len(list(folder.glob("*.py"))) > FOLDER_FILES] == []


def test_names_say_what_a_thing_is():
    assert [path for path in MODULES for part in path.relative_to(ROOT).parts if BANNED_NAMES.search(part.removesuffix(".py"))] == []


def test_nothing_else_stands_at_the_top_level():
    assert {path.relative_to(ROOT).parts[0] for path in _tracked()} <= TOP_LEVEL


def test_tests_neither_sleep_nor_replace_our_own_code():
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in TESTS
        if path != Path(__file__) and "bench" not in path.parts and str(path.relative_to(ROOT)) not in WAITS_FOR_A_PROCESS
        for word in ("time.sleep(", "asyncio.sleep(", "unittest.mock", "mocker.")
        if word in path.read_text(encoding="utf-8")
    ]
    assert found == []


def test_modules_hold_no_state_at_import():
    """Only constants, definitions and imports stand at module level: importing reads no environment and starts nothing."""
    allowed = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.If)
    wrong = []
    for path in MODULES:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not (isinstance(node, allowed) or docstring):
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert wrong == []


@pytest.mark.parametrize("word", ["/wor" + "k/", r"\.libr" + "ary", r"\bissue [0-9]+\b", r"\bhelper-[0-9]"])
def test_the_project_speaks_of_itself_alone(word):
    pattern = re.compile(word, re.IGNORECASE)
    texts = [path for path in _tracked() if path.suffix in {".py", ".md", ".yaml", ".yml", ".toml", ".txt", ".json", ""} and path.is_file()]
    found = []
    for path in texts:
        try:
            content = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in pattern.finditer(content)]
    assert found == []


def test_only_replies_know_status_codes_of_refusals():
    """A 4xx in another stage would be a decision hidden from the reader of replies.py."""
    stages = [path for path in MODULES if path.relative_to(ROOT).parts[1] in {"identity", "policy", "limits", "accounts", "audit"}]
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in stages
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value in {400, 401, 403, 404, 429, 451}
    ]
    assert found == []
