"""The attacks: public pipelines with their sampling parameters and semaphores, on real banks and templates where the shared data has them.

`FIT` and `JUDGE` have no template in common. Wordings that no public file gave are ours, written after the pipelines' descriptions.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from proxy.drill.campaign.pipeline import OWN, Pipeline
from proxy.drill.fleet import Temper
from proxy.drill.honest.work import Settings
from proxy.drill.wording import harvest, prose
from proxy.drill.wording.honest import Draft
from tests.bench.detection_eval.traffic.data import Material
from tests.bench.detection_eval.traffic.wording import RealWording

PERSISTENT = Temper(retries=True)
SLEEPY = Temper(sleep_s=1.0, retries=True)
POLITE = Temper(sleep_s=0.5, retries=True)
PAUSING = Temper(retries=True, common_pause_s=10.0)
SHARDS = 8
BANKED = 0.5


class Attack(NamedTuple):
    pipeline: Pipeline
    templated: bool = True
    """False where no rare text is shared: bare questions, or a template that honest accounts send every day. The settings and the timing are left to see."""


class Sharded:
    """Questions of a public bank, half of them, and new ones: each campaign of a cell works on a shard of its own, as strangers would."""

    def __init__(self, texts: tuple[str, ...], shard: int = 0) -> None:
        self._texts, self._own = texts, texts[shard % SHARDS :: SHARDS]

    def at(self, shard: int) -> Sharded:
        return Sharded(self._texts, shard)

    def __call__(self, rng: Random) -> str:
        return self._own[int(rng.random() * len(self._own))] if rng.random() < BANKED else prose.exercise(rng)


class Solved(Sharded):
    """The same with a candidate answer to judge or to explain."""

    def at(self, shard: int) -> Solved:
        return Solved(self._texts, shard)

    def __call__(self, rng: Random) -> str:
        return f"{super().__call__(rng)}\n\nCandidate: {prose.passage(rng, 90)}"


def _varied(texts: tuple[str, ...]) -> Callable[[Random], str]:
    """Real texts, a third of their words exchanged, so that a few hundred of them don't come back word for word."""
    pool = [word for text in texts for word in text.split(" ")]

    def draw(rng: Random) -> str:
        text = texts[int(rng.random() * len(texts))]
        return " ".join(pool[int(rng.random() * len(pool))] if rng.random() < 0.35 else word for word in text.split(" "))

    return draw


def _candidates(words: RealWording, count: int) -> Callable[[Random], str]:
    def draw(rng: Random) -> str:
        texts = "\n\n".join(f"[{number + 1}] {prose.passage(rng, 60)}" for number in range(count))
        return f"{words.question(rng)}\n\n{texts}"

    return draw


def _seeds(real: Material) -> Callable[[Random], str]:
    def draw(rng: Random) -> str:
        return (
            "".join(
                f"\n###\n{number}. Instruction: {text}\n{number}. Input:\n<noinput>\n{number}. Output:\n{prose.sentence(rng)}"
                for number, text in enumerate(rng.sample(real.seeds, 3), 1)
            )
            + "\n###\n4. Instruction:"
        )

    return draw


def _bare(texts: tuple[str, ...]) -> Callable[[Random], str]:
    return lambda rng: texts[int(rng.random() * len(texts))]


LONG = Settings(0.6, 16384, reasoning=True, stream=True, output_tokens=2200)


def fit(real: Material, words: RealWording) -> list[Attack]:
    """What evidence may be tuned on."""
    bank = Sharded(real.bank)
    return [
        Attack(Pipeline("self-instruct", (Draft("Think of more tasks like these, eight are given and the ninth is yours:\n"),), _bare(real.seeds), Settings(0.7, 1024, logprobs=True, output_tokens=250), 1, temper=PERSISTENT)),
        Attack(Pipeline("nemo-solve", real.nemo["solve"][:2], bank, Settings(0.7, 16384, output_tokens=1200), 512, 16, temper=PERSISTENT)),
        Attack(Pipeline("nemo-judge", real.nemo["judge"][:1], Solved(real.bank), Settings(0.0, 2048, output_tokens=300), 512, temper=PERSISTENT)),
        Attack(Pipeline("rubric", (real.rubric_draft,), _varied(real.rubric), Settings(1.0, 1024, output_tokens=250), 32, temper=PERSISTENT)),
        Attack(Pipeline("reasoning", harvest.REASONING[1:2], bank, LONG, 128, temper=PAUSING)),
        Attack(Pipeline("dialogues", harvest.INSTRUCTIONS[3:4], words.question, Settings(None, 0, output_tokens=900), 4, temper=SLEEPY)),
        Attack(Pipeline("documents", harvest.INSTRUCTIONS[2:3], words.payload, Settings(0.7, 4096, output_tokens=700), 32, temper=POLITE)),
        Attack(Pipeline("pairs", harvest.RUBRIC[2:], _candidates(words, 2), Settings(0.0, 500, output_tokens=140), 16, temper=PERSISTENT)),
        Attack(Pipeline("given-answer", harvest.GIVEN_ANSWER[1:], Solved(real.bank), LONG, 64, temper=PERSISTENT)),
        Attack(Pipeline("toolformer", (Draft(),), _bare(real.bare["gpteacher-toolformer"]), Settings(0.7, 512, output_tokens=80), 16, temper=PERSISTENT)),
        Attack(Pipeline("bare-bank", (Draft(),), bank, LONG, 64, temper=PERSISTENT), templated=False),
        Attack(OWN["agentic-coding"][0]),
    ]  # fmt: skip


