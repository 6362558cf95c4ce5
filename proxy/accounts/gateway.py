"""Attributes that a trusted gateway sends in headers of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from proxy.accounts.attributes import NO_ATTRIBUTES, Attributes, Fault, read_attributes
from proxy.errors import CallerError
from proxy.errors import Fault as CallerFault


def gateway_attributes(headers: Sequence[tuple[str, str]], names: Mapping[str, str]) -> tuple[Attributes, list[Fault]]:
    """Read the attributes that `names` (lower-case header to attribute) declares. Call it for trusted peers only.

    Raises CallerError(CREDENTIALS) when one is sent twice: a gateway that appends to what the client wrote would otherwise let the
    client choose. A value that can't be read is unknown, and a fault to count.
    """
    values: dict[str, str] = {}
    for header, value in headers:
        attribute = names.get(header)
        if attribute is not None:
            if attribute in values:
                raise CallerError(CallerFault.CREDENTIALS, f"The {header} header is given twice.")
            values[attribute] = value
    if not values:
        return NO_ATTRIBUTES, []
    back = {attribute: header for header, attribute in names.items()}
    return read_attributes(values, lambda name: f"header {back[name]}")
