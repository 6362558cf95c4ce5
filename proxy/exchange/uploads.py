"""Uploads: a form is one call; a batch is many, each judged as the call that it is, and all are paid for together or not at all.

A file isn't rewritten: a line that a rule would lower is refused with the parameter's name, and so is one whose answer must be stripped,
unless the same is stripped when the results are fetched. Neither may a line hide a thought in the text.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from secrets import randbelow
from time import perf_counter
from typing import Final, NamedTuple, cast

from proxy.decide import NOTHING_HELD, Decider, Decision, asks_of
from proxy.detection.observation import Observation
from proxy.dialects import rewrite
from proxy.dialects.batch import Line, Upload
from proxy.dialects.call import ModelCall, Usage
from proxy.errors import CallerError, Fault
from proxy.identity.caller import Caller
from proxy.limits.ask import Ask
from proxy.limits.costs import output_estimate
from proxy.policy.ruleset import AppliedLimit, Ruleset
from proxy.policy.verdict import Hit, Mode, Refusal

TURN_S: Final = 0.002
"""How long lines are judged before others get as long: a turn of the loop alone would move each of them one step only."""
MOST_BUDGETS: Final = 1000
"""Budgets that one batch may draw on: each model or end user in it can have its own."""
MOST_HITS: Final = 1000
SHOWN_LINES: Final = 16
"""Lines of a batch that the detector sees, drawn by chance: enough to recognise a campaign's text, and nobody knows where to hide from it."""
WHOLE_COUNTS: Final = frozenset({"requests", "concurrent"})
LINE_COUNTS: Final = frozenset({"requests", "input_tokens", "output_tokens", "total_tokens", "usd"})
RESULTS: Final = {"messages.batches": "messages.batches.results"}
"""Where the answers of a batch are fetched; those of a file as a file."""


class Judged(NamedTuple):
    """A decision on an upload, and the calls in it that the detector is shown."""

    decision: Decision
    shown: tuple[ModelCall, ...] = ()
    unmet: tuple[str, ...] = ()
    """Parameters that some of them have above a rule's bound: their models take none, or none as low."""


async def decide_upload(decider: Decider, rules: Ruleset, caller: Caller, upload: Upload, observation: Observation, now: float) -> Judged:
    """Judge the upload itself and every line in it, and reserve what all of them need.

    Raises CallerError with the line's number for one that can't be read.
    """
    whole = decider.judge(rules, caller, upload.call, observation, now)
    if whole.refusal is not None:
        return Judged(whole)
    if not upload.call.batch_size:
        refusal = _refused_form(whole)
        return Judged(whole._replace(refusal=refusal) if refusal else await decider.reserve(whole, now))
    batch = _Batch(decider, whole, caller, observation, now)
    async for line in _paced(upload.lines):
        refusal = batch.add(line)
        if refusal is not None:
            return Judged(batch.refused(refusal))
    return Judged(await batch.reserve(), tuple(batch.shown), tuple(sorted(batch.unmet)))


async def _paced(lines: Iterator[Line]) -> AsyncIterator[Line]:
    """The lines, at most half of the time."""
    until = perf_counter() + TURN_S
    for line in lines:
        yield line
        if perf_counter() > until:
            await asyncio.sleep(TURN_S)
            until = perf_counter() + TURN_S


