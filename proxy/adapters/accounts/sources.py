"""AccountSources: what the file, a verified token and a trusted gateway say of an account, joined into one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from proxy.accounts.attributes import NO_ATTRIBUTES, READERS, Attributes, overlay
from proxy.accounts.gateway import gateway_attributes
from proxy.adapters.accounts.file import AccountsFile
from proxy.errors import SETTINGS, ConfigError, Problem
from proxy.identity.caller import Account

_FIRST_ATTRIBUTE = Account._fields.index(Attributes._fields[0])


class AccountSources:
    """Joins attributes. The operator's file outweighs a token's claims, which outweigh a gateway's headers."""

    def __init__(self, file: AccountsFile | None, headers: Mapping[str, str]) -> None:
        """`headers` names the header in which a trusted gateway sends each attribute. Raises ConfigError for unknown attributes."""
        unknown = sorted(headers.keys() - READERS.keys())
        if unknown:
            problem = Problem(SETTINGS, 0, 0, "identity.account_headers", f"unknown attributes {unknown}", f"known: {', '.join(READERS)}")
            raise ConfigError([problem])
        self.file = file
        self._attribute_of = {header.lower(): attribute for attribute, header in headers.items() if header}
        self.unreadable: Counter[str] = Counter()
        """Gateway headers whose value couldn't be read, by attribute."""

    @property
    def reads_headers(self) -> bool:
        """Headers of a trusted gateway say something of accounts."""
        return bool(self._attribute_of)

    @property
    def current(self) -> object:
        """The directory in use: replaced whole, never changed."""
        return self.file.directory if self.file is not None else None

    def account(self, name: str, source: str, token: Account | None, headers: Sequence[tuple[str, str]], *, trusted: bool) -> Account:
        """The account called `name`, found through `source`. Raises CallerError when a trusted peer sends an attribute twice.

        `token` is what a verified token says; it counts only where it names the same account.
        """
        listed = self.file.directory.find(name) if self.file is not None and name else None
        sent = NO_ATTRIBUTES
        if trusted and self._attribute_of:
            sent, faults = gateway_attributes(headers, self._attribute_of)
            self.unreadable.update(fault.name for fault in faults)
        claimed = Attributes._make(token[_FIRST_ATTRIBUTE:]) if token is not None and token.id == name else NO_ATTRIBUTES
        return Account(name, source, listed is not None, *overlay(listed or NO_ATTRIBUTES, claimed, sent))
