"""Credentials: which secret a request carries, and the account it stands for without telling the secret.

A request that carries two different ones is refused: we would count it against one account while the upstream bills another.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Final, NamedTuple
from urllib.parse import unquote_plus

from proxy.errors import CallerError, Fault

Headers = Sequence[tuple[str, str]]
"""Header lines in the order received, names in lower case."""

CREDENTIAL_HEADERS: Final = frozenset({"authorization", "x-api-key", "api-key", "x-goog-api-key"})
QUERY_KEYS: Final = frozenset({"key", "$key", "access_token", "$access_token", "oauth_token"})
"""Query parameters in which Google's APIs take a credential."""

_ACCOUNT_ID = re.compile(r"[!-~]{1,128}\Z")
_ACCESS_KEY = re.compile(r"(?:^|[ \t,])Credential=([0-9A-Za-z]{16,128})/")
_PAIR = re.compile(r"[&;]?[^&;]+|[&;]")
_DIGEST_PERSON = b"tosproxy-account"
_DIGEST_BYTES = 16


class Credential(NamedTuple):
    """One secret and where it was found. Its repr doesn't show the secret."""

    kind: str
    """bearer, sigv4, another Authorization scheme in lower case ("" for a bare secret), or the name of the header or query parameter."""
    secret: str
    """What names the account: the key or token itself; of an AWS signature, which differs every time, the access key id."""

    def __repr__(self) -> str:
        return f"Credential(kind={self.kind!r})"


def credential(headers: Headers, query: str = "") -> Credential | None:
    """Find the one credential of a request; None when there isn't any.

    `query` is the raw query string of endpoints that take a key there. Raises CallerError(CREDENTIALS) when a header or parameter
    is repeated, when two places carry different secrets, or when one can be read as several; the same secret in two places is one credential.
    """
    found: Credential | None = None
    seen: list[str] = []
    for name, value in headers:
        if name in CREDENTIAL_HEADERS:
            if name in seen:
                raise _ambiguous(f"The {name} header is given twice.")
            seen.append(name)
            found = _join(found, _authorization(value) if name == "authorization" else _key(name, value))
    for name, value in _query_keys(query) if query else ():
        if name in seen:
            raise _ambiguous(f"The {name} query parameter is given twice.")
        seen.append(name)
        found = _join(found, _key(name, value))
    return found


def without_keys(query: str) -> str:
    """A raw query string without its credential parameters; any other as it was."""
    if not _query_keys(query):
        return query
    return "".join([pair for pair in _PAIR.findall(query) if _name(pair.lstrip("&;")) not in QUERY_KEYS]).lstrip("&;")


def digest_id(secret: str, key: bytes) -> str:
    """The account of a credential: `key-` and 32 hexadecimal digits of its keyed BLAKE2b digest. `key` has at most 64 bytes."""
    body = secret.encode("utf-8", "surrogatepass")
    return "key-" + hashlib.blake2b(body, digest_size=_DIGEST_BYTES, key=key, person=_DIGEST_PERSON).hexdigest()


def account_id(named: str, token: str, found: Credential | None, key: bytes) -> tuple[str, str]:
    """Name the account and say where the name came from: header, token, credential or none.

    `named` is what `gateway_account` read, `token` the account of a verified token; either may be "".
    """
    if named:
        return named, "header"
    if token:
        return token, "token"
    if found is not None:
        return digest_id(found.secret, key), "credential"
    return "", "none"


def gateway_account(headers: Headers, header: str, *, trusted: bool) -> str:
    """The account that a trusted gateway names in `header`; "" when the peer isn't trusted or names none.

    Raises CallerError(CREDENTIALS) when a trusted peer sends it twice (a gateway that appends to what the client wrote) or sends
    what can't be an account id: at most 128 visible ASCII characters.
    """
    if not trusted or not header:
        return ""
    values = [value for name, value in headers if name == header]
    if not values:
        return ""
    if len(values) > 1:
        raise _ambiguous(f"The {header} header is given twice.")
    if not values[0]:
        return ""
    if not _ACCOUNT_ID.match(values[0]):
        raise _ambiguous(f"The {header} header isn't an account id.")
    return values[0]


def _ambiguous(message: str) -> CallerError:
    return CallerError(Fault.CREDENTIALS, message)


def _join(found: Credential | None, other: Credential | None) -> Credential | None:
    if found is None or other is None:
        return found or other
    if found.secret != other.secret:
        raise _ambiguous("The request carries more than one credential.")
    return found


def _key(name: str, value: str) -> Credential | None:
    return Credential(name, value) if value else None


def _authorization(value: str) -> Credential | None:
    scheme, blank, rest = value.partition(" ")
    scheme, rest = scheme.lower(), rest.strip(" \t")
    if "\t" in scheme:  # some servers take it for the blank: one token would be two accounts
        raise _ambiguous("The authorization header has a tab where a blank belongs.")
    if scheme == "bearer":
        if " " in rest or "\t" in rest or "," in rest:
            raise _ambiguous("The authorization header holds more than one token.")
        return Credential("bearer", rest) if rest else None
    if scheme.startswith("aws4-"):
        access_key = _ACCESS_KEY.search(rest)
        if access_key is None or rest.lower().count("credential=") != 1:
            raise _ambiguous("The authorization header doesn't name exactly one access key.")
        return Credential("sigv4", access_key[1])
    return Credential(scheme if blank else "", value) if value else None


def _query_keys(query: str) -> list[tuple[str, str]]:
    """Credential parameters of a raw query string, decoded. Names are decoded first: `%6bey=` is `key=` to an upstream."""
    if "key" not in query and "token" not in query and "%" not in query:
        return []
    found = []
    for pair in query.replace(";", "&").split("&"):
        _, equals, value = pair.partition("=")
        if equals and (name := _name(pair)) in QUERY_KEYS:
            found.append((name, unquote_plus(value)))
    return found


def _name(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])
