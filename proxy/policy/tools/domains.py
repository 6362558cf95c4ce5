"""Which values facts can have at all, and which of them tell tests apart, for finding conditions that can never hold."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from itertools import combinations
from typing import Any, Final, NamedTuple

from proxy.policy.facts import BY_NAME, Kind
from proxy.policy.language.checked import walk
from proxy.policy.language.closures import LISTS_PREFIX
from proxy.policy.language.expression import Atom
from proxy.policy.names.vocabulary import Vocabulary

_CODES: Final = (
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ CA CC CD "
    "CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO FR GA GB GD GE GF "
    "GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE JM JO JP KE KG KH KI KM KN "
    "KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO MP MQ MR MS MT MU MV MW MX MY MZ NA "
    "NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI "
    "SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI "
    "VN VU WF WS XK YE YT ZA ZM ZW "
)
COUNTRIES: Final = frozenset(_CODES.split())
"""ISO 3166-1 alpha-2, as in the iso3166.tab of tzdata 2026, and XK, which region databases use for Kosovo."""

COUNTRY_FACTS: Final = frozenset({"client.country", "account.country", "account.owner_country"})

_CHOICES: Final[Mapping[str, frozenset[Any]]] = {
    **dict.fromkeys(COUNTRY_FACTS, COUNTRIES | {""}),
    "client.geo_status": frozenset({"ok", "unknown", "private", "stale", "error"}),
    "account.source": frozenset({"header", "token", "credential", "none"}),
    "request.dialect": frozenset({"", "openai", "azure", "anthropic", "gemini", "bedrock", "ollama"}),
    "time.hour": frozenset(range(24)),
    "time.weekday": frozenset(range(1, 8)),
    "risk.level": frozenset(range(5)),
}
_LOWEST: Final[Mapping[str, float]] = {"account.age_days": -1.0, "request.temperature": -1.0}
_HIGHEST: Final[Mapping[str, float]] = {"account.owner_share": 1.0, "risk.score": 1.0}
_OTHER: Final = "\0\ue000"
"""Follows a text at once in order, and nobody asks for a part of it."""
_MOST_MEMBERS: Final = 8
_LONGEST: Final = 64
"""Sizes up to which texts and lists are made up."""
_PARTS: Final = frozenset({"startsWith", "endsWith", "contains"})
_ORDER: Final = frozenset({"_<_", "_<=_", "_>_", "_>=_"})


class Asked(NamedTuple):
    """A test that reads one fact, and the names it is asked under."""

    atom: Atom
    vocabulary: Vocabulary

    @property
    def calls(self) -> set[str]:
        """Operators and functions in it."""
        return {node.name for node in walk(self.atom.node) if node.op == "call"}

    def constants(self, kind: type) -> Iterator[Any]:
        """What the test holds the fact against, of one type."""
        for node in walk(self.atom.node):
            if node.op == "const" and type(node.value) is kind:
                yield node.value
            elif node.op == "fact" and node.name.startswith(LISTS_PREFIX):
                values: Iterable[Any] = self.vocabulary.lists[node.name.removeprefix(LISTS_PREFIX)].values
                yield from (value for value in values if type(value) is kind)


def choices(fact: str) -> frozenset[Any] | None:
    """All values the fact can have, or None when they can't be listed."""
    return _CHOICES.get(fact)


def telling_values(fact: str, tests: Mapping[str, Asked]) -> tuple[list[Any], set[str]]:
    """Values of a fact that tell these tests of it apart in every way they can fall together, and the tests for which that holds.

    No such values can be made up for regular expressions, for several parts of one text, and for lists of many members.
    """
    kind = BY_NAME[fact].kind
    if (known := choices(fact)) is not None:
        return sorted(known), set(tests)
    if kind is Kind.BOOL:
        return [False, True], set(tests)
    if kind is Kind.STRING:
        settled = _settled_texts(fact, tests)
        return sorted(_texts(fact, [tests[key] for key in settled])), settled
    if kind is Kind.STRINGS:
        settled = _settled_lists(tests)
        return list(_lists([tests[key] for key in settled])), settled
    constants = {value for test in tests.values() for value in (*test.constants(int), *test.constants(float))}
    return numbers_around(fact, constants, whole=kind is Kind.INT), set(tests)


