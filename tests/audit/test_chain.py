import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.audit.chain import GENESIS, OPEN, SEAL, ChainKey, Finding, Head, claimed_head, forge, read_head, verify

KEY = ChainKey("k1", b"the first key of this log, thirty-two bytes or so")
NEW = ChainKey("k2", b"the key that came after it")
KEYS = {KEY.id: KEY.secret, NEW.id: NEW.secret}


def segment(head, number, key=KEY, *, sealed=True):
    lines = []
    content: list[tuple[str, dict[str, str]]] = (
        [(OPEN, {})] + [("record", {"id": f"d-{i}", "outcome": "allowed"}) for i in range(number)] + [(SEAL, {})] * sealed
    )
    for kind, body in content:
        line, head = forge(head, kind, body, key)
        lines.append(line + b"\n")
    return lines, head


def check(lines, head=None):
    return verify([("records.jsonl", lines)], KEYS, head)


def kinds(lines, head=None):
    return [(finding.kind, finding.line) for finding in check(lines, head).findings]


def test_a_log_as_it_was_written_is_sound():
    first, head = segment(GENESIS, 5)
    second, head = segment(head, 3, NEW)
    verified = verify([("a", first), ("b", second)], KEYS, head)
    assert verified.findings == ()
    assert (verified.lines, verified.head, verified.first) == (12, head, 1)


def test_a_log_whose_old_files_are_gone_is_sound():
    _, head = segment(GENESIS, 5)
    second, head = segment(head, 3)
    verified = check(second, head)
    assert (verified.findings, verified.first) == ((), 8)


def test_any_changed_byte_is_found_where_it_is():
    lines, head = segment(GENESIS, 2)
    for number, line in enumerate(lines, 1):
        for place in range(len(line) - 1):
            changed = bytes([*line[:place], line[place] ^ 1, *line[place + 1 :]])
            found = check([*lines[: number - 1], changed, *lines[number:]], head).findings
            assert [finding.line for finding in found if finding.kind in {"edited", "malformed", "unknown_key"}] == [number]
            assert not [finding for finding in found if finding.kind in {"deleted", "reordered", "repeated"}]


def test_each_of_ten_thousand_records_is_missed_when_it_is_edited_deleted_moved_or_cut_off():
    rng, head = random.Random(20261128), GENESIS
    overlooked: list[tuple[str, int]] = []
    for _ in range(500):  # files of a log are verified one by one, as after the older ones have gone
        lines, head = segment(head, 20)
        for place in range(1, 21):
            line = lines[place]
            byte = rng.randrange(len(line) - 1)
            edited = bytes([*line[:byte], line[byte] ^ (1 << rng.randrange(8)), *line[byte + 1 :]])
            tampered = {
                "edited": [*lines[:place], edited, *lines[place + 1 :]],
                "deleted": lines[:place] + lines[place + 1 :],
                "reordered": [*lines[:place], lines[place + 1], line, *lines[place + 2 :]],
                "truncated": lines[:place],
            }
            overlooked += [(how, place) for how, left in tampered.items() if all(found < place for _, found in kinds(left, head))]
    assert overlooked == []


@pytest.mark.parametrize("added", [b" ", b"\r", b"~", b"}"])
def test_a_byte_put_behind_a_line_is_found(added):
    lines, head = segment(GENESIS, 2)
    assert [line for _, line in kinds([lines[0], lines[1][:-1] + added + b"\n", *lines[2:]], head)] == [2]


@pytest.mark.parametrize(
    ("first", "last", "told"), [(3, 3, "line 3 is missing"), (3, 5, "lines 3 to 5 are missing"), (2, 2, "line 2 is missing")]
)
def test_deleted_lines_are_found_where_they_are_missing(first, last, told):
    lines, head = segment(GENESIS, 6)
    found = check(lines[: first - 1] + lines[last:], head).findings
    assert [(finding.kind, finding.line) for finding in found] == [("deleted", first)]
    assert found[0].what == f"{told} before this one"


def test_exchanged_lines_are_reordered_and_not_deleted():
    lines, head = segment(GENESIS, 6)
    lines[2], lines[5] = lines[5], lines[2]
    assert {kind for kind, _ in kinds(lines, head)} == {"reordered"}


def test_a_line_put_in_twice_is_found():
    lines, head = segment(GENESIS, 4)
    assert kinds([*lines[:3], lines[1], *lines[3:]], head) == [("repeated", 4)]


def test_a_line_from_nowhere_is_found_and_the_rest_is_still_judged():
    lines, head = segment(GENESIS, 4)
    forged, _ = forge(Head(2, "0" * 64), "record", {"id": "forged"}, ChainKey("k1", b"a guess"))
    assert kinds([*lines[:2], forged, b"noise\n", *lines[2:]], head) == [("edited", 3), ("malformed", 4)]


def test_replacing_a_line_hides_no_deletion():
    lines, head = segment(GENESIS, 6)
    assert kinds([*lines[:2], b"noise\n", *lines[3:]], head) == [("malformed", 3)]
    for gone, told in ((4, "line 4 is missing"), (5, "lines 4 to 5 are missing")):
        found = check([*lines[:2], b"noise\n", *lines[gone:]], head).findings
        assert [(finding.kind, finding.line) for finding in found] == [("malformed", 3), ("deleted", 4)]
        assert found[1].what == f"{told} before this one"


def test_a_cut_end_shows_against_the_head():
    lines, head = segment(GENESIS, 6)
    assert [kind for kind, _ in kinds(lines[:-2], head)] == ["truncated"]
    assert [kind for kind, _ in kinds([], head)] == ["truncated"]


