"""TLS contexts made from files, made again when one of the files changes. New connections get the new one; broken files change nothing."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping
from pathlib import Path

from proxy.errors import ConfigError, Problem
from proxy.settings import Tls
from proxy.settings import Upstream as UpstreamSettings


class Certificates:
    """`context` is the present one: whoever holds it across a `refresh` that said yes has the old files."""

    def __init__(self, setting: str, files: Mapping[str, Path], make: Callable[[], ssl.SSLContext]) -> None:
        """`files` by the field of `setting` that names them. Raises ConfigError with a problem for each that can't be used."""
        self._setting, self._files, self._make = setting, files, make
        self._seen = self._stamp()
        self.context = self._made()

    def refresh(self) -> bool:
        """Read the files again if they changed; says whether they did. Raises ConfigError once for each version that is broken."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        self.context = self._made()
        return True

    def _stamp(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(map(_stamp, self._files.values()))

    def _made(self) -> ssl.SSLContext:
        problems = []
        for name, path in self._files.items():
            try:
                path.read_bytes()
            except OSError as error:
                told = f"can't be read: {error.strerror}"
                problems.append(Problem(str(path), 0, 0, f"{self._setting}.{name}", told, "name a readable PEM file"))
        if problems:
            raise ConfigError(problems)
        try:
            return self._make()
        except (ssl.SSLError, OSError) as error:
            reason = getattr(error, "reason", None) or "not PEM"
            files = ", ".join(map(str, self._files.values()))
            problem = Problem(files, 0, 0, self._setting, f"can't be used: {reason}", "name PEM files that belong together")
            raise ConfigError([problem]) from error


def listener_certificates(files: Tls) -> Certificates:
    """What the traffic listener presents, and whom it asks for a certificate."""
    named = {"certificate": files.certificate, "key": files.key}
    if files.client_ca is not None:
        named["client_ca"] = files.client_ca
    return Certificates("listen.tls", named, lambda: _listening(files))


def upstream_certificates(upstream: UpstreamSettings) -> Certificates | None:
    """Whom a model endpoint is trusted by, and what is presented to it. None for one that is spoken to without TLS."""
    if not upstream.url.lower().startswith("https:"):
        return None
    given = {"ca": upstream.ca, "client_certificate": upstream.client_certificate}
    named = {name: path for name, path in given.items() if path is not None}
    return Certificates(f"upstreams.{upstream.name}", named, lambda: _calling(upstream))


def _listening(files: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.client_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.certificate, files.key)
    if files.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _calling(upstream: UpstreamSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=upstream.ca)
    if upstream.client_certificate:
        context.load_cert_chain(upstream.client_certificate)
    return context


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
