"""Events: one line each whatever is in them, by level, in two forms; libraries' messages among them, without what they quote."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from proxy.adapters.telemetry.log import adopt_libraries, logger

HOSTILE = 'a\n{"event":"forged"}\r\x1b[31m\u2028'


@pytest.fixture
def libraries() -> Iterator[io.StringIO]:
    """Where libraries' messages go, for one test."""
    root = logging.getLogger()
    before = (root.handlers, root.level)
    written = io.StringIO()
    adopt_libraries(logger("json", "info", written))
    yield written
    root.handlers, root.level = before


@pytest.mark.parametrize("form", ["json", "console"])
def test_an_event_is_one_line_whatever_is_in_it(form):
    written = io.StringIO()
    log = logger(form, "info", written)
    log.info("one", value=HOSTILE, nested={"deep": [HOSTILE]})
    log.error("two")
    lines = written.getvalue().split("\n")
    assert len(lines) == 3
    assert "one" in lines[0]
    assert "two" in lines[1]
    assert "\x1b" not in written.getvalue()


def test_a_json_line_names_its_event_level_and_time():
    written = io.StringIO()
    logger("json", "info", written).warning("happened", number=3)
    told = json.loads(written.getvalue())
    assert told.pop("timestamp").endswith("Z")
    assert told == {"event": "happened", "level": "warning", "number": 3}


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_less_severe_events_than_asked_for_are_not_written(level, written):
    stream = io.StringIO()
    log = logger("json", level, stream)
    for each in (log.debug, log.info, log.warning, log.error):
        each("event")
    assert len(stream.getvalue().splitlines()) == written


def test_what_a_library_warns_of_is_an_event_without_what_it_quotes(libraries):
    library = logging.getLogger("vendor.client")
    library.info("too detailed")
    library.warning("could not reach %s, again in %.1f s", "https://user:secret@collector", 2.5)
    library.error("failed\nprotocol: <secret repr>", exc_info=ValueError("secret"))
    library.warning("%(name)s left", {"name": "secret"})
    lines = [json.loads(line) for line in libraries.getvalue().splitlines()]
    assert [(line["level"], line["source"], line["said"], line.get("error")) for line in lines] == [
        ("warning", "vendor.client", "could not reach str, again in 2.5 s", None),
        ("error", "vendor.client", "failed", "ValueError"),
        ("warning", "vendor.client", "%(name)s left", None),
    ]
    assert "secret" not in libraries.getvalue()
