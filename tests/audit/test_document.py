from dataclasses import fields

import orjson

from proxy.audit.document import document
from proxy.audit.record import Record
from proxy.dialects.call import Usage

FULL = Record(
    "d-1", 1_790_000_000.25, "sha256:1", method="POST", endpoint="messages", dialect="anthropic", model="m-large", stream=True, client="688.ab",
    account="688.cd", country="DE", asn=3320, geo_status="ok", outcome="refused", rule="regions.unsupported", code="unsupported_region", status=403,
    hits=(("regions.unsupported", "enforce", ("refuse",), ""), ("usage.trial", "waived", ("clamp",), "waivers.eval")),
    limits=(("limits.requests", True, 9.0, False), ("limits.trial", False, 0.0, True)), limits_degraded=True, clamped=("n",), unmet=("temperature",),
    stripped=("reasoning",),
    tags=("seen",), risk_level=2, risk_score=0.4, risk_families=("intent",), campaign="c-1", inspected=False, estimated_tokens=12, unscanned_chars=3,
    usage=Usage(1, 2, estimated=True), request_bytes=10, response_bytes=20, upstream="main", upstream_status=200, upstream_error="reset",
    upstream_retries=1, decide_s=0.00012345678, first_byte_s=0.1, total_s=0.2, facts={"client.country": "DE"}, fact_sources={"account.tier": "accounts.yaml:2"},
)  # fmt: skip


def test_every_field_that_says_something_is_written():
    assert set(document(FULL)) == {field.name for field in fields(Record)}


def test_what_says_nothing_is_left_out():
    plain = document(Record("d-1", 1.0, "sha256:1"))
    assert set(document(FULL)) - set(plain) >= {"hits", "limits", "usage", "facts", "campaign", "upstream_error", "tags"}
    assert (plain["outcome"], plain["inspected"]) == ("error", True)


def test_hits_limits_and_usage_are_named():
    shown = document(FULL)
    assert shown["hits"][1] == {"rule": "usage.trial", "mode": "waived", "effects": ("clamp",), "waived_by": "waivers.eval"}
    assert shown["limits"] == [
        {"limit": "limits.requests", "allowed": True, "remaining": 9.0},
        {"limit": "limits.trial", "allowed": False, "remaining": 0.0, "shadow": True},
    ]
    assert shown["usage"] == {"input_tokens": 1, "output_tokens": 2, "estimated": True}
    assert shown["decide_s"] == 0.000123


def test_a_document_is_json():
    assert orjson.loads(orjson.dumps(document(FULL)))["inspected"] is False
