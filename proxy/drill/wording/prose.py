"""Prose nobody has written before: names, sentences, questions, exercises, code and documents, all drawn from one `Random`."""

from __future__ import annotations

from random import Random

from proxy.drill.wording.words import CODE_LANGUAGES, CODE_TYPES, ENGLISH, LANGUAGES, SYLLABLES, Lexicon

_LANGUAGE_WEIGHTS = (80, 6, 5, 4, 5)
_WORDS_A_SENTENCE = (6, 18)


def name(rng: Random) -> str:
    """A coined proper name of two or three syllables, or four: some ten million of them."""
    return "".join(rng.choices(SYLLABLES, k=rng.choice((2, 3, 3, 4)))).capitalize()


def language(rng: Random) -> Lexicon:
    """Mostly English; the others so that no detector learns that English is innocent."""
    return rng.choices(LANGUAGES, _LANGUAGE_WEIGHTS)[0]


def words(rng: Random, count: int, lexicon: Lexicon = ENGLISH) -> list[str]:
    """`count` words in which any run of five holds at least three free draws."""
    out: list[str] = []
    nouns, verbs, adjectives, joints = lexicon.nouns, lexicon.verbs, lexicon.adjectives, lexicon.joints
    random = rng.random
    while len(out) < count:
        roll = random()
        if roll < 0.45:
            out += (adjectives[int(random() * len(adjectives))], nouns[int(random() * len(nouns))])
        elif roll < 0.8:
            out += (verbs[int(random() * len(verbs))], joints[int(random() * len(joints))], nouns[int(random() * len(nouns))])
        else:
            out += (joints[int(random() * len(joints))], nouns[int(random() * len(nouns))], verbs[int(random() * len(verbs))])
    return out[:count]


def sentence(rng: Random, lexicon: Lexicon = ENGLISH) -> str:
    """One sentence of 6 to 18 words."""
    low, high = _WORDS_A_SENTENCE
    text = lexicon.space.join(words(rng, low + int(rng.random() * (high - low)), lexicon))
    return text[:1].upper() + text[1:] + lexicon.stop


def passage(rng: Random, about_words: int, lexicon: Lexicon = ENGLISH) -> str:
    """Sentences of about `about_words` words in all, with a name and a number here and there."""
    out = []
    left = about_words
    while left > 0:
        line = sentence(rng, lexicon)
        if rng.random() < 0.3:
            line = f"{name(rng)}{lexicon.space}{rng.randrange(2, 9000)}{lexicon.space}{line}"
        out.append(line)
        left -= 12
    return " ".join(out)


def question(rng: Random, lexicon: Lexicon | None = None) -> str:
    """What a person types: an opening, a matter, sometimes a paragraph behind it."""
    lexicon = lexicon or language(rng)
    body = lexicon.space.join(words(rng, 4 + int(rng.expovariate(0.12)), lexicon))
    text = f"{rng.choice(lexicon.openings)}{lexicon.space}{body}{rng.choice(lexicon.ends)}"
    if rng.random() < 0.25:
        text = f"{text}\n\n{passage(rng, 20 + int(rng.expovariate(0.01)), lexicon)}"
    if rng.random() < 0.04:
        text = f"{text} {rng.choice(_ASIDES)}"
    return text


_ASIDES = (
    "Please explain step by step.", "Show me your reasoning.", "Think carefully before you answer.", "Walk me through it.", "Give me ten examples.", "Rate it from 1 to 10.", "Answer in JSON.", "Keep it short.",
    "Explain why you chose that.", "Write both sides of the dialogue.", "Make up a harder version.",
)  # fmt: skip


def exercise(rng: Random) -> str:
    """A school problem with numbers in it, never twice the same."""
    who, other = name(rng), name(rng)
    first, second, third = rng.sample(ENGLISH.nouns, 3)
    verb, also = rng.sample(ENGLISH.verbs, 2)
    few, many = rng.randrange(2, 60), rng.randrange(60, 9000)
    return rng.choice((
        f"{who} can {verb} {few} {first}s per {second}, {other} {many}. They {also} {third}s for {few + 3} days: how many {first}s remain?",
        f"Each {rng.choice(ENGLISH.adjectives)} {first} costs {few}, every {second} {many}. {who} has {many * few}; which {third}s can {other} {verb}?",
        f"Let {who[0].lower()}({first}) = {few}{who[1]}^2 - {many}{who[1]} + {few + 9}. Find {second} roots, {verb} them, {also} the {third}.",
        f"From {first} to {second} {who} goes {few} km/h; {other} follows at {few + 7} km/h after {many} minutes. {third.capitalize()} distance {many}: {verb} where?",
        f"Prove: if {first} {who} divides {few}x + {many}, then {second} {other} can {verb} {also} {third} {few + 1}.",
    ))  # fmt: skip


def identifier(rng: Random) -> str:
    """A name as it stands in source code."""
    return (
        f"{rng.choice(ENGLISH.verbs)}_{rng.choice(ENGLISH.nouns)}"
        if rng.random() < 0.6
        else f"{rng.choice(ENGLISH.adjectives)}_{rng.choice(ENGLISH.nouns)}_{name(rng).lower()}"
    )


def code(rng: Random, lines: int) -> str:
    """Source that looks like somebody's, of about `lines` lines."""
    head = f"def {identifier(rng)}({identifier(rng)}: {rng.choice(CODE_TYPES)}) -> {rng.choice(CODE_TYPES)}:"
    return "\n".join([head, *(_statement(rng) for _ in range(lines)), f"    return {identifier(rng)}"])


def _statement(rng: Random) -> str:
    roll = rng.random()
    if roll < 0.3:
        return f"    {identifier(rng)} = {identifier(rng)}({rng.randrange(999)}, {identifier(rng)})"
    if roll < 0.55:
        return f"    if {identifier(rng)} > {rng.randrange(999)}: {identifier(rng)}.append({identifier(rng)})"
    if roll < 0.8:
        return f"    for {name(rng).lower()} in {identifier(rng)}: {identifier(rng)} += {rng.randrange(99)}"
    return f"    # {' '.join(words(rng, 6))}"


def code_question(rng: Random) -> str:
    """A developer's question, with or without the code."""
    ask = f"{rng.choice(('fix', 'why does this fail', 'add a test for', 'review', 'speed up', 'port to ' + rng.choice(CODE_LANGUAGES), 'add types to'))}: {identifier(rng)} {' '.join(words(rng, 5))}"
    return f"{ask}\n\n{code(rng, rng.randrange(2, 14))}" if rng.random() < 0.7 else f"{ask} ({rng.choice(CODE_LANGUAGES)})"
