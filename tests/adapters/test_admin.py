import asyncio
import re
import time
from functools import partial

import pytest
from aiohttp.test_utils import TestClient, TestServer

from proxy.adapters.admin import RiskDesk, admin_app
from proxy.adapters.policy_folder import PolicyFolder
from proxy.adapters.prometheus import Metrics
from proxy.audit.record import Record
from proxy.detection.config import DetectionConfig
from proxy.detection.detector import Detector
from proxy.detection.observation import Observation
from proxy.detection.report import AccountReport, CampaignReport, Evidence
from proxy.detection.shipped import shipped_evidence
from proxy.dialects.call import ModelCall
from tests.conftest import ROOT

NOW = 1_790_000_000.0

POLICIES = """
lists:
  banned: {values: [XX]}
rules:
  - id: regions.banned
    source: Terms 2.1
    when: client.country in lists.banned
    then: {refuse: {code: unsupported_region, message: Not offered there.}}
  - id: usage.trial
    when: request.n > 4
    then: {clamp: {n: 4}}
    mode: shadow
limits:
  - id: limits.requests
    per: [account.id]
    count: requests
    rate: 60/1m
    burst: 10
"""

EVIDENCE = (Evidence("intent", "intent.own", 1.2, "40% of its own 50 requests ask for reasoning traces"),)


class Desk:
    """Two accounts and a campaign, and what was ordered."""

    def __init__(self):
        self.orders = []

    def accounts(self, level, now, most):
        standing = [self._account(name, stands) for name, stands in (("acct-4", 4), ("acct-1", 1)) if stands >= level]
        return standing[:most]

    def account(self, account, now):
        return self._account(account, 1) if account.startswith("acct-") else None

    def campaigns(self, now):
        return [self._campaign("c-1", 2), self._campaign("c-2", 0, NOW + 60.0, "released: a course"), self._campaign("c-3", 0)]

    def campaign(self, subject, now):
        return next((report for report in self.campaigns(now) if report.id == subject), None)

    def _campaign(self, name, level, exempt_until=0.0, note=""):
        reached = ((1, NOW - 60.0),)
        return CampaignReport(name, level, 0.99, 40, ("acct-4",), ("intent",), EVIDENCE, NOW - 90.0, NOW, 400, reached, exempt_until, note)

    def release(self, subject, reason, now):
        self.orders.append(("release", subject, reason))

    def waive(self, subject, until, reason, now):
        self.orders.append(("waive", subject, reason, until - now))

    def _account(self, name, level):
        return AccountReport(
            name, level, 0.9, ("intent",), "c-1", EVIDENCE, 50, NOW - 90.0, NOW, 0.0, "", (0,) * 24, (0, 1), 12.0, 1.0, 0.1, ""
        )


@pytest.fixture(scope="module")
def policies(tmp_path_factory):
    folder = tmp_path_factory.mktemp("policies")
    (folder / "policies.yaml").write_text(POLICIES)
    return PolicyFolder(folder, time.time)


class Admin:
    """An admin application on a loopback port, and what its parts were told."""

    def __init__(self, policies, *, token="", desk=None, reasons=(), warnings=()):
        self.metrics = Metrics("1.2.3")
        self.notes: list[tuple[str, dict[str, object]]] = []
        self.make = partial(
            admin_app,
            metrics=self.metrics,
            policies=policies,
            reasons=lambda: list(reasons),
            warnings=lambda: list(warnings),
            risk=desk,
            note=lambda event, said: self.notes.append((event, dict(said))),
            logged=lambda account: f"digest of {account}",
            token=lambda: token,
            clock=lambda: NOW,
        )

    def ask(self, method, path, **options):
        async def once():
            async with TestClient(TestServer(self.make())) as client:
                answer = await client.request(method, path, **options)
                body = await answer.json() if answer.content_type == "application/json" else await answer.text()
                return answer, body

        return asyncio.run(once())


