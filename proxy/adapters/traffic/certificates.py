"""The certificate of a listener, followed as its files change. New connections get the new one; a broken pair changes nothing."""

from __future__ import annotations

import ssl

from proxy.settings import Tls


class Certificates:
    """A server context made from files. `context` stays the same object; what it presents is replaced."""

    def __init__(self, files: Tls) -> None:
        """Raises OSError or ssl.SSLError for files that can't be used."""
        self._files = files
        self._seen = self._stamp()
        self.context = _context(files)

    def refresh(self) -> bool:
        """Load the files if they changed; says whether they did. Raises OSError or ssl.SSLError once for each version that is broken."""
        stamp = self._stamp()
        if stamp == self._seen:
            return False
        self._seen = stamp
        _context(self._files)  # a broken pair is noticed here, before the live context is touched
        self.context.load_cert_chain(self._files.certificate, self._files.key)
        return True

    def _stamp(self) -> tuple[tuple[int, int, int], ...]:
        found = [path.stat() for path in (self._files.certificate, self._files.key)]
        return tuple((file.st_mtime_ns, file.st_size, file.st_ino) for file in found)


def _context(files: Tls) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=files.client_ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    context.load_cert_chain(files.certificate, files.key)
    if files.client_ca:
        context.verify_mode = ssl.CERT_REQUIRED
    return context
