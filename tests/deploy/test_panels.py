"""The pictures of dashboards: what is sent, and that what Prometheus answers is drawn."""

from __future__ import annotations

import pytest
import yaml

from deploy.grafana.boards import BOARDS
from deploy.panels.traffic import CAMPAIGN_FROM, rehearsed


def test_the_rehearsal_is_the_same_every_time_and_in_the_order_of_time():
    first, second = rehearsed(5.0), rehearsed(5.0)
    assert first == second
    times = [call[0] for call in first.calls]
    assert times == sorted(times)
    assert 0.0 <= times[0] <= times[-1] <= 1.0
    assert len(times) > 100


def test_the_campaign_comes_after_honest_traffic_has_begun():
    calls = rehearsed(20.0).calls
    campaign = [when for when, _, headers, _ in calls if headers["x-account"].startswith("drill-")]
    assert campaign
    assert min(campaign) >= CAMPAIGN_FROM


def test_every_account_that_is_drilled_is_in_the_accounts_file():
    traffic = rehearsed(5.0)
    listed = yaml.safe_load(traffic.accounts)["accounts"]
    assert {headers["x-account"] for _, _, headers, _ in traffic.calls if not headers["x-account"].startswith("odd-")} == set(listed)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0305, "percentunit", "3.05 %"),
        (0.0025, "s", "2.5 ms"),
        (0.0, "s", "0 s"),
        (172_800.0, "s", "2 d"),
        (1234.0, "reqps", "1.23 k/s"),
        (5e6, "bytes", "5 MB"),
        (1.0, "bool_yes_no", "yes"),
        (0.0, "bool_on_off", "off"),
        (7.0, "short", "7"),
    ],
)
def test_values_are_worded_by_their_unit(value, unit, text):
    plot = pytest.importorskip("deploy.panels.plot", reason="PyPI package matplotlib is not installed", exc_type=ImportError)
    assert plot.worded(value, unit) == text


def test_a_board_is_drawn_with_series_gaps_and_panels_without_data(tmp_path):
    plot = pytest.importorskip("deploy.panels.plot", reason="PyPI package matplotlib is not installed", exc_type=ImportError)
    board = BOARDS[2]
    series = [("one", [0.0, 1.0, 60.0], [1.0, 2.0, 3.0]), ("two", [0.0, 1.0], [5.0, 0.0])]
    plot.picture(board, {panel.title: series if number % 2 else [] for number, panel in enumerate(board.panels)}, tmp_path / "board.png")
    assert (tmp_path / "board.png").read_bytes().startswith(b"\x89PNG")


def test_a_legend_takes_the_values_of_its_labels():
    plot = pytest.importorskip("deploy.panels.plot", reason="PyPI package matplotlib is not installed", exc_type=ImportError)
    assert plot.legend("{{rule}} ({{outcome}}) {{gone}}", {"rule": "a.b", "outcome": "refused"}) == "a.b (refused) none"