def test_metrics_are_exposed_as_prometheus_reads_them(policies):
    admin = Admin(policies)
    admin.metrics.observe(Record("d-1", NOW, "r", outcome="refused", rule="regions.banned"))
    answer, body = admin.ask("GET", "/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'tosproxy_requests_total{endpoint="unknown",model="",outcome="refused",rule="regions.banned"} 1.0' in body
    assert "tosproxy_build_info{python=" in body


def test_a_live_process_is_healthy_even_when_it_isnt_ready(policies):
    admin = Admin(policies, reasons=["draining"], warnings=["region database is 40 days old"])
    assert admin.ask("GET", "/healthz")[0].status == 200
    answer, body = admin.ask("GET", "/readyz")
    assert (answer.status, body) == (503, {"ready": False, "reasons": ["draining"], "warnings": ["region database is 40 days old"]})


def test_a_degraded_process_stays_ready_and_says_what_is_wrong(policies):
    answer, body = Admin(policies, warnings=["limit store lost"]).ask("GET", "/readyz")
    assert (answer.status, body) == (200, {"ready": True, "reasons": [], "warnings": ["limit store lost"]})


def test_the_policies_in_force_are_shown_with_how_often_they_counted(policies):
    admin = Admin(policies)
    hits = (("regions.banned", "enforce", ("refuse",), ""), ("usage.trial", "shadow", ("clamp",), ""))
    admin.metrics.observe(Record("d-1", NOW, "r", hits=hits, limits=(("limits.requests", False, 0.0, False),)))
    _, body = admin.ask("GET", "/policy")
    rules = {rule["id"]: rule for rule in body["rules"]}
    assert rules["regions.banned"] | {"at": ""} == {
        "id": "regions.banned", "mode": "enforce", "effects": ["refuse"], "phase": "request", "enforce_percent": 100.0, "not_before": None,
        "expires": None, "hits": {"enforce": 1}, "source": "Terms 2.1", "at": "",
    }  # fmt: skip
    assert rules["usage.trial"]["hits"] == {"shadow": 1}
    assert (body["limits"][0]["denials"], body["limits"][0]["count"]) == ({"enforce": 1}, "requests")
    assert body["revision"]
    assert body["problems"] == []


def test_the_first_page_names_every_page_and_order(policies):
    assert Admin(policies).ask("GET", "/")[1]["see"] == [
        "GET /", "GET /metrics", "GET /healthz", "GET /readyz", "GET /policy",
        "GET /risk", "GET /risk/accounts/{account}", "POST /risk/release", "POST /risk/waive",
    ]  # fmt: skip


def test_the_commands_of_the_deployment_guide_are_understood(policies):
    desk = Desk()
    guide = (ROOT / "deploy" / "README.md").read_text(encoding="utf-8")
    orders = re.findall(r":9090(/risk/\w+) \\\n +-d '(.+)'", guide)
    for path, body in orders:
        answer, said = Admin(policies, desk=desk).ask("POST", path, data=body, headers={"content-type": "application/json"})
        assert answer.status == 200, said
    assert [order[0] for order in desk.orders] == ["release", "waive"]


@pytest.mark.parametrize("path", ["/metrics", "/policy", "/risk", "/"])
def test_without_the_token_nothing_is_told(policies, path):
    admin = Admin(policies, token="s3cret", desk=Desk())
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic s3cret"}, {"Authorization": "Bearer s3cret\u00e9"}):
        answer, body = admin.ask("GET", path, headers=headers)
        assert (answer.status, set(body)) == (401, {"error"})
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert admin.ask("GET", f"{path}?token=s3cret")[0].status == 401
    assert admin.ask("GET", path, headers={"Authorization": "Bearer s3cret"})[0].status == 200


def test_probes_need_no_token_and_learn_only_yes_or_no(policies):
    admin = Admin(policies, token="s3cret", reasons=["draining"])
    assert admin.ask("GET", "/healthz")[0].status == 200
    assert admin.ask("GET", "/readyz")[1] == {"ready": False}
    assert admin.ask("GET", "/readyz", headers={"Authorization": "Bearer s3cret"})[1]["reasons"] == ["draining"]


@pytest.mark.parametrize(
    "headers",
    [{"Host": "evil.example"}, {"Host": "evil.example:9090"}, {"Origin": "http://localhost:3000"}, {"Host": "127.0.0.1.evil.example"}],
)
def test_without_a_token_no_web_page_can_reach_it(policies, headers):
    answer, _ = Admin(policies, desk=Desk()).ask("POST", "/risk/release", json={"subject": "acct-4", "reason": "x"}, headers=headers)
    assert answer.status == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:9090", "127.0.0.1:1", "[::1]:9090", "[::1]"])
def test_every_name_of_this_machine_is_served(policies, host):
    assert Admin(policies).ask("GET", "/policy", headers={"Host": host})[0].status == 200


def test_risk_shows_who_stands_at_a_level_or_above_and_why(policies):
    admin = Admin(policies, desk=Desk())
    _, body = admin.ask("GET", "/risk?level=2")
    assert [account["account"] for account in body["accounts"]] == ["acct-4"]
    assert body["campaigns"][0]["evidence"][0]["sentence"].startswith("40%")
    assert [account["level"] for account in admin.ask("GET", "/risk")[1]["accounts"]] == [4, 1]
    assert admin.ask("GET", "/risk?level=9")[0].status == 400
    assert admin.ask("GET", "/risk/accounts/acct-1")[1]["requests"] == 50
    assert admin.ask("GET", "/risk/accounts/nobody")[0].status == 404


def test_risk_shows_what_an_operator_decided_while_it_lasts(policies):
    _, body = Admin(policies, desk=Desk()).ask("GET", "/risk?level=2")
    assert [(one["id"], one["level"], one["exempt_until"], one["note"]) for one in body["campaigns"]] == [
        ("c-1", 2, 0.0, ""),
        ("c-2", 0, NOW + 60.0, "released: a course"),
    ]


def test_releasing_and_waiving_reach_the_detector_and_the_record(policies):
    desk = Desk()
    admin = Admin(policies, desk=desk)
    assert admin.ask("POST", "/risk/release", json={"subject": "acct-4", "reason": "known customer"})[0].status == 200
    answer, body = admin.ask("POST", "/risk/waive", json={"subject": "c-1", "reason": "evaluation, ticket 4711", "days": 30})
    assert (answer.status, body) == (200, {"waived": "c-1", "until": NOW + 30 * 86400.0})
    assert desk.orders == [("release", "acct-4", "known customer"), ("waive", "c-1", "evaluation, ticket 4711", 30 * 86400.0)]
    assert [(event, said["subject"], said["reason"]) for event, said in admin.notes] == [
        ("risk.release", "digest of acct-4", "known customer"),
        ("risk.waive", "c-1", "evaluation, ticket 4711"),
    ]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({"subject": "acct-4"}, id="no reason"),
        pytest.param({"subject": "acct-4", "reason": "  "}, id="an empty reason"),
        pytest.param({"subject": "acct-4", "reason": "a\nb"}, id="a reason of two lines"),
        pytest.param({"subject": "acct-4", "reason": "x", "for": "ever"}, id="an unknown key"),
        pytest.param({"subject": 4, "reason": "x"}, id="a subject that is no text"),
        pytest.param({"subject": "acct-4", "reason": "x" * 501}, id="a long reason"),
        pytest.param([], id="a list"),
        pytest.param("acct-4", id="a text"),
    ],
)
def test_an_order_that_says_too_little_changes_nothing(policies, given):
    desk = Desk()
    admin = Admin(policies, desk=desk)
    answer, body = admin.ask("POST", "/risk/release", json=given)
    assert (answer.status, desk.orders, admin.notes) == (400, [], [])
    assert body["error"]


