"""Texts of a settled form, as types: addresses of services, header names, path prefixes, names of models.

What hasn't the form is refused with what to write instead. The words never quote it: an address may hold a password.
"""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS: Final = re.compile(r"host|content-length|transfer-encoding|connection|upgrade|te|trailer|expect|accept-encoding|via|x-forwarded-.*")
"""Headers that frame a request or say where it came from: the proxy writes them."""
_HOST: Final = re.compile(rb"[0-9A-Za-z._-]+|[0-9A-Fa-f:.]+(%25[0-9A-Za-z._-]+)?")
_WEB: Final = frozenset({"http", "https"})
_STORES: Final = frozenset({"redis", "rediss", "unix"})


def _base_url(text: str) -> str:
    if not (_is_address(text, _WEB) and text.isprintable() and _can_be_asked(text)):
        raise ValueError("write http://host:port or https://host/path, without user, query or fragment")
    return text.rstrip("/")


def _can_be_asked(text: str) -> bool:
    from yarl import URL

    try:
        url = URL(text)
        host = (url.raw_host or "").encode("idna")  # as it is looked up, or the lookup fails at every request
    except ValueError:
        return False
    return _HOST.fullmatch(host) is not None and "@" not in url.raw_authority and not (url.query_string or url.fragment)


def _collector_url(text: str) -> str:
    if text and not _is_address(text, _WEB):
        raise ValueError("write the whole address, such as http://collector:4318/v1/traces")
    return text


def _store_url(url: SecretStr) -> SecretStr:
    if not _is_address(url.get_secret_value(), _STORES):
        raise ValueError("write redis://host:6379/0, rediss://host:6379/0 for TLS, or unix:///path/of/socket")
    return url


def _is_address(text: str, schemes: frozenset[str]) -> bool:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in schemes and bool(parts.path if parts.scheme == "unix" else parts.hostname) and port != 0


def _header_name(text: str) -> str:
    if not _TOKEN.fullmatch(text):
        raise ValueError("isn't the name of a header: write letters, digits and dashes, such as x-account")
    return text


def _added_header_name(text: str) -> str:
    if _OURS.fullmatch(_header_name(text).lower()):
        raise ValueError("frames a request or says where it came from: name a header such as authorization")
    return text


def _header_text(text: str) -> str:
    if not (text.isascii() and text.isprintable()):
        raise ValueError("is no text for a header: give one line of visible ASCII characters")
    return text


def _path_prefix(text: str) -> str:
    if not text.startswith("/"):
        raise ValueError("no path begins like that: write a slash first, such as /v1/messages")
    return text


def _model_name(text: str) -> str:
    if not text or "*" in text[:-1]:
        raise ValueError("write a model's name, or its beginning with * at the end, such as claude-*")
    return text


BaseUrl = Annotated[str, AfterValidator(_base_url)]
"""http or https, without user, query or fragment; a slash at its end is dropped."""
CollectorUrl = Annotated[str, AfterValidator(_collector_url)]
"""http or https; empty for none."""
StoreUrl = Annotated[SecretStr, AfterValidator(_store_url)]
"""A Redis or Valkey server."""
AddedHeaderName = Annotated[str, AfterValidator(_added_header_name)]
"""A header that the proxy may be told to set."""
HeaderText = Annotated[str, AfterValidator(_header_text)]
OptionalHeaderName = Annotated[str, AfterValidator(lambda text: text and _header_name(text))]
"""Empty for none."""
PathPrefix = Annotated[str, AfterValidator(_path_prefix)]
ModelName = Annotated[str, AfterValidator(_model_name)]
"""A model, or the beginning of several with * at the end."""
