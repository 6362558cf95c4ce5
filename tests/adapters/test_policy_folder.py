from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path

import pytest

from proxy.adapters import policy_folder
from proxy.adapters.policy_folder import PolicyFolder, PolicyStatus, read_folder
from proxy.errors import ConfigError
from proxy.policy.facts import Phase
from proxy.policy.language.shapes.case_file import ORDINARY

NOW = 1_795_520_000.0
RULE = """rules:
  - id: usage.n
    when: request.n > {n}
    then: {{clamp: {{n: {n}}}}}
"""
CASE = """cases:
  - name: many answers become fewer
    facts: {{request.n: 100}}
    expect: {{outcome: allow, clamps: {{n: {n}}}}}
"""


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(policy_folder, "SETTLE_S", 0.001)


@pytest.fixture
def folder(tmp_path):
    write(tmp_path / "policies", 8)
    return tmp_path / "policies"


def write(folder: Path, n: int) -> None:
    (folder / "cases").mkdir(parents=True, exist_ok=True)
    (folder / "usage.yaml").write_text(RULE.format(n=n))
    (folder / "cases" / "usage.yaml").write_text(CASE.format(n=n))


def cap(policies: PolicyFolder) -> object:
    return policies.current.evaluate(Phase.REQUEST, {**ORDINARY, "request.n": 100}, NOW).clamps["n"]


def test_a_folder_is_loaded_with_its_cases_or_not_at_all(folder):
    policies = PolicyFolder(folder, lambda: NOW)
    assert cap(policies) == 8
    assert policies.status.cases == 1
    (folder / "cases" / "usage.yaml").write_text(CASE.format(n=4))
    with pytest.raises(ConfigError, match="expected clamps"):
        PolicyFolder(folder, lambda: NOW)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="can't be read"):
        PolicyFolder(tmp_path / "nowhere", lambda: NOW)


def test_a_change_takes_the_place_of_the_old_set_whole(folder):
    policies = PolicyFolder(folder, lambda: NOW)
    old, revision = policies.current, policies.current.revision
    write(folder, 4)
    assert policies.refresh()
    assert cap(policies) == 4
    assert policies.current.revision != revision
    assert old.evaluate(Phase.REQUEST, {**ORDINARY, "request.n": 100}, NOW).clamps["n"] == 8
    assert policies.status.reloads == 1


def test_nothing_is_loaded_twice(folder):
    policies = PolicyFolder(folder, lambda: NOW)
    before = policies.current
    os.utime(folder / "usage.yaml")
    assert not policies.refresh()
    assert policies.current is before


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("rules:\n  - id: usage.n\n    when: request.n >", id="cut in a condition"),
        pytest.param("rules:\n  - id: usage.n\n    when: request.n > 8\n", id="cut before its effect"),
        pytest.param(
            "rules:\n  - {id: usage.m, when: request.n > 900, then: {tag: [x]}}\n", id="whole, but without the rule the cases know"
        ),
        pytest.param(RULE.format(n=9) + "rules: []\n", id="duplicate key"),
        pytest.param(RULE.format(n=9).replace("when", "wenn"), id="unknown key"),
        pytest.param("a: &a [x, x]\nb: [*a, *a]\n", id="bomb"),
        pytest.param("\0\0\0\0", id="zeros"),
    ],
)
def test_a_bad_version_leaves_the_last_good_one_in_force_and_is_told(folder, content):
    policies = PolicyFolder(folder, lambda: NOW)
    before = policies.current
    (folder / "usage.yaml").write_text(content)
    assert not policies.refresh()
    assert policies.current is before
    assert policies.status.problems
    assert policies.status.reload_failures == 1
    assert not policies.refresh()
    assert policies.status.reload_failures == 1
    write(folder, 8)
    policies.refresh()
    assert policies.status.problems == ()
    assert policies.status.reload_failures == 1
    assert cap(policies) == 8


def test_a_folder_that_is_gone_for_a_while_is_told_until_it_is_back_as_it_was(folder):
    policies = PolicyFolder(folder, lambda: NOW)
    folder.rename(folder.with_name("elsewhere"))
    assert not policies.refresh()
    assert "can't be read" in str(policies.status.problems[0])
    folder.with_name("elsewhere").rename(folder)
    assert not policies.refresh()
    assert policies.status.problems == ()
    assert (policies.status.reloads, policies.status.reload_failures) == (0, 1)


