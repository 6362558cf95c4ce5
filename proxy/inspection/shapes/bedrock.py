"""Bedrock: Converse, and InvokeModel, whose answers are those of the model's maker."""

from __future__ import annotations

from typing import Any, Final

import orjson

from proxy.inspection.shapes import anthropic, openai
from proxy.inspection.shapes.shape import Fate, Json, Shape, Thoughts, drop, moved_index
from proxy.inspection.tally import Tally, count

_METRICS: Final = "amazon-bedrock-invocationMetrics"
"""What Bedrock adds to the last event of InvokeModelWithResponseStream, whoever made the model."""

_EVENTS: Final = frozenset({"messageStart", "contentBlockStart", "contentBlockDelta", "contentBlockStop", "messageStop", "metadata"})
"""Nova streams Converse's events through InvokeModel, each in an object with its name."""

_NATIVE_KEYS: Final = frozenset({"additionalModelResponseFields"})
"""Any part of the maker's own answer that the caller asked for by its path, reasoning and log-probabilities included."""

_TEXTS: Final = ("generation", "outputText", "text")
"""Where makers without a shape of their own put the text."""

_LOGPROB_KEYS: Final = openai.LOGPROB_KEYS | {"likelihood", "token_likelihoods"}
"""Cohere's names beside OpenAI's."""


def read(event: Json, tally: Tally) -> None:
    """Read a body, the payload of a Converse event, or the decoded bytes of an InvokeModel chunk."""
    if "type" in event:
        anthropic.read(event, tally)
    elif "choices" in event:
        openai.read(event, tally)
    else:
        _read_converse(_unwrapped(event), tally)
        _read_makers(event, tally)
    if event.get(_METRICS):
        metrics = event[_METRICS]
        tally.report(
            prompt=count(metrics.get("inputTokenCount")),
            cache_created=count(metrics.get("cacheWriteInputTokenCount")),
            cache_read=count(metrics.get("cacheReadInputTokenCount")),
            output=count(metrics.get("outputTokenCount")),
        )


def _unwrapped(event: Json) -> Json:
    if len(event) == 1:
        name = next(iter(event))
        if name in _EVENTS:
            inner: Json = event[name]
            return inner
    return event


def _read_converse(event: Json, tally: Tally) -> None:
    if event.get("delta"):
        _read_block(event["delta"], tally)
    for block in ((event.get("output") or {}).get("message") or {}).get("content") or ():
        _read_block(block, tally)
    tally.finished(event.get("stopReason"))
    usage = event.get("usage")
    if usage:
        tally.report(
            prompt=count(usage.get("inputTokens")),
            cache_created=count(usage.get("cacheWriteInputTokens")),
            written_long=sum(count(each.get("inputTokens")) for each in usage.get("cacheDetails") or () if each.get("ttl") == "1h"),
            cache_read=count(usage.get("cacheReadInputTokens")),
            output=count(usage.get("outputTokens")),
        )


def _read_block(block: Json, tally: Tally) -> None:
    tally.wrote(block.get("text"))
    reasoning = block.get("reasoningContent") or {}
    tally.wrote(reasoning.get("text") or (reasoning.get("reasoningText") or {}).get("text"))
    given = (block.get("toolUse") or {}).get("input")
    tally.wrote(given if given is None or type(given) is str else orjson.dumps(given).decode())


def _read_makers(event: Json, tally: Tally) -> None:
    """Llama (generation), Titan (outputText, results), Mistral (outputs), Cohere (text, generations)."""
    for part in _makers_parts(event):
        for key in _TEXTS:
            tally.wrote(part.get(key))
        tally.finished(_reason(part))
    prompt: Any = event.get("prompt_token_count", event.get("inputTextTokenCount"))
    written: Any = event.get("generation_token_count", event.get("totalOutputTextTokenCount"))
    if written is None and event.get("results"):
        written = sum(count(result.get("tokenCount")) for result in event["results"])
    if prompt is not None or written is not None:
        tally.report(prompt=None if prompt is None else count(prompt), output=None if written is None else count(written))


def _reason(part: Json) -> Any:
    return part.get("stop_reason") or part.get("completionReason") or part.get("finish_reason")


def _ends(part: Json) -> bool:
    return bool(_reason(part))


def _makers_parts(event: Json) -> tuple[Json, ...]:
    return event, *(event.get("results") or ()), *(event.get("outputs") or ()), *(event.get("generations") or ())


class BlockStripper:
    """Removes reasoningContent from Converse and hands a maker's own answers to the stripper that knows them."""

    def __init__(self, strips: frozenset[str]) -> None:
        self._reasoning = "reasoning" in strips
        self._logprobs = "logprobs" in strips
        self._anthropic = anthropic.MessageStripper(strips)
        self._openai = openai.AnswerStripper(strips)
        self._thoughts = Thoughts(strips)
        self._gone: set[int] = set()
        """Indices of reasoning blocks, as the upstream counts."""

    def body(self, answer: Json) -> bool:
        """Strip a whole answer."""
        if "type" in answer:
            return self._anthropic.body(answer)
        if "choices" in answer:
            return self._openai.body(answer)
        changed = self._makers_own(answer)
        changed |= self._reasoning and self._makers_texts(answer, streamed=False)
        message = (answer.get("output") or {}).get("message") or {}
        content = message.get("content")
        if not self._reasoning or not content:
            return changed
        message["content"] = kept = [block for block in content if "reasoningContent" not in block]
        untagged = [self._thoughts.untag(block, "text") for block in kept if "text" in block]
        return changed or any(untagged) or len(kept) < len(content)

    def event(self, event: Json) -> Fate:
        """Strip one event of a stream. Converse starts no reasoning block: the first delta tells what a block is."""
        if "type" in event:
            return self._anthropic.event(event)
        if "choices" in event:
            return self._openai.event(event)
        inner = _unwrapped(event)
        changed = self._makers_own(inner)
        if not self._reasoning:
            return Fate.CHANGED if changed else Fate.KEEP
        index: Any = inner.get("contentBlockIndex")
        if "reasoningContent" in (inner.get("delta") or {}) or "reasoningContent" in (inner.get("start") or {}):
            self._gone.add(index)
        if index in self._gone:
            return Fate.DROP
        if "text" in (inner.get("delta") or {}) and self._thoughts.untag_piece(inner["delta"], "text", index):
            if not inner["delta"]["text"]:
                return Fate.DROP
            changed = True
        changed |= self._makers_texts(inner, streamed=True)
        changed |= moved_index(inner, "contentBlockIndex", self._gone)
        return Fate.CHANGED if changed else Fate.KEEP

    def _makers_texts(self, answer: Json, *, streamed: bool) -> bool:
        changed = False
        for place, part in enumerate(_makers_parts(answer)):
            for key in _TEXTS:
                if key in part:
                    changed |= self._thoughts.untag_piece(part, key, (place, key), last=not streamed or _ends(part))
        return changed

    def _makers_own(self, answer: Json) -> bool:
        changed = drop(answer, _NATIVE_KEYS)
        for part in _makers_parts(answer) if self._logprobs else ():
            changed |= drop(part, _LOGPROB_KEYS)
        return changed


BLOCKS: Final = Shape(read, BlockStripper)
