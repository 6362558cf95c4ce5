from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.recollection import PASSED_OVER, Recollection


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 40), max_size=300))
def test_it_never_holds_more_than_it_may_nor_anything_but_what_was_kept(keys):
    kept: Recollection[int, int] = Recollection(8)
    for key in keys:
        if kept.get(key) is None:
            kept.keep(key, key * 2)
        assert len(kept) <= 8
        assert all(value == key * 2 for key, value in kept.items())


def test_a_few_more_than_it_holds_leave_the_others_their_place():
    kept: Recollection[int, int] = Recollection(100)
    found = 0
    for key in [*range(110)] * 20:
        found += key in kept
        if key not in kept:
            kept.keep(key, key)
    assert found > 110 * 19 * 0.8


def test_who_comes_after_a_flood_of_inventions_is_kept_again():
    kept: Recollection[str, int] = Recollection(10)
    for number in range(10 + 10 * PASSED_OVER):
        kept.keep(f"invented-{number}", number)
    assert len(kept) == 1
    kept.keep("acme", 1)
    assert kept["acme"] == 1


def test_a_newer_value_takes_the_older_ones_place_even_when_all_places_are_taken():
    kept: Recollection[int, int] = Recollection(2)
    for key, value in ((1, 1), (2, 2), (3, 3), (1, 10)):
        kept.keep(key, value)
    assert kept == {1: 10, 2: 2}
