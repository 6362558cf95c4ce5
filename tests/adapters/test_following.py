"""A signal, or time, makes the proxy look at its files again."""

from __future__ import annotations

import asyncio
import http.client
import io
import os
import threading
from contextlib import closing
from pathlib import Path
from threading import Semaphore

import pytest
from pydantic import ValidationError

from proxy.adapters.building import build_parts
from proxy.adapters.following import Following
from proxy.adapters.secrets import injected, read_secret
from proxy.adapters.telemetry.log import logger
from proxy.detection.detector import Detector
from proxy.settings import Inject, Settings, Upstream
from tests.conftest import OPEN, Running


def metrics_status(proxy: Running, token: str) -> int:
    """What the admin listener answers to this token."""
    with closing(http.client.HTTPConnection(proxy.admin.removeprefix("http://"), timeout=10)) as connection:
        connection.request("GET", "/metrics", headers={"authorization": f"Bearer {token}"})
        return connection.getresponse().status


def look(proxy: Running) -> None:
    """What SIGHUP does, waited for."""

    async def looked() -> None:
        assert proxy.server._following is not None
        await proxy.server._following.look()

    asyncio.run_coroutine_threadsafe(looked(), proxy.loop).result(10)


def replace(path: Path, text: str) -> None:
    """A new version of a file, later than the one before on any file system."""
    later = path.stat().st_mtime_ns + 1_000_000_000
    path.write_text(text)
    os.utime(path, ns=(later, later))


def test_a_rotated_admin_token_counts_and_the_old_one_no_more(serve, tmp_path):
    token = tmp_path / "token"
    token.write_text("old-token")
    proxy = serve(admin={"port": 0, "token_file": token})
    replace(token, "new-token")
    assert [metrics_status(proxy, each) for each in ("old-token", "new-token")] == [200, 401]
    look(proxy)
    assert [metrics_status(proxy, each) for each in ("old-token", "new-token")] == [401, 200]


def test_an_admin_token_file_that_is_emptied_does_not_open_the_listener(serve, tmp_path):
    token = tmp_path / "token"
    token.write_text("a-token")
    proxy = serve(admin={"port": 0, "token_file": token})
    replace(token, "")
    look(proxy)
    assert [metrics_status(proxy, each) for each in ("", "a-token")] == [401, 200]


@pytest.mark.parametrize(
    "item",
    [
        {"header": "x y"}, {"header": "a\r\nx"}, {"header": ""}, {"header": "Content-Length"}, {"header": "host"},
        {"header": "X-Forwarded-For"}, {"prefix": "Bearer\r\nx: "}, {"prefix": "Schl\u00fcssel "},
    ],
    ids=str,
)  # fmt: skip
def test_a_header_that_would_break_every_request_is_told_at_start(item):
    with pytest.raises(ValidationError, match=f"1 validation error for Inject\n{next(iter(item))}\n"):
        Inject(value_env="KEY", **item)


def test_headers_of_every_spelling_that_upstreams_use_can_be_added(monkeypatch):
    monkeypatch.setenv("KEY", "secret-value")
    names = ("Authorization", "x-api-key", "X-Goog-Api-Key", "api-key", "cf-aig-authorization")
    upstream = Upstream(name="a", url="http://x", inject=tuple(Inject(header=name, value_env="KEY", prefix="Bearer ") for name in names))
    assert [(name, secret.value) for name, secret in injected("upstreams[0]", upstream)] == [
        (name.lower(), "Bearer secret-value") for name in names
    ]


def test_a_secret_that_is_replaced_by_two_lines_keeps_its_value(tmp_path):
    path = tmp_path / "key"
    path.write_text("key\n")
    secret = read_secret("what", file=path, prefix="Bearer ")
    replace(path, "key\r\nx-injected: yes")
    assert not secret.refresh()
    assert secret.value == "Bearer key"
    replace(path, "new\n")
    assert secret.refresh()
    assert secret.value == "Bearer new"


def test_files_that_cant_be_watched_are_looked_at_all_the_same(tmp_path):
    """As where the system has no watches left. Here the folder is away when watching begins."""
    folder, accounts = tmp_path / "mounted" / "policies", tmp_path / "mounted" / "accounts.yaml"
    folder.mkdir(parents=True)
    (folder / "a.yaml").write_text(OPEN["open.yaml"])
    accounts.write_text("accounts:\n  acme: {tier: gold}\n")
    log = io.StringIO()
    told = logger("json", "info", log)
    parts = build_parts(Settings(policies=folder, identity={"accounts_file": accounts}, log={"records": "off"}), told)
    (tmp_path / "mounted").rename(tmp_path / "away")

    async def scenario() -> None:
        following = Following(parts, {}, told, look_every_s=0.05)
        tasks = [asyncio.ensure_future(work) for work in following.watching()]
        async with asyncio.timeout(20):
            while log.getvalue().count("can't be watched") < 2:
                await asyncio.to_thread(threading.Event().wait, 0.02)
            (tmp_path / "away" / "policies" / "a.yaml").write_text(OPEN["open.yaml"].replace("open.none", "open.other"))
            (tmp_path / "away" / "accounts.yaml").write_text("accounts:\n  acme: {tier: gold}\n  other: {tier: gold}\n")
            (tmp_path / "away").rename(tmp_path / "mounted")
            while not (parts.policies.status.reloads and len(parts.accounts.directory) == 2):
                await asyncio.to_thread(threading.Event().wait, 0.02)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scenario())
    assert [rule.id for rule in parts.policies.current.rules] == ["open.other"]


def test_a_search_for_campaigns_that_fails_is_told_and_not_the_last(serve, monkeypatch):
    searches = Semaphore(0)

    def sweep(detector: Detector, now: float) -> None:
        searches.release()
        raise ZeroDivisionError

    proxy = serve(detection={"sweep_s": 0.05})
    monkeypatch.setattr(Detector, "sweep", sweep)
    for _ in range(3):
        assert searches.acquire(timeout=10)
    assert {line["decision"] for line in proxy.events if line["event"] == "fault"} == {"sweep"}
