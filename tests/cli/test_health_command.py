"""The health check asks this machine directly, wherever the admin listener is bound, and says what keeps the proxy from being ready."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator

import pytest

from tests.cli.running import run


class _Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        draining = self.path == "/readyz"
        self.send_response(503 if draining else 200)
        self.end_headers()
        self.wfile.write(b'{"ready": false, "reasons": ["draining"]}' if draining else b'{"alive": true}')

    def log_message(self, *_):
        pass


class _Six(http.server.HTTPServer):
    address_family = socket.AF_INET6


@pytest.fixture(params=["127.0.0.1", "0.0.0.0", "::"])
def admin(request, tmp_path) -> Iterator[str]:
    """Settings of a proxy whose admin listener is bound to an address."""
    kind, host = (_Six, "::1") if ":" in request.param else (http.server.HTTPServer, "127.0.0.1")
    try:
        server = kind((host, 0), _Page)
    except OSError:
        pytest.skip("no IPv6 here")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "s.yaml").write_text(f'admin: {{host: "{request.param}", port: {server.server_address[1]}, token: a-token}}\n')
    yield str(tmp_path / "s.yaml")
    server.shutdown()
    server.server_close()


def test_a_live_proxy_is_well_whatever_proxy_the_environment_names(admin, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        nobody = f"http://127.0.0.1:{taken.getsockname()[1]}"
    for name in ("http_proxy", "all_proxy"):
        monkeypatch.setenv(name, nobody)
    result = run("health", "-s", admin)
    assert (result.exit_code, result.stdout) == (0, '{"alive": true}\n')


def test_what_keeps_it_from_being_ready_is_told(admin):
    result = run("health", "--ready", "-s", admin)
    assert (result.exit_code, result.stdout) == (1, '{"ready": false, "reasons": ["draining"]}\n')


def test_nobody_there_is_told_in_words(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    (tmp_path / "s.yaml").write_text(f"admin: {{port: {port}}}\n")
    result = run("health", "-s", tmp_path / "s.yaml")
    assert result.exit_code == 1
    assert result.stderr == f"http://127.0.0.1:{port}/healthz: Connection refused; is the proxy running, with these settings?\n"
