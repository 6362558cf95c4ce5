from __future__ import annotations

from pathlib import Path

import pytest

from proxy.adapters.settings_file import fields, located, read_settings
from proxy.errors import SETTINGS, ConfigError, Problem
from proxy.settings import Settings, Upstream


def problems(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "settings.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as wrong:
        read_settings(path)
    return [str(problem).removeprefix(f"{tmp_path}/") for problem in wrong.value.problems]


def test_every_problem_is_told_at_once_with_its_line_and_what_to_write(tmp_path):
    told = problems(
        tmp_path,
        "listn: {port: 1}\nlisten:\n  prot: 1\n  port: 99999\nupstreams:\n  - {name: a, url: 'ftp://x', conect_s: 3}\nstate: {kind: disk}\n",
    )
    assert [line.split(":")[1] for line in sorted(told, key=lambda line: int(line.split(":")[1]))] == ["1", "3", "4", "6", "6", "7"]
    assert any("unknown setting 'listn'; did you mean 'listen'?" in line for line in told)
    assert any("unknown setting 'conect_s'; did you mean 'connect_s'?" in line for line in told)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("admin: {host: 0.0.0.0}", "set admin.token"),
        ("state: {kind: redis}", "the same on all replicas"),
        ("upstreams: [{name: a, url: 'http://user:secret@x'}]", "without user"),
        ("upstreams: [{name: a, url: 'http://x', inject: [{value_env: A, value_file: b}]}]", "exactly one of"),
        ("upstreams: [{name: 'Not A Name', url: 'http://x'}]", "upstreams[0].name"),
        ("listen: {port: 8080}\nlisten: {port: 8081}", "written twice"),
        ("- a list", "keys and values"),
    ],
)
def test_a_setting_that_can_not_be_meant_is_refused(tmp_path, text, what):
    assert any(what in line for line in problems(tmp_path, text))


def test_what_sections_ask_of_each_other_is_told_with_all_the_rest(tmp_path, monkeypatch):
    monkeypatch.setenv("TOSPROXY_STATE__KIND", "redis")
    told = problems(tmp_path, "admin: {host: 0.0.0.0}\nlisten: {port: many}\n")
    assert len(told) == 3
    assert any(":1:15: admin.host: isn't loopback" in line for line in told)
    assert any("TOSPROXY_STATE__KIND" in line and "the same on all replicas" in line for line in told)


@pytest.mark.parametrize(
    ("log", "wrong"),
    [
        ("{file: r.jsonl}", ["log.file"]),
        ("{records: stdout, file: r.jsonl}", ["log.file"]),
        ("{rotate_bytes: 1000, keep_files: 3, sync: never}", ["log.keep_files", "log.rotate_bytes", "log.sync"]),
        ("{records: file, file: r.jsonl, keep_files: 3}", []),
        ("{records: 'off', file: r.jsonl}", []),
        ("{records: stdout, queue: 5, facts: true}", []),
    ],
)
def test_what_is_said_of_a_record_file_is_refused_where_none_is_written(tmp_path, log, wrong):
    if wrong:
        told = problems(tmp_path, f"log: {log}\n")
        assert [line.split(": ")[1] for line in told] == wrong
        assert all("set log.records to file, or remove this" in line for line in told)
    else:
        (tmp_path / "s.yaml").write_text(f"log: {log}\n")
        read_settings(tmp_path / "s.yaml")


def test_a_record_file_named_by_a_variable_is_told_by_its_name(monkeypatch):
    monkeypatch.setenv("TOSPROXY_LOG__FILE", "r.jsonl")
    with pytest.raises(ConfigError, match=r"variable TOSPROXY_LOG__FILE: log\.file: is for a file"):
        read_settings(None)
    monkeypatch.setenv("TOSPROXY_LOG__RECORDS", "file")
    assert read_settings(None).log.file == Path("r.jsonl")


def test_a_section_that_can_not_be_read_is_compared_with_nothing(tmp_path):
    told = problems(tmp_path, "admin: {host: 0.0.0.0, port: many}\n")
    assert ["admin.port" in line for line in told] == [True]


def test_the_environment_outweighs_the_file(tmp_path, monkeypatch):
    path = tmp_path / "s.yaml"
    path.write_text("listen: {port: 1111, host: 127.0.0.2}\n")
    monkeypatch.setenv("TOSPROXY_LISTEN__PORT", "2222")
    settings = read_settings(path)
    assert (settings.listen.port, settings.listen.host) == (2222, "127.0.0.2")


@pytest.mark.parametrize(
    ("name", "value"), [("TOSPROXY_LISTN__PORT", "1"), ("TOSPROXY_LISTEN__PROT", "1"), ("TOSPROXY_LISTEN__PORT", "many")]
)
def test_a_wrong_variable_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as wrong:
        read_settings(None)
    assert name in str(wrong.value)


