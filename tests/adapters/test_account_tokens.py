import base64
import hashlib
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from proxy.adapters.accounts.tokens import TokenAccounts, read_keys
from proxy.errors import ConfigError
from proxy.identity.caller import Account

NOW = 1_790_000_000.0
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
CLAIMS = {"iss": "https://issuer", "aud": "gateway", "sub": "acct-1", "exp": int(NOW) + 600, "org": "Acme", "tier": "gold"}


def rsa_key(key=RSA, kid="rsa", **more):
    return {**json.loads(RSAAlgorithm.to_jwk(key.public_key())), "kid": kid, **more}


def ec_key():
    return {**json.loads(ECAlgorithm.to_jwk(EC.public_key())), "kid": "ec"}


def ed_key():
    return {**json.loads(OKPAlgorithm.to_jwk(ED.public_key())), "kid": "ed"}


def key_set(path, *keys):
    path.write_text(json.dumps({"keys": keys}))
    return path


@pytest.fixture
def accounts(tmp_path):
    path = key_set(tmp_path / "jwks.json", rsa_key(), ec_key(), ed_key())
    return TokenAccounts(path, "https://issuer", "gateway", "sub", {"org": "org", "tier": "tier"})


def token(key=RSA, algorithm="RS256", kid="rsa", **claims):
    body = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return jwt.encode(body, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def refused(accounts):
    return dict(accounts.status.refused)


@pytest.mark.parametrize(
    ("key", "algorithm", "kid"), [(RSA, "RS256", "rsa"), (EC, "ES256", "ec"), (ED, "EdDSA", "ed")], ids=["rsa", "ec", "ed"]
)
def test_a_valid_token_names_its_account_with_the_claim_behind_each_attribute(accounts, key, algorithm, kid):
    expected = Account("acct-1", "token", org="Acme", tier="gold", sources=(("org", "claim org"), ("tier", "claim tier")))
    assert accounts.account(token(key, algorithm, kid), NOW) == expected
    assert refused(accounts) == {}


def test_what_is_not_a_token_is_left_to_the_credential_digest(accounts):
    assert accounts.account("sk-not-a-token", NOW) is None
    assert accounts.account("a.b.c" * 4000, NOW) is None
    assert refused(accounts) == {}


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        pytest.param({"exp": int(NOW) - 61}, "expired", id="expired"),
        pytest.param({"nbf": int(NOW) + 61}, "early", id="not valid yet"),
        pytest.param({"iss": "https://evil"}, "issuer", id="another issuer"),
        pytest.param({"aud": "other"}, "audience", id="for somebody else"),
        pytest.param({"exp": None}, "claims", id="without an end"),
        pytest.param({"aud": None}, "audience", id="without an audience"),
        pytest.param({"sub": None}, "claims", id="without an account"),
        pytest.param({"sub": "a b"}, "claims", id="an account that is no id"),
        pytest.param({"sub": "key-0123456789abcdef0123456789abcdef"}, "claims", id="the digest of somebody's credential"),
        pytest.param({"tier": ["gold"]}, "claims", id="an attribute that can't be read"),
    ],
)
def test_a_token_that_does_not_hold_names_nobody_and_is_counted(accounts, claims, reason):
    assert accounts.account(token(**claims), NOW) is None
    assert sum(refused(accounts).values()) == 1
    assert reason in refused(accounts) or (reason == "audience" and "claims" in refused(accounts))


def forged(header, claims=CLAIMS, signature=b""):
    def part(value):
        return base64.urlsafe_b64encode(value if isinstance(value, bytes) else json.dumps(value).encode()).rstrip(b"=").decode()

    return f"{part(header)}.{part(claims)}.{part(signature or b'x')}"


def signed_with_the_public_key():
    """The classic confusion: an HMAC whose secret is the public key that everybody knows."""
    pem = RSA.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    unsigned = forged({"alg": "HS256", "kid": "rsa", "typ": "JWT"}).rpartition(".")[0]
    mark = hmac.new(pem, unsigned.encode(), hashlib.sha256).digest()
    return f"{unsigned}.{base64.urlsafe_b64encode(mark).rstrip(b'=').decode()}"


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(lambda: token(OTHER), id="another key"),
        pytest.param(lambda: token(kid="gone"), id="an unknown key id"),
        pytest.param(lambda: token(kid=None), id="no key id among several keys"),
        pytest.param(lambda: token(EC, "ES256", "rsa"), id="another kind of key"),
        pytest.param(lambda: token(RSA, "PS256", "rsa"), id="an algorithm that the key isn't for"),
        pytest.param(lambda: forged({"alg": "none", "kid": "rsa"}), id="no signature"),
        pytest.param(signed_with_the_public_key, id="a shared secret made of the public key"),
        pytest.param(lambda: forged({"alg": "RS256", "kid": "rsa", "jwk": rsa_key(OTHER)}), id="a key of its own"),
        pytest.param(lambda: forged(b"{"), id="no header"),
        pytest.param(lambda: token()[:-8] + "AAAAAAAA", id="a changed signature"),
    ],
)
def test_a_forged_token_names_nobody(accounts, bad):
    assert accounts.account(bad(), NOW) is None
    assert sum(refused(accounts).values()) == 1


