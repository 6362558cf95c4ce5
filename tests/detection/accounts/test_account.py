from __future__ import annotations

import pytest
from xxhash import xxh32_intdigest

from proxy.detection.accounts.account import HALVED_AT, MEMBERSHIPS, Account
from proxy.detection.accounts.shape import MAXIMISED, REASONING, SAMPLED, network, shape, signature
from proxy.detection.accounts.table import Accounts, principal_of
from proxy.detection.observation import Observation
from proxy.detection.text.extraction import Extraction
from proxy.dialects.call import ModelCall, Text, Usage

KEY = b"1"
CALL = ModelCall("openai", "chat.completions", "m", texts=(Text("user", "hello"),))
SEEN = Observation("a", CALL)
READ = Extraction(b"", 0, 0b101, 0, 3, False, 77)


def test_the_shape_of_a_call_is_what_it_asks_for():
    assert shape(CALL) == 0
    assert shape(CALL._replace(reasoning=True, max_output_tokens=8192, n=4)) == REASONING | MAXIMISED | SAMPLED
    assert shape(CALL._replace(logprobs=True)) == SAMPLED


def test_a_signature_ignores_what_varies_between_requests_of_one_client():
    one = Observation("a", CALL, ("host", "x-stainless-os", "x-stainless-retry-count"), "sdk/1")
    assert signature(one) == signature(one._replace(header_names=("host", "x-stainless-os")))
    assert signature(one) != signature(one._replace(header_names=("x-stainless-os", "host")))
    assert signature(one) % 2 == 1
    assert signature(SEEN) == 0
    assert network(one._replace(network="192.0.2.0/24")) % 2 == 0


def test_counts_are_halved_together_and_never_overflow():
    account = Account("a", 1, 0.0)
    for second in range(3 * HALVED_AT):
        account.began(SEEN, READ, REASONING, float(second))
        account.ended(Usage(1, 100), float(second))
    assert account.requests <= HALVED_AT
    assert account.intents[0] == account.intents[2] == account.reasoning == account.requests
    assert account.total == 3 * HALVED_AT


def test_of_too_many_memberships_the_slightest_is_dropped():
    account = Account("a", 1, 0.0)
    for candidate in range(1, MEMBERSHIPS + 1):
        account.joined(candidate)
        account.joined(candidate)
    account.joined(99)
    account.joined(100)
    assert 100 in account.memberships
    assert 99 not in account.memberships
    assert len(account.memberships) == MEMBERSHIPS


def test_accounts_of_one_organisation_are_one_principal():
    assert principal_of("a", "acme", KEY) == principal_of("b", "acme", KEY) != principal_of("a", "", KEY)
    assert principal_of("a", "", KEY) != principal_of("b", "", KEY)


@pytest.mark.parametrize(("one", "other"), [("user-99735", "user-224205"), ("user-64366", "user-270225")])
def test_names_sought_out_to_share_a_number_are_two_principals(one, other):
    assert xxh32_intdigest(f"a\0{one}".encode()) == xxh32_intdigest(f"a\0{other}".encode())
    accounts = Accounts(10, 100.0, seed=1)
    assert accounts.touch(one, "", 0.0).principal != accounts.touch(other, "", 0.0).principal


def test_a_name_stands_for_another_principal_under_another_seed():
    first, second = (Accounts(10, 100.0, seed).touch("a", "", 0.0).principal for seed in (1, 2))
    assert first != second


def test_the_table_is_bounded_and_forgets_the_least_recently_used():
    accounts = Accounts(3, 100.0, seed=1)
    for name in "abcad":
        accounts.touch(name, "", 0.0)
    assert len(accounts) == 3
    assert accounts.get("b") is None
    assert accounts.get("a") is not None
    assert accounts.of_principal(principal_of("b", "", b"1")) is None
    assert accounts.evicted == 1


def test_accounts_not_seen_for_the_time_to_live_are_forgotten():
    accounts = Accounts(10, 100.0, seed=1)
    accounts.touch("old", "", 0.0)
    accounts.touch("new", "", 0.0).last_seen = 50.0
    accounts.expire(101.0)
    assert [account.name for account in accounts] == ["new"]
