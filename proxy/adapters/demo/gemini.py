"""Gemini: generateContent, streamGenerateContent (server-sent events or a JSON array), countTokens, embedContent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

import orjson
from aiohttp import web

from proxy.adapters.demo.delivery import Answer, DemoError, Json, Stream, limit_of, sse, text_of
from proxy.adapters.demo.mind import Speech, Tool, Wish, embedding, identifier, logprob, pieces, rivals, speak

MAX_CANDIDATES: Final = 8
DIMENSIONS: Final = 64
MAX_DIMENSIONS: Final = 3072
_CHOICES: Final = {"AUTO": "auto", "ANY": "required", "NONE": "none"}
_STATUSES: Final = {400: "INVALID_ARGUMENT", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED"}


def error(status: int, message: str) -> Json:
    """An error as Google words it."""
    return {"error": {"code": status, "message": message, "status": _STATUSES.get(status, "INTERNAL")}}


def answer(_request: web.Request, document: Json) -> Json:
    """Answer generateContent."""
    wish, config = _wish(document)
    speeches = _speeches(wish, config)
    candidates = [
        _candidate(index, list(_parts(speech)), _finish(speech), _logprobs(speech.words, config)) for index, speech in enumerate(speeches)
    ]
    return _answer(wish, candidates, _usage(speeches, speeches))


def stream(request: web.Request, document: Json) -> Stream:
    """Answer streamGenerateContent."""
    wish, config = _wish(document)
    answers = _answers(wish, _speeches(wish, config), config)
    if request.query.get("alt") == "sse":
        return Stream("text/event-stream", (sse(part) for part in answers))
    return Stream("application/json; charset=UTF-8", _array(answers))


def count_tokens(_request: web.Request, document: Json) -> Json:
    """Answer countTokens."""
    inner = document.get("generateContentRequest") or document
    wish, _ = _wish(inner | {"model": document["model"]})
    return {"totalTokens": speak(wish).input_tokens}


def embed(_request: web.Request, document: Json) -> Json:
    """Answer embedContent."""
    text = _text(document["content"])
    dimensions = document.get("outputDimensionality") or DIMENSIONS
    if type(dimensions) is not int or not 1 <= dimensions <= MAX_DIMENSIONS:
        raise DemoError(400, f"outputDimensionality must be between 1 and {MAX_DIMENSIONS}")
    vector = embedding(text, dimensions)
    counted = len(pieces(text))
    return {"embedding": {"values": vector}, "usageMetadata": {"promptTokenCount": counted, "totalTokenCount": counted}}


def batch_embed(request: web.Request, document: Json) -> Json:
    """Answer batchEmbedContents."""
    return {"embeddings": [embed(request, one)["embedding"] for one in document["requests"]]}


def _wish(document: Json) -> tuple[Wish, Json]:
    contents = document.get("contents")
    if isinstance(contents, str):
        contents = [{"parts": [{"text": contents}]}]
    if not isinstance(contents, list) or not contents:
        raise DemoError(400, "contents is not specified")
    config = document.get("generationConfig") or {}
    thinking = config.get("thinkingConfig") or {}
    results = [part["functionResponse"] for part in contents[-1].get("parts") or () if "functionResponse" in part]
    calling = (document.get("toolConfig") or {}).get("functionCallingConfig") or {}
    declared = [tool for tools in document.get("tools") or () for tool in tools.get("functionDeclarations") or ()]
    texts = [_text(document.get("systemInstruction")), *map(_text, contents)]
    wish = Wish(
        model=document["model"],
        prompt=_text(contents[-1]) or " ".join(orjson.dumps(result.get("response")).decode() for result in results),
        everything="\n".join(texts),
        max_tokens=limit_of(config, "maxOutputTokens"),
        reasoning=bool(thinking.get("includeThoughts") or thinking.get("thinkingBudget") or thinking.get("thinkingLevel")),
        tools=tuple(Tool(tool["name"], _schema(tool)) for tool in declared),
        tool_choice=_CHOICES[calling.get("mode") or "AUTO"],
        answered=bool(results),
    )
    return wish, config


def _text(content: Any) -> str:
    return text_of(content.get("parts") if isinstance(content, dict) else content)


def _schema(tool: Json) -> Json:
    """Whichever of the three a tool comes with; google-genai really sends the second."""
    return tool.get("parametersJsonSchema") or tool.get("parameters_json_schema") or _plain(tool.get("parameters")) or {}


def _plain(schema: Any) -> Any:
    """Gemini writes JSON Schema's types in capitals."""
    if isinstance(schema, dict):
        return {key: value.lower() if key == "type" and isinstance(value, str) else _plain(value) for key, value in schema.items()}
    return schema


