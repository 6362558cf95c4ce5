"""Random conditions, facts and rule sets, for properties that must hold whatever an operator writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from hypothesis import strategies as st

from proxy.policy.facts import BY_NAME, FACTS, Facts, FactValue, Kind
from proxy.policy.language.shapes.case_file import ORDINARY

LISTS: Mapping[str, frozenset[str] | frozenset[int]] = {"supported": frozenset({"DE", "FR", "é"}), "asns": frozenset({1, 64500})}

TEXTS = st.sampled_from(["", "DE", "FR", "CU", "é", "UA-43", "a(b", "'", 'x"y', "\\", "gpt-4o"])
INTS = st.sampled_from([0, 1, 2, 3, 8, -1, 64500, 2**53, 2**63 - 1, -(2**63)])
DOUBLES = st.sampled_from([0.0, 0.5, 1.0, -1.0, 2.0, 1e300])
_VALUES: dict[Kind, st.SearchStrategy[FactValue]] = {
    Kind.STRING: TEXTS,
    Kind.INT: INTS,
    Kind.DOUBLE: DOUBLES,
    Kind.BOOL: st.booleans(),
    Kind.STRINGS: st.lists(TEXTS, max_size=3).map(tuple),
}
NAMES = {kind: [fact.name for fact in FACTS if fact.kind is kind and fact.name != "request.patterns"] for kind in Kind}
"""Facts by kind, without the one that may only be asked for names that are declared."""


def facts_of(names: Iterable[str]) -> st.SearchStrategy[Facts]:
    """The ordinary request with these facts changed at will."""
    return st.fixed_dictionaries({name: _VALUES[BY_NAME[name].kind] for name in sorted(names)}).map(lambda changed: {**ORDINARY, **changed})


def near_ordinary() -> st.SearchStrategy[Facts]:
    """The ordinary request with a few facts changed."""
    return st.sets(st.sampled_from(sorted(BY_NAME)), max_size=4).flatmap(facts_of)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _fact(kind: Kind) -> st.SearchStrategy[str]:
    return st.sampled_from(NAMES[kind])


_ORDER = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
_TEXT = st.one_of(_fact(Kind.STRING), TEXTS.map(_quoted))
_INT = st.one_of(
    _fact(Kind.INT),
    INTS.filter(lambda value: value > -(2**63)).map(str),
    _fact(Kind.STRING).map("size({})".format),
    _fact(Kind.STRINGS).map("size({})".format),
)
_DOUBLE = st.one_of(_fact(Kind.DOUBLE), DOUBLES.map(repr))


def _join(left: st.SearchStrategy[str], middle: st.SearchStrategy[str], right: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(left, middle, right).map(" ".join)


SOUND_TESTS = st.one_of(
    _fact(Kind.BOOL),
    st.sampled_from(["true", "false"]),
    _join(_TEXT, _ORDER, _TEXT),
    _join(_INT, _ORDER, _INT),
    _join(_DOUBLE, _ORDER, _DOUBLE),
    _join(_TEXT, st.just("in"), st.just("lists.supported")),
    _join(_INT, st.just("in"), st.just("lists.asns")),
    _join(_TEXT, st.just("in"), _fact(Kind.STRINGS)),
    _join(_TEXT, st.just("in"), st.lists(TEXTS.map(_quoted), max_size=3).map(lambda items: f"[{', '.join(items)}]")),
    st.tuples(_fact(Kind.STRING), st.sampled_from(["startsWith", "endsWith", "contains"]), TEXTS.map(_quoted)).map(
        lambda parts: f"{parts[0]}.{parts[1]}({parts[2]})"
    ),
    st.tuples(_fact(Kind.STRING), st.sampled_from(["^[A-Z]+$", "\\\\(", "é", "(?i)de", ""])).map(
        lambda parts: f'{parts[0]}.matches("{parts[1]}")'
    ),
)
RISKY_TESTS = st.one_of(
    st.tuples(_INT, st.sampled_from(["/", "%", "*", "+", "-"]), _INT, _ORDER, _INT).map(
        lambda parts: f"{parts[0]} {parts[1]} ({parts[2]}) {parts[3]} {parts[4]}"
    ),
    st.tuples(_fact(Kind.STRINGS), st.sampled_from(["exists", "all", "exists_one"]), _TEXT).map(
        lambda parts: f"{parts[0]}.{parts[1]}(t, t == {parts[2]} || t in lists.supported)"
    ),
    st.tuples(_fact(Kind.BOOL), _fact(Kind.BOOL), _fact(Kind.BOOL)).map(lambda parts: f"({parts[0]} ? {parts[1]} : {parts[2]})"),
    st.tuples(_fact(Kind.STRING), TEXTS.map(_quoted)).map(lambda parts: f"{parts[0]} + {parts[1]} != ')('"),
)


def _logic(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inner.map("!({})".format),
        _join(inner.map("({})".format), st.sampled_from(["&&", "||"]), inner.map("({})".format)),
        st.lists(inner, min_size=2, max_size=4).map(lambda parts: " && ".join(f"({part})" for part in parts)),
    )


CONDITIONS = st.recursive(st.one_of(SOUND_TESTS, RISKY_TESTS), _logic, max_leaves=5)


EFFECTS = st.sampled_from(
    [
        "{tag: [seen]}",
        "{tag: [other]}",
        "{clamp: {n: 2}}",
        "{clamp: {n: 1, max_tokens: 100, logprobs: false}}",
        "{clamp: {reasoning_effort: low}}",
        "{clamp: {reasoning_effort: high, temperature: 0.5}}",
        "{strip: [reasoning]}",
        "{strip: [logprobs, reasoning]}",
        "{refuse: {code: one, message: m}}",
        "{refuse: {code: two, message: m}, tag: [seen]}",
    ]
)
MODES = st.sampled_from(["enforce", "enforce", "enforce", "shadow", '"off"'])


@st.composite
def rules(draw: st.DrawFn) -> str:
    """One rule without its id, as YAML in one line."""
    condition = draw(CONDITIONS).replace("'", "''")
    more = draw(st.sampled_from(["", ", enforce_percent: 50", ", on_error: skip", ", not_before: 2026-11-01", ", expires: 2026-11-30"]))
    return f"when: '{condition}', then: {draw(EFFECTS)}, mode: {draw(MODES)}{more}"


def document(texts: Mapping[str, str]) -> bytes:
    """Rules by id as a policy file."""
    lines = ["rules:"] + [f"  - {{id: {identity}, {text}}}" for identity, text in texts.items()]
    return ("\n".join(lines) + "\n").encode()


LIST_FILE = "lists:\n  supported: {values: [DE, FR, é]}\n  asns: {of: int, values: [1, 64500]}\n".encode()
