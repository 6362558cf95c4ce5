"""What honest accounts do with a model: conversations, applications, batch jobs, agents. Each is a `Work`: it makes the steps of one job."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final, NamedTuple

from proxy.dialects.call import Text
from proxy.drill.exchange import Request
from proxy.drill.fleet import Job, Step, Work
from proxy.drill.wording import prose
from proxy.drill.wording.honest import Draft, Wording

Say = Callable[[Random], str]
_READ_S: Final = 35.0
_TOOLS: Final = ("read_file", "search", "edit", "run_tests", "list_files", "shell")


class Settings(NamedTuple):
    """Sampling settings of one piece of software. Zero and None: left out."""

    temperature: float | None = None
    max_output_tokens: int = 0
    n: int = 1
    reasoning: bool = False
    logprobs: bool = False
    stream: bool = False
    output_tokens: int = 350


_USUAL_TEMPERATURES: Final = (None, None, None, 0.0, 0.0, 0.2, 0.6, 0.7, 0.7, 1.0)
_USUAL_LIMITS: Final = (0, 0, 0, 256, 512, 1024, 1024, 2048, 4096, 8192, 16384)


_FRAMEWORKS: Final = ((None, 0), (0.7, 0), (0.0, 0), (0.7, 1024), (1.0, 4096), (0.2, 2048), (0.0, 512), (None, 4096))
"""Temperature and limit that popular frameworks send unless told otherwise."""


def settings(rng: Random) -> Settings:
    """What software of any purpose sends: a framework's defaults, or choices of its own."""
    if rng.random() < 0.5:
        temperature, limit = rng.choice(_FRAMEWORKS)
        return Settings(temperature, limit, reasoning=rng.random() < 0.2, stream=rng.random() < 0.1, output_tokens=usual_length(rng))
    return Settings(
        rng.choice(_USUAL_TEMPERATURES),
        rng.choice(_USUAL_LIMITS),
        rng.choices((1, 2, 4, 8), (90, 4, 4, 2))[0],
        rng.random() < 0.4,
        rng.random() < 0.04,
        rng.random() < 0.2,
        usual_length(rng),
    )


def usual_length(rng: Random) -> int:
    """Tokens that a piece of software's answers have on average."""
    return int(60 + rng.expovariate(1 / 500))


def request(
    rng: Random,
    use: Settings,
    texts: tuple[Text, ...],
    *,
    turns: int = 1,
    end_user: str = "",
    tools: tuple[str, ...] = (),
    tool_results: int = 0,
) -> Request:
    """One request under these settings, its answer's length drawn around theirs."""
    written = max(4, int(use.output_tokens * rng.lognormvariate(-0.18, 0.6)))
    if use.max_output_tokens:
        written = min(written, use.max_output_tokens)
    return Request(
        texts,
        turns,
        tools,
        tool_results,
        use.max_output_tokens,
        use.n,
        use.temperature,
        None,
        use.reasoning,
        use.logprobs,
        use.stream,
        end_user,
        written,
        int(written * 0.6) if use.reasoning else 0,
    )


def conversation(say: Say, use: Settings, *, system: str = "", users: int = 0, turns_mean: float = 1.6) -> Work:
    """One to a dozen turns; each repeats what went before, as chat clients do. `users` > 0: an application that names its end users."""

    def job(rng: Random, now: float) -> Job:
        del now
        texts = [Text("system", system)] if system else []
        end_user = f"u{rng.randrange(users)}" if users else ""
        turn = 0
        while True:
            turn += 1
            texts.append(Text("user", say(rng)))
            yield Step(
                2.0 + rng.expovariate(1 / _READ_S) if turn > 1 else 0.0, request(rng, use, tuple(texts), turns=turn, end_user=end_user)
            )
            if rng.random() > 1 - 1 / turns_mean or turn >= 12:
                return
            texts.append(Text("assistant", prose.passage(rng, 30)))

    return job


def batch(draft: Draft, payload: Say, use: Settings, *, repeats: int = 1) -> Work:
    """One template, a new payload each time, no follow-up. `repeats`: samples drawn of the same prompt."""

    def job(rng: Random, now: float) -> Job:
        del now
        asked = (Text("user", draft.fill(payload(rng))),)
        texts = (Text("system", draft.system), *asked) if draft.system else asked
        for _ in range(repeats):
            yield Step(0.0, request(rng, use, texts))

    return job


def bare(say: Say, use: Settings) -> Work:
    """Single prompts without a template."""

    def job(rng: Random, now: float) -> Job:
        del now
        yield Step(0.0, request(rng, use, (Text("user", say(rng)),)))

    return job


def either(first: Work, second: Work, share: float) -> Work:
    """Now the one, now the other: the developer with an editor and a nightly job on one key."""

    def job(rng: Random, now: float) -> Job:
        return first(rng, now) if rng.random() < share else second(rng, now)

    return job


def agent(words: Wording, use: Settings, *, system: str = "", steps_mean: float = 9.0, framed: Draft | None = None) -> Work:
    """A trajectory: the transcript grows by a call and its result at each step. `framed`: a wrapper around the task, with a system prompt of its own."""

    def job(rng: Random, now: float) -> Job:
        del now
        head, task = (framed.system, framed.fill(words.task(rng))) if framed else (system or words.agent(rng), words.task(rng))
        texts = [Text("system", head), Text("user", task)]
        steps = 2 + int(rng.expovariate(1 / (steps_mean - 2)))
        for step in range(min(steps, 30)):
            yield Step(0.5 + rng.expovariate(0.5) if step else 0.0, request(rng, use, tuple(texts), tools=_TOOLS, tool_results=step))
            texts.append(Text("assistant", f"{rng.choice(_TOOLS)} {prose.identifier(rng)}"))
            texts.append(Text("tool", words.tool_output(rng)))

    return job