@pytest.mark.parametrize("days", [0, -1, 400, "7", True, None, float("nan")])
def test_a_waiver_has_an_end(policies, days):
    desk = Desk()
    assert Admin(policies, desk=desk).ask("POST", "/risk/waive", json={"subject": "acct-4", "reason": "x", "days": days})[0].status == 400
    assert desk.orders == []


def test_an_unknown_subject_an_odd_body_and_a_wrong_method_are_answered_in_json(policies):
    admin = Admin(policies, desk=Desk())
    for status, options in (
        (404, {"json": {"subject": "nobody", "reason": "x"}}),
        (400, {"data": b"{", "headers": {"Content-Type": "application/json"}}),
        (415, {"data": b"subject=acct-4"}),
        (413, {"data": b" " * 100_000, "headers": {"Content-Type": "application/json"}}),
    ):
        answer, body = admin.ask("POST", "/risk/release", **options)
        assert (answer.status, set(body)) == (status, {"error"})
    answer, _ = admin.ask("GET", "/risk/release")
    assert (answer.status, answer.headers["Allow"]) == (405, "POST")


def test_nothing_is_kept_by_caches_and_nothing_is_sniffed(policies):
    for path in ("/", "/healthz", "/risk", "/nowhere"):
        answer, _ = Admin(policies).ask("GET", path)
        assert (answer.headers["Cache-Control"], answer.headers["X-Content-Type-Options"]) == ("no-store", "nosniff")


def test_without_detection_there_is_no_risk_to_show(policies):
    assert Admin(policies).ask("GET", "/risk")[0].status == 404


def test_the_detector_is_a_risk_desk(policies):
    detector = Detector(shipped_evidence(), DetectionConfig())
    desk: RiskDesk = detector
    detector.started(Observation("acct-7", ModelCall("openai", "chat.completions", "m-large")), NOW)
    admin = Admin(policies, desk=desk)
    assert admin.ask("GET", "/risk/accounts/acct-7")[1]["account"] == "acct-7"
    assert admin.ask("GET", "/risk")[1] == {"level": 1, "campaigns": [], "accounts": []}
    assert admin.ask("POST", "/risk/release", json={"subject": "acct-7", "reason": "known"})[0].status == 200
    assert admin.ask("GET", "/risk/accounts/acct-7")[1]["note"] == "released: known"
