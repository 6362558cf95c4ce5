"""Events for operators: one line each, JSON or for people. Records of exchanges go their own way, see `audit_log`."""

from __future__ import annotations

import logging
import sys
from typing import Any, Final, TextIO

import orjson
import structlog

LEVELS: Final = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def logger(form: str, level: str, stream: TextIO | None = None) -> structlog.typing.FilteringBoundLogger:
    """A logger that writes to `stream` (standard error by default). `form` is json or console, `level` the least severe written.

    Values are escaped by the renderer, so a hostile string can't begin a line of its own.
    """
    stream = stream or sys.stderr
    processors: list[Any] = [structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso", utc=True)]
    if form == "json":
        processors += [structlog.processors.EventRenamer("event"), structlog.processors.JSONRenderer(serializer=_json)]
    else:
        processors.append(structlog.dev.ConsoleRenderer(colors=stream.isatty()))
    wrapped: structlog.typing.FilteringBoundLogger = structlog.wrap_logger(
        structlog.PrintLogger(stream),
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(LEVELS[level]),
        cache_logger_on_first_use=True,
    )
    return wrapped


def _json(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
