"""Saying the same thing in other words: from a 960-way slot grammar to wordings that share no run of five words."""

from __future__ import annotations

import re
from random import Random
from typing import Final

from proxy.drill.wording.words import CHINESE, ENGLISH

SLOT_SENTENCES: Final = 5
SLOT_WORDINGS: Final = (4, 4, 4, 5, 3)
"""4 x 4 x 4 x 5 x 3 = 960 wordings in all, the size of paraphrase grammar that published measurements use."""

_GROUPS: Final = """
step by step|stepwise|in small steps|stage by stage;think|reason|reflect|deliberate;explain|spell out|lay out|describe|set out;reasoning|thinking|thought process|chain of thought|line of thought
final|closing|concluding|last;answer|response|reply|result|solution;problem|question|exercise|task|puzzle;solve|work out|resolve|tackle;before|prior to|ahead of;write|compose|draft|produce|author
new|fresh|novel|further|additional;instruction|task|prompt|request;instructions|tasks|prompts|requests;generate|create|come up with|invent|make up;diverse|varied|different|wide-ranging;list|series|collection|set
grade|score|rate|mark|assess;quality|merit|standard;rubric|criteria|scale|grading guide;score|mark|points|rating;between|from;feedback|critique|commentary|remarks;strict|rigorous|severe|demanding
you are|act as|take the role of|imagine being;expert|specialist|professional|authority;assistant|model|system|helper;user|person|customer|human;conversation|dialogue|chat|exchange;both|the two
must|should|have to|need to;provide|give|supply|offer;show|display|reveal|present;all|every one of|each of;complete|full|entire|whole;detailed|thorough|in-depth|careful;carefully|attentively|with care|closely
following|given|below|next;text|passage|excerpt|document;correct|right|accurate|valid;include|contain|add|put in;only|solely|just|nothing but;output|return|print|emit;format|layout|form|structure;example|sample|instance
make|render|turn;difficult|hard|challenging|demanding;rewrite|rephrase|reformulate|recast;original|initial|source|first;help|aid|assist;code|program|script|source;test|check|verify|validate;use|employ|apply|rely on
tool|function|command|utility;file|document|record;error|fault|bug|defect;change|edit|modify|alter;find|locate|identify|spot;read|study|look at|go through;repository|project|codebase;finish|end|conclude|wrap up
then|after that|next|subsequently;first|to begin with|at the start|initially;do not|don't|never|avoid to;and|as well as|plus|along with;with|using|by means of;because|since|as;important|essential|crucial|key
""".strip()
_SYNONYMS: Final[dict[str, tuple[str, ...]]] = {
    word: tuple(w for w in group.split("|") if w != word)
    for line in _GROUPS.splitlines()
    for group in line.split(";")
    for word in group.split("|")
}
_UNITS: Final = re.compile(
    "|".join(
        [re.escape(phrase) for phrase in sorted(_SYNONYMS, key=len, reverse=True) if " " in phrase]
        + [r"[\u4e00-\u9fff]{1,3}", r"[^\s\u4e00-\u9fff]+", r"\s*\n\s*"]
    ),
    re.IGNORECASE,
)
_SENTENCES: Final = re.compile(r"[^\n.!?。]+[\n.!?。]*\s*")
_FILLERS: Final = (*ENGLISH.adjectives, *ENGLISH.nouns)
_HAN: Final = re.compile(r"[\u4e00-\u9fff]")


def rewritten(text: str, rng: Random, *, gap: int = 4) -> str:
    """Another wording: about half of the words that have a synonym change, and no `gap` old words in a row are left standing.

    With `gap` 1 a free word stands between any two words or fixed phrases, so that a run of five holds at least two free draws.
    """
    out: list[str] = []
    standing = 0
    for unit in _UNITS.findall(text):
        if "\n" in unit:
            out.append("\n")
            continue
        core = unit.rstrip(",.:;!?")
        others = _SYNONYMS.get(core.lower())
        chosen = rng.choice(others) + unit[len(core) :] if others and rng.random() < (0.75 if gap == 1 else 0.5) else unit
        if gap == 1 and " " in chosen:
            out.append(rng.choice(_FILLERS))
        out.append(chosen.capitalize() if unit[:1].isupper() and unit[1:2].islower() else chosen)
        standing = 0 if chosen is not unit and gap > 1 else standing + 1 + chosen.count(" ")
        if standing >= gap:
            fillers = CHINESE.adjectives if _HAN.match(unit) else _FILLERS
            out += [rng.choice(fillers) for _ in range(2 if gap == 1 and " " in chosen else 1)]
            standing = 0
    return " ".join(out).replace(" \n ", "\n")


class SlotGrammar:
    """A template in 960 wordings: five of its sentences each have a few forms, and every request draws one of each."""

    def __init__(self, text: str, rng: Random) -> None:
        sentences = _SENTENCES.findall(text) or [text]
        longest = sorted(range(len(sentences)), key=lambda at: -len(sentences[at]))[:SLOT_SENTENCES]
        slots = dict(zip(longest, SLOT_WORDINGS, strict=False))
        self._slots = [
            [sentence] + [rewritten(sentence, rng) + "\n" * sentence.count("\n") + " " for _ in range(slots.get(at, 1) - 1)]
            for at, sentence in enumerate(sentences)
        ]

    def draw(self, rng: Random) -> str:
        """One of the wordings."""
        return "".join(forms[int(rng.random() * len(forms))] if len(forms) > 1 else forms[0] for forms in self._slots)
