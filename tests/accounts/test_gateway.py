import pytest

from proxy.accounts.attributes import NO_ATTRIBUTES, Attributes
from proxy.accounts.gateway import gateway_attributes
from proxy.errors import CallerError, Fault

NAMES = {"x-org": "org", "x-verified": "verified"}


def test_declared_headers_are_read_and_others_are_not():
    attributes, faults = gateway_attributes([("x-org", "Acme"), ("x-tier", "gold"), ("x-verified", "true")], NAMES)
    assert attributes == Attributes("Acme", verified=True, sources=(("org", "header x-org"), ("verified", "header x-verified")))
    assert faults == []
    assert gateway_attributes([("accept", "*/*")], NAMES) == (NO_ATTRIBUTES, [])


def test_a_value_that_cannot_be_read_is_unknown_and_told():
    attributes, faults = gateway_attributes([("x-verified", "maybe")], NAMES)
    assert attributes == NO_ATTRIBUTES
    assert [fault.name for fault in faults] == ["verified"]


def test_a_header_sent_twice_is_refused_even_if_both_agree():
    with pytest.raises(CallerError) as caught:
        gateway_attributes([("x-org", "Acme"), ("x-org", "Acme")], NAMES)
    assert caught.value.fault is Fault.CREDENTIALS
