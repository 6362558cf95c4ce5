"""Every golden answer, however it is cut, gives the same bytes and the same numbers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.inspection.answers import ANSWERS, BOTH, FOLDER, NOTHING, Answer, fed, told

STRIPS = [NOTHING, BOTH, frozenset({"reasoning"}), frozenset({"logprobs"})]

every_answer = pytest.mark.parametrize("name", ANSWERS)


def test_every_golden_file_has_a_case():
    files = {str(file.relative_to(FOLDER)) for file in FOLDER.glob("*/*.*") if ".stripped" not in file.name and file.name != "cases.json"}
    assert files == set(ANSWERS)
    assert len(files) > 3


@every_answer
def test_what_passes_is_the_very_object_that_came(name):
    inspector = ANSWERS[name].inspector()
    assert inspector.feed(ANSWERS[name].sent) is ANSWERS[name].sent
    assert inspector.close() == b""


@every_answer
def test_usage_and_finish_are_read(name):
    answer = ANSWERS[name]
    for strips in (NOTHING, BOTH):
        inspector = answer.inspector(strips)
        fed(inspector, answer.sent)
        assert (inspector.usage, inspector.finish, inspector.broken) == (answer.usage, answer.finish, False)
        assert inspector.output_estimate >= answer.least_estimate


@every_answer
def test_what_must_go_is_gone_and_nothing_else(name):
    answer = ANSWERS[name]
    assert fed(answer.inspector(BOTH), answer.sent) == answer.stripped
    assert b"ecret" not in answer.stripped


@every_answer
def test_a_stripped_answer_is_stripped_once_and_for_all(name):
    answer = ANSWERS[name]
    assert fed(answer.inspector(BOTH), answer.stripped) == answer.stripped


@every_answer
@pytest.mark.parametrize("strips", [pytest.param(NOTHING, id="passed"), pytest.param(BOTH, id="stripped")])
def test_a_cut_at_any_byte_changes_nothing(name, strips):
    answer = ANSWERS[name]
    whole = answer.inspector(strips)
    expected = fed(whole, answer.sent)
    for cut in range(len(answer.sent) + 1):
        inspector = answer.inspector(strips)
        assert fed(inspector, answer.sent[:cut], answer.sent[cut:]) == expected, cut
        assert told(inspector) == told(whole), cut


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Answer, list[bytes]]:
    answer = draw(st.sampled_from(list(ANSWERS.values())))
    places = sorted(draw(st.lists(st.integers(0, len(answer.sent)), max_size=40)))
    return answer, [answer.sent[start:end] for start, end in zip([0, *places], [*places, len(answer.sent)], strict=True)]


@given(cuts(), st.sampled_from(STRIPS), st.booleans())
@settings(max_examples=200, deadline=None)
def test_any_number_of_cuts_changes_nothing(answer_and_chunks, strips, hide_usage):
    answer, chunks = answer_and_chunks
    whole, cut = (answer.inspector(strips, hide_usage=hide_usage) for _ in range(2))
    assert fed(cut, *chunks) == fed(whole, answer.sent)
    assert told(cut) == told(whole)


@every_answer
def test_byte_by_byte_changes_nothing(name):
    answer = ANSWERS[name]
    for strips in (NOTHING, BOTH):
        whole, cut = answer.inspector(strips), answer.inspector(strips)
        assert fed(cut, *(answer.sent[at : at + 1] for at in range(len(answer.sent)))) == fed(whole, answer.sent)
        assert told(cut) == told(whole)
