from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.detection.text.extraction import MAX_FINGERPRINTS, Extractor
from proxy.detection.text.intent import Intents
from proxy.detection.text.shingles import unpacked
from proxy.dialects.call import Text

EXTRACTOR = Extractor(Intents({}), None)


def fingerprints(packed):
    return set(unpacked(packed))


LONG = "a first paragraph about the harbour and the ships that came in during the long winter of that year"
OTHER = "a second paragraph on the mountains, the huts, the guides and the bells of the cows in the evening"


def test_a_continued_conversation_is_read_from_where_it_ended():
    first = EXTRACTOR.extract((Text("user", LONG),), ())
    texts = (Text("user", LONG), Text("assistant", "an answer"), Text("user", OTHER))
    second = EXTRACTOR.extract(texts, (first.chain,))
    assert second.continues
    assert second.exact == EXTRACTOR.extract((Text("user", OTHER),), ()).exact
    assert fingerprints(second.fingerprints) == fingerprints(first.fingerprints) | fingerprints(
        EXTRACTOR.extract((Text("user", OTHER),), ()).fingerprints
    )


def test_an_agents_next_step_is_no_follow_up_but_carries_its_task():
    first = EXTRACTOR.extract((Text("user", LONG),), ())
    texts = (Text("user", LONG), Text("assistant", "call"), Text("tool", OTHER))
    second = EXTRACTOR.extract(texts, (first.chain,))
    assert not second.continues
    assert fingerprints(first.fingerprints) <= fingerprints(second.fingerprints)


def test_a_made_up_past_is_read_as_new_text():
    texts = (Text("user", LONG), Text("assistant", "an answer"), Text("user", OTHER))
    read = EXTRACTOR.extract(texts, ())
    assert not read.continues
    assert fingerprints(EXTRACTOR.extract((Text("user", LONG),), ()).fingerprints) <= fingerprints(read.fingerprints)


def test_the_same_request_again_is_new_not_a_continuation():
    first = EXTRACTOR.extract((Text("user", LONG),), ())
    again = EXTRACTOR.extract((Text("user", LONG),), (first.chain,))
    assert not again.continues
    assert again.fingerprints == first.fingerprints


def test_system_texts_are_carried_by_every_request_of_a_conversation():
    texts = (Text("system", LONG), Text("user", OTHER))
    first = EXTRACTOR.extract(texts, ())
    second = EXTRACTOR.extract((*texts, Text("assistant", "yes"), Text("user", "and then?")), (first.chain,))
    assert fingerprints(EXTRACTOR.extract((Text("system", LONG),), ()).fingerprints) <= fingerprints(second.fingerprints)


def test_many_texts_cost_no_more_than_a_few():
    texts = tuple(Text("user", f"{LONG} {index} {OTHER}" * 20) for index in range(500))
    assert len(fingerprints(EXTRACTOR.extract(texts, ()).fingerprints)) <= MAX_FINGERPRINTS


def test_equal_prompts_have_an_equal_exact_hash_and_short_ones_have_none():
    assert EXTRACTOR.extract((Text("user", LONG),), ()).exact == EXTRACTOR.extract((Text("user", LONG),), (1, 2)).exact != 0
    assert EXTRACTOR.extract((Text("user", "hello there"),), ()).exact == 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.builds(Text, st.sampled_from(["system", "user", "assistant", "tool", "input"]), st.text(max_size=80)), max_size=12))
def test_any_texts_are_read_without_fault(texts):
    read = EXTRACTOR.extract(tuple(texts), ())
    assert len(read.fingerprints) % 8 == 0
    assert len(fingerprints(read.fingerprints)) <= MAX_FINGERPRINTS


def test_lone_surrogates_and_expanding_characters_are_read():
    read = EXTRACTOR.extract((Text("user", "\ud800 broken \udfff " + "\ufdfa" * 3000),), ())
    assert read.words > 0
