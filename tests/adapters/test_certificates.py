from __future__ import annotations

import datetime as dt
import socket
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from proxy.adapters.traffic.certificates import Certificates
from proxy.settings import Tls


def issue(folder: Path, name: str) -> Tls:
    """A self-signed pair for localhost, called `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    day = dt.timedelta(days=1)
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
    made = (
        builder.serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + 3650 * day)
        .sign(key, hashes.SHA256())
    )
    files = Tls(certificate=folder / "tls.crt", key=folder / "tls.key")
    files.certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    return files


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
    assert proxy.server.listener.refresh_certificates()
    assert presented((host, int(port))) == "second"


def test_a_broken_pair_is_told_once_and_changes_nothing(tmp_path):
    certificates = Certificates(issue(tmp_path, "first"))
    assert not certificates.refresh()
    (tmp_path / "tls.key").write_text("not a key")
    with pytest.raises(ssl.SSLError):
        certificates.refresh()
    assert not certificates.refresh()
    issue(tmp_path, "second")
    assert certificates.refresh()
