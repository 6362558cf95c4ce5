"""What honest accounts say, in our own words: questions, personas, batch templates, agents' tasks, judging, exercise sheets."""

from __future__ import annotations

from random import Random
from typing import Final, NamedTuple, Protocol

from proxy.drill.wording import prose
from proxy.drill.wording.words import ENGLISH


class Draft(NamedTuple):
    """A prompt with a hole in it: the payload goes between `before` and `after`."""

    before: str = ""
    after: str = ""
    system: str = ""

    def fill(self, payload: str) -> str:
        """The user message for one payload."""
        return f"{self.before}{payload}{self.after}"


class Wording(Protocol):
    """Where honest generators take their words from; a benchmark may bring real ones."""

    def question(self, rng: Random) -> str:
        """A person's free prompt."""

    def persona(self, rng: Random) -> str:
        """The fixed system prompt of an application."""

    def batch(self, rng: Random) -> Draft:
        """The template of a batch job."""

    def payload(self, rng: Random) -> str:
        """One document of a batch job."""

    def exercise(self, rng: Random) -> str:
        """A mathematics problem."""

    def code(self, rng: Random) -> str:
        """A developer's question."""

    def agent(self, rng: Random) -> str:
        """The system prompt of an agent."""

    def task(self, rng: Random) -> str:
        """What an agent is told to do."""

    def tool_output(self, rng: Random) -> str:
        """What a tool gave back."""

    def judge(self, rng: Random) -> Draft:
        """An honest evaluation's judging template."""

    def benchmark(self, rng: Random) -> str:
        """A question out of a public benchmark."""


_ROLES: Final = (
    "assistant",
    "guide",
    "concierge",
    "coach",
    "editor",
    "analyst",
    "tutor",
    "receptionist",
    "companion",
    "planner",
    "helper",
    "storyteller",
    "translator",
    "reviewer",
)
_RULES: Final = (
    "Never mention {x}.", "Always greet with {x}.", "Prices are in {x}.", "Refuse {x} matters politely.", "Sign as {x}.", "If unsure, hand over to {x}.", "Speak about {x} only.", "Use {x} units.",
    "Explain {x} step by step when asked.", "Stay under {n} words.", "Offer {n} choices at most.", "Opening hours: {n} to {n}.", "Call the customer {x}.", "Quote rule {n} of {x}.", "Prefer {x} over {y}.",
)  # fmt: skip
_JOBS: Final = (
    "Extract",
    "Classify",
    "Summarise",
    "Translate",
    "Tag",
    "Clean up",
    "Route",
    "Label",
    "Redact",
    "Condense",
    "Normalise",
    "Compare",
    "Proofread",
    "Index",
    "Convert",
)
_DOCUMENTS: Final = (
    "ticket",
    "invoice",
    "review",
    "transcript",
    "clause",
    "listing",
    "report",
    "log line",
    "email",
    "abstract",
    "menu",
    "form",
    "product sheet",
    "complaint",
    "article",
    "note",
)
_OUTPUTS: Final = (
    "as JSON with keys {x}, {y} and {z}",
    "in one line of {n} words",
    "as {x}, {y} or {z}",
    "as a table of {x} by {y}",
    "in the {x} style",
    "as CSV: {x};{y};{z}",
    "with a {x} code from 1 to {n}",
)
_TASKS: Final = (
    "fix the failing test",
    "add a flag to",
    "rename the module",
    "update the docs of",
    "find why it crashes in",
    "speed up",
    "split the class in",
    "add logging to",
    "remove dead code from",
    "port the script",
)


def _slots(rng: Random, text: str) -> str:
    return text.format(
        x=f"{rng.choice(ENGLISH.adjectives)} {rng.choice(ENGLISH.nouns)}",
        y=rng.choice(ENGLISH.nouns),
        z=rng.choice(ENGLISH.nouns),
        n=rng.randrange(3, 90),
    )


class OwnWording:
    """Everything drawn from this project's own word lists."""

    def __init__(self, seed: int, *, products: int = 12) -> None:
        rng = Random(f"{seed}/products")
        self._agents = [self._agent(rng) for _ in range(3)]
        self._tools = [self._batch(rng) for _ in range(products)]
        self._benchmark = [prose.exercise(rng) for _ in range(800)]

    def question(self, rng: Random) -> str:
        """A person's free prompt, in one of five languages."""
        return prose.question(rng)

    def persona(self, rng: Random) -> str:
        """A company's assistant with its house rules."""
        rules = " ".join(_slots(rng, rule) for rule in rng.sample(_RULES, rng.randrange(3, 8)))
        return f"You are {prose.name(rng)}, {rng.choice(ENGLISH.adjectives)} {rng.choice(_ROLES)} of {prose.name(rng)} {rng.choice(ENGLISH.nouns)}. {rules} {prose.passage(rng, 30)}"

    def batch(self, rng: Random) -> Draft:
        """Mostly a house template; sometimes one of the few popular tools that many accounts run."""
        return rng.choice(self._tools) if rng.random() < 0.3 else self._batch(rng)

    def _batch(self, rng: Random) -> Draft:
        document = rng.choice(_DOCUMENTS)
        ask = f"{rng.choice(_JOBS)} this {prose.name(rng)} {document} {_slots(rng, rng.choice(_OUTPUTS))}. {prose.sentence(rng)} {_slots(rng, rng.choice(_RULES))}"
        return Draft(
            f"{ask}\n\n{document.capitalize()}:\n",
            "",
            f"{prose.name(rng)} {rng.choice(_ROLES)}: {prose.sentence(rng)}" if rng.random() < 0.4 else "",
        )

    def payload(self, rng: Random) -> str:
        """A document of some hundred words."""
        return prose.passage(rng, 30 + int(rng.expovariate(0.012)), prose.language(rng))

    def exercise(self, rng: Random) -> str:
        """A fresh school problem."""
        return prose.exercise(rng)

    def code(self, rng: Random) -> str:
        """A developer's question."""
        return prose.code_question(rng)

    def agent(self, rng: Random) -> str:
        """One of the few public agents that everybody runs."""
        return rng.choice(self._agents)

    def _agent(self, rng: Random) -> str:
        name = prose.name(rng)
        commands = "\n".join(f"- {prose.identifier(rng)}({rng.choice(ENGLISH.nouns)}): {prose.sentence(rng)}" for _ in range(8))
        return f"{name} is a coding agent working in the user's repository. Call one tool at a time and wait for its result.\n{commands}\n{prose.passage(rng, 120)}"

    def task(self, rng: Random) -> str:
        """An issue to work on."""
        return f"{rng.choice(_TASKS)} {prose.identifier(rng)}.py: {prose.passage(rng, 40)}\n{prose.code(rng, 4)}"

    def tool_output(self, rng: Random) -> str:
        """A listing, a file or a test's last words."""
        return prose.code(rng, rng.randrange(3, 16)) if rng.random() < 0.6 else prose.passage(rng, rng.randrange(10, 60))

    def judge(self, rng: Random) -> Draft:
        """A product team's own comparison of two candidate answers."""
        aspects = ", ".join(rng.sample(ENGLISH.nouns, 3))
        return Draft(
            f"{prose.name(rng)} quality check. Grade the reply below from 1 to {rng.choice((5, 7, 10))} for {aspects}, with one sentence of why. {prose.sentence(rng)}\n\n",
            f"\n\nVerdict of {prose.name(rng)}:",
        )

    def benchmark(self, rng: Random) -> str:
        """One of 800 questions that everybody who evaluates knows."""
        return rng.choice(self._benchmark)