def test_a_version_that_breaks_the_loader_is_told_and_the_next_one_is_taken(folder, monkeypatch):
    policies = PolicyFolder(folder, lambda: NOW)
    with monkeypatch.context() as broken:
        broken.setattr(policy_folder, "load", lambda files, now: 1 / 0)
        write(folder, 4)
        assert not policies.refresh()
    assert cap(policies) == 8
    assert "ZeroDivisionError" in str(policies.status.problems[0])
    write(folder, 2)
    assert policies.refresh()
    assert cap(policies) == 2
    assert policies.status.problems == ()


def test_a_file_that_vanishes_is_missed_by_its_cases(folder):
    (folder / "more.yaml").write_text("rules:\n  - {id: usage.other, when: request.n > 900, then: {tag: [x]}}\n")
    policies = PolicyFolder(folder, lambda: NOW)
    (folder / "usage.yaml").unlink()
    assert not policies.refresh()
    assert cap(policies) == 8


def test_hidden_files_and_editors_leftovers_are_no_policies(folder):
    for name in [".usage.yaml.swp", "usage.yaml~", "4913", "#usage.yaml#", ".hidden.yaml"]:
        (folder / name).write_text("nonsense: [")
    (folder / ".#usage.yaml").symlink_to("someone@host.1234")
    (folder / "dangling.yaml").symlink_to("gone.yaml")
    assert sorted(read_folder(folder)) == ["cases/usage.yaml", "usage.yaml"]


def test_a_mounted_configmap_is_followed_through_its_links(tmp_path):
    mount = tmp_path / "mount"
    for version, n in (("..v1", 8), ("..v2", 4)):
        write(mount / version, n)
    (mount / "..data").symlink_to("..v1")
    for name in ("usage.yaml", "cases"):
        (mount / name).symlink_to(f"..data/{name}")
    policies = PolicyFolder(mount, lambda: NOW)
    assert cap(policies) == 8
    (mount / "..tmp").symlink_to("..v2")
    (mount / "..tmp").rename(mount / "..data")
    assert policies.refresh()
    assert cap(policies) == 4


def test_a_folder_that_changes_between_two_readings_is_read_again(folder, monkeypatch):
    readings = iter([3, 4])

    def pause() -> None:
        n = next(readings, None)
        if n is not None:
            write(folder, n)

    monkeypatch.setattr(policy_folder, "rest", pause)
    assert f"n: {4}" in read_folder(folder)["usage.yaml"].decode()


def test_a_folder_that_never_rests_is_told_and_never_judged(folder, monkeypatch):
    policies = PolicyFolder(folder, lambda: NOW)
    counter = iter(range(1000))
    monkeypatch.setattr(policy_folder, "rest", lambda: write(folder, 10 + next(counter)))
    assert not policies.refresh()
    assert "keeps changing" in str(policies.status.problems[0])
    assert cap(policies) == 8


def test_the_size_of_a_folder_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(policy_folder, "MAX_FOLDER_BYTES", 1000)
    (folder / "lists").mkdir()
    (folder / "lists" / "x.txt").write_text("DE " * 1000)
    with pytest.raises(ConfigError, match="more than"):
        read_folder(folder)


def test_watching_takes_a_good_version_and_reports_a_bad_one(folder):
    asyncio.run(watch_three_versions(folder))


async def watch_three_versions(folder: Path) -> None:
    policies = PolicyFolder(folder, lambda: NOW)
    reports: asyncio.Queue[PolicyStatus] = asyncio.Queue()
    watching = asyncio.ensure_future(policies.watch(reports.put_nowait, look_every_s=0.05))
    try:
        write(folder, 4)
        async with asyncio.timeout(20):
            while (await reports.get()).reloads == 0:
                pass
            assert cap(policies) == 4
            (folder / "usage.yaml").write_text("rules: [")
            while not (status := await reports.get()).problems:
                pass
            assert status.reload_failures >= 1
            assert cap(policies) == 4
            swapped = folder.parent / "next"
            write(swapped, 2)
            shutil.rmtree(folder)
            swapped.rename(folder)
            while (await reports.get()).reloads < 2:
                pass
            assert cap(policies) == 2
    finally:
        watching.cancel()


def test_a_ruleset_made_in_a_thread_judges_on_the_loop_while_another_is_made(folder):
    asyncio.run(judge_while_reloading(folder))


async def judge_while_reloading(folder: Path) -> None:
    policies = PolicyFolder(folder, lambda: NOW)
    write(folder, 4)
    making = asyncio.ensure_future(asyncio.to_thread(policies.refresh))
    verdicts = set()
    while not making.done():
        verdicts.add(cap(policies))
        await asyncio.wait({making}, timeout=0)
    verdicts.add(cap(policies))
    assert await making
    assert verdicts <= {8, 4}
    assert cap(policies) == 4