class _Batch:
    """The lines judged so far: what they cost, and what is recorded of them."""

    def __init__(self, decider: Decider, whole: Decision, caller: Caller, observation: Observation, now: float) -> None:
        self._decider = decider
        self._whole = whole
        self._caller = caller
        self._observation = observation
        self._now = now
        self._asks: dict[tuple[str, str], Ask] = {}
        self._limits: dict[str, AppliedLimit] = {}
        self._hits: dict[Hit, None] = dict.fromkeys(whole.hits)
        self._tags = whole.tags
        self._input = self._output = self._unscanned = 0
        self._stripped_later: frozenset[str] | None = None
        self.shown: list[ModelCall] = []
        self.unmet: set[str] = set()
        self._lines = 0

    def add(self, line: Line) -> Refusal | None:
        """Judge one line; the refusal names it."""
        whole, call = self._whole, line.call
        # Rules may tell a line from a single call by the batch's size; what it costs is that of one call.
        seen = call._replace(batch_size=whole.call.batch_size)
        shown = self._observation._replace(call=call)
        judged = self._decider.judge(whole.rules, self._caller, seen, shown, self._now, whole.signals)._replace(call=call)
        if len(self._hits) < MOST_HITS:
            self._hits.update(dict.fromkeys(judged.hits))
        self._tags |= judged.tags
        self._unscanned += cast("int", judged.facts["request.unscanned_chars"])
        refusal = judged.refusal or self._not_in_a_batch(line, judged)
        if refusal is not None:
            return refusal._replace(message=f"Line {line.number}: {refusal.message}")
        self._charge(judged, LINE_COUNTS)
        self._input += call.input_tokens
        self._output += output_estimate(call)
        self._draw(call)
        return None

    def _draw(self, call: ModelCall) -> None:
        """Each line of the batch is as likely to be among those shown, however many follow."""
        self._lines += 1
        place = self._lines - 1 if self._lines <= SHOWN_LINES else randbelow(self._lines)
        if place < SHOWN_LINES:
            self.shown[place : place + 1] = [call]

    def _not_in_a_batch(self, line: Line, judged: Decision) -> Refusal | None:
        if judged.clamps:
            _, lowered = line.route.dialect.clamp(line.route, line.document, judged.clamps, line.call.model)
            if lowered:
                return _too_high(judged, lowered)
            self.unmet.update(rewrite.above(line.call, judged.clamps))
        if judged.strips and (judged.strips - self._strips_of_results() or ("reasoning" in judged.strips and _hides_thought(line))):
            return Refusal(_acting(judged.hits, "strip"), "not_in_batches", "The answer to this call isn't offered in batches.")
        return None

    def _strips_of_results(self) -> frozenset[str]:
        """What is stripped when this caller fetches the answers."""
        if self._stripped_later is None:
            whole = self._whole
            fetch = ModelCall(whole.call.dialect, RESULTS.get(whole.call.endpoint, "files.content"))
            self._stripped_later = self._decider.judge(whole.rules, self._caller, fetch, self._observation, self._now, whole.signals).strips
        return self._stripped_later

    def _charge(self, judged: Decision, counts: frozenset[str]) -> None:
        due = judged.rules.due(judged.facts, self._now)
        self._hits.update(dict.fromkeys(due.hits))
        limits = tuple(limit for limit in due.limits if limit.count in counts)
        self._limits.update({limit.id: limit for limit in limits})
        for ask in asks_of(judged.rules, limits, judged.call, batch=True):
            before = self._asks.get((ask.limit, ask.key))
            self._asks[ask.limit, ask.key] = ask if before is None else before._replace(cost=before.cost + ask.cost)
        if len(self._asks) > MOST_BUDGETS:
            raise CallerError(
                Fault.TOO_LARGE, f"The batch draws on more than {MOST_BUDGETS} budgets; upload it in parts.", "batch_too_varied"
            )

    def refused(self, refusal: Refusal | None) -> Decision:
        """The decision, nothing reserved."""
        facts = {**self._whole.facts, "request.unscanned_chars": self._unscanned}
        return self._whole._replace(facts=facts, refusal=refusal, hits=tuple(self._hits), tags=self._tags)

    async def reserve(self) -> Decision:
        """Reserve for the upload as one request and for all its lines, together or not at all."""
        self._charge(self._whole._replace(call=self._whole.call._replace(batch_size=0)), WHOLE_COUNTS)
        asks = list(self._asks.values())
        return self.refused(None)._replace(
            call=self._whole.call._replace(input_tokens=self._input),
            limits=tuple(self._limits.values()),
            held=await self._decider.store.reserve(asks, self._now) if asks else NOTHING_HELD,
            prepaid=Usage(self._input, self._output, estimated=True),
        )


def _hides_thought(line: Line) -> bool:
    """Whether the answer to a line would hold a thought that nothing tells from the rest when the results are fetched."""
    return rewrite.keep_reasoning_apart(dict(line.document)) or rewrite.begins_inside_thought(
        line.document, line.call, template_opens=False
    )


def _refused_form(judged: Decision) -> Refusal | None:
    """A form isn't rewritten either: one that asks for more than a rule allows is refused."""
    over = rewrite.above(judged.call, judged.clamps)
    return _too_high(judged, over) if over else None


def _too_high(judged: Decision, parameters: tuple[str, ...]) -> Refusal:
    most = ", ".join(f"{name} at most {judged.clamps[name]}" for name in parameters if name in judged.clamps)
    return Refusal(_acting(judged.hits, "clamp"), "parameter_not_allowed", f"Set {most}." if most else f"Lower {', '.join(parameters)}.")


def _acting(hits: tuple[Hit, ...], effect: str) -> str:
    """The first rule that acted with this effect."""
    return next(
        (hit.rule for hit in hits if effect in hit.effects and hit.mode is Mode.ENFORCE and not hit.waived_by and not hit.sampled_out), ""
    )
