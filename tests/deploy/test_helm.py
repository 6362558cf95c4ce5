"""The chart, rendered with each example and judged by helm, the Kubernetes schemas, and the proxy's own settings model."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from deploy.helm import build_schema
from deploy.prometheus.expressions import rules
from proxy.settings import Settings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "tos-proxy"
EXAMPLES = sorted((ROOT / "deploy" / "helm" / "examples").glob("*.yaml"))
RULES = ROOT / "deploy" / "prometheus" / "rules"
MONITORING = "monitoring.coreos.com/v1"
KUBERNETES = ("1.30", "1.37")


def objects(text: str) -> list[dict]:
    return [document for document in yaml.safe_load_all(text) if document]


@pytest.fixture(scope="session")
def dependent(tmp_path_factory) -> Path:
    """The example of a chart that has ours as a dependency, with ours in it."""
    parent = tmp_path_factory.mktemp("chart") / "model-server"
    shutil.copytree(ROOT / "deploy" / "helm" / "examples" / "model-server", parent)
    shutil.copytree(CHART, parent / "charts" / "tos-proxy")
    return parent


@pytest.fixture(scope="session")
def rendered(helm, dependent) -> dict[str, list[dict]]:
    """Example name -> its objects; "defaults" without values, "model-server" through a chart that depends on ours."""
    shown = {"defaults": objects(helm("template", "rel", CHART).stdout)}
    for example in EXAMPLES:
        shown[example.stem] = objects(helm("template", "rel", CHART, "-f", example).stdout)
    shown["model-server"] = objects(helm("template", "rel", dependent).stdout)
    return shown


def of_kind(manifests: list[dict], kind: str) -> list[dict]:
    return [manifest for manifest in manifests if manifest["kind"] == kind]


def proxy_container(deployment: dict) -> dict:
    return next(each for each in deployment["spec"]["template"]["spec"]["containers"] if each["name"] == "tos-proxy")


@pytest.mark.parametrize("example", [None, *EXAMPLES], ids=lambda path: path.stem if path else "defaults")
def test_helm_lint_finds_nothing(helm, example):
    helm("lint", "--strict", CHART, *(["-f", example] if example else []))


def test_helm_lint_finds_nothing_in_a_chart_that_depends_on_ours(helm, dependent):
    helm("lint", "--strict", dependent)


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_rendered_object_is_what_kubernetes_expects(rendered, version):
    validate = pytest.importorskip("kubernetes_validate", reason="PyPI package kubernetes-validate is not installed").validate
    for manifests in rendered.values():
        for manifest in manifests:
            if manifest["apiVersion"] != MONITORING:
                validate(manifest, version, strict=True)


def test_every_monitor_and_rule_is_what_the_prometheus_operator_expects(rendered):
    jsonschema = pytest.importorskip("jsonschema", reason="PyPI package jsonschema is not installed")
    kinds = set()
    for manifests in rendered.values():
        for manifest in manifests:
            if manifest["apiVersion"] == MONITORING:
                kinds.add(manifest["kind"])
                schema = json.loads((Path(__file__).parent / "schemas" / f"{manifest['kind']}.json").read_text())
                jsonschema.Draft202012Validator(schema).validate(manifest["spec"])
    assert kinds == {"ServiceMonitor", "PodMonitor", "PrometheusRule"}


def test_the_settings_of_every_example_are_accepted_by_the_proxy(rendered):
    for name, manifests in rendered.items():
        (settings,) = (each for each in of_kind(manifests, "ConfigMap") if each["metadata"]["name"].endswith("-settings"))
        read = Settings(**yaml.safe_load(settings["data"]["settings.yaml"]))
        assert str(read.policies) == "/etc/tos-proxy/policies", name
        assert read.admin.token_file is not None
        assert read.identity.digest_key_file is not None


def test_each_file_that_settings_name_is_mounted(rendered):
    for name, manifests in rendered.items():
        (settings,) = (each for each in of_kind(manifests, "ConfigMap") if each["metadata"]["name"].endswith("-settings"))
        named = set(re.findall(r"/(?:run|etc|var)/[\w./-]+", settings["data"]["settings.yaml"])) - {"/etc/tos-proxy/policies"}
        for deployment in of_kind(manifests, "Deployment"):
            mounts = [mount["mountPath"] + "/" for mount in proxy_container(deployment)["volumeMounts"]]
            assert all(any(path.startswith(mount) for mount in mounts) for path in named), name


def test_policies_and_accounts_are_mounted_as_folders_so_that_a_change_arrives(rendered):
    for manifests in rendered.values():
        for deployment in of_kind(manifests, "Deployment"):
            assert not [mount for mount in proxy_container(deployment)["volumeMounts"] if "subPath" in mount]


def test_a_policy_in_a_folder_keeps_its_path(rendered):
    manifests = rendered["model-in-pod"]
    (policies,) = (each for each in of_kind(manifests, "ConfigMap") if each["metadata"]["name"].endswith("-policies"))
    (deployment,) = of_kind(manifests, "Deployment")
    volume = next(each for each in deployment["spec"]["template"]["spec"]["volumes"] if each["name"] == "tos-proxy-policies")
    paths = {item["path"]: policies["data"][item["key"]] for item in volume["configMap"]["items"]}
    values = yaml.safe_load((ROOT / "deploy/helm/examples/model-in-pod.yaml").read_text())
    assert {path: text.strip() for path, text in paths.items()} == {
        path: text.strip() for path, text in values["policies"]["files"].items()
    }
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]+", key) for key in policies["data"])


def test_every_proxy_runs_under_the_restricted_pod_security_standard(rendered):
    seen = 0
    for manifests in rendered.values():
        for deployment in of_kind(manifests, "Deployment"):
            seen += 1
            context = proxy_container(deployment)["securityContext"]
            assert context["runAsNonRoot"]
            assert context["readOnlyRootFilesystem"]
            assert not context["allowPrivilegeEscalation"]
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert seen == 4


def test_only_the_ports_of_the_proxy_are_open(rendered):
    for manifests in rendered.values():
        (policy,) = of_kind(manifests, "NetworkPolicy")
        assert {port["port"] for rule in policy["spec"]["ingress"] for port in rule["ports"]} == {8080, 9090}


def test_services_monitors_and_budgets_select_the_pods_that_hold_the_proxy(rendered):
    for name in ("defaults", "remote-endpoints", "model-in-pod", "model-server"):
        manifests = rendered[name]
        (deployment,) = of_kind(manifests, "Deployment")
        labels = deployment["spec"]["template"]["metadata"]["labels"].items()
        selectors = [each["spec"]["selector"] for each in of_kind(manifests, "Service")]
        for kind in ("PodMonitor", "PodDisruptionBudget"):
            selectors += [each["spec"]["selector"]["matchLabels"] for each in of_kind(manifests, kind)]
        selectors += [each["spec"]["podSelector"]["matchLabels"] for each in of_kind(manifests, "NetworkPolicy")]
        assert len(selectors) >= 3
        assert all(selector.items() <= labels for selector in selectors), name


def test_the_service_monitor_finds_the_admin_service(rendered):
    manifests = rendered["remote-endpoints"]
    (monitor,) = of_kind(manifests, "ServiceMonitor")
    found = [
        each
        for each in of_kind(manifests, "Service")
        if monitor["spec"]["selector"]["matchLabels"].items() <= each["metadata"]["labels"].items()
    ]
    assert [each["metadata"]["name"] for each in found] == ["rel-tos-proxy-admin"]
    assert {port["name"] for port in found[0]["spec"]["ports"]} == {monitor["spec"]["endpoints"][0]["port"]}


def test_the_alert_on_lost_targets_knows_the_job_of_every_monitor(helm):
    (matcher,) = re.findall(r'up\{job=~"([^"]+)"\}', dict(rules(RULES))["TosProxyDown"]["expr"])[:1]
    for kind in ("serviceMonitor", "podMonitor"):
        manifests = objects(helm("template", "rel", CHART, "--set", f"fullnameOverride=terms,nameOverride=t,{kind}.enabled=true").stdout)
        (monitor,) = (each for each in manifests if each["apiVersion"] == MONITORING)
        (endpoint,) = monitor["spec"].get("endpoints") or monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["relabelings"] == [{"targetLabel": "job", "replacement": "tos-proxy/default/terms"}]
        assert re.fullmatch(matcher, endpoint["relabelings"][0]["replacement"])
    scraped = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yaml").read_text())["scrape_configs"]
    assert all(re.fullmatch(matcher, each["job_name"]) for each in scraped)


def test_a_file_reaches_its_configmap_byte_for_byte(helm, tmp_path):
    files = {
        "indented.yaml": "  # first\nrules: []\n",
        "blank.yaml": "\n\nrules: []",
        "odd.txt": "#\ttab\r\n<ü> & {{ .Values }} \u2028\n\n",
    }
    (tmp_path / "values.yaml").write_text(json.dumps({"policies": {"files": files}, "accounts": {"text": "  # x\naccounts: {}"}}))
    manifests = of_kind(objects(helm("template", "rel", CHART, "-f", tmp_path / "values.yaml").stdout), "ConfigMap")
    data = {each["metadata"]["name"]: each["data"] for each in manifests}
    assert data["rel-tos-proxy-policies"] == files
    assert data["rel-tos-proxy-accounts"] == {"accounts.yaml": "  # x\naccounts: {}"}


def test_the_chart_carries_our_rules_and_dashboards(rendered):
    manifests = rendered["remote-endpoints"]
    (rule,) = of_kind(manifests, "PrometheusRule")
    files = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "deploy/prometheus/rules").glob("*.yaml"))]
    assert rule["spec"]["groups"] == [group for file in files for group in file["groups"]]
    boards = {
        key: json.loads(text) for each in of_kind(manifests, "ConfigMap") for key, text in each["data"].items() if key[-5:] == ".json"
    }
    assert boards == {path.name: json.loads(path.read_text()) for path in (ROOT / "deploy/grafana/dashboards").glob("*.json")}
    assert len(boards) == 5


def test_a_restart_follows_settings_but_not_policies(helm, rendered):
    def annotations(*sets: str) -> dict:
        (deployment,) = of_kind(objects(helm("template", "rel", CHART, *sets).stdout), "Deployment")
        return deployment["spec"]["template"]["metadata"]["annotations"]

    base = annotations("--set", r"policies.files.a\.yaml=one")
    assert annotations("--set", r"policies.files.a\.yaml=two") == base
    assert annotations("--set", r"policies.files.a\.yaml=one", "--set", "settings.caps.in_flight=3") != base


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("settings.listne.port=1", "Additional property listne is not allowed"),
        ("settings.admin.port=1", "Additional property admin is not allowed"),
        ("settings.listen.host=0.0.0.0", "Additional property host is not allowed"),
        ("settings.state.kind=postgres", "settings.state.kind"),
        ("mode=daemon", "mode"),
        ("image.digest=latest", "image.digest"),
        ("mode=sidecar", "set sidecar.podLabels"),
        ("mode=pod", "pod.containers"),
        ("geo.update.enabled=true", "geo.claim"),
        ("geo.claim=databases", "name the databases on it in geo.files"),
        ("geo.files={a.mmdb}", "name the claim that holds them in geo.claim"),
        ("terminationGracePeriodSeconds=20", "too short for settings.shutdown; at least 130"),
    ],
)
def test_a_wrong_value_is_refused_by_name(helm, values, message):
    done = helm("template", "rel", CHART, "--set", values, ok=False)
    assert done.returncode != 0
    assert message in done.stderr


def test_the_grace_period_check_knows_the_defaults_of_the_proxy():
    shutdown = Settings().shutdown
    text = (CHART / "templates" / "_names.tpl").read_text()
    assert f'"drain_s" {shutdown.drain_s} "streams_s" {shutdown.streams_s}' in text


def test_the_values_schema_is_current():
    assert build_schema.TARGET.read_text() == build_schema.build(), "run python -m deploy.helm.build_schema"


def test_the_values_schema_covers_every_value_of_the_chart():
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    known = json.loads(build_schema.build())["properties"]
    assert set(values) | {"global", "enabled"} == set(known)