def test_a_log_that_was_cut_and_written_on_shows_against_an_older_head():
    _, noted = segment(GENESIS, 4, sealed=False)
    lines, head = segment(GENESIS, 2, sealed=False)
    for number in range(4):
        line, head = forge(head, "record", {"id": f"another-{number}"}, KEY)
        lines.append(line)
    assert head.number == 7 > noted.number == 5
    assert kinds(lines, noted) == [("headless", 5)]
    assert kinds(lines, head) == []


def test_a_log_may_have_grown_since_its_head_was_noted():
    _, noted = segment(GENESIS, 2, sealed=False)
    lines, _ = segment(GENESIS, 6)
    assert kinds(lines, noted) == []


def test_of_a_log_without_a_line_only_the_end_can_be_wrong():
    verified = verify([], KEYS)
    assert [finding[:3] for finding in verified.findings] == [("", 0, "unsealed")]
    assert verified[1:] == (0, GENESIS, 0)
    assert verify([], KEYS, Head(3, "ab")).findings == (Finding("", 0, "truncated", "the log ends at line 0, its head is line 3"),)


def test_a_cut_end_shows_as_a_missing_seal_when_no_head_is_known():
    lines, _ = segment(GENESIS, 6)
    assert [kind for kind, _ in kinds(lines[:-1])] == ["unsealed"]
    assert kinds(lines) == []


def test_a_cut_beginning_is_found():
    lines, head = segment(GENESIS, 6)
    assert kinds(lines[2:], head) == [("truncated", 1)]


def test_a_missing_file_between_two_others_is_found():
    first, head = segment(GENESIS, 2)
    _, head = segment(head, 2)
    third, head = segment(head, 2)
    found = verify([("a", first), ("c", third)], KEYS, head).findings
    assert [(finding.file, finding.kind) for finding in found] == [("c", "deleted")]


def test_a_log_that_went_on_from_a_copy_is_found():
    lines, head = segment(GENESIS, 3, sealed=False)
    other, _ = forge(head, "record", {"id": "the other way"}, KEY)
    forked = read_head(other, KEYS)
    assert forked is not None
    fork, end = forge(forked, "record", {"id": "after it"}, KEY)
    here, _ = forge(head, "record", {"id": "this way"}, KEY)
    assert ("edited", 6) in kinds([*lines, here, fork], end)
    assert [kind for kind, _ in kinds([*lines, here], Head(5, forked.mac))] == ["headless"]


def test_lines_of_an_unknown_key_are_named_and_not_trusted():
    lines, head = segment(GENESIS, 1)
    found = verify([("a", lines)], {"k9": b"another"}, head).findings
    assert {finding.kind for finding in found} == {"unknown_key"}


def test_lines_of_an_unknown_key_in_a_row_are_one_finding_each_row():
    before, head = segment(GENESIS, 4)
    other = ChainKey("k9", b"another")
    strange = []
    for number in range(3):
        line, head = forge(head, "record", {"id": str(number)}, other)
        strange.append(line)
    after, head = segment(head, 2)
    files = [("a", [*before, *strange]), ("b", [strange[0], *after])]
    found = [finding[:2] for finding in verify(files, KEYS, head).findings if finding.kind == "unknown_key"]
    assert found == [("a", len(before) + 1), ("b", 1)]
    told = {finding.file: finding.what for finding in verify(files, KEYS, head).findings if finding.kind == "unknown_key"}
    assert told["a"].startswith("3 lines from here on")
    assert told["b"].startswith("signed with a key")


def test_lines_before_the_first_sound_one_are_there_though_nobody_can_read_them():
    strange, head = forge(GENESIS, OPEN, {}, ChainKey("k9", b"another"))
    after, head = segment(head, 2)
    assert verify([("a", [strange, *after])], KEYS, head).first == 1
    assert verify([("a", after)], KEYS, head).first == 2


def test_only_a_sound_line_can_be_gone_on_from():
    line, head = forge(GENESIS, OPEN, {}, KEY)
    assert read_head(line, KEYS) == head
    assert read_head(line[:-9], KEYS) is None
    assert read_head(line.replace(b'"open"', b'"seal"'), KEYS) is None


CLAIM = b'{"n":%b,"kind":"record","key":%b,"prev":"","body":{},"mac":%b}'


@pytest.mark.parametrize(
    ("line", "head"),
    [
        (CLAIM % (b"1", b'"k7"', b'"ab"'), Head(1, "ab")),
        (CLAIM % (b"999999999999999", b'"k7"', b'"ab"'), Head(10**15 - 1, "ab")),
        (CLAIM % (b"1000000000000000", b'"k7"', b'"ab"'), None),
        (CLAIM % (b"0", b'"k7"', b'"ab"'), None),
        (CLAIM % (b"-1", b'"k7"', b'"ab"'), None),
        (CLAIM % (b'"1"', b'"k7"', b'"ab"'), None),
        (CLAIM % (b"1", b"{}", b'"ab"'), None),
        (CLAIM % (b"1", b'"k7"', b"5"), None),
        (b"noise", None),
    ],
)
def test_a_line_of_another_key_claims_a_head_that_a_file_can_be_named_by_or_none(line, head):
    assert claimed_head(line) == head
    check([line])


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.binary(max_size=60) | st.sampled_from([b"[]", b"{}", b"null", b'{"n":1}', b'{"n":[],"kind":0,"key":{},"prev":0,"mac":0}']),
        max_size=8,
    )
)
def test_verifying_anything_at_all_never_fails(lines):
    check(lines, Head(3, "ab"))


@settings(max_examples=100, deadline=None)
@given(st.permutations(range(8)))
def test_every_order_but_the_right_one_is_found(order):
    lines, head = segment(GENESIS, 6)
    assert bool(kinds([lines[place] for place in order], head)) == (list(order) != list(range(8)))