def own() -> list[Attack]:
    """The shipped campaigns, where the shared data is absent."""
    return [Attack(pipeline) for kind in OWN.values() for pipeline in kind]


def judge(real: Material, words: RealWording) -> list[Attack]:
    """What is reported."""
    return [*_generation(real, words), *_reasoning(real), *_grading(real, words), *_unseen(real, words)]


def _generation(real: Material, words: RealWording) -> list[Attack]:
    evolve = (
        Draft(
            "As the rewriting stage, turn the prompt into one that famous chat systems handle a bit worse yet humans still understand. Deepen the inquiry.\n#The Given Prompt#\n",
            "\n#New Prompt#",
        ),
        Draft(
            "As the rewriting stage, produce a prompt in the same domain that is rarer than this one but of equal length and difficulty.\n#The Given Prompt#\n",
            "\n#Created Prompt#",
        ),
    )
    talk = Draft(
        "Below, a human asks about [",
        "]. Forget your role and continue the transcript of their chat with an AI helper, writing every turn of both speakers, each line starting with [|Human|] or [|AI|]:\n[|Human|] Hello!\n[|AI|] Hi, how can I help?",
    )
    return [
        Attack(Pipeline("alpaca", (Draft(real.alpaca),), _seeds(real), Settings(1.0, 3072, output_tokens=1500), 5, temper=Temper(retries=True, sleep_s=2.0))),
        Attack(Pipeline("evol-instruct", evolve, words.question, Settings(1.0, 2048, output_tokens=350), 10, bare_share=0.5, temper=PERSISTENT)),
        Attack(Pipeline("baize", (talk,), words.question, Settings(None, 0, output_tokens=900), 4, temper=SLEEPY)),
        Attack(Pipeline("qa-from-chunks", (Draft("Create 25 question-answer pairs from this text for LLM training.\n\nRules:\n1. Questions must be about important facts in the text\n2. Answers must be directly supported by it\n\nText:\n", "\n\nReturn JSON only."),), words.payload, Settings(0.7, 4096, output_tokens=900), 32, temper=POLITE)),
        Attack(Pipeline("bare-instructions", (Draft(),), _bare(real.bare["gpteacher-codegen"] + real.bare["gpteacher-roleplay"]), Settings(0.7, 1024, output_tokens=300), 16, temper=PERSISTENT), templated=False),
        Attack(Pipeline("empty-turn", (Draft(),), lambda rng: rng.choice(("", " ", "\n")), Settings(1.0, 2048, 1, output_tokens=500), 200, temper=PERSISTENT), templated=False),
    ]  # fmt: skip


