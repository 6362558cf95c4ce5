from __future__ import annotations

import asyncio
import datetime as dt
import http.client
import io
import ipaddress
import shutil
import socket
import ssl
from contextlib import closing
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.adapters.following import Certified
from proxy.adapters.telemetry.log import logger
from proxy.adapters.traffic.certificates import listener_certificates
from proxy.errors import ConfigError
from proxy.server import Server
from proxy.settings import Settings, Tls
from tests.conftest import Running


def issue(folder: Path, name: str, stem: str = "tls") -> Tls:
    """A self-signed pair for localhost, called `name`, in the files `stem`.crt, .key, and .pem with both."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    day = dt.timedelta(days=1)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + 3650 * day)
        .add_extension(here, critical=False)
        .sign(key, hashes.SHA256())
    )
    files = Tls(certificate=folder / f"{stem}.crt", key=folder / f"{stem}.key")
    certificate = made.public_bytes(serialization.Encoding.PEM)
    secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for path, text in ((files.certificate, certificate), (files.key, secret), (folder / f"{stem}.pem", certificate + secret)):
        path.write_bytes(text)
    return files


def refreshed(proxy: Running, holder: Certified) -> bool:
    """Whether new files were found, as the proxy's loop finds them."""
    return asyncio.run_coroutine_threadsafe(holder.refresh_certificates(), proxy.loop).result(10)


def presented(address: tuple[str, int]) -> str:
    """The name in the certificate that a listener presents."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(address, timeout=10) as raw, context.wrap_socket(raw) as secured:
        found = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True) or b"")
    return str(found.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


def test_new_connections_get_the_certificate_that_the_files_hold_now(serve, tmp_path):
    files = issue(tmp_path, "first")
    proxy = serve(listen={"port": 0, "tls": files})
    host, _, port = proxy.url.removeprefix("https://").rpartition(":")
    assert presented((host, int(port))) == "first"
    issue(tmp_path, "second")
    assert refreshed(proxy, proxy.server.listener)
    assert presented((host, int(port))) == "second"


@pytest.mark.parametrize("replaced", [False, True], ids=["at the start", "after a change"])
def test_a_handshake_takes_no_longer_than_headers_may(serve, tmp_path, replaced):
    proxy = serve(listen={"port": 0, "tls": issue(tmp_path, "first")}, caps={"header_s": 0.3})
    if replaced:
        issue(tmp_path, "second")
        assert refreshed(proxy, proxy.server.listener)
    host, _, port = proxy.url.removeprefix("https://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=10) as silent:
        assert silent.recv(1) == b""


def let_in(address: tuple[str, int], client: Path) -> bool:
    """Whether a client with this certificate gets an answer."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.load_cert_chain(client)
    try:
        with socket.create_connection(address, timeout=10) as raw, context.wrap_socket(raw) as secured:
            secured.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            return secured.recv(9) == b"HTTP/1.1 "
    except (ssl.SSLError, ConnectionError):
        return False


@pytest.mark.parametrize("preface", [(), ("127.0.0.2/32",)], ids=["plain", "behind the PROXY protocol"])
def test_authorities_for_clients_are_replaced_with_their_file(serve, tmp_path, preface):
    files = issue(tmp_path, "server")
    issue(tmp_path, "old", "old")
    issue(tmp_path, "new", "new")
    authority = tmp_path / "ca.crt"
    shutil.copy(tmp_path / "old.crt", authority)
    listen = {"port": 0, "tls": files.model_copy(update={"client_ca": authority}), "proxy_protocol_from": preface}
    proxy = serve(listen=listen)
    host, _, port = proxy.url.removeprefix("https://").rpartition(":")
    address = (host, int(port))
    assert [let_in(address, tmp_path / f"{name}.pem") for name in ("old", "new")] == [True, False]
    shutil.copy(tmp_path / "new.crt", authority)
    assert refreshed(proxy, proxy.server.listener)
    assert [let_in(address, tmp_path / f"{name}.pem") for name in ("old", "new")] == [False, True]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_session_begun_under_authorities_that_are_gone_is_not_gone_on_with(serve, tmp_path, version):
    files = issue(tmp_path, "server")
    issue(tmp_path, "old", "old")
    issue(tmp_path, "new", "new")
    authority = tmp_path / "ca.crt"
    shutil.copy(tmp_path / "old.crt", authority)
    proxy = serve(listen={"port": 0, "tls": files.model_copy(update={"client_ca": authority})})
    host, _, port = proxy.url.removeprefix("https://").rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(tmp_path / "old.pem")

    def call(session: ssl.SSLSession | None) -> tuple[bool, ssl.SSLSession | None]:
        """Whether there was an answer, and the session for the next time."""
        try:
            with socket.create_connection((host, int(port)), timeout=10) as raw, context.wrap_socket(raw, session=session) as secured:
                secured.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
                return secured.recv(9) == b"HTTP/1.1 ", secured.session
        except (ssl.SSLError, ConnectionError):
            return False, None

    served, session = call(None)
    assert served
    shutil.copy(tmp_path / "new.crt", authority)
    assert refreshed(proxy, proxy.server.listener)
    assert not call(session)[0]


def test_whom_an_upstream_is_trusted_by_is_replaced_with_its_file(serve, tmp_path):
    model = serve(listen={"port": 0, "tls": issue(tmp_path, "model")})
    issue(tmp_path, "stranger", "stranger")
    authority = tmp_path / "ca.crt"
    shutil.copy(tmp_path / "stranger.crt", authority)
    proxy = serve(upstreams=({"name": "model", "url": model.url, "ca": authority},))
    assert asked(proxy.address) == 502
    shutil.copy(tmp_path / "tls.crt", authority)
    (upstream,) = proxy.server.upstreams
    assert refreshed(proxy, upstream)
    assert asked(proxy.address) == 200
    proxy.stop()  # before the model, as clients leave before servers do


def asked(address: tuple[str, int]) -> int:
    """The status of a model call."""
    with closing(http.client.HTTPConnection(*address, timeout=10)) as connection:
        body = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
        connection.request("POST", "/v1/chat/completions", body, {"content-type": "application/json"})
        return connection.getresponse().status


def test_a_broken_pair_is_told_once_and_changes_nothing(tmp_path):
    certificates = listener_certificates(issue(tmp_path, "first"))
    assert not certificates.refresh()
    (tmp_path / "tls.key").write_text("not a key")
    with pytest.raises(ConfigError, match=r"tls\.key: listen\.tls: can't be used"):
        certificates.refresh()
    assert not certificates.refresh()
    (tmp_path / "tls.key").unlink()
    with pytest.raises(ConfigError, match=r"tls\.key: listen\.tls\.key: can't be read"):
        certificates.refresh()
    assert not certificates.refresh()
    issue(tmp_path, "second")
    assert certificates.refresh()


def test_files_of_certificates_that_can_not_be_used_are_told_with_everything_else_before_anything_listens(tmp_path):
    (tmp_path / "not.pem").write_text("not PEM")
    gone = tmp_path / "gone"
    settings = Settings(
        policies=gone,
        listen={"tls": {"certificate": gone, "key": tmp_path / "not.pem"}},
        upstreams=(
            {"name": "a", "url": "https://a", "ca": gone},
            {"name": "b", "url": "https://b", "client_certificate": tmp_path / "not.pem"},
        ),
    )
    with pytest.raises(ConfigError) as wrong:
        Server(settings, logger("json", "error", io.StringIO()))
    assert sorted(problem.path for problem in wrong.value.problems) == ["", "listen.tls.certificate", "upstreams.a.ca", "upstreams.b"]
