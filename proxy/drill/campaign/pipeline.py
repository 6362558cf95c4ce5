"""Pipelines: the programs that harvest. Each is a set of drafts, a source of payloads and the settings it sends.

Settings, semaphores and repeats are those of public pipelines of the same kind; the wording is our own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import Enum
from random import Random
from typing import Final, NamedTuple

from proxy.dialects.call import Text
from proxy.drill.fleet import Job, Step, Temper
from proxy.drill.honest.work import Settings, agent, request
from proxy.drill.wording import harvest, prose
from proxy.drill.wording.honest import Draft, OwnWording, Wording
from proxy.drill.wording.paraphrase import SlotGrammar, rewritten

_MOST_OWED: Final = 500


class Paraphrase(Enum):
    """How a campaign varies its template: not at all, by a 960-way slot grammar, or so that no run of five words comes twice."""

    FIXED = "fixed"
    SLOTS = "slots"
    STRONG = "strong"


class Pipeline(NamedTuple):
    """One harvesting program."""

    name: str
    drafts: tuple[Draft, ...]
    payload: Callable[[Random], str]
    use: Settings
    semaphore: int = 64
    """Most requests it holds in flight."""
    repeats: int = 1
    """Samples of each prompt, as separate requests."""
    bare_share: float = 0.0
    """Share of prompts sent without any template."""
    temper: Temper = Temper(retries=True)
    trajectories: bool = False
    """Multi-turn with tools instead of single prompts."""


class Harvest:
    """A pipeline at work: makes jobs, rotates its templates, paraphrases."""

    def __init__(
        self, pipeline: Pipeline, *, seed: str, paraphrase: Paraphrase = Paraphrase.FIXED, rotation: int = 0, words: Wording | None = None
    ) -> None:
        self._pipeline, self._paraphrase, self._rotation = pipeline, paraphrase, rotation
        self._owed: list[tuple[Text, ...]] = []
        self._seed = seed
        self._sent = 0
        self._epoch = -1
        self._words = words or OwnWording(0)
        self._drafts: list[tuple[SlotGrammar, SlotGrammar, SlotGrammar] | Draft] = []

    def __call__(self, rng: Random, now: float) -> Job:
        """The next job."""
        epoch = self._sent // self._rotation if self._rotation else 0
        if epoch != self._epoch:
            self._epoch = epoch
            self._drafts = list(self._templates(epoch))
        self._sent += 1
        pipeline = self._pipeline
        if pipeline.trajectories:
            return agent(self._words, pipeline.use, framed=self._worded(rng))(rng, now)
        return iter((Step(0.0, request(rng, pipeline.use, self._prompt(rng))),))

    def _prompt(self, rng: Random) -> tuple[Text, ...]:
        """A new prompt, or another sample of one asked before: whichever account's turn it is."""
        if self._owed and (len(self._owed) > _MOST_OWED or rng.random() < 1 - 1 / self._pipeline.repeats):
            return self._owed.pop(int(rng.random() * len(self._owed)))
        draft = Draft("") if rng.random() < self._pipeline.bare_share else self._worded(rng)
        asked = (Text("user", draft.fill(self._pipeline.payload(rng))),)
        texts = (Text("system", draft.system), *asked) if draft.system else asked
        self._owed += [texts] * (self._pipeline.repeats - 1)
        return texts

    def _templates(self, epoch: int) -> Iterator[tuple[SlotGrammar, SlotGrammar, SlotGrammar] | Draft]:
        rng = Random(f"{self._seed}/{epoch}")
        for draft in self._pipeline.drafts:
            fresh = Draft(*(rewritten(part, rng) if part.strip() else part for part in draft)) if epoch else draft
            yield (
                (SlotGrammar(fresh.before, rng), SlotGrammar(fresh.after, rng), SlotGrammar(fresh.system, rng))
                if self._paraphrase is Paraphrase.SLOTS
                else fresh
            )

    def _worded(self, rng: Random) -> Draft:
        draft = self._drafts[int(rng.random() * len(self._drafts))]
        if not isinstance(draft, Draft):
            before, after, system = draft
            return Draft(before.draw(rng), after.draw(rng), system.draw(rng))
        if self._paraphrase is Paraphrase.STRONG:
            return Draft(*(rewritten(part, rng, gap=1) if part.strip() else part for part in draft))
        return draft


def _pair(rng: Random) -> str:
    return f"Prompt: {prose.question(rng)}\n\nCandidate 1: {prose.passage(rng, 70)}\n\nCandidate 2: {prose.passage(rng, 70)}"


def _graded(rng: Random) -> str:
    return f"Instruction: {prose.question(rng)}\n\nResponse: {prose.passage(rng, 90)}"


def _examples(rng: Random) -> str:
    return "\n".join(f"{number}. {prose.question(rng)}" for number in range(1, 4))


def _answered(rng: Random) -> str:
    return f"Question: {prose.exercise(rng)}\nAnswer: {rng.randrange(2, 99999)}"


def _passage(rng: Random) -> str:
    return prose.passage(rng, 120)


_LONG: Final = Settings(0.6, 16384, 1, reasoning=True, output_tokens=1800)
OWN: Final[dict[str, tuple[Pipeline, ...]]] = {
    "reasoning-harvest": (
        Pipeline("reasoning", harvest.REASONING[:3], prose.exercise, _LONG, 512, 4, temper=Temper(retries=True, common_pause_s=10.0)),
        Pipeline("reasoning-languages", harvest.REASONING[3:] + harvest.TRANSLATE_TRACE, prose.exercise, _LONG, 128),
        Pipeline("given-answer", harvest.GIVEN_ANSWER, _answered, _LONG._replace(reasoning=False, max_output_tokens=4096), 64),
    ),
    "rubric-grading": (
        Pipeline("rubric", harvest.RUBRIC[:1], _graded, Settings(0.0, 512, output_tokens=160), 32),
        Pipeline("pairs", harvest.RUBRIC[1:], _pair, Settings(0.0, 500, logprobs=True, output_tokens=140), 16),
    ),
    "instruction-generation": (
        Pipeline("tasks", harvest.INSTRUCTIONS[:1], _examples, Settings(1.0, 3072, output_tokens=1400), 5, temper=Temper(sleep_s=0.5, retries=True)),
        Pipeline("rewrites", harvest.INSTRUCTIONS[1:2], prose.question, Settings(1.0, 2048, output_tokens=300), 10, bare_share=0.5),
        Pipeline("documents", harvest.INSTRUCTIONS[2:3], _passage, Settings(0.7, 4096, output_tokens=700), 32, temper=Temper(sleep_s=0.5, retries=True)),
        Pipeline("dialogues", harvest.INSTRUCTIONS[3:4], prose.question, Settings(None, 0, output_tokens=800), 8, temper=Temper(sleep_s=1.0, retries=True)),
    ),
    "agentic-coding": (Pipeline("trajectories", harvest.AGENTIC, prose.question, Settings(0.7, 8192, reasoning=True, output_tokens=350), 96, trajectories=True),),
}  # fmt: skip
OWN["resold-hydra"] = tuple(
    pipeline for kind in ("reasoning-harvest", "rubric-grading", "instruction-generation") for pipeline in OWN[kind][:1]
)
