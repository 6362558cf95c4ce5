import pytest

from proxy.adapters.accounts.file import AccountsFile
from proxy.adapters.accounts.sources import AccountSources
from proxy.errors import CallerError, ConfigError
from proxy.identity.caller import Account

HEADERS = {"org": "X-Org", "tier": "x-tier", "country": "x-country"}
TOKEN = Account("acme", "token", tier="silver", country="FR", sources=(("tier", "claim tier"), ("country", "claim country")))


@pytest.fixture
def sources(tmp_path):
    (tmp_path / "accounts.yaml").write_text("accounts:\n  acme: {tier: gold, verified: true}\n")
    return AccountSources(AccountsFile(tmp_path / "accounts.yaml"), HEADERS)


def test_the_file_outweighs_the_token_which_outweighs_the_gateway(sources):
    sent = [("x-org", "Acme"), ("x-tier", "free"), ("x-country", "DE")]
    account = sources.account("acme", "header", TOKEN, sent, trusted=True)
    assert account[:7] == ("acme", "header", True, "Acme", "gold", True, "FR")
    assert dict(account.sources) == {
        "tier": "accounts.yaml:2",
        "verified": "accounts.yaml:2",
        "country": "claim country",
        "org": "header x-org",
    }


def test_a_token_for_another_account_says_nothing_of_this_one(sources):
    assert sources.account("other", "header", TOKEN, [], trusted=True) == Account("other", "header")


def test_attributes_from_an_untrusted_peer_have_no_effect(sources):
    sent = [("x-tier", "gold"), ("x-tier", "platinum"), ("x-org", "\x00")]
    assert sources.account("other", "credential", None, sent, trusted=False) == Account("other", "credential")
    assert not sources.unreadable


def test_what_a_gateway_sends_unreadably_is_unknown_and_counted(sources):
    assert sources.account("other", "header", None, [("x-country", "Germany")], trusted=True) == Account("other", "header")
    assert sources.unreadable == {"country": 1}


def test_an_attribute_sent_twice_is_refused(sources):
    with pytest.raises(CallerError, match="twice"):
        sources.account("other", "header", None, [("x-org", "Evil"), ("x-org", "Acme")], trusted=True)


def test_a_header_for_no_attribute_is_told_at_start():
    with pytest.raises(ConfigError, match="unknown attributes"):
        AccountSources(None, {"teir": "x-tier"})


def test_without_any_source_an_account_is_its_name(sources):
    assert AccountSources(None, {}).account("acme", "credential", None, [], trusted=True) == Account("acme", "credential")
    assert sources.account("", "none", None, [], trusted=False) == Account()
