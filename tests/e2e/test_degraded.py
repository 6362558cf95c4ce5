"""What is degraded while traffic is served is told where operators look: in the log, on /readyz and in metrics."""

from __future__ import annotations

import http.client
import json
import re
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ed25519
from jwt.algorithms import OKPAlgorithm

from tests.adapters.geo_files import embedded
from tests.conftest import OPEN, Running

WAIVED = {
    **OPEN,
    "w.yaml": "waivers: [{id: w.gone, waives: [open.*], when: account.verified, expires: 2026-01-31, reason: r, approver: a}]\n",
}


def page(proxy: Running, path: str) -> str:
    with closing(http.client.HTTPConnection(proxy.admin.removeprefix("http://"), timeout=10)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read().decode()


def sample(proxy: Running, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", page(proxy, "/metrics"), re.MULTILINE)]


def told(proxy: Running, event: str, what: str | None) -> list[dict[str, Any]]:
    return [line for line in proxy.events if line["event"] == event and line.get("what") == what]


def eventually(proxy: Running, event: str, what: str | None) -> dict[str, Any]:
    tick = threading.Event()
    for _ in range(3000):
        if found := told(proxy, event, what):
            return found[0]
        tick.wait(0.01)
    raise AssertionError(f"no event {event!r} about {what}")


def test_an_expired_waiver_is_loud(serve):
    proxy = serve(WAIVED)
    (event,) = (line for line in proxy.events if line["event"] == "expired")
    assert (event["level"], event["ended"]) == ("warning", ["w.gone"])
    ready = json.loads(page(proxy, "/readyz"))
    assert ready["ready"] is True
    assert "w.gone has expired and does nothing any more" in ready["warnings"]
    assert sample(proxy, "tosproxy_policy_expired") == [1.0]


def test_a_shared_store_that_was_never_there_is_told_before_anyone_asks(serve):
    proxy = serve(state={"kind": "redis", "url": "redis://127.0.0.1:9/0"}, identity={"digest_key": "0123456789abcdef"})
    assert eventually(proxy, "limit_store_lost", None)["level"] == "warning"
    assert "the shared limit store is lost; limits are decided here alone" in json.loads(page(proxy, "/readyz"))["warnings"]
    assert sample(proxy, "tosproxy_limit_store_degraded") == [1.0]


def test_a_file_that_goes_bad_while_it_is_in_use_is_told_as_such(serve, tmp_path: Path):
    key = json.loads(OKPAlgorithm.to_jwk(ed25519.Ed25519PrivateKey.generate().public_key()))
    files = {name: tmp_path / "mounted" / name for name in ("accounts.yaml", "jwks.json", "country.mmdb")}
    files["jwks.json"].parent.mkdir()
    files["jwks.json"].write_text(json.dumps({"keys": [{**key, "kid": "a"}]}))
    files["accounts.yaml"].write_text("accounts:\n  acme: {tier: gold}\n")
    files["country.mmdb"].write_bytes(embedded("country.mmdb"))
    token = {"jwks_file": files["jwks.json"], "issuer": "i", "audience": "a"}
    proxy = serve(watch=True, identity={"accounts_file": files["accounts.yaml"], "jwt": token}, geo={"databases": [files["country.mmdb"]]})
    good = [sample(proxy, f"tosproxy_{name}") for name in ("accounts_listed", "accounts_reload_ok", "token_keys_ok")]
    assert good == [[1.0], [1.0], [1.0]]
    for file in files.values():
        file.write_bytes(b"damaged")
    for what in ("accounts", "token keys", "region databases"):
        event = eventually(proxy, "not reloaded, the last good version stays in force", what)
        assert (event["level"], len(event["problems"])) == ("error", 1)
        assert told(proxy, "reloaded", what) == []
    warnings = "\n".join(json.loads(page(proxy, "/readyz"))["warnings"])
    assert "the accounts file on disk can't be used: accounts.yaml" in warnings
    assert "the token keys on disk can't be used" in warnings
    bad = [sample(proxy, f"tosproxy_{name}") for name in ("accounts_listed", "accounts_reload_ok", "token_keys_ok")]
    assert bad == [[1.0], [0.0], [0.0]]


def test_what_gateways_and_issuers_send_in_vain_is_counted(serve, tmp_path: Path):
    keys = tmp_path / "jwks.json"
    signing = ed25519.Ed25519PrivateKey.generate()
    keys.write_text(json.dumps({"keys": [{**json.loads(OKPAlgorithm.to_jwk(signing.public_key())), "kid": "a"}]}))
    identity = {
        "trusted_proxies": ["127.0.0.0/8"], "account_headers": {"country": "x-country"},
        "jwt": {"jwks_file": keys, "issuer": "i", "audience": "a"},
    }  # fmt: skip
    proxy = serve(identity=identity)
    with closing(http.client.HTTPConnection(*proxy.address)) as connection:
        body = {"model": "demo-small", "messages": [{"role": "user", "content": "Why?"}]}
        headers = {"content-type": "application/json", "x-country": "Germany", "authorization": "Bearer eyJhbGciOiJFZERTQSJ9.e30.AAAA"}
        connection.request("POST", "/v1/chat/completions", json.dumps(body), headers)
        assert connection.getresponse().status == 200
    assert sample(proxy, "tosproxy_account_attributes_unreadable_total") == [1.0]
    assert sum(sample(proxy, "tosproxy_tokens_refused_total")) == 1.0
