"""Policies change while traffic flows: every request is judged by one whole, good revision, and says by which."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

from proxy.policy.load import revision_of
from tests.conftest import OPEN, Running

GOOD = {
    "a": {**OPEN, "terms.yaml": "rules:\n  - {id: terms.a, when: request.n > 4, then: {refuse: {code: too_many, message: A says no.}}}\n"},
    "b": {**OPEN, "terms.yaml": "rules:\n  - {id: terms.b, when: request.n > 2, then: {refuse: {code: too_many, message: B says no.}}}\n"},
}
BOMB = "a: &a [x, x, x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nrules: *c\n"
BAD = [
    "", "rules:\n  - {id: terms.a, when: reque", "rules:\n  - {id: terms.a, wehn: request.n > 4, then: {tag: [x]}}\n", BOMB,
    "rules:\n  - {id: terms.a, id: terms.b, when: request.n > 4, then: {tag: [x]}}\n", "\ufeffrules: []\n", "rules: []\nrules: []\n",
    "rules:\n  - {id: terms.a, when: request.m > 4, then: {tag: [x]}}\n", "\x00\x00\x00", "- just a list\n",
]  # fmt: skip
BODY = json.dumps({"model": "demo", "n": 3, "max_tokens": 1, "messages": [{"role": "user", "content": "hi"}]})


class Caller(threading.Thread):
    """Calls without pause until told to stop, keeping the revision and status of every answer."""

    def __init__(self, proxy: Running) -> None:
        super().__init__(daemon=True)
        self.proxy = proxy
        self.answers: list[tuple[str, int]] = []
        self.stopped = threading.Event()

    def run(self) -> None:
        with closing(http.client.HTTPConnection(*self.proxy.address, timeout=10)) as connection:
            while not self.stopped.is_set():
                connection.request("POST", "/v1/chat/completions", BODY, {"content-type": "application/json"})
                answer = connection.getresponse()
                answer.read()
                self.answers.append((answer.getheader("x-tosproxy-policy") or "", answer.status))


def _revision(files: dict[str, str]) -> str:
    return revision_of({name: text.encode() for name, text in files.items()})


def _admin(proxy: Running, page: str) -> Any:
    with closing(http.client.HTTPConnection(proxy.admin.removeprefix("http://"), timeout=10)) as connection:
        connection.request("GET", page)
        return json.loads(connection.getresponse().read())


def _swap(folder: Path, files: dict[str, str], number: int) -> None:
    """As a ConfigMap does: a new directory beside the old one, and one rename of a link."""
    version = folder / f"..{number}"
    version.mkdir()
    for name, text in files.items():
        (version / name).write_text(text)
    link = folder / "..next"
    link.symlink_to(version.name)
    link.replace(folder / "..data")


def test_a_thousand_writes_under_load_never_show_a_bad_empty_or_mixed_policy(serve, tmp_path):
    folder = tmp_path / "mounted"
    folder.mkdir()
    _swap(folder, GOOD["a"], 0)
    for name in GOOD["a"]:
        (folder / name).symlink_to(f"..data/{name}")
    proxy = serve(folder, watch=True)
    callers = [Caller(proxy) for _ in range(2)]
    for caller in callers:
        caller.start()
    stray = folder / "stray.yaml"
    for number, bad in zip(range(1000), itertools.cycle(BAD), strict=False):
        if number % 50 == 0:
            stray.unlink(missing_ok=True)
            _swap(folder, GOOD["ab"[number // 50 % 2]], number + 1)
        stray.write_text(bad, encoding="utf-8")
    before = sum(len(caller.answers) for caller in callers)
    stray.unlink()
    wanted = _revision(GOOD["b"])
    for _ in range(20_000):
        if callers[0].answers[-1][0] == wanted:
            break
        callers[0].join(0.001)
    for caller in callers:
        caller.stopped.set()
        caller.join(10)
    answers = [answer for caller in callers for answer in caller.answers]
    expected = {_revision(GOOD["a"]): 200, _revision(GOOD["b"]): 403}
    assert before > 100
    assert {revision for revision, _ in answers} <= set(expected)
    assert all(status == expected[revision] for revision, status in answers)
    assert answers[-1][0] == wanted, "the last good version came into force"


def test_a_version_that_is_turned_down_is_told_with_its_line_and_the_old_one_stays(serve, tmp_path):
    folder = tmp_path / "policies"
    folder.mkdir()
    for name, text in GOOD["a"].items():
        (folder / name).write_text(text)
    proxy = serve(folder)
    (folder / "terms.yaml").write_text("rules:\n  - {id: terms.a, wehn: request.n > 4, then: {tag: [x]}}\n")
    proxy.server.parts.policies.refresh()
    view = _admin(proxy, "/policy")
    assert view["revision"] == _revision(GOOD["a"])
    assert view["reload_failures"] == 1
    assert any("terms.yaml:2" in str(problem) and "when" in str(problem) for problem in view["problems"])
    ready = _admin(proxy, "/readyz")
    assert ready["ready"] is True
    assert any("terms.yaml:2" in warning for warning in ready["warnings"])
