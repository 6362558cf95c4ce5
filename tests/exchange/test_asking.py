"""Where bodies are read: what takes long to unpack or to read must not keep others waiting."""

from __future__ import annotations

import asyncio
import gzip
from threading import current_thread, main_thread
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.streams import StreamReader

from proxy.adapters.traffic.http1 import Head
from proxy.dialects.routes import find_route
from proxy.errors import CallerError, Fault
from proxy.exchange.asking import LARGE_BYTES, read
from proxy.settings import Caps

CHAT = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
FORM = b'--b\r\nContent-Disposition: form-data; name="model"\r\n\r\nm\r\n--b--\r\n'
LONG = CHAT[:-1] + b',"user":"' + b"u" * LARGE_BYTES + b'"}'


class Aliases(dict[str, str]):
    """Notes where names are looked up: in the middle of reading."""

    threads: Any

    def get(self, name: str, default: Any = None) -> Any:
        self.threads.add(current_thread())
        return default


def _threads(path: str, body: bytes, kind: str, coding: str) -> set[Any]:
    async def run() -> set[Any]:
        loop = asyncio.get_running_loop()
        content = StreamReader(BaseProtocol(loop), 2**24, loop=loop)
        content.feed_data(body)
        content.feed_eof()
        names = Aliases()
        names.threads = set()
        head = Head("POST", path, "", [], "h", kind, coding, len(body), False, False, "")
        request: Any = SimpleNamespace(content=content)
        await read(request, SimpleNamespace(), head, find_route("POST", path), names, Caps())  # type: ignore[arg-type]
        return names.threads

    return asyncio.run(run())


@pytest.mark.parametrize(("path", "body", "kind"), [
    ("/v1/chat/completions", CHAT, "application/json"),
    ("/v1/audio/transcriptions", FORM, "multipart/form-data; boundary=b"),
])  # fmt: skip
def test_what_is_packed_is_read_in_a_thread_however_small_it_came(path, body, kind):
    assert _threads(path, body, kind, "") == {main_thread()}
    assert main_thread() not in _threads(path, gzip.compress(body), kind, "gzip")


@pytest.mark.parametrize("kind", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_ollamas_api_takes_json_as_whatever_it_is_declared(kind):
    assert _threads("/api/chat", CHAT, kind, "") == {main_thread()}


def test_apis_that_refuse_json_declared_as_a_form_are_spared_it():
    with pytest.raises(CallerError) as refusal:
        _threads("/v1/chat/completions", CHAT, "application/x-www-form-urlencoded", "")
    assert refusal.value.fault is Fault.MEDIA_TYPE


def test_what_is_large_is_read_in_a_thread():
    assert main_thread() not in _threads("/v1/chat/completions", LONG, "application/json", "")
