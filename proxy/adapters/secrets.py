"""Secrets from the environment or from mounted files, never shown in a repr."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Final

from proxy.errors import ConfigError, Problem
from proxy.settings import Inject, Upstream

_NAME: Final = re.compile(r"[a-z0-9_!#$%&'*+.^`|~-]+")
_OURS: Final = re.compile(r"host|content-length|transfer-encoding|connection|upgrade|te|trailer|expect|accept-encoding|via|x-forwarded-.*")
"""Headers that frame a request or say where it came from: the proxy writes them."""


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
    if env:
        value = os.environ.get(env, "")
        problem = f"the environment variable {env} is empty"
    else:
        try:
            value = file.read_text(encoding="ascii").strip() if file else ""
            problem = f"the file {file} is empty"
        except (OSError, UnicodeDecodeError) as error:
            value, problem = "", f"the file {file} can't be read: {type(error).__name__}"
    if not _is_secret(value):
        raise ConfigError([Problem("settings", 0, 0, what, problem, "give one line of visible ASCII")])
    return Secret(value, prefix, file)


def _is_secret(text: str) -> bool:
    """One line of ASCII: an empty admin token would open the listener, a line break would begin another header."""
    return bool(text) and text.isascii() and text.isprintable()


def injected(upstream: Upstream) -> list[tuple[str, Secret]]:
    """The headers to add for an upstream, with their secrets."""
    return [(item.header.lower(), _header(upstream, item)) for item in upstream.inject]


def _header(upstream: Upstream, item: Inject) -> Secret:
    what, name = f"upstreams.{upstream.name}.inject", item.header.lower()
    if not _NAME.fullmatch(name) or _OURS.fullmatch(name):
        fix = "name a header such as authorization, none that frames a request or says where it came from"
        raise ConfigError([Problem("settings", 0, 0, what, f"{item.header!r} can't be added", fix)])
    if item.prefix and not _is_secret(item.prefix):
        raise ConfigError([Problem("settings", 0, 0, what, "the prefix is no text for a header", "give one line of visible ASCII")])
    return read_secret(f"{what}.{item.header}", env=item.value_env, file=item.value_file, prefix=item.prefix)
