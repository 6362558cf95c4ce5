"""Callers are remembered; nobody may be able to tell."""

from __future__ import annotations

from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.accounts.sources import AccountSources
from proxy.errors import CallerError
from proxy.identity import identify as module
from proxy.identity.address import Trust
from proxy.identity.caller import Account, Caller, Region
from proxy.identity.identify import Sources, identify, identify_unremembered
from proxy.identity.region import EdgeHeaders

NOW = 1_790_000_000.0
PEERS = st.sampled_from(["10.0.0.1", "10.0.0.2", "203.0.113.9", ""])
LINES = st.sampled_from(
    [
        *(("authorization", value) for value in ("Bearer sk-1", "Bearer sk-2", "Bearer good", "bearer  sk-1", "Bearer a b")),
        *(("x-api-key", value) for value in ("sk-1", "sk-3", "")),
        *(("x-forwarded-for", value) for value in ("203.0.113.9", "198.51.100.7, 203.0.113.8", "unknown", "10.0.0.9")),
        *(("x-account", value) for value in ("acme", "other", "é")),
        *(("x-org", value) for value in ("Acme", "Evil")),
        *(("x-country", value) for value in ("FR", "CU")),
        ("user-agent", "x"),
    ]
)
REQUESTS = st.tuples(PEERS, st.lists(LINES, max_size=4), st.sampled_from(["", "key=sk-1", "alt=sse"]), st.sampled_from([0.0, 0.0, 60.0]))


class Atlas:
    """Databases that are replaced now and then: the same address then lies elsewhere."""

    def __init__(self):
        self.version = 0
        self.regions = {}

    def locate(self, ip, now):
        del now
        return self.regions.setdefault((ip, self.version), Region(f"{self.version}", asn=len(ip)))


class Issuer:
    """One token, valid for a minute."""

    def account(self, token, now):
        return Account("sub-1", "token", tier="gold") if token == "good" and now < NOW + 60.0 else None


class Directory:
    """An accounts file that is replaced now and then."""

    def __init__(self, version=0):
        self.version = version

    @property
    def directory(self):
        return self

    def find(self, account_id):
        del account_id


class Accounts(AccountSources):
    """Accounts whose organisation tells the version of the file."""

    file: Any

    @property
    def current(self):
        return self.file

    def account(self, name, source, token, headers, *, trusted):
        return super().account(name, source, token, headers, trusted=trusted)._replace(org=str(self.file.version))


def world(tokens, edge, headers):
    return Sources(
        Trust.parse(["10.0.0.0/8"], malformed="refuse"), Atlas(), Accounts(cast("Any", Directory()), headers), Issuer() if tokens else None, b"key",
        "x-account", EdgeHeaders("x-country") if edge else None,
    )  # fmt: skip


def outcome(call, *given):
    try:
        return call(*given)
    except CallerError as error:
        return str(error)


@settings(max_examples=300, deadline=None)
@given(
    st.booleans(), st.booleans(), st.sampled_from([{}, {"tier": "x-org"}]),
    st.lists(st.tuples(REQUESTS, st.sampled_from(["", "", "", "databases", "directory"])), min_size=2, max_size=12),
)  # fmt: skip
def test_a_remembered_caller_is_the_one_that_would_be_found_anew(tokens, edge, headers, steps):
    sources = world(tokens, edge, headers)
    for (peer, lines, query, later), replaced in steps * 2:
        if replaced == "databases":
            sources.regions.version += 1
        elif replaced == "directory":
            sources.accounts.file = Directory(sources.accounts.file.version + 1)
        given = (sources, peer, lines, query, NOW + later)
        assert outcome(identify, *given) == outcome(identify_unremembered, *given)


def test_who_calls_again_is_remembered_and_anyone_else_is_not_taken_for_them():
    sources = world(tokens=False, edge=False, headers={})
    first = identify(sources, "203.0.113.9", [("authorization", "Bearer sk-1"), ("date", "1")], "", NOW)[0]
    again = identify(sources, "203.0.113.9", [("date", "2"), ("authorization", "Bearer sk-1")], "", NOW + 1.0)[0]
    assert again is first
    others = [("203.0.113.8", "Bearer sk-1"), ("203.0.113.9", "Bearer sk-2"), ("203.0.113.9", "Basic sk-1")]
    callers: set[Caller] = {identify(sources, peer, [("authorization", value)], "", NOW)[0] for peer, value in others}
    assert len(callers | {first}) == 4


@pytest.mark.parametrize(("value", "kept"), [("Bearer " + "k" * 600, False), ("Bearer sk", True)])
def test_long_credentials_are_not_kept(value, kept):
    sources = world(tokens=False, edge=False, headers={})
    identify(sources, "203.0.113.9", [("authorization", value)], "", NOW)
    assert bool(sources._known) is kept


def test_strangers_cannot_fill_the_memory_of_callers(monkeypatch):
    monkeypatch.setattr(module, "_REMEMBERED", 8)
    sources = world(tokens=False, edge=False, headers={})
    for number in range(100):
        identify(sources, "203.0.113.9", [("x-api-key", f"sk-{number}")], "", NOW)
    assert 0 < len(sources._known) <= 8


def test_a_directory_replaced_while_it_is_asked_is_asked_again():
    sources = world(tokens=False, edge=False, headers={})

    class Replacing(Accounts):
        def account(self, *given, **kinds):
            answer = super().account(*given, **kinds)
            self.file = Directory(self.file.version + 1)
            return answer

    sources.accounts = Replacing(cast("Any", Directory()), {})
    caller = [identify(sources, "203.0.113.9", [("x-api-key", "sk-1")], "", NOW)[0] for _ in range(2)]
    assert [each.account.org for each in caller] == ["0", "1"]
