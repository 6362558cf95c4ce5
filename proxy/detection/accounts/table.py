"""All accounts: least recently used and expired ones make room."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2s
from itertools import islice
from typing import Final

from proxy.detection.accounts.account import Account

_STALE_PER_SWEEP: Final = 512


class Accounts:
    """Bounded by `limit` accounts and by `ttl_s` seconds since an account was last seen."""

    def __init__(self, limit: int, ttl_s: float, seed: int) -> None:
        """Empty. `seed` keeps whoever chooses account names from choosing principals."""
        self._limit = limit
        self._ttl_s = ttl_s
        self._key = str(seed).encode()[: blake2s.MAX_KEY_SIZE]
        self._accounts: dict[str, Account] = {}
        self._by_principal: dict[int, Account] = {}
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._accounts)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._accounts.values())

    def get(self, name: str) -> Account | None:
        """The account, if it is known."""
        return self._accounts.get(name)

    def of_principal(self, principal: int) -> Account | None:
        """An account that the principal used lately."""
        return self._by_principal.get(principal)

    def touch(self, name: str, org: str, now: float) -> Account:
        """The account, made if it is new, as the most recently used one."""
        account = self._accounts.pop(name, None)
        if account is None:
            account = Account(name, principal_of(name, org, self._key), now)
            if len(self._accounts) >= self._limit:
                self._drop(next(iter(self._accounts.values())))
                self.evicted += 1
        self._accounts[name] = account
        self._by_principal[account.principal] = account
        return account

    def expire(self, now: float) -> None:
        """Forget some of the accounts not seen for the time to live."""
        stale = []
        for account in islice(self._accounts.values(), _STALE_PER_SWEEP):
            if account.last_seen + self._ttl_s > now:
                break
            stale.append(account)
        for account in stale:
            self._accounts.pop(account.name)
            self._forget(account)

    def _drop(self, account: Account) -> None:
        del self._accounts[account.name]
        self._forget(account)

    def _forget(self, account: Account) -> None:
        if self._by_principal.get(account.principal) is account:
            del self._by_principal[account.principal]


def principal_of(name: str, org: str, key: bytes) -> int:
    """Who answers for an account, as 32 bits of a keyed digest: accounts of one organisation are one customer.

    Without a key, names that share a number could be sought out: a thousand accounts would pass for one, or one for a stranger.
    """
    who = (f"o\0{org}" if org else f"a\0{name}").encode("utf-8", "replace")
    return int.from_bytes(blake2s(who, digest_size=4, key=key).digest(), "big")
