"""A signal, or time, makes the proxy look at its files again."""

from __future__ import annotations

import asyncio
import http.client
import os
from contextlib import closing
from pathlib import Path

import pytest

from proxy.adapters.secrets import injected, read_secret
from proxy.errors import ConfigError
from proxy.settings import Inject, Upstream
from tests.conftest import Running


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
        {"header": "X-Forwarded-For"}, {"prefix": "Bearer\r\nx: "}, {"prefix": "Schlüssel "}, {"value_env": "UMLAUT"},
    ],
    ids=str,
)  # fmt: skip
def test_a_header_that_would_break_every_request_is_told_at_start(monkeypatch, item):
    monkeypatch.setenv("KEY", "secret-value")
    monkeypatch.setenv("UMLAUT", "Schlüssel")
    upstream = Upstream(name="a", url="http://x", inject=(Inject(**{"value_env": "KEY", **item}),))
    with pytest.raises(ConfigError, match=r"upstreams\.a\.inject") as told:
        injected(upstream)
    assert "secret-value" not in str(told.value)


def test_headers_of_every_spelling_that_upstreams_use_can_be_added(monkeypatch):
    monkeypatch.setenv("KEY", "secret-value")
    names = ("Authorization", "x-api-key", "X-Goog-Api-Key", "api-key", "cf-aig-authorization")
    upstream = Upstream(name="a", url="http://x", inject=tuple(Inject(header=name, value_env="KEY", prefix="Bearer ") for name in names))
    assert [(name, secret.value) for name, secret in injected(upstream)] == [(name.lower(), "Bearer secret-value") for name in names]


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