def _speeches(wish: Wish, config: Json) -> list[Speech]:
    number = config.get("candidateCount") or 1
    if type(number) is not int or not 1 <= number <= MAX_CANDIDATES:
        raise DemoError(400, f"candidateCount must be between 1 and {MAX_CANDIDATES}")
    return [speak(wish, choice) for choice in range(number)]


def _parts(speech: Speech) -> Iterator[Json]:
    if speech.thoughts:
        yield {"text": "".join(speech.thoughts), "thought": True}
    if speech.words:
        yield {"text": "".join(speech.words)}
    if speech.call:
        yield _call(speech)


def _call(speech: Speech) -> Json:
    called = speech.call
    if called is None:
        return {}
    return {"functionCall": {"name": called.name, "args": orjson.loads(called.arguments)}, "thoughtSignature": "ZGVtbw=="}


def _finish(speech: Speech) -> str:
    return "MAX_TOKENS" if speech.cut_short else "STOP"


def _logprobs(words: Iterable[str], config: Json) -> Json:
    if not config.get("responseLogprobs"):
        return {}
    chosen = [_likely(word, logprob(word)) for word in words]
    others = [{"candidates": [_likely(*rival) for rival in rivals(word, config.get("logprobs") or 1)]} for word in words]
    mean = sum(entry["logProbability"] for entry in chosen) / max(1, len(chosen))
    return {"avgLogprobs": mean, "logprobsResult": {"chosenCandidates": chosen, "topCandidates": others}}


def _likely(token: str, value: float) -> Json:
    return {"token": token, "logProbability": value}


def _candidate(index: int, parts: list[Json], finish: str, beside: Json) -> Json:
    content: Json = {"role": "model"} | ({"parts": parts} if parts else {})
    return {"content": content, "index": index} | ({"finishReason": finish} if finish else {}) | beside


def _usage(prompt: list[Speech], written: list[Speech]) -> Json:
    thoughts = sum(len(speech.thoughts) for speech in written)
    total = sum(speech.output_tokens for speech in written)
    usage = {
        "promptTokenCount": prompt[0].input_tokens,
        "candidatesTokenCount": total - thoughts,
        "totalTokenCount": prompt[0].input_tokens + total,
    }
    return usage | ({"thoughtsTokenCount": thoughts} if thoughts else {})


def _answer(wish: Wish, candidates: list[Json], usage: Json) -> Json:
    told = {} if wish.model.endswith("-no-usage") else {"usageMetadata": usage}
    return {"candidates": candidates, "modelVersion": wish.model, "responseId": identifier("", wish)} | told


def _answers(wish: Wish, speeches: list[Speech], config: Json) -> Iterator[Json]:
    for index, speech in enumerate(speeches):
        said: list[tuple[Json, tuple[str, ...]]] = [({"text": thought, "thought": True}, ()) for thought in speech.thoughts]
        said += [({"text": word}, (word,)) for word in speech.words]
        said += [(_call(speech), ())] if speech.call else []
        for number, (part, words) in enumerate(said, 1):
            last = number == len(said)
            so_far = (
                speech
                if last
                else speech._replace(
                    thoughts=speech.thoughts[:number], words=speech.words[: max(0, number - len(speech.thoughts))], call=None
                )
            )
            candidate = _candidate(index, [part], _finish(speech) if last else "", _logprobs(words, config) if words else {})
            yield _answer(wish, [candidate], _usage(speeches, [*speeches[:index], so_far]))


def _array(answers: Iterator[Json]) -> Iterator[bytes]:
    before = b"["
    for part in answers:
        yield before + orjson.dumps(part, option=orjson.OPT_INDENT_2)
        before = b"\n,\r\n"
    yield b"\n]\n"


ACTIONS: Final[dict[str, Answer]] = {
    "generateContent": answer,
    "streamGenerateContent": stream,
    "countTokens": count_tokens,
    "embedContent": embed,
    "batchEmbedContents": batch_embed,
}
