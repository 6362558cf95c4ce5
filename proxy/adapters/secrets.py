"""Secrets from the environment or from mounted files, never shown in a repr."""

from __future__ import annotations

import os
from pathlib import Path

from proxy.errors import SETTINGS, ConfigError, Problem
from proxy.settings import Upstream


class Secret:
    """One secret value. A file's value follows the file, so that a mounted secret can be rotated."""

    __slots__ = ("_path", "_prefix", "_stamp", "value")

    def __init__(self, value: str, prefix: str = "", path: Path | None = None) -> None:
        self.value = prefix + value
        self._prefix = prefix
        self._path = path
        self._stamp = path.stat().st_mtime_ns if path else 0

    def __repr__(self) -> str:
        return "Secret(...)"

    def refresh(self) -> bool:
        """Read the file again if it changed; says whether the value is new. A file that holds no secret keeps the old value."""
        if self._path is None:
            return False
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp == self._stamp:
                return False
            read = self._path.read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return False
        if not _is_secret(read):
            return False
        value = self._prefix + read
        self._stamp = stamp
        changed, self.value = value != self.value, value
        return changed


def read_secret(what: str, *, env: str = "", file: Path | None = None, prefix: str = "") -> Secret:
    """Read a secret. Raises ConfigError naming the setting `what`, never the value."""
    where = str(file) if file else SETTINGS
    try:
        value = file.read_text(encoding="ascii").strip() if file else os.environ[env]
    except KeyError:
        raise ConfigError([Problem(where, 0, 0, what, f"the variable {env} isn't set", "set it, or name another")]) from None
    except OSError as error:
        raise ConfigError([Problem(where, 0, 0, what, f"can't be read: {error.strerror}", "name a readable file")]) from error
    except UnicodeDecodeError:
        value = ""
    if not _is_secret(prefix + value) or not value:
        told = "doesn't hold a secret" if file else f"the variable {env} holds no secret"
        raise ConfigError([Problem(where, 0, 0, what, told, "give one line of visible ASCII characters")])
    return Secret(value, prefix, file)


def _is_secret(text: str) -> bool:
    """One line: an empty admin token would open the listener, a line break would begin another header, and a header is ASCII."""
    return bool(text) and text.isascii() and text.isprintable()


def injected(setting: str, upstream: Upstream) -> list[tuple[str, Secret]]:
    """The headers to add for the upstream that stands at `setting`, with their secrets. Raises ConfigError with every problem."""
    headers: list[tuple[str, Secret]] = []
    problems: list[Problem] = []
    for index, item in enumerate(upstream.inject):
        name = "value_env" if item.value_env else "value_file"
        try:
            secret = read_secret(f"{setting}.inject[{index}].{name}", env=item.value_env, file=item.value_file, prefix=item.prefix)
            headers.append((item.header.lower(), secret))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return headers