def test_lists_and_sections_that_are_no_json_are_told_with_everything_else(monkeypatch):
    monkeypatch.setenv("TOSPROXY_IDENTITY__TRUSTED_PROXIES", "10.0.0.0/8")
    monkeypatch.setenv("TOSPROXY_IDENTITY__ACCOUNT_HEADERS", "x")
    monkeypatch.setenv("TOSPROXY_LISTEN", "abc")
    monkeypatch.setenv("TOSPROXY_UPSTREAMS", "[{")
    monkeypatch.setenv("TOSPROXY_LISTEN_PORT", "1")
    monkeypatch.setenv("tosproxy_geo__embeded", "true")
    with pytest.raises(ConfigError) as wrong:
        read_settings(None)
    assert sorted(map(str, wrong.value.problems)) == [
        "environment: TOSPROXY_LISTEN_PORT: unknown setting; did you mean TOSPROXY_LISTEN__PORT?",
        (
            "variable TOSPROXY_IDENTITY__ACCOUNT_HEADERS: identity.account_headers: must hold keys and values; "
            'write {key: value} in a file and {"key": "value"} in a variable'
        ),
        (
            "variable TOSPROXY_IDENTITY__TRUSTED_PROXIES: identity.trusted_proxies: must be a list; "
            'write [a, b] in a file and ["a", "b"] in a variable'
        ),
        "variable TOSPROXY_LISTEN: listen: must hold keys and values; see `tos-proxy settings`",
        'variable TOSPROXY_UPSTREAMS: upstreams: must be a list; write [a, b] in a file and ["a", "b"] in a variable',
        "variable tosproxy_geo__embeded: geo.embeded: unknown setting 'embeded'; did you mean 'embedded'?",
    ]


def test_a_wrong_variable_is_not_blamed_on_the_line_of_the_file_that_it_outweighs(tmp_path, monkeypatch):
    monkeypatch.setenv("TOSPROXY_LISTEN__PORT", "many")
    monkeypatch.setenv("TOSPROXY_UPSTREAMS", '[{"name": "a", "url": "http://a"}, {"name": "b"}]')
    told = problems(tmp_path, "listen: {port: 8080}\nupstreams:\n  - {name: a, url: 'http://a'}\n  - {name: b, url: 'http://b'}\n")
    assert [line.split(":")[0] for line in told] == ["variable TOSPROXY_LISTEN__PORT", "variable TOSPROXY_UPSTREAMS"]


def test_what_is_missing_is_told_with_the_line_of_what_lacks_it(tmp_path):
    assert problems(tmp_path, "upstreams:\n  - {name: a, url: 'http://a'}\n  - {name: b}\n") == [
        "settings.yaml:3:5: upstreams[1].url: is missing; add it"
    ]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("listen: {port: eighty}", "1:16: listen.port: must be a whole number; write it in digits"),
        ("caps: {body_bytes: 16MB}", "1:20: caps.body_bytes: must be a whole number; write bytes without a unit, such as 1048576"),
        ("shutdown: {drain_s: 5s}", "1:21: shutdown.drain_s: must be a number; write seconds without a unit, such as 20"),
        ("state: {budget_ms: 20ms}", "1:20: state.budget_ms: must be a number; write milliseconds without a unit, such as 20"),
        ("capture: {percent: 10%}", "1:20: capture.percent: must be a number; write percent without a sign, such as 10"),
        ("capture: {percent: 150}", "1:20: capture.percent: must be at most 100"),
        ("caps: {in_flight: 0}", "1:19: caps.in_flight: must be above 0"),
        ("log: {format: text}", "1:15: log.format: must be 'json' or 'console'"),
        ("log: {file: 3}", "1:13: log.file: must be the name of a file or folder"),
        ("policies: [policies]", "1:11: policies: must be the name of a file or folder"),
        ("admin: {token: 12345}", "1:16: admin.token: must be a text; put it in quotes"),
        ("admin: {port: }", "1:15: admin.port: has no value; write one, or remove the line"),
        (
            "upstreams: [{name: A B, url: 'http://a'}]",
            "1:20: upstreams[0].name: has the wrong form; write up to 32 lower-case letters, digits, - and _, such as vllm-1",
        ),
    ],
)
def test_a_wrong_value_is_told_in_words_for_people_with_the_unit_and_without_quoting_what_may_be_a_secret(tmp_path, text, told):
    assert problems(tmp_path, text) == [f"settings.yaml:{told}"]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("upstreams: [{name: a, url: '127.0.0.1:8000'}]", "upstreams[0].url: write http://host:port"),
        ("upstreams: [{name: a, url: 'http://x:99999'}]", "upstreams[0].url: write http://host:port"),
        ("upstreams: [{name: a, url: 'http://:secret@x'}]", "upstreams[0].url: write http://host:port"),
        ("upstreams: [{name: a, url: 'http://my host/secret'}]", "upstreams[0].url: write http://host:port"),
        ("upstreams: [{name: a, url: 'http://..:80'}]", "upstreams[0].url: write http://host:port"),
        ('upstreams: [{name: a, url: "http://x/a\\nb"}]', "upstreams[0].url: write http://host:port"),
        ("upstreams: [{name: a, url: 'http://x', paths: [v1]}]", "upstreams[0].paths[0]: no path begins like that: write a slash first"),
        ("upstreams: [{name: a, url: 'http://x', models: ['gpt-*o']}]", "upstreams[0].models[0]: write a model's name"),
        ("upstreams: [{name: a, url: 'http://x', opens_thought: ['']}]", "upstreams[0].opens_thought[0]: write a model's name"),
        ("upstreams: [{name: a, url: 'http://x', inject: [{header: 'x: y', value_env: A}]}]", "header: isn't the name of a header"),
        ("identity: {account_header: x account}", "identity.account_header: isn't the name of a header"),
        ("identity: {account_headers: {tier: 'x:tier'}}", "identity.account_headers.tier: isn't the name of a header"),
        ("identity: {tls_fingerprint_header: x/ja3}", "identity.tls_fingerprint_header: isn't the name of a header"),
        ("geo: {edge: {country: 'cf ipcountry'}}", "geo.edge.country: isn't the name of a header"),
        ("tracing: {endpoint: 'collector:4318'}", "tracing.endpoint: write the whole address, such as http://collector:4318"),
        ("state: {url: 'localhost:6379'}", "state.url: write redis://host:6379/0"),
        ("state: {url: 'redis://:secret@host:x/0'}", "state.url: write redis://host:6379/0"),
        ("upstreams: [{name: a, url: 'http://a'}, {name: a, url: 'http://b'}]", "upstreams[1].name: 'a' is taken"),
    ],
)
def test_what_could_never_work_or_match_is_refused_at_the_start(tmp_path, text, what):
    (told,) = problems(tmp_path, text)
    assert what in told
    assert "secret" not in told


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1:6379/0", "rediss://:secret@host:6380/1", "unix:///run/valkey.sock", "redis://[::1]:6379", "redis://store"]
)
def test_the_addresses_of_stores_may_have_every_form_that_the_client_knows(url):
    assert Settings(state={"url": url}).state.url.get_secret_value() == url


