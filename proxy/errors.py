"""The four exceptions: each says who broke the contract, so that the rim can answer without knowing why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final

SETTINGS: Final = "settings"
"""The file of a `Problem` with a setting, where only the setting is known; whoever read the settings can say file and line."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a file an operator wrote: where, what, and what to write instead.

    `line` and `column` count from 1; 0 means the fault belongs to the file as a whole.
    """

    file: str
    line: int
    column: int
    path: str
    what: str
    fix: str = ""

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}" if self.line else self.file
        path = f" {self.path}:" if self.path else ""
        return f"{where}:{path} {self.what}" + (f"; {self.fix}" if self.fix else "")


class ConfigError(Exception):
    """Settings, policies or data files that can't be used. Carries every problem found, not just the first."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


class Fault(Enum):
    """What is wrong with a caller's request. `replies` maps each to a status."""

    MALFORMED = "malformed_request"
    MEDIA_TYPE = "unsupported_media_type"
    TOO_LARGE = "request_too_large"
    HEADERS_TOO_LARGE = "headers_too_large"
    UNKNOWN_ENDPOINT = "unknown_endpoint"
    METHOD = "method_not_allowed"
    CREDENTIALS = "ambiguous_credentials"
    TOO_SLOW = "request_timeout"
    EXPECTATION = "unsupported_expectation"


class CallerError(Exception):
    """The caller's bytes can't be accepted. `code` is stable and machine-readable; the message quotes no secret."""

    def __init__(self, fault: Fault, message: str, code: str = "", param: str | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.message = message
        self.code = code or fault.value
        self.param = param


class UpstreamError(Exception):
    """The model endpoint couldn't be reached, broke the protocol or was too slow.

    `kind` is one of connect, tls, timeout, protocol, reset: a bounded set, used as a metric label.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class StoreError(Exception):
    """Shared state couldn't be read or written in time. The caller applies its declared fail mode and counts it."""
