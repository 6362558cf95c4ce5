"""The Dockerfile, the plain manifests, the compose file and the systemd unit, each judged by its ecosystem's checker."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
import yaml

from deploy import check_image
from proxy.settings import Settings
from tests.deploy.conftest import runner

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def test_hadolint_finds_nothing_in_the_dockerfile(hadolint):
    hadolint("--failure-threshold", "style", DEPLOY / "Dockerfile")


def test_the_image_runs_as_nobody_special_and_needs_no_shell():
    image = check_image.read_dockerfile(DEPLOY / "Dockerfile")["runtime"]
    told = {step.word: step.text for step in image}
    assert told["USER"] == "65532:65532"
    for word in ("ENTRYPOINT", "CMD"):
        assert told[word].startswith("["), f"{word} in exec form"
    assert re.search(r'CMD \["[^"]+/tos-proxy", "health"', told["HEALTHCHECK"])
    assert "RUN" not in told


def test_the_base_image_can_be_pinned_by_digest():
    text = (DEPLOY / "Dockerfile").read_text()
    assert re.findall(r"^FROM (\S+)", text, re.MULTILINE) == ["${PYTHON_IMAGE}"] * 2
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.11-", text, re.MULTILINE)


def test_everything_that_the_image_installs_has_a_hash():
    installs = [line for line in (DEPLOY / "Dockerfile").read_text().splitlines() if "pip" in line and " install " in line]
    assert len(installs) == 3
    assert all("--require-hashes" in line or "--no-index" in line for line in installs)
    for name in ("requirements.txt", "deploy/requirements-build.txt"):
        entries = re.split(r"\n(?=[A-Za-z0-9])", (ROOT / name).read_text())
        pinned = [entry for entry in entries if re.match(r"[A-Za-z0-9._-]+(\[.*\])?==", entry)]
        assert pinned
        assert all("--hash=sha256:" in entry for entry in pinned)


def test_the_image_can_send_traces():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = set(re.findall(r"^([a-z0-9-]+)(?:\[.*\])?==", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    asked = {re.split(r"[\[><=]", each)[0].lower() for each in project["dependencies"] + project["optional-dependencies"]["tracing"]}
    assert asked <= pinned


def test_the_docker_context_holds_what_the_dockerfile_copies_and_no_more():
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    stages = check_image.read_dockerfile(DEPLOY / "Dockerfile")
    copied = {
        source
        for steps in stages.values()
        for step in steps
        if step.word == "COPY" and "--from" not in step.text
        for source in step.text.split()[:-1]
    }
    assert copied == allowed


@pytest.mark.parametrize("name", ["sidecar.yaml", "region-databases.yaml"])
@pytest.mark.parametrize("version", ["1.30", "1.37"])
def test_the_plain_manifests_are_what_kubernetes_expects(name, version):
    validate = pytest.importorskip("kubernetes_validate", reason="PyPI package kubernetes-validate is not installed").validate
    for manifest in yaml.safe_load_all((DEPLOY / "kubernetes" / name).read_text()):
        validate(manifest, version, strict=True)


def test_the_patch_adds_the_container_of_the_plain_manifest():
    validate = pytest.importorskip("kubernetes_validate", reason="PyPI package kubernetes-validate is not installed").validate
    patch = yaml.safe_load((DEPLOY / "kubernetes" / "patch.yaml").read_text())
    plain = [each for each in yaml.safe_load_all((DEPLOY / "kubernetes" / "sidecar.yaml").read_text()) if each["kind"] == "Deployment"]
    (patched,) = patch["spec"]["template"]["spec"]["containers"]
    original = next(each for each in plain[0]["spec"]["template"]["spec"]["containers"] if each["name"] == "tos-proxy")
    assert {key: value for key, value in patched.items() if key != "securityContext"} == {
        key: value for key, value in original.items() if key != "securityContext"
    }
    labels = {"app": "theirs"}
    patch["spec"] |= {"selector": {"matchLabels": labels}}
    patch["spec"]["template"]["metadata"] = {"labels": labels}
    validate({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "theirs"}, **patch}, "1.37", strict=True)


def test_the_settings_that_ship_are_accepted_by_the_proxy():
    plain = next(yaml.safe_load_all((DEPLOY / "kubernetes" / "sidecar.yaml").read_text()))
    for text in (
        (DEPLOY / "settings.yaml").read_text(),
        (DEPLOY / "compose" / "settings.yaml").read_text(),
        (DEPLOY / "systemd" / "settings.yaml").read_text(),
        plain["data"]["settings.yaml"],
    ):
        assert Settings(**yaml.safe_load(text)).policies == Path("/etc/tos-proxy/policies")


def test_every_file_that_compose_mounts_is_there_or_made_by_its_first_lines():
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    mounts = [volume.split(":")[0] for service in compose["services"].values() for volume in service.get("volumes", ())]
    files = [mount for mount in mounts if mount.startswith(".")]
    assert len(files) >= 6
    assert [path for path in files if not (DEPLOY / path).exists()] == []
    assert set(mounts) - set(files) <= {f"{name}" for name in compose["volumes"]}
    made = compose["secrets"]["admin_token"]["file"].removeprefix("./")
    assert f"> deploy/{made}" in (DEPLOY / "compose.yaml").read_text()


def test_the_compose_file_is_what_the_compose_specification_expects():
    jsonschema = pytest.importorskip("jsonschema", reason="PyPI package jsonschema is not installed")
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    assert compose.pop("name") == "tos-proxy"
    schema = json.loads((Path(__file__).parent / "schemas" / "compose.json").read_text())
    jsonschema.Draft201909Validator(schema).validate(compose)


def test_in_compose_the_model_server_is_reached_through_the_proxy_alone():
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert "ports" not in services["model"]
    assert {name for name, service in services.items() if "model" in service["networks"]} == {"proxy", "model", "model-pull"}
    assert services["proxy"]["read_only"]
    assert services["proxy"]["cap_drop"] == ["ALL"]


def test_the_unit_has_no_fault_that_systemd_knows(systemd_analyze, tmp_path):
    unit = tmp_path / "tos-proxy.service"
    unit.write_text((DEPLOY / "systemd" / "tos-proxy.service").read_text().replace("/opt/tos-proxy/bin/tos-proxy", "/bin/true"))
    done = systemd_analyze("verify", "--man=no", unit)
    assert done.stderr.strip() == ""


def test_the_user_of_the_unit_is_made_by_the_sysusers_file():
    sysusers = runner("systemd-sysusers", "Debian package systemd")
    sysusers("--dry-run", DEPLOY / "systemd" / "tos-proxy.sysusers.conf")
    unit = (DEPLOY / "systemd" / "tos-proxy.service").read_text()
    (user,) = re.findall(r"^User=(.+)$", unit, re.MULTILINE)
    assert f"u {user} " in (DEPLOY / "systemd" / "tos-proxy.sysusers.conf").read_text()


def test_the_unit_is_confined(systemd_analyze):
    systemd_analyze("security", "--offline=yes", "--no-pager", "--threshold=15", DEPLOY / "systemd" / "tos-proxy.service")


def test_whatever_stops_the_proxy_waits_longer_than_it_drains():
    unit = (DEPLOY / "systemd" / "tos-proxy.service").read_text()
    default = Settings().shutdown
    (timeout_s,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert float(timeout_s) > default.drain_s + default.streams_s
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    assert float(compose["proxy"]["stop_grace_period"][:-1]) > default.drain_s + default.streams_s
    assert float(compose["model"]["stop_grace_period"][:-1]) > float(compose["proxy"]["stop_grace_period"][:-1])
    settings, deployment = list(yaml.safe_load_all((DEPLOY / "kubernetes" / "sidecar.yaml").read_text()))[:2]
    shutdown = Settings(**yaml.safe_load(settings["data"]["settings.yaml"])).shutdown
    spec = deployment["spec"]["template"]["spec"]
    model = next(each for each in spec["containers"] if each["name"] == "model")
    outlives = model["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert spec["terminationGracePeriodSeconds"] > outlives > shutdown.drain_s + shutdown.streams_s