def test_any_three_parts_name_nobody(tmp_path):
    accounts = TokenAccounts(key_set(tmp_path / "jwks.json", rsa_key()), "https://issuer", "gateway", "sub", {})

    @settings(max_examples=200, deadline=None)
    @given(st.lists(st.text(alphabet="ABCeyJ0-_x9", max_size=30), min_size=3, max_size=3))
    def holds(parts):
        assert accounts.account(".".join(parts), NOW) is None

    holds()


def test_a_remembered_token_still_expires(accounts):
    text = token(nbf=int(NOW) - 10)
    assert accounts.account(text, NOW) is not None
    assert accounts.account(text, NOW + 659) is not None
    assert accounts.account(text, NOW + 660) is None
    assert accounts.account(text, NOW - 71) is None
    assert refused(accounts) == {"early": 1, "expired": 1}


def test_a_key_that_is_withdrawn_ends_what_it_signed(accounts):
    text = token()
    assert accounts.account(text, NOW) is not None
    key_set(accounts.path, rsa_key(OTHER))
    assert accounts.refresh()
    assert accounts.account(text, NOW) is None
    assert accounts.account(token(OTHER), NOW) is not None
    assert accounts.account(token(OTHER, kid=None), NOW) is not None
    assert accounts.status.reloads == 1


def test_a_bad_key_set_keeps_the_last_good_one(accounts):
    accounts.path.write_text('{"keys": [')
    assert not accounts.refresh()
    assert "JSON Web Key Set" in str(accounts.status.problems[0])
    assert accounts.account(token(), NOW) is not None
    accounts.path.unlink()
    assert not accounts.refresh()
    assert "isn't there" in str(accounts.status.problems[0])
    key_set(accounts.path, rsa_key(), ec_key(), ed_key())
    assert not accounts.refresh()
    assert accounts.status.problems == ()


def test_a_key_for_encryption_beside_those_that_sign_is_passed_over(tmp_path):
    keys = [rsa_key(OTHER, kid="enc-1", use="enc", alg="RSA-OAEP"), rsa_key(kid=None, use="sig")]
    assert list(read_keys(tmp_path / "jwks.json", json.dumps({"keys": keys}).encode())) == [""]


@pytest.mark.parametrize(
    ("keys", "what"),
    [
        pytest.param([{"kty": "oct", "k": "c2VjcmV0", "kid": "s"}], "isn't a public key", id="a shared secret"),
        pytest.param([{**json.loads(RSAAlgorithm.to_jwk(RSA)), "kid": "p"}], "is a private key", id="a private key"),
        pytest.param([rsa_key(), rsa_key(OTHER)], "not unique", id="an id twice"),
        pytest.param([rsa_key(kid=None), ec_key()], "is missing", id="no id among several"),
        pytest.param([rsa_key(use="enc")], "no key for signatures", id="for encryption"),
        pytest.param([rsa_key(use="wrap")], "isn't for signatures", id="for something else"),
        pytest.param([{**json.loads(RSAAlgorithm.to_jwk(RSA)), "use": "enc"}], "is a private key", id="a private key for encryption"),
        pytest.param([rsa_key(alg="HS256")], "usable", id="for another algorithm"),
        pytest.param([{"kty": "RSA", "kid": "x"}], "usable", id="incomplete"),
        pytest.param(["text"], "isn't a public key", id="no key"),
        pytest.param([], "isn't a JSON Web Key Set", id="no keys"),
    ],
)
def test_a_key_that_must_not_be_used_is_told(tmp_path, keys, what):
    with pytest.raises(ConfigError) as caught:
        read_keys(tmp_path / "jwks.json", json.dumps({"keys": keys}).encode())
    assert what in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)


def test_a_short_rsa_key_is_told(tmp_path):
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505 the weak key is what the test is about
    with pytest.raises(ConfigError, match="1024 bits"):
        read_keys(tmp_path / "jwks.json", json.dumps({"keys": [rsa_key(weak)]}).encode())


def test_a_claim_for_no_attribute_is_told_at_start(tmp_path):
    with pytest.raises(ConfigError, match="unknown attributes"):
        TokenAccounts(key_set(tmp_path / "jwks.json", rsa_key()), "i", "a", "sub", {"teir": "tier"})
