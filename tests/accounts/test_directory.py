import pytest

from proxy.accounts.directory import Row, build_directory
from proxy.errors import ConfigError


def test_a_listed_account_is_found_with_the_line_that_said_each_attribute():
    rows = [Row("acme", {"tier": "gold", "country": "DE"}, 2, 3, {"tier": (3, 11)}), Row("key-1", {}, 5)]
    directory = build_directory("accounts.yaml", rows)
    found = directory.find("acme")
    assert found is not None
    assert (found.tier, found.country) == ("gold", "DE")
    assert found.sources == (("tier", "accounts.yaml:3"), ("country", "accounts.yaml:2"))
    assert directory.find("key-1") is not None
    assert directory.find("other") is None
    assert len(directory) == 2


def test_every_problem_is_told_at_once_with_its_place():
    rows = [
        Row("acme", {"country": "UK", "tire": "gold"}, 2, 3, {"country": (2, 20), "tire": (2, 30)}),
        Row("a b", {}, 3),
        Row("acme", {}, 4),
        Row("owned", {"owner_share": 0.6}, 5),
    ]
    with pytest.raises(ConfigError) as caught:
        build_directory("accounts.yaml", rows)
    assert [(problem.line, problem.column, problem.path) for problem in caught.value.problems] == [
        (2, 20, "acme.country"),
        (2, 30, "acme.tire"),
        (3, 1, "a b"),
        (4, 1, "acme"),
        (5, 1, "owned"),
    ]
    assert "first on line 2" in caught.value.problems[3].what


def test_a_file_that_is_all_wrong_tells_its_first_hundred():
    with pytest.raises(ConfigError) as caught:
        build_directory("accounts.csv", (Row("", {}, line) for line in range(1, 100_000)))
    assert len(caught.value.problems) == 100
