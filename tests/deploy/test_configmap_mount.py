"""Policies as the kubelet mounts a ConfigMap: versions behind a link that is swapped in one step."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from proxy.adapters.accounts.file import parse_accounts
from proxy.adapters.policy_folder import PolicyFolder

ROOT = Path(__file__).parents[2]
VALUES = yaml.safe_load((ROOT / "deploy/helm/examples/model-in-pod.yaml").read_text())
NOW = 1_790_000_000.0


def mount(folder: Path, version: str, files: Mapping[str, str]) -> None:
    """What the kubelet's atomic writer does at first and at every change."""
    for path, text in files.items():
        target = folder / f"..{version}" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    (folder / "..data_tmp").symlink_to(f"..{version}")
    (folder / "..data_tmp").replace(folder / "..data")
    for name in {path.split("/")[0] for path in files}:
        if not (folder / name).exists():
            (folder / name).symlink_to(f"..data/{name}")


@pytest.fixture
def files() -> dict[str, str]:
    return dict(VALUES["policies"]["files"])


def test_the_policies_of_the_example_load_from_a_mounted_configmap(tmp_path, files):
    mount(tmp_path, "2026_one", files)
    assert PolicyFolder(tmp_path, lambda: NOW).status.rules == 1


def test_a_changed_configmap_comes_into_force(tmp_path, files):
    mount(tmp_path, "2026_one", files)
    policies = PolicyFolder(tmp_path, lambda: NOW)
    before = policies.current.revision
    mount(tmp_path, "2026_two", files | {"usage.yaml": files["usage.yaml"].replace("usage.no_logprobs", "usage.logprobs")})
    assert policies.refresh()
    assert policies.current.revision != before
    assert [rule.id for rule in policies.current.rules] == ["usage.logprobs"]


def test_a_broken_configmap_leaves_the_last_good_policies_in_force(tmp_path, files):
    mount(tmp_path, "2026_one", files)
    policies = PolicyFolder(tmp_path, lambda: NOW)
    mount(tmp_path, "2026_two", files | {"usage.yaml": files["usage.yaml"].replace("request.logprobs", "request.logprob")})
    assert not policies.refresh()
    assert [rule.id for rule in policies.current.rules] == ["usage.no_logprobs"]
    assert policies.status.problems


def test_the_accounts_of_the_example_are_accepted():
    directory = parse_accounts(Path("accounts.yaml"), VALUES["accounts"]["text"].encode())
    assert len(directory) == 1
