"""TokenAccounts: accounts from the claims of JSON Web Tokens, verified against a key set in a file."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import jwt
import watchfiles
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from proxy.accounts.attributes import READERS, read_attributes
from proxy.errors import SETTINGS, ConfigError, Problem
from proxy.identity.caller import Account

ALGORITHMS: Final = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"})
"""Signatures with public keys only: with a shared secret, or with `none`, a token proves nothing here."""
_LEEWAY_S: Final = 60.0
_REMEMBERED: Final = 4096
_LONGEST_TOKEN: Final = 8192
_LARGEST_FILE_BYTES: Final = 1 << 20
_FEWEST_RSA_BITS: Final = 2048
_ACCOUNT_ID = re.compile(r"(?!key-)[!-~]{1,128}\Z")
"""Ids that begin with key- are digests of credentials: an issuer must not be able to name one."""
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\Z")


class TokensStatus(NamedTuple):
    """Where token verification stands, for metrics and readiness."""

    keys: int
    reloads: int
    problems: tuple[Problem, ...]
    """Why the newest key set isn't in use; empty when it is."""
    refused: tuple[tuple[str, int], ...]
    """Tokens refused, by reason: expired, early, signature, issuer, audience, key, claims or malformed."""


class TokenAccounts:
    """Verifies tokens and names their accounts. A verified token is remembered until it expires or the keys change."""

    def __init__(self, path: Path, issuer: str, audience: str, account_claim: str, claims: Mapping[str, str]) -> None:
        """Read the key set; raises ConfigError with every problem. `claims` names the claim of each account attribute."""
        self.path = path
        self._issuer, self._audience, self._account_claim = issuer, audience, account_claim
        self._claims = {attribute: claim for attribute, claim in claims.items() if claim}
        unknown = sorted(self._claims.keys() - READERS.keys())
        if unknown:
            raise ConfigError(
                [Problem(SETTINGS, 0, 0, "identity.jwt.claims", f"unknown attributes {unknown}", f"known: {', '.join(READERS)}")]
            )
        self._content = _read(path)
        self._keys = read_keys(path, self._content)
        self._verified: OrderedDict[bytes, tuple[float, float, Account]] = OrderedDict()
        self._refused: Counter[str] = Counter()
        self._reloads = 0
        self._problems: tuple[Problem, ...] = ()

    def account(self, token: str, now: float) -> Account | None:
        """The account that a valid token names; None for what isn't a token or isn't valid, which is counted by reason."""
        if len(token) > _LONGEST_TOKEN or not _SHAPE.match(token):
            return None
        mark = hashlib.blake2b(token.encode("ascii"), digest_size=16).digest()
        known = self._verified.get(mark)
        if known is None:
            try:
                known = self._verify(token)
            except jwt.PyJWTError as error:
                self._refused[_reason(error)] += 1
                return None
            self._verified[mark] = known
            if len(self._verified) > _REMEMBERED:
                self._verified.popitem(last=False)
        begins, ends, account = known
        if begins - _LEEWAY_S <= now < ends + _LEEWAY_S:
            return account
        self._refused["early" if now < begins else "expired"] += 1
        return None

    def refresh(self) -> bool:
        """Read the key set again. Says whether it was replaced; a bad one leaves the old one in use."""
        try:
            content = _read(self.path)
            if content == self._content:
                self._problems = ()
                return False
            keys = read_keys(self.path, content)
        except ConfigError as error:
            self._problems = tuple(error.problems)
            return False
        self._content, self._keys, self._problems = content, keys, ()
        self._verified = OrderedDict()  # a key that was withdrawn must not live on in what it signed
        self._reloads += 1
        return True

    async def watch(self, report: Callable[[TokensStatus], None], look_every_s: float = 5.0) -> None:
        """Follow the key set file until cancelled; `report` gets the status when it was replaced or couldn't be."""
        events = watchfiles.awatch(
            self.path.parent, watch_filter=None, recursive=False, yield_on_timeout=True, rust_timeout=int(look_every_s * 1000)
        )
        async for _ in events:
            before = self._problems
            if self.refresh() or self._problems != before:
                report(self.status)

    @property
    def status(self) -> TokensStatus:
        """Keys in use and tokens refused."""
        return TokensStatus(len(self._keys), self._reloads, self._problems, tuple(sorted(self._refused.items())))

    def _verify(self, token: str) -> tuple[float, float, Account]:
        """Times of validity and account. Raises PyJWTError. Our own clock judges the times, so that replay sees the same."""
        header = jwt.get_unverified_header(token)
        key = self._key(header.get("kid"))
        claims = jwt.decode(
            token,
            key=key,
            algorithms=[key.algorithm_name],
            issuer=self._issuer,
            audience=self._audience,
            options={"require": ["exp", "iss", "aud"], "verify_exp": False, "verify_nbf": False, "verify_iat": False},
        )
        account_id = claims.get(self._account_claim)
        if not isinstance(account_id, str) or not _ACCOUNT_ID.match(account_id):
            raise jwt.exceptions.InvalidSubjectError("the account claim isn't an account id")
        begins, ends = _moment(claims.get("nbf", 0)), _moment(claims["exp"])
        values = {attribute: claims.get(claim) for attribute, claim in self._claims.items()}
        attributes, faults = read_attributes(values, lambda name: f"claim {self._claims[name]}")
        if faults:
            raise jwt.exceptions.InvalidSubjectError(f"claim {self._claims[faults[0].name]} can't be read")
        return begins, ends, Account(account_id, "token", False, *attributes)

    def _key(self, key_id: object) -> jwt.PyJWK:
        found = self._keys.get(key_id) if isinstance(key_id, str) else None
        if found is None and key_id is None and len(self._keys) == 1:
            found = next(iter(self._keys.values()))
        if found is None:
            raise jwt.InvalidKeyError("no such key")
        return found


