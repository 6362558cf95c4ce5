import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.identity.caller import Region
from proxy.identity.movement import DAY_S, STILL, Movements, distance_km

NOW = 1_790_000_000.0
BERLIN = Region("DE", asn=680, latitude=52.52, longitude=13.405, status="ok")
PARIS = Region("FR", asn=3215, latitude=48.8566, longitude=2.3522, status="ok")
SYDNEY = Region("AU", asn=1221, latitude=-33.8688, longitude=151.2093, status="ok")


def test_countries_and_networks_of_the_last_day_are_counted():
    movements = Movements()
    movements.observe("a", BERLIN, NOW)
    assert movements.observe("a", PARIS, NOW + 3600)[:2] == (2, 2)
    assert movements.observe("a", BERLIN, NOW + 7200)[:2] == (2, 2)
    assert movements.observe("a", BERLIN, NOW + 3600 + DAY_S)[:2] == (1, 1)
    assert movements.observe("b", PARIS, NOW)[:2] == (1, 1)


def test_travel_faster_than_an_aircraft_shows():
    movements = Movements()
    movements.observe("a", BERLIN, NOW)
    assert movements.observe("a", SYDNEY, NOW + 3600).travel_kmh == pytest.approx(16_090, rel=0.01)


def test_a_plausible_flight_is_slower():
    movements = Movements()
    movements.observe("a", BERLIN, NOW)
    assert movements.observe("a", PARIS, NOW + 2 * 3600).travel_kmh == pytest.approx(439, rel=0.01)


def test_a_jump_is_reported_for_an_hour_and_then_forgotten():
    movements = Movements()
    movements.observe("a", BERLIN, NOW)
    fast = movements.observe("a", SYDNEY, NOW + 600).travel_kmh
    assert movements.observe("a", SYDNEY, NOW + 600 + 3599).travel_kmh == fast
    assert movements.observe("a", SYDNEY, NOW + 600 + 3600).travel_kmh == 0.0


def test_an_unknown_or_private_address_moves_nothing():
    movements = Movements()
    movements.observe("a", BERLIN, NOW)
    assert movements.observe("a", Region(status="private"), NOW + 1) == (1, 1, 0.0)
    assert movements.observe("a", Region("DE", status="ok"), NOW + 2) == (1, 1, 0.0)
    assert movements.observe("", SYDNEY, NOW) is STILL


def test_places_nearer_than_databases_are_exact_are_one_place():
    movements = Movements()
    movements.observe("a", BERLIN, NOW)
    assert movements.observe("a", BERLIN._replace(latitude=52.4, longitude=13.06), NOW + 1).travel_kmh == 0.0


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["a", "b", "c", "d", "e"]),
            st.floats(-90, 90),
            st.floats(-180, 180),
            st.floats(-120, 7200),
            st.integers(0, 40),
        ),
        max_size=60,
    )
)
def test_no_order_of_clocks_and_places_breaks_it_or_lets_it_grow(steps):
    movements = Movements(most_accounts=3)
    now = NOW
    for account, latitude, longitude, step, asn in steps:
        now += step
        seen = movements.observe(account, Region("DE", asn=asn, latitude=latitude, longitude=longitude), now)
        assert 1 <= seen.countries_24h <= 16
        assert 0 <= seen.asns_24h <= 16
        assert 0.0 <= seen.travel_kmh < 1_300_000  # half the Earth in the shortest time that counts
        assert len(movements) <= 3


@settings(max_examples=150, deadline=None)
@given(st.floats(-90, 90), st.floats(-180, 180), st.floats(-90, 90), st.floats(-180, 180))
def test_the_distance_agrees_with_the_angle_between_two_vectors(latitude, longitude, other_latitude, other_longitude):
    def vector(phi, lam):
        phi, lam = math.radians(phi), math.radians(lam)
        return math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)

    one, other = vector(latitude, longitude), vector(other_latitude, other_longitude)
    cross = math.dist(
        (0, 0, 0),
        (one[1] * other[2] - one[2] * other[1], one[2] * other[0] - one[0] * other[2], one[0] * other[1] - one[1] * other[0]),
    )
    angle = math.atan2(cross, sum(a * b for a, b in zip(one, other, strict=True)))
    assert distance_km(latitude, longitude, other_latitude, other_longitude) == pytest.approx(6371.0088 * angle, rel=1e-6, abs=1e-3)