@pytest.mark.parametrize(
    "url",
    ["http://127.0.0.1:8000", "https://my_service.example.", "http://[::1]:8000", "http://[fe80::1%25eth0]:80", "http://bücher.example"],
)
def test_the_addresses_of_upstreams_may_name_any_host_that_can_be_looked_up(url):
    assert Upstream(name="a", url=f"{url}/v1/").url == f"{url}/v1"


def test_a_default_that_can_not_be_had_is_told_with_the_variable_that_changes_it():
    with pytest.raises(ConfigError) as wrong, located(None):
        raise ConfigError([Problem(SETTINGS, 0, 0, "listen.port", "is in use", "take another port")])
    assert str(wrong.value) == "settings: listen.port: is in use; take another port; it is also the variable TOSPROXY_LISTEN__PORT"


def test_networks_that_may_not_be_trusted_are_told_with_their_line(tmp_path):
    told = problems(tmp_path, "listen: {prot: 1}\nidentity:\n  trusted_proxies: [0.0.0.0/0, 10.0.0.1/8]\n")
    assert [line.rpartition(";")[0] for line in told] == [
        "settings.yaml:1:10: listen.prot: unknown setting 'prot'",
        "settings.yaml:3:20: identity.trusted_proxies: '10.0.0.1/8' has bits set outside its prefix",
        "settings.yaml:3:20: identity.trusted_proxies: 0.0.0.0/0, 10.0.0.1/8 trusts every address, so any client could claim any region",
    ]
    flag = "trust_everyone_which_lets_anyone_choose_their_address"
    Settings(identity={"trusted_proxies": ["0.0.0.0/0"], flag: True})


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(ConfigError, match="can't be read"):
        read_settings(tmp_path / "none.yaml")


def test_secrets_are_never_shown():
    settings = Settings(identity={"digest_key": "0123456789abcdef"}, admin={"token": "very-secret-token"})
    assert "very-secret" not in repr(settings)
    assert "0123456789abcdef" not in str(settings)


def test_the_defaults_are_listed_with_a_type_and_a_meaning():
    listed = {name: (kind, default) for name, kind, default, meaning in fields() if meaning}
    assert listed["listen.port"] == ("integer", "8080")
    assert listed["state.kind"] == ("memory | redis", "memory")
    assert listed["state.url"] == ("secret", "redis://127.0.0.1:6379/0")
    assert listed["upstreams[].url"] == ("text, required", "")
    assert listed["upstreams[].paths"] == ("list", "[]")
    assert listed["geo.databases"] == ("list of paths", "[]")
    assert listed["identity.account_headers"] == ("mapping", "{}")
    assert listed["identity.jwt.claims"] == ("mapping", '{"org": "org", "tier": "tier"}')
    assert listed["identity.accounts_file"] == ("path", "")
    assert listed["caps.header_s"] == ("number", "20.0")
    assert listed["watch"] == ("boolean", "true")


def test_a_wrong_variable_is_blamed_and_not_the_file_that_it_outweighs(tmp_path, monkeypatch):
    monkeypatch.setenv("TOSPROXY_LISTEN__PORT", "many")
    (told,) = problems(tmp_path, "listen: {port: 8080}\n")
    assert told.startswith("variable TOSPROXY_LISTEN__PORT: listen.port: ")