def read_keys(path: Path, content: bytes) -> dict[str, jwt.PyJWK]:
    """Keys of a JSON Web Key Set (RFC 7517) by their id. Raises ConfigError with every key that can't be used.

    Keys for encryption, which some issuers publish in the same set, are passed over.
    """
    try:
        keys = json.loads(content)["keys"]
    except (ValueError, KeyError, TypeError, RecursionError):
        keys = None
    if not isinstance(keys, list) or not keys:
        raise ConfigError([Problem(str(path), 0, 0, "keys", "isn't a JSON Web Key Set", 'give {"keys": [...]} with public keys')])
    problems: list[Problem] = []
    found: dict[str, jwt.PyJWK] = {}
    signing = [(index, item) for index, item in enumerate(keys) if not _encrypts(item)]
    if not signing:
        problems.append(Problem(str(path), 0, 0, "keys", "holds no key for signatures", "give the set whose keys sign the issuer's tokens"))
    for index, item in signing:
        try:
            key = _public_key(item)
        except (ValueError, jwt.PyJWTError) as error:
            what, _, fix = str(error).partition("; ") if isinstance(error, ValueError) else ("isn't a usable key", "", "")
            problems.append(Problem(str(path), 0, 0, f"keys[{index}]", what, fix))
            continue
        key_id = key.key_id if isinstance(key.key_id, str) else ""
        if key_id in found or (not key_id and len(signing) > 1):
            problems.append(Problem(str(path), 0, 0, f"keys[{index}].kid", "is missing or not unique", "give each key a kid of its own"))
        found[key_id] = key
    if problems:
        raise ConfigError(problems)
    return found


def _encrypts(item: Any) -> bool:
    """A public key for encryption. A private one isn't passed over: it must be told, whatever it is for."""
    return isinstance(item, dict) and item.get("use") == "enc" and not {"d", "k"} & item.keys()


def _public_key(item: Any) -> jwt.PyJWK:
    if not isinstance(item, dict) or item.get("kty") not in {"RSA", "EC", "OKP"}:
        raise ValueError("isn't a public key; give keys of type RSA, EC or OKP, no shared secrets")
    if "d" in item:
        raise ValueError("is a private key; give the public half and renew this key, since it was in a file for readers")
    if item.get("use", "sig") != "sig":
        raise ValueError("isn't for signatures; give keys whose use is sig")
    key = jwt.PyJWK(item)
    if key.algorithm_name not in ALGORITHMS:
        raise ValueError(f"algorithm {key.algorithm_name[:20]} isn't accepted; use one of {', '.join(sorted(ALGORITHMS))}")
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _FEWEST_RSA_BITS:
        raise ValueError(f"has only {key.key.key_size} bits; use at least {_FEWEST_RSA_BITS}")
    return key


def _read(path: Path) -> bytes:
    fix = "give the JSON Web Key Set of the issuer"
    try:
        content = path.read_bytes() if path.is_file() and path.stat().st_size <= _LARGEST_FILE_BYTES else b""
    except OSError as error:
        raise ConfigError([Problem(str(path), 0, 0, "identity.jwt.jwks_file", f"can't be read: {error.strerror}", fix)]) from error
    if not content:
        what = "isn't there, is no file, is empty or is larger than a key set"
        raise ConfigError([Problem(str(path), 0, 0, "identity.jwt.jwks_file", what, fix)])
    return content


def _moment(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12:
        raise jwt.DecodeError("a time claim isn't a number")
    return float(value)


def _reason(error: jwt.PyJWTError) -> str:
    if isinstance(error, jwt.InvalidSignatureError | jwt.InvalidAlgorithmError):
        return "signature"
    if isinstance(error, jwt.InvalidIssuerError):
        return "issuer"
    if isinstance(error, jwt.InvalidAudienceError):
        return "audience"
    if isinstance(error, jwt.InvalidKeyError):
        return "key"
    if isinstance(error, jwt.exceptions.InvalidSubjectError | jwt.MissingRequiredClaimError):
        return "claims"
    return "malformed"
