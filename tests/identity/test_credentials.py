import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.errors import CallerError, Fault
from proxy.identity.credentials import account_id, credential, digest_id, gateway_account, without_keys

KEY = b"k" * 32
AWS = "AWS4-HMAC-SHA256"


def refused(headers, query=""):
    with pytest.raises(CallerError) as caught:
        credential(headers, query)
    assert caught.value.fault is Fault.CREDENTIALS
    return caught.value.message


@pytest.mark.parametrize(
    ("headers", "query", "kind", "secret"),
    [
        pytest.param([("authorization", "Bearer sk-1")], "", "bearer", "sk-1", id="bearer"),
        pytest.param([("authorization", "bearer   sk-1 ")], "", "bearer", "sk-1", id="scheme in any case, spaces around"),
        pytest.param([("authorization", "Bearer sk-1\t")], "", "bearer", "sk-1", id="a tab at the end"),
        pytest.param([("authorization", "sk-1")], "", "", "sk-1", id="a secret without a scheme"),
        pytest.param([("x-api-key", "sk-1")], "", "x-api-key", "sk-1", id="Anthropic"),
        pytest.param([("api-key", "sk-1")], "", "api-key", "sk-1", id="Azure"),
        pytest.param([("x-goog-api-key", "sk-1")], "", "x-goog-api-key", "sk-1", id="Google"),
        pytest.param([], "alt=sse&key=sk-1", "key", "sk-1", id="Google, in the query"),
        pytest.param([], "%6bey=sk%2D1", "key", "sk-1", id="a query name that is encoded"),
        pytest.param([], "%24key=sk-1", "$key", "sk-1", id="Google, as a system parameter"),
        pytest.param([], "oauth_token=sk-1", "oauth_token", "sk-1", id="Google, by an older name"),
        pytest.param([("authorization", "Basic dTpw")], "", "basic", "Basic dTpw", id="another scheme"),
        pytest.param([("authorization", "Bearer sk-1"), ("x-api-key", "sk-1")], "", "bearer", "sk-1", id="one secret in two places"),
    ],
)
def test_a_credential_is_found_where_providers_take_it(headers, query, kind, secret):
    assert credential(headers, query) == (kind, secret)


@pytest.mark.parametrize("headers", [[], [("authorization", "Bearer ")], [("x-api-key", "")], [("cookie", "key=1")]], ids=repr)
def test_no_credential_is_none(headers):
    assert credential(headers, "alt=sse") is None


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        pytest.param([("authorization", "Bearer a"), ("x-api-key", "b")], "", id="two secrets"),
        pytest.param([("authorization", "Bearer a"), ("authorization", "Bearer a")], "", id="a header twice"),
        pytest.param([("x-api-key", "a"), ("api-key", "a"), ("x-api-key", "a")], "", id="a header twice, apart"),
        pytest.param([("x-api-key", ""), ("x-api-key", "a")], "", id="a header twice, once empty"),
        pytest.param([("authorization", "Bearer a, Bearer b")], "", id="two tokens in one line"),
        pytest.param([("authorization", "Bearer a b")], "", id="two words"),
        pytest.param([("authorization", "Bearer a\tb")], "", id="two words with a tab between"),
        pytest.param([("authorization", "Bearer a,b")], "", id="two tokens with nothing but a comma between"),
        pytest.param([("authorization", f"{AWS} Credential=short/x")], "", id="an access key too short to be one"),
        pytest.param([("authorization", "Bearer\ta")], "", id="a tab for the blank: one token, two accounts"),
        pytest.param([("authorization", f"{AWS} Credential={'A' * 20}/x, Credential={'B' * 20}/x")], "", id="two access keys"),
        pytest.param(
            [("authorization", f"{AWS} XCredential={'A' * 20}/x, Credential={'B' * 20}/x")], "", id="an access key and a lookalike"
        ),
        pytest.param([("authorization", f"{AWS} SignedHeaders=host, Signature=aa")], "", id="a signature by nobody"),
        pytest.param([], "key=a&key=b", id="a parameter twice"),
        pytest.param([], "key=a;%6bey=a", id="a parameter twice, spelt differently"),
        pytest.param([("x-goog-api-key", "a")], "key=b", id="header and query differ"),
        pytest.param([("x-goog-api-key", "a")], "$key=b", id="header and system parameter differ"),
    ],
)
def test_an_ambiguous_credential_is_refused_without_quoting_it(headers, query):
    told = refused(headers, query)
    assert any(word in told for word in ("credential", "twice", "token", "tab", "access key"))
    assert "AAAA" not in told