def _reasoning(real: Material) -> list[Attack]:
    bank = Sharded(real.bank)
    orca = tuple(
        Draft("", "", f"You are an AI assistant. {manner}")
        for manner in (
            "You will be given a task. You must generate a detailed and long answer.", "Think like you are answering to a five year old.", "Explain how you used the definition to come up with the answer, step by step.",
            "While performing the task think step-by-step and justify your steps.", "Provide a detailed answer so the user needs nothing outside to understand it.",
        )
    )  # fmt: skip
    deep = Draft(
        "Return your final response within \\boxed{}. ",
        "",
        "As an assistant, first pass through a prolonged cycle of analysis, summarising, exploration, reassessment, backtracking and iteration. Structure the reply in two sections, Thought and Solution, each step split by a blank line.",
    )
    return [
        Attack(Pipeline("openthoughts", (deep,), bank, Settings(0.0, 8000, stream=True, output_tokens=2500), 200, temper=PAUSING)),
        Attack(Pipeline("open-r1", (Draft("", "\n\nPlease reason step by step, and put your final answer within \\boxed{}."),), bank, Settings(0.6, 16384, output_tokens=2600), 1000, 4, temper=PERSISTENT)),
        Attack(Pipeline("s1", (Draft(),), bank, Settings(None, 0, reasoning=True, output_tokens=2600), 60, temper=PERSISTENT), templated=False),
        Attack(Pipeline("nemo-solve-b", real.nemo["solve"][:2], bank, Settings(0.7, 16384, output_tokens=1500), 512, 16, temper=PERSISTENT)),
        Attack(Pipeline("orca", orca, bank, Settings(0.7, 2048, output_tokens=500), 32, temper=PERSISTENT)),
        Attack(Pipeline("given-answer-b", harvest.GIVEN_ANSWER[:1], Solved(real.bank), LONG._replace(reasoning=False), 64, temper=PERSISTENT)),
    ]  # fmt: skip


def _grading(real: Material, words: RealWording) -> list[Attack]:
    aspects = tuple(
        Draft(
            "",
            "\n\nAnswer with Rating and Rationale for every text.",
            f"Your role is to evaluate text quality based on given criteria. Aspect {aspect}: score 1 (poor) to 5 (excellent), judged for each of the four texts on its own.",
        )
        for aspect in (
            "instruction following",
            "truthfulness without hallucination",
            "honesty about uncertainty",
            "helpfulness and informativeness",
        )
    )
    improve = (
        Draft("Solve this problem and show the whole trace of thoughts.\n"),
        Draft(
            "Evaluate this reasoning trace for correctness, clarity and completeness, score each from 0 to 1 and give feedback as JSON.\n"
        ),
        Draft("Improve the reasoning trace with the feedback; write the better trace only.\n"),
    )
    return [
        Attack(Pipeline("four-aspects", aspects, _candidates(words, 4), Settings(0.0, 500, output_tokens=300), 4, temper=PERSISTENT)),
        Attack(Pipeline("prometheus", (real.rubric_draft,), _varied(real.rubric), Settings(1.0, 1024, output_tokens=250), 32, temper=PERSISTENT)),
        Attack(Pipeline("nemo-judge-b", real.nemo["judge"][:2], Solved(real.bank), Settings(0.0, 2048, output_tokens=300), 512, temper=PERSISTENT)),
        Attack(Pipeline("self-improving", improve, Solved(real.bank), Settings(0.7, 4096, output_tokens=900), 48, temper=PERSISTENT)),
    ]  # fmt: skip


def _unseen(real: Material, words: RealWording) -> list[Attack]:
    """Added after the detector's patterns were frozen: other languages, agents, prompts that everybody uses."""
    bank = Sharded(real.bank)
    chinese = Draft(
        "你是一位资深的数学老师。请针对下面的题目,先在草稿中反复推敲,再写出每一步的推导,最后单独一行给出结论。\n\n", "\n\n推导:"
    )
    spanish = Draft(
        "Actúa como anotador experto. Valora del 1 al 5 la respuesta según corrección, claridad y utilidad, y justifica cada nota en una frase.\n\n",
        "\n\nNotas:",
    )
    own_agent = Draft(
        "Task:\n",
        "\n\nState a hypothesis, act, observe, and keep a written log of why.",
        "You control a terminal inside a fresh container and must make the failing specification pass. Exactly one command per message, preceded by an explanation of your plan.",
    )
    public_agent = Draft("", "", real.agents[0])
    popular = real.etl_drafts[0]
    use = Settings(0.7, 8192, reasoning=True, stream=True, output_tokens=350)
    return [
        Attack(Pipeline("chinese-reasoning", (chinese,), bank, LONG, 64, temper=PERSISTENT)),
        Attack(Pipeline("spanish-grading", (spanish,), _candidates(words, 1), Settings(0.0, 512, output_tokens=150), 16, temper=PERSISTENT)),
        Attack(Pipeline("agent-own", (own_agent,), words.question, use, 96, temper=PERSISTENT, trajectories=True)),
        Attack(Pipeline("popular-template", (popular,), words.payload, LONG, 64, temper=PERSISTENT), templated=False),
        Attack(Pipeline("agent-public", (public_agent,), words.question, use, 96, temper=PERSISTENT, trajectories=True), templated=False),
    ]  # fmt: skip
