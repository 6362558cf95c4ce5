"""Honest wording from real prompts: some whole, most of it recombined from runs of at most four words, so that nothing collides by construction."""

from __future__ import annotations

from collections import Counter
from random import Random

from proxy.drill.wording import prose
from proxy.drill.wording.honest import Draft, OwnWording
from tests.bench.detection_eval.traffic.data import Material

_MOST_USES = 3
_POPULAR = 24


class RealWording(OwnWording):
    """Real prompts where they are plentiful enough not to repeat, recombined or own ones elsewhere.

    A person sends a popular prompt (one of 24, which everybody's history knows) in 8 % of cases, a whole real prompt that at most
    three accounts ever send in 8 %, otherwise one composed of real fragments of two to four words with a real prompt's length.
    """

    def __init__(self, seed: int, real: Material) -> None:
        super().__init__(seed)
        self._real = real
        self._uses: Counter[str] = Counter()
        self._human = _Fragments(real.human)
        self._etl = _Fragments(real.etl_payloads)
        self._persona = _Fragments(real.personas)
        self._tool = _Fragments(real.tool_outputs)
        self._popular = sorted(real.human, key=len)[len(real.human) // 4 :][:_POPULAR]

    def _rare(self, rng: Random, texts: tuple[str, ...]) -> str:
        text = rng.choice(texts)
        self._uses[text] += 1
        return text if self._uses[text] <= _MOST_USES else ""

    def question(self, rng: Random) -> str:
        roll = rng.random()
        if roll < 0.08:
            return rng.choice(self._popular)
        if roll < 0.16 and (text := self._rare(rng, self._real.human)):
            return text
        return self._human.text(rng) if roll < 0.85 else prose.question(rng)

    def persona(self, rng: Random) -> str:
        return rng.choice(self._real.personas) if rng.random() < 0.3 else self._persona.text(rng)

    def batch(self, rng: Random) -> Draft:
        roll = rng.random()
        if roll < 0.45:
            return rng.choice(self._real.etl_drafts)
        return super().batch(rng) if roll < 0.75 else Draft(self._etl.text(rng, 40) + "\n\n", "\n" + self._etl.text(rng, 15))

    def payload(self, rng: Random) -> str:
        return self._etl.text(rng)

    def exercise(self, rng: Random) -> str:
        return (self._rare(rng, self._real.bank) if rng.random() < 0.15 else "") or prose.exercise(rng)

    def agent(self, rng: Random) -> str:
        return rng.choice(self._real.agents) if rng.random() < 0.5 else super().agent(rng)

    def tool_output(self, rng: Random) -> str:
        return self._tool.text(rng, 60) if rng.random() < 0.6 else super().tool_output(rng)

    def judge(self, rng: Random) -> Draft:
        return rng.choice(self._real.judges) if self._real.judges and rng.random() < 0.5 else super().judge(rng)

    def benchmark(self, rng: Random) -> str:
        return rng.choice(self._real.bank)


class _Fragments:
    """Texts of real lengths out of real runs of two to four words."""

    def __init__(self, texts: tuple[str, ...]) -> None:
        self._words = [word for text in texts for word in text.split()]
        self._lengths = [min(len(text.split()), 400) for text in texts]

    def text(self, rng: Random, length: int = 0) -> str:
        words, random = self._words, rng.random
        left = length or self._lengths[int(random() * len(self._lengths))]
        out: list[str] = []
        while left > 0:
            size = 2 + int(random() * 3)
            at = int(random() * len(words))
            out += words[at : at + min(size, left)]
            left -= size
        return " ".join(out)
