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


def adopt_libraries(log: structlog.typing.FilteringBoundLogger) -> None:
    """What libraries log from now on are events of `log`, warnings and worse, in its form."""
    root = logging.getLogger()
    root.handlers = [_Libraries(log)]
    root.setLevel(logging.WARNING)


class _Libraries(logging.Handler):
    """Says what happened and where. What a library puts into its text may come from a request or hold a credential: only numbers stay."""

    def __init__(self, log: structlog.typing.FilteringBoundLogger) -> None:
        super().__init__()
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        """One event."""
        tell = self._log.error if record.levelno >= logging.ERROR else self._log.warning
        error = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        tell("library", source=record.name, said=_bare(record), **({"error": error} if error else {}))


def _bare(record: logging.LogRecord) -> str:
    first = str(record.msg).partition("\n")[0]  # asyncio's further lines are reprs
    given = record.args if isinstance(record.args, tuple) else ()
    try:
        return first % tuple(value if isinstance(value, int | float) else type(value).__name__ for value in given)
    except (TypeError, ValueError):
        return first


def _json(event: dict[str, Any], **_: Any) -> str:
    return orjson.dumps(event, default=str).decode()
