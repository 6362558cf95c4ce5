from __future__ import annotations

import asyncio

import pytest

from proxy.adapters.traffic.upstream import Upstream
from proxy.settings import Upstream as UpstreamSettings


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://[::1]:8000", "[::1]:8000"),
        ("http://bücher.example/api", "xn--bcher-kva.example"),
        ("https://api.example.com", "api.example.com"),
        ("http://vllm:8000", "vllm:8000"),
    ],
)
def test_an_upstream_is_asked_by_the_host_of_its_address_in_the_form_of_the_protocol(url, host):
    async def asked() -> bytes:
        upstream = Upstream(UpstreamSettings(name="a", url=url), [])
        try:
            return upstream.head("GET", "/v1/models", "", 0)
        finally:
            await upstream.close()

    head = asyncio.run(asked())
    assert f"\r\nhost: {host}\r\n".encode() in head
