"""The running proxy, as the manifests start it: what it exports, and what it tells probes that carry no token."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import jwt
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from prometheus_client.parser import text_string_to_metric_families

from deploy.check_image import ask, free_port, serving
from deploy.grafana.boards import BOARDS
from deploy.prometheus.expressions import FOREIGN, exported, recorded, rules, used
from proxy.adapters.prometheus.table import DETECTION_METRICS, STATE_METRICS

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy" / "prometheus" / "rules"
TOKEN = "a-token-of-the-test"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture(scope="module")
def live(tmp_path_factory) -> dict[str, str]:
    """The exposition after a few requests, and the answers to probes."""
    folder = tmp_path_factory.mktemp("live")
    traffic, admin = free_port(), free_port()
    (folder / "token").write_text(TOKEN)
    settings = yaml.safe_load((ROOT / "deploy" / "settings.yaml").read_text())
    settings |= {
        "policies": str(ROOT / "policies"),
        "shutdown": {"drain_s": 0},
        "log": {"records": "file", "file": str(folder / "records.jsonl")},
    }
    (folder / "accounts.yaml").write_text("accounts: {acct-1: {tier: pro}}\n")
    (folder / "keys.json").write_text(json.dumps({"keys": [RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True) | {"kid": "k"}]}))
    settings["identity"] = {
        "trusted_proxies": ["127.0.0.1"],
        "account_header": "x-account",
        "account_headers": {"verified": "x-verified"},
        "accounts_file": str(folder / "accounts.yaml"),
        "jwt": {"jwks_file": str(folder / "keys.json"), "issuer": "https://issuer", "audience": "gateway"},
    }
    settings["listen"] |= {"port": traffic, "host": "127.0.0.1"}
    settings["admin"] = {"port": admin, "token_file": str(folder / "token")}
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    env = {name: value for name, value in os.environ.items() if not name.startswith("TOSPROXY_")} | {"PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-m", "proxy"]
    with serving([*program, "serve", "--settings", str(folder / "settings.yaml")], env, admin):
        for model in ("demo-small", "demo-error", "demo-hangup"):
            body = {"model": model, "messages": [{"role": "user", "content": "Hello"}]}
            ask(f"http://127.0.0.1:{traffic}/v1/chat/completions", body)
        unreadable = {"x-account": "acct-1", "x-verified": "perhaps"}
        ask(f"http://127.0.0.1:{traffic}/v1/models", headers=unreadable)
        ask(f"http://127.0.0.1:{traffic}/v1/models", bearer=jwt.encode({"iss": "somebody else"}, KEY, "RS256", headers={"kid": "k"}))
        metrics = ask(f"http://127.0.0.1:{admin}/metrics", bearer=TOKEN)[1]
        health = subprocess.run(
            [*program, "health", "--settings", str(folder / "settings.yaml")], env=env, check=False, capture_output=True, timeout=20
        )
        return {
            "metrics": metrics,
            "healthz": str(ask(f"http://127.0.0.1:{admin}/healthz")[0]),
            "readyz": str(ask(f"http://127.0.0.1:{admin}/readyz")[0]),
            "without token": str(ask(f"http://127.0.0.1:{admin}/metrics")[0]),
            "health command": str(health.returncode),
        }


def test_probes_need_no_token_and_metrics_do(live):
    assert {name: told for name, told in live.items() if name != "metrics"} == {
        "healthz": "200",
        "readyz": "200",
        "without token": "401",
        "health command": "0",
    }


def test_promtool_finds_nothing_in_the_live_metrics(promtool, live):
    done = promtool("check", "metrics", stdin=live["metrics"])
    assert done.stdout + done.stderr == ""


def test_every_metric_that_panels_and_alerts_ask_for_is_exported_by_the_running_proxy(live):
    declared = set(re.findall(r"^# TYPE (\S+) ", live["metrics"], re.MULTILINE))
    asked = {metric for board in BOARDS for panel in board.panels for query in panel.queries for metric, _ in used(query.expr).metrics}
    asked |= {metric for _, rule in rules(RULES) for metric, _ in used(rule["expr"]).metrics}
    own = asked - set(recorded(RULES)) - {"up"}
    assert len(own) > 40
    assert {name for name in own if name not in declared and re.sub(r"_(bucket|sum|count)$", "", name) not in declared} == set()


def test_every_series_carries_the_labels_of_the_table(live):
    known = exported()
    seen = 0
    for family in text_string_to_metric_families(live["metrics"]):
        for sample in family.samples:
            if sample.name.startswith("tosproxy_"):
                seen += 1
                assert set(sample.labels) == known[sample.name], sample.name
            else:
                assert sample.name in FOREIGN or sample.name.startswith("process_"), sample.name
    assert seen > 50


def test_every_state_of_the_table_has_a_value_from_the_running_proxy(live):
    told = {sample.name for family in text_string_to_metric_families(live["metrics"]) for sample in family.samples}
    state = [metric.name + ("_count" if metric.kind == "histogram" else "") for metric in STATE_METRICS + DETECTION_METRICS]
    assert [name for name in state if name not in told] == []


def test_every_part_of_the_proxy_tells_its_state(live):
    assert re.findall(r"^tosproxy_source_errors_total (\S+)$", live["metrics"], re.MULTILINE) == ["0.0"]
