from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.index.fingerprints import MEMBERS, Fingerprints


def added(index, pairs):
    hashes = np.array([fingerprint * 0x9E3779B97F4A7C15 % 2**64 for fingerprint, _ in pairs], np.uint64)
    shared = index.add(hashes, np.array([principal for _, principal in pairs], np.uint32))
    return dict(zip(shared.fingerprints.tolist(), shared.now.tolist(), strict=True))


def counts(index, fingerprints):
    hashes = np.array([fingerprint * 0x9E3779B97F4A7C15 % 2**64 for fingerprint in fingerprints], np.uint64)
    places = index._find(hashes)
    return [int(index._count[place]) if place >= 0 else 0 for place in places]


def test_one_principal_alone_takes_no_entry():
    index = Fingerprints(8, 12)
    assert added(index, [(1, 7), (1, 7), (2, 7)]) == {}
    assert added(index, [(1, 7)]) == {}
    assert index.used == 0


def test_the_second_principal_makes_an_entry_with_both():
    index = Fingerprints(8, 12)
    added(index, [(1, 7)])
    assert list(added(index, [(1, 8)]).values()) == [2]
    place = int(index._find(np.array([0x9E3779B97F4A7C15], np.uint64))[0])
    assert sorted(index.members(place)) == [7, 8]


def test_two_principals_of_one_batch_make_an_entry_too():
    index = Fingerprints(8, 12)
    assert list(added(index, [(1, 7), (1, 8), (1, 9)]).values()) == [3]


def test_repeats_of_a_principal_do_not_count():
    index = Fingerprints(8, 12)
    for _ in range(5):
        added(index, [(1, 7), (1, 8)])
    assert counts(index, [1]) == [2]


def test_principals_beyond_the_named_ones_are_still_counted():
    index = Fingerprints(8, 12)
    total = 4 * MEMBERS
    for start in range(0, total, 10):
        added(index, [(1, principal) for principal in range(1, min(start + 10, total) + 1)])
    assert counts(index, [1])[0] == total


def test_a_generation_becomes_the_one_before_and_then_history():
    index = Fingerprints(8, 12)
    added(index, [(1, principal) for principal in range(1, 11)])
    index.rotate()
    assert list(added(index, [(1, 99)]).values()) == [11]
    index.rotate()
    hashes = np.array([0x9E3779B97F4A7C15], np.uint64)
    shared = index.add(hashes, np.array([100], np.uint32))
    assert shared.now.tolist() == [2]
    assert shared.history[0] == 10.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 12), st.integers(1, 40)), min_size=1, max_size=120), st.randoms())
def test_the_order_and_the_batching_of_events_do_not_change_the_counts(pairs, random):
    whole, shuffled = Fingerprints(10, 14), Fingerprints(10, 14)
    added(whole, pairs)
    added(whole, pairs)  # a pair that came before its fingerprint had an entry is counted when it comes again
    random.shuffle(pairs)
    cut = random.randrange(len(pairs) + 1)
    for _ in range(2):
        for part in (pairs[:cut], pairs[cut:]):
            if part:
                added(shuffled, part)
    everyone = range(1, 13)
    true = [len({principal for fingerprint, principal in pairs if fingerprint == one}) for one in everyone]
    assert counts(whole, everyone) == counts(shuffled, everyone) == [count if count > 1 else 0 for count in true]


def test_an_attacker_with_endless_new_texts_fills_nothing_beyond_the_tables():
    index = Fingerprints(6, 10)
    before = index.size_bytes
    generator = np.random.default_rng(1)
    for _ in range(20):
        hashes = generator.integers(0, 2**63, 2000).astype(np.uint64)
        index.add(np.concatenate([hashes, hashes]), np.arange(4000, dtype=np.uint32) % 51)
    assert index.size_bytes == before
    assert index.used <= index.capacity
    assert index.evicted > 0


def test_a_widely_shared_entry_outlives_a_flood_of_small_ones():
    index = Fingerprints(6, 10)
    added(index, [(1, principal) for principal in range(1, 60)])
    generator = np.random.default_rng(2)
    for _ in range(10):
        hashes = generator.integers(0, 2**63, 200).astype(np.uint64)
        index.add(np.concatenate([hashes, hashes]), np.arange(400, dtype=np.uint32))
    assert counts(index, [1])[0] == 59
