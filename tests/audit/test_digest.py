from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.audit import digest
from proxy.audit.digest import PERIOD_S, Digests

NOW = 1_790_000_000.0


def test_the_same_text_has_the_same_digest_throughout_a_period_and_in_every_process():
    start = NOW // PERIOD_S * PERIOD_S
    assert Digests(b"secret").of("203.0.113.7", start) == Digests(b"secret").of("203.0.113.7", start + PERIOD_S - 1)


def test_another_period_another_secret_and_another_text_give_another_digest():
    one = Digests(b"secret").of("203.0.113.7", NOW)
    others = [
        Digests(b"secret").of("203.0.113.7", NOW + PERIOD_S),
        Digests(b"other").of("203.0.113.7", NOW),
        Digests(b"secret").of("203.0.113.8", NOW),
    ]
    assert len({digest.partition(".")[2] for digest in [one, *others]}) == 4


def test_going_back_to_an_earlier_period_gives_its_digests_again():
    digests = Digests(b"secret")
    first = digests.of("acct-1", NOW)
    digests.of("acct-1", NOW + PERIOD_S)
    assert digests.of("acct-1", NOW) == first


def test_nothing_has_no_digest():
    assert Digests(b"secret").of("", NOW) == ""


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(codec=None), min_size=6))
def test_no_text_shows_in_its_digest(text):
    made = Digests(b"secret").of(text, NOW)
    assert text not in made
    assert len(made.partition(".")[2]) == 24


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "c" * 300]), st.sampled_from([NOW, NOW + 5.0, NOW + PERIOD_S])), max_size=12))
def test_a_remembered_digest_is_the_one_that_would_be_made_anew(asked):
    digests = Digests(b"secret")
    for text, at in asked:
        assert digests.of(text, at) == Digests(b"secret").of(text, at)


def test_strangers_cannot_fill_the_memory_of_digests(monkeypatch):
    monkeypatch.setattr(digest, "_REMEMBERED", 8)
    digests = Digests(b"secret")
    for number in range(100):
        digests.of(f"203.0.113.{number}" * (1 + number % 2 * 20), NOW)
    assert 0 < len(digests._known) <= 8
    assert max(map(len, digests._known)) <= 128
