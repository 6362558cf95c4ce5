"""Usage is normalised once: input includes cached, output includes reasoning, whoever reports it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.dialects.call import Usage
from proxy.inspection.inspector import inspector_for
from proxy.inspection.tally import MAX_COUNT, Tally, count
from tests.inspection.answers import BOTH, NOTHING, fed


def usage_of(dialect: str, answer: bytes, endpoint: str = "chat") -> Usage | None:
    inspector = inspector_for(dialect, endpoint, "application/json", NOTHING, hide_usage=False, status=200)
    fed(inspector, answer)
    return inspector.usage


@pytest.mark.parametrize(
    ("dialect", "answer", "usage"),
    [
        pytest.param(
            "openai", b'{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":14}}', Usage(9, 5), id="openai"
        ),
        pytest.param(
            "openai",
            b'{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"total_tokens":50,"completion_tokens_details":{"reasoning_tokens":36}}}',
            Usage(9, 41, 0, 36),
            id="reasoning-beside-completion",
        ),
        pytest.param(
            "openai",
            b'{"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":5,"prompt_cache_hit_tokens":8,"prompt_cache_miss_tokens":1}}',
            Usage(9, 5, 8),
            id="deepseek-cache",
        ),
        pytest.param("openai", b'{"choices":[],"usage":{"prompt_tokens":9,"total_tokens":9}}', Usage(9, 0), id="no-completion"),
        pytest.param(
            "openai", b'{"text":"Hi","usage":{"type":"tokens","input_tokens":14,"output_tokens":4}}', Usage(14, 4), id="transcription"
        ),
        pytest.param("openai", b'{"text":"Hi","usage":{"type":"duration","seconds":9}}', None, id="seconds-of-sound"),
        pytest.param("openai", b'{"choices":[],"timings":{"prompt_n":3,"cache_n":2,"predicted_n":7}}', Usage(5, 7, 2), id="llama.cpp"),
        pytest.param("openai", b'{"choices":[],"usage":null}', None, id="none"),
        pytest.param(
            "anthropic",
            b'{"type":"message","content":[],"usage":{"input_tokens":1,"cache_creation_input_tokens":2,"cache_read_input_tokens":4,"output_tokens":8}}',
            Usage(7, 8, 4, cache_write_tokens=2),
            id="anthropic-cache",
        ),
        pytest.param(
            "anthropic",
            b'{"type":"message","content":[],"usage":{"input_tokens":23,"cache_read_input_tokens":7,"output_tokens":10,"iterations":['
            b'{"type":"compaction","input_tokens":180,"output_tokens":35},{"type":"message","input_tokens":23,"output_tokens":10}]}}',
            Usage(210, 45, 7),
            id="anthropic-compaction",
        ),
        pytest.param(
            "anthropic", b'{"type":"completion","completion":"Hi there","stop_reason":"stop_sequence"}', None, id="anthropic-complete"
        ),
        pytest.param(
            "gemini",
            b'{"usageMetadata":{"promptTokenCount":9,"toolUsePromptTokenCount":1,"cachedContentTokenCount":8,"candidatesTokenCount":2,"thoughtsTokenCount":30}}',
            Usage(10, 32, 8, 30),
            id="gemini",
        ),
        pytest.param(
            "bedrock",
            b'{"output":{},"usage":{"inputTokens":1,"cacheReadInputTokens":2,"cacheWriteInputTokens":4,"outputTokens":8}}',
            Usage(7, 8, 2, cache_write_tokens=4),
            id="converse",
        ),
        pytest.param("ollama", b'{"done":true,"eval_count":3}', Usage(0, 3), id="ollama-cached-prompt"),
    ],
)
def test_every_wording_of_usage_means_the_same(dialect, answer, usage):
    assert usage_of(dialect, answer) == usage


@pytest.mark.parametrize("wrong", [None, True, "7", [], {}, -1, -1.5, float("inf"), float("nan")])
def test_a_count_that_is_none_is_nothing(wrong):
    assert count(wrong) == 0


@given(st.integers(0, 2**200) | st.floats(0, 1e300))
def test_no_count_overflows(value):
    assert 0 <= count(value) <= MAX_COUNT


@given(st.lists(st.text(max_size=30), max_size=20))
def test_the_estimate_counts_every_delta_and_every_byte(texts):
    tally = Tally()
    for text in texts:
        tally.wrote(text)
    size_bytes = sum(len(text.encode()) for text in texts)
    assert tally.output_estimate >= size_bytes / 3
    assert tally.output_estimate >= sum(map(bool, texts))


def test_text_is_counted_wherever_a_model_can_write_it():
    answers = {
        "openai": b'{"choices":[{"message":{"content":[{"type":"text","text":"%s"}],"refusal":"%s"}},{"text":"%s"}]}',
        "anthropic": b'{"type":"message","content":[{"type":"thinking","thinking":"%s"},{"type":"text","text":"%s"},{"type":"tool_use","input":{"a":"%s"}}]}',
        "gemini": b'{"candidates":[{"content":{"parts":[{"text":"%s","thought":true},{"functionCall":{"args":{"a":"%s"}}},{"executableCode":{"code":"%s"}}]}}]}',
        "bedrock": b'{"output":{"message":{"content":[{"text":"%s"},{"toolUse":{"input":{"a":"%s"}}},{"reasoningContent":{"reasoningText":{"text":"%s"}}}]}}}',
        "ollama": b'{"message":{"content":"%s","thinking":"%s","tool_calls":[{"function":{"arguments":{"a":"%s"}}}]}}',
    }
    for dialect, answer in answers.items():
        inspector = inspector_for(dialect, "chat", "application/json", NOTHING, hide_usage=False, status=200)
        fed(inspector, answer % ((b"word " * 30,) * 3))
        assert 150 <= inspector.output_estimate <= 220, dialect


def test_a_finish_reason_is_bounded():
    body = b'{"choices":[{"message":{},"finish_reason":"' + b"x" * 10_000 + b'"}]}'
    inspector = inspector_for("openai", "chat", "application/json", NOTHING, hide_usage=False, status=200)
    fed(inspector, body)
    assert inspector.finish == "x" * 64


def test_choices_without_end_end_a_stripped_stream():
    inspector = inspector_for("openai", "chat", "text/event-stream", BOTH, hide_usage=False, status=200)
    for index in range(1025):
        inspector.feed(b'data: {"choices":[{"index":%d,"delta":{"content":"Hi"}}]}\n\n' % index)
    assert inspector.ended


def test_the_chunk_that_only_tells_usage_goes_though_llama_cpp_tells_its_timings_with_it():
    inspector = inspector_for("openai", "chat", "text/event-stream", NOTHING, hide_usage=True, status=200)
    told = b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2},"timings":{"prompt_n":3,"predicted_n":2}}\n\n'
    assert fed(inspector, told + b"data: [DONE]\n\n") == b"data: [DONE]\n\n"
    assert inspector.usage == Usage(3, 2)
