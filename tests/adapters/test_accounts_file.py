import asyncio
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.accounts.file import AccountsFile, parse_accounts
from proxy.errors import ConfigError

GOOD = """\
accounts:
  acme-prod:
    org: Acme
    tier: gold
    verified: true
    country: DE
    opened: 2025-01-31
    tags: [eval]
  key-0123456789abcdef0123456789abcdef: {tier: free, country: "NO"}
"""
CSV = 'id,org,tier,verified,country,owner_country,owner_share,opened,tags\nacme-prod,Acme,gold,true,DE,,,2025-01-31,eval\nb,"B, Inc",,,,CN,0.6,,a;b\n'


def written(tmp_path, text=GOOD, name="accounts.yaml"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def tier(directory):
    found = directory.find("acme-prod")
    assert found is not None
    return found.tier


def test_yaml_and_csv_say_the_same(tmp_path):
    yaml = AccountsFile(written(tmp_path)).directory.find("acme-prod")
    csv = AccountsFile(written(tmp_path, CSV, "accounts.csv")).directory.find("acme-prod")
    assert yaml is not None
    assert csv is not None
    assert yaml._replace(sources=()) == csv._replace(sources=())
    assert dict(yaml.sources)["tier"] == "accounts.yaml:4"
    assert dict(csv.sources)["tier"] == "accounts.csv:2"


BAD = [
    pytest.param("accounts.yaml", "accounts:\n  a: {tier: gold}\n  a: {tier: free}\n", 3, "a", id="duplicate account"),
    pytest.param("accounts.yaml", "accounts:\n  a: {tier: gold, tier: free}\n", 2, "tier", id="duplicate attribute"),
    pytest.param("accounts.yaml", "accounts:\n  a: {country: NO}\n", 2, "country", id="Norway without quotes"),
    pytest.param("accounts.yaml", "accounts:\n  a: {tear: gold}\n", 2, "tear", id="unknown attribute"),
    pytest.param("accounts.yaml", "accounts:\n  a: gold\n", 2, "a", id="no attributes"),
    pytest.param("accounts.yaml", "a: {tier: gold}\n", 1, "", id="no accounts key"),
    pytest.param("accounts.yaml", "accounts: [a, b]\n", 1, "", id="a list"),
    pytest.param("accounts.yaml", "accounts:\n  a: &x {tier: gold}\n  b: *x\n", 2, "a", id="an alias"),
    pytest.param("accounts.yaml", "accounts:\n  a: {tier: gold\n", 3, "", id="cut off"),
    pytest.param("accounts.yaml", "", 0, "", id="empty"),
    pytest.param("accounts.csv", "id,tier\na,gold,x\n", 2, "", id="a cell too many"),
    pytest.param("accounts.csv", "id,tier\na,gold\na,free\n", 3, "a", id="an account twice"),
    pytest.param("accounts.csv", "name,tier\na,gold\n", 1, "", id="no id column"),
    pytest.param("accounts.csv", "id,tier,tier\na,gold,free\n", 1, "", id="a column twice"),
    pytest.param("accounts.csv", "id,tear\na,gold\n", 2, "tear", id="an unknown column"),
    pytest.param("accounts.csv", 'id,tier\na,"gold\n', 2, "", id="a quote left open"),
    pytest.param("accounts.csv", b"id,tier\na,\xff\n", 2, "", id="not UTF-8"),
]


@pytest.mark.parametrize(("name", "text", "line", "inside"), BAD)
def test_a_bad_file_is_refused_at_its_line_and_the_last_good_one_stays(tmp_path, name, text, line, inside):
    path = written(tmp_path, GOOD if name.endswith("yaml") else CSV, name)
    accounts = AccountsFile(path)
    good = accounts.directory
    written(tmp_path, text, name)
    assert not accounts.refresh()
    assert accounts.directory is good
    assert accounts.status.problems[0].line == line
    assert inside in accounts.status.problems[0].path
    assert accounts.status.failures == 1
    assert not accounts.refresh()
    assert accounts.status.failures == 1
    with pytest.raises(ConfigError):
        AccountsFile(path)


def test_a_new_version_replaces_the_directory_whole(tmp_path):
    path = written(tmp_path)
    accounts = AccountsFile(path)
    before = accounts.directory
    assert not accounts.refresh()
    written(tmp_path, GOOD.replace("gold", "silver"))
    assert accounts.refresh()
    assert tier(before) == "gold"
    assert tier(accounts.directory) == "silver"
    assert accounts.status.reloads == 1


def test_a_deleted_file_keeps_the_last_good_one_and_says_so(tmp_path):
    path = written(tmp_path)
    accounts = AccountsFile(path)
    path.unlink()
    assert not accounts.refresh()
    assert accounts.status.problems[0].path == "identity.accounts_file"
    assert "can't be read" in accounts.status.problems[0].what
    assert accounts.directory.find("acme-prod")
    written(tmp_path)
    assert not accounts.refresh()
    assert accounts.status.problems == ()


def test_a_pipe_in_place_of_the_file_is_told_and_not_waited_for(tmp_path):
    path = written(tmp_path)
    accounts = AccountsFile(path)
    path.unlink()
    os.mkfifo(path)
    assert not accounts.refresh()
    assert accounts.status.problems[0].what == "isn't a file"


def test_going_back_to_the_version_in_use_ends_the_problem(tmp_path):
    path = written(tmp_path)
    accounts = AccountsFile(path)
    written(tmp_path, "broken: [")
    accounts.refresh()
    written(tmp_path)
    assert not accounts.refresh()
    assert accounts.status.problems == ()
    assert accounts.status.reloads == 0


def test_the_watcher_follows_a_swapped_link_as_a_mounted_volume_swaps_it(tmp_path):
    for version, name in (("v1", "gold"), ("v2", "silver")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "accounts.yaml").write_text(GOOD.replace("gold", name))
    (tmp_path / "current").symlink_to("v1")
    (tmp_path / "accounts.yaml").symlink_to("current/accounts.yaml")
    accounts = AccountsFile(tmp_path / "accounts.yaml")

    async def swap_and_wait():
        told = asyncio.Event()
        watching = asyncio.ensure_future(accounts.watch(lambda _: told.set(), look_every_s=0.05))
        (tmp_path / "next").symlink_to("v2")
        (tmp_path / "next").rename(tmp_path / "current")
        await asyncio.wait_for(told.wait(), 10)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    asyncio.run(swap_and_wait())
    assert tier(accounts.directory) == "silver"


@settings(max_examples=200, deadline=None)
@given(
    content=st.binary(max_size=200) | st.text(alphabet='accounts: \n{}[],"&*-id0', max_size=120).map(str.encode),
    name=st.sampled_from(["a.yaml", "a.csv"]),
)
def test_any_bytes_are_a_directory_or_a_told_problem(tmp_path_factory, content, name):
    path = tmp_path_factory.getbasetemp() / name
    try:
        assert len(parse_accounts(path, content)) >= 0
    except ConfigError as error:
        assert error.problems  # noqa: PT017 either outcome is right; what must not happen is another exception