def _settled_texts(fact: str, tests: Mapping[str, Asked]) -> set[str]:
    """Values go together with their order, or with one part, or with beginnings and ends, or with lengths."""
    settled = {key for key, test in tests.items() if "matches" not in test.calls}
    parted = {key for key in settled if tests[key].calls & _PARTS}
    sized = {key for key in settled if "size" in tests[key].calls}
    if fact == "client.subdivision":
        return {key for key in settled - sized if not tests[key].calls & {"endsWith", "contains", *_ORDER}}
    if any(tests[key].calls & _ORDER for key in settled - sized):
        return settled - parted - sized
    if len(parted) > 1:
        settled -= {key for key in parted if "contains" in tests[key].calls}
    return settled - {key for key in sized if parted or _too_long(tests[key])}


def _too_long(test: Asked) -> bool:
    return max(test.constants(int), default=0) > _LONGEST


def _texts(fact: str, tests: list[Asked]) -> set[str]:
    constants = {text for test in tests for text in test.constants(str)}
    if fact == "client.subdivision":
        return _subdivisions(constants)
    begins = {text for test in tests if "startsWith" in test.calls for text in test.constants(str)}
    ends = {text for test in tests if "endsWith" in test.calls for text in test.constants(str)}
    texts = {"", _OTHER, *constants, *(begin + _OTHER + end for begin in begins for end in ends)}
    for text in constants:
        texts |= {text + _OTHER, _OTHER + text, _OTHER + text + _OTHER}
    texts |= {"\0" * size for test in tests if "size" in test.calls for size in _sizes(test)}
    if fact == "request.model":
        texts = {test.vocabulary.models.canonical(text) for text in texts for test in tests}
    return texts


def _sizes(test: Asked) -> set[int]:
    return {max(0, size + step) for size in test.constants(int) for step in (-1, 0, 1)}


def _subdivisions(constants: set[str]) -> set[str]:
    """Codes, and for each beginning of one a code that nobody named."""
    codes = {f"{country}-{rest}" for country in COUNTRIES for rest in ("ZZ", "ZZZ")}
    codes |= {text + rest for text in constants for rest in ("", "Z", "ZZ", "-ZZ")}
    return {"", *(code for code in codes if is_subdivision(code))}


def _settled_lists(tests: Mapping[str, Asked]) -> set[str]:
    members = {text for test in tests.values() for text in test.constants(str)}
    return {key for key, test in tests.items() if len(members) <= _MOST_MEMBERS and not ("size" in test.calls and _too_long(test))}


def _lists(tests: list[Asked]) -> Iterator[tuple[str, ...]]:
    """Every choice of the members that are asked for, alone and filled up to the sizes that are."""
    members = sorted({text for test in tests for text in test.constants(str)})
    sizes = {size for test in tests if "size" in test.calls for size in _sizes(test)}
    for count in range(len(members) + 1):
        for chosen in combinations(members, count):
            yield chosen
            yield from (chosen + (_OTHER,) * (size - count) for size in sizes if size > count)


def numbers_around(fact: str, constants: Iterable[float], *, whole: bool) -> list[float]:
    """Numbers that tell comparisons with these constants apart, within what the fact can be."""
    lowest, highest = _LOWEST.get(fact, 0), _HIGHEST.get(fact, math.inf)
    found: set[float] = {lowest, min(highest, 2**62)}
    for constant in constants:
        if whole:
            found |= {constant - 1, constant, constant + 1}
        else:
            found |= {math.nextafter(constant, -math.inf), constant, math.nextafter(constant, math.inf)}
    return sorted(number for number in found if lowest <= number <= highest)


def is_subdivision(code: str) -> bool:
    """Whether a text has the form of an ISO 3166-2 code of an existing country."""
    country, dash, rest = code.partition("-")
    return country in COUNTRIES and dash == "-" and rest.isascii() and rest.isalnum() and rest == rest.upper() and 1 <= len(rest) <= 3