def test_a_refusal_and_a_repr_never_show_the_secret():
    secret = "sk-very-secret-value"
    found = credential([("authorization", f"Bearer {secret}")])
    assert secret not in f"{found} {found!r} {[found]} {{'c': found}}"
    assert secret not in refused([("authorization", f"Bearer {secret}"), ("x-api-key", "other-secret")])
    assert secret not in account_id("", "", found, KEY)[0]


def test_a_bare_secret_is_the_same_account_as_one_behind_a_scheme_and_no_more_shown():
    bare = credential([("authorization", "sk-very-secret")])
    behind = credential([("authorization", "Bearer sk-very-secret")])
    assert account_id("", "", bare, KEY) == account_id("", "", behind, KEY)
    assert "secret" not in repr(bare)


@pytest.mark.parametrize(
    ("query", "kept"),
    [("key=a", ""), ("a=1&key=b&c=2", "a=1&c=2"), ("%6bey=a&x", "x"), ("x;access_token=a&y=", "x&y="), ("&&a=1;;k=2", "&&a=1;;k=2"), ("a=key", "a=key")],
)  # fmt: skip
def test_a_query_without_its_keys_is_otherwise_as_it_was(query, kept):
    assert without_keys(query) == kept


@given(st.text(st.sampled_from("key=&;%6b1access_toen+"), max_size=60))
def test_no_query_keeps_a_key(query):
    assert credential([], without_keys(query)) is None


def test_an_aws_signature_is_known_by_its_access_key():
    def signed(signature):
        scope = "AKIDEXAMPLE123456/20260601/us-east-1/bedrock/aws4_request"
        return [("authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={signature}")]

    assert credential(signed("aa")) == credential(signed("bb")) == ("sigv4", "AKIDEXAMPLE123456")


@settings(max_examples=200, deadline=None)
@given(one=st.text(min_size=1, max_size=80), other=st.text(min_size=1, max_size=80))
def test_a_digest_tells_accounts_apart_and_needs_its_key(one, other):
    assert (digest_id(one, KEY) == digest_id(other, KEY)) == (one == other)
    assert digest_id(one, KEY) != digest_id(one, b"another key")
    assert len(digest_id(one, KEY)) == len("key-") + 32


@settings(max_examples=200, deadline=None)
@given(
    headers=st.lists(st.tuples(st.sampled_from(["authorization", "x-api-key", "api-key", "accept"]), st.text(max_size=40))),
    query=st.text(max_size=60),
)
def test_any_headers_give_a_credential_or_a_refusal(headers, query):
    try:
        found = credential(headers, query)
    except CallerError:
        assert len(headers) > 1 or "=" in query or "," in headers[0][1] or len(headers[0][1].split()) > 2 or "\t" in headers[0][1]
    else:
        assert found is None or found.secret


def test_the_account_is_named_by_gateway_then_token_then_credential():
    found = credential([("x-api-key", "sk-1")])
    assert account_id("acme", "sub-1", found, KEY) == ("acme", "header")
    assert account_id("", "sub-1", found, KEY) == ("sub-1", "token")
    assert account_id("", "", found, KEY) == (digest_id("sk-1", KEY), "credential")
    assert account_id("", "", None, KEY) == ("", "none")


def test_only_a_trusted_gateway_names_the_account():
    headers = [("x-account", "acme")]
    assert gateway_account(headers, "x-account", trusted=True) == "acme"
    assert gateway_account(headers, "x-account", trusted=False) == ""
    assert gateway_account(headers, "", trusted=True) == ""
    assert gateway_account([("x-account", "")], "x-account", trusted=True) == ""


@pytest.mark.parametrize("values", [["acme", "evil"], ["acme", "acme"], ["a b"], ["x" * 129], ["caf\u00e9"]], ids=repr)
def test_a_gateway_header_that_is_repeated_or_no_id_is_refused(values):
    with pytest.raises(CallerError) as caught:
        gateway_account([("x-account", value) for value in values], "x-account", trusted=True)
    assert caught.value.fault is Fault.CREDENTIALS
