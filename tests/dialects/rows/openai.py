"""Rows of the OpenAI API."""

from __future__ import annotations

from typing import Any

from tests.dialects.corpus import CANARY, TALK, WRITTEN, Path, Probe, Row

TEXT = {"type": "text", "text": CANARY}
SEARCHES: Any = (("web_search_options", {}, "web_search"), ("plugins", [{"id": "web"}], "web"))
FUNCTION = {"type": "function", "function": {"name": "look_up", "description": "Looks up", "parameters": {"type": "object"}}}

SAMPLING: dict[str, tuple[Probe, ...]] = {
    "model": (Probe(("model",), "gpt-x", "gpt-x"),),
    "stream": (Probe(("stream",), True, True),),
    "max_output_tokens": (
        Probe(("max_tokens",), 77, 77),
        Probe(("max_completion_tokens",), 78, 78),
        Probe(("n_predict",), 79, 79),
    ),
    "n": (Probe(("n",), 3, 3), Probe(("best_of",), 4, 4), Probe(("n_cmpl",), 5, 5)),
    "temperature": (Probe(("temperature",), 0.25, 0.25), Probe(("temperature",), 2, 2.0)),
    "seed": (Probe(("seed",), 9, 9),),
    "logprobs": (
        Probe(("logprobs",), True, True),
        Probe(("top_logprobs",), 2, True),
        Probe(("prompt_logprobs",), 0, True),
        Probe(("n_probs",), 3, True),
    ),
    "top_logprobs": (Probe(("top_logprobs",), 5, 5), Probe(("prompt_logprobs",), 6, 6), Probe(("n_probs",), 7, 7)),
    "reasoning": (
        Probe(("reasoning_effort",), "low", True),
        Probe(("reasoning", "effort"), "low", True),
        Probe(("reasoning", "enabled"), True, True),
        Probe(("thinking", "type"), "enabled", True),
        Probe(("enable_thinking",), True, True),
        Probe(("include_reasoning",), True, True),
        Probe(("thinking_budget",), 512, True),
        Probe(("thinking_token_budget",), 512, True),
        Probe(("chat_template_kwargs", "enable_thinking"), True, True),
        Probe(("chat_template_kwargs", "thinking"), True, True),
        Probe(("extra_body", "google", "thinking_config"), {"include_thoughts": True}, True),
        Probe(("google", "thinkingConfig"), {"includeThoughts": True}, True),
    ),
    "reasoning_effort": (
        Probe(("reasoning_effort",), "high", "high"),
        Probe(("reasoning", "effort"), "high", "high"),
        Probe(("chat_template_kwargs", "reasoning_effort"), "high", "high"),
        Probe(("extra_body", "google", "thinking_config", "thinking_level"), "HIGH", "high"),
    ),
    "reasoning_budget": (
        Probe(("thinking_budget",), 512, 512),
        Probe(("thinking_token_budget",), 517, 517),
        Probe(("thinking_budget_tokens",), 518, 518),
        Probe(("reasoning_budget_tokens",), 519, 519),
        Probe(("reasoning", "max_tokens"), 513, 513),
        Probe(("thinking", "budget_tokens"), 514, 514),
        Probe(("extra_body", "google", "thinking_config", "thinking_budget"), 515, 515),
        Probe(("google", "thinking_config", "thinking_budget"), 516, 516),
    ),
    "end_user": (Probe(("user",), "someone", "someone"), Probe(("safety_identifier",), "other", "other")),
}

MESSAGE_WORDS: tuple[tuple[Path, Any], ...] = (
    (("messages", 0, "content"), CANARY),
    (("messages", 0, "content"), [TEXT]),
    (("messages", 0, "content"), [CANARY]),
    (("messages", 0, "content"), [{"text": CANARY}]),
    (("messages", 0, "content"), [{"type": "refusal", "refusal": CANARY}]),
    (("messages", 0, "content"), [{"type": "thinking", "thinking": CANARY}]),
    (("messages", 0, "content"), [{"type": "of_tomorrow", "inside": [{"deep": CANARY}]}]),
    (("messages", 0, "name"), CANARY),
    (("messages", 1), {"role": "system", "content": CANARY}),
    (("messages", 1), {"role": "developer", "content": [TEXT]}),
    (("messages", 1), {"role": "assistant", "content": None, "refusal": CANARY}),
    (("messages", 1), {"role": "assistant", "content": None, "reasoning_content": CANARY}),
    (("messages", 1), {"role": "assistant", "content": None, "reasoning": CANARY}),
    (("messages", 1), {"role": "assistant", "reasoning_details": [{"type": "reasoning.text", "text": CANARY}]}),
    (("messages", 1), {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": "f", "arguments": CANARY}}]}),
    (("messages", 1), {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": "f", "input": CANARY}}]}),
    (("messages", 1), {"role": "assistant", "function_call": {"name": "f", "arguments": CANARY}}),
    (("messages", 1), {"role": "assistant", "tool_calls": [{"type": "function", "function": {"name": CANARY, "arguments": "{}"}}]}),
    (("messages", 1), {"role": "assistant", "tool_calls": [{"type": "custom", "custom": {"name": CANARY, "input": ""}}]}),
    (("messages", 1), {"role": "assistant", "function_call": {"name": CANARY, "arguments": "{}"}}),
    (("messages", 1), {"role": "tool", "tool_call_id": "1", "content": CANARY}),
    (("messages", 1), {"role": "function", "name": "f", "content": [TEXT]}),
    (("messages", 1), {"role": "ipython", "content": CANARY}),
)

CHAT = Row(
    path="/v1/chat/completions",
    least={"messages": [{"role": "user", "content": "hello"}]},
    probes={
        **SAMPLING,
        "images": (
            Probe(("messages", 0, "content"), [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}], 1),
            Probe(("messages", 0, "content"), [{"image_url": "https://example.com/a.png"}, {"type": "video_url", "video_url": {}}], 2),
        ),
        "audio": (
            Probe(("messages", 0, "content"), [{"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}], 1),
            Probe(("messages", 1), {"role": "assistant", "audio": {"id": "audio_1"}}, 1),
        ),
        "tools": (
            Probe(("tools",), [FUNCTION], ("look_up",)),
            Probe(("tools",), [{"type": "custom", "custom": {"name": "shell"}}], ("shell",)),
            Probe(("functions",), [{"name": "old"}], ("old",)),
            *(Probe((key,), value, (name,)) for key, value, name in SEARCHES),
        ),
        "tool_results": (Probe(("messages", 1), {"role": "tool", "tool_call_id": "1", "content": "x"}, 1),),
        "turns": (Probe(("messages", 1), {"role": "user", "content": "again"}, 2),),
        "unseen": (
            Probe(("messages", 0, "content"), [{"type": "file", "file": {"file_id": "file-1"}}], 1),
            Probe(("prompt_embeds",), "AAAA", 1),
            Probe(("data_sources",), [{"type": "azure_search", "parameters": {}}], 1),
            Probe(("extra_body", "google", "cached_content"), "cachedContents/1", 1),
            Probe(("messages", 1), {"role": "assistant", "audio": {"id": "audio_1"}}, 1),
        ),
    },
    words=(
        *MESSAGE_WORDS,
        (("tools",), [{"type": "function", "function": {"name": "f", "description": CANARY}}]),
        (("tools",), [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"description": CANARY}}}}}]),
        (("functions",), [{"name": "f", "description": CANARY}]),
        (("response_format",), {"type": "json_schema", "json_schema": {"schema": {"description": CANARY}}}),
        (("prediction",), {"type": "content", "content": CANARY}),
        (("prediction",), {"type": "content", "content": [TEXT]}),
        (("data_sources",), [{"type": "azure_search", "parameters": {"role_information": CANARY}}]),
        (("chat_template",), CANARY),
        (("reasoning_budget_message",), CANARY),
        (("chat_template_kwargs",), {"x": CANARY}),
        (("documents",), [{"title": "t", "text": CANARY}]),
        (("plugins",), [{"id": "web", "search_prompt": CANARY}]),
    ),
)

COMPLETIONS = Row(
    path="/v1/completions",
    least={"prompt": "once"},
    probes={
        **SAMPLING,
        "logprobs": (*SAMPLING["logprobs"], Probe(("logprobs",), 0, True)),
        "top_logprobs": (*SAMPLING["top_logprobs"], Probe(("logprobs",), 4, 4)),
        "turns": (Probe(("prompt",), ["one", "two", "three"], 3),),
        "unseen": (Probe(("prompt",), [1, 2, 3], 1), Probe(("prompt",), [[1], [2]], 2), Probe(("prompt_embeds",), "AAAA", 1)),
    },
    words=((("prompt",), CANARY), (("prompt",), ["a", CANARY]), (("suffix",), CANARY)),
    never=f"{TALK} images audio",
)

_USER = {"end_user": SAMPLING["end_user"], "model": SAMPLING["model"]}
EMBEDDINGS = Row(
    path="/v1/embeddings",
    least={"input": "once"},
    probes={
        **_USER,
        "images": (Probe(("messages",), [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}], 1),),
        "audio": (Probe(("messages",), [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], 1),),
        "turns": (Probe(("input",), ["a", "b"], 2),),
        "unseen": (Probe(("input",), [5, 6], 1),),
    },
    words=((("input",), CANARY), (("input",), ["a", CANARY]), (("messages",), [{"role": "user", "content": [TEXT]}])),
    never=f"{WRITTEN} {TALK} n stream",
)

MODERATIONS = Row(
    path="/v1/moderations",
    least={"input": "once"},
    probes={
        **_USER,
        "images": (Probe(("input",), [{"type": "image_url", "image_url": {"url": "u"}}], 1),),
        "audio": (Probe(("input",), [{"type": "input_audio", "input_audio": {}}], 1),),
        "turns": (Probe(("input",), ["a", "b"], 2),),
        "unseen": (Probe(("input",), [5, 6], 1),),
    },
    words=((("input",), CANARY), (("input",), [CANARY]), (("input",), [TEXT])),
    never=f"{WRITTEN} {TALK} n stream",
)

IMAGES = Row(
    path="/v1/images/generations",
    least={"prompt": "a cat"},
    probes={**_USER, "n": (Probe(("n",), 4, 4),), "stream": (Probe(("stream",), True, True),)},
    words=((("prompt",), CANARY),),
    never=f"{WRITTEN} {TALK} images audio turns unseen",
)

SPEECH = Row(
    path="/v1/audio/speech",
    least={"input": "hello", "voice": "alloy"},
    probes={**_USER, "stream": (Probe(("stream_format",), "sse", True),)},
    words=((("input",), CANARY), (("instructions",), CANARY)),
    never=f"{WRITTEN} {TALK} n images audio turns unseen",
)

ITEM_TEXT = {"type": "input_text", "text": CANARY}
ITEMS: tuple[Any, ...] = (
    {"role": "user", "content": CANARY},
    {"type": "message", "role": "user", "content": [ITEM_TEXT]},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": CANARY}]},
    {"type": "function_call", "call_id": "1", "name": "f", "arguments": CANARY},
    {"type": "function_call_output", "call_id": "1", "output": CANARY},
    {"type": "function_call_output", "call_id": "1", "output": [ITEM_TEXT]},
    {"type": "custom_tool_call", "call_id": "1", "name": "f", "input": CANARY},
    {"type": "custom_tool_call_output", "call_id": "1", "output": CANARY},
    {"type": "shell_call_output", "call_id": "1", "output": [{"stdout": CANARY, "stderr": "", "outcome": {"type": "exit"}}]},
    {"type": "local_shell_call", "id": "1", "action": {"type": "exec", "command": ["echo", CANARY], "env": {}}},
    {"type": "apply_patch_call", "operation": {"type": "create_file", "path": "a", "diff": CANARY}},
    {"type": "reasoning", "id": "1", "summary": [{"type": "summary_text", "text": CANARY}]},
    {"type": "mcp_call", "id": "1", "name": "f", "arguments": "{}", "server_label": "s", "output": CANARY},
    {"type": "mcp_approval_response", "approve": True, "reason": CANARY},
    {"type": "additional_tools", "role": "developer", "tools": [{"type": "function", "name": "f", "description": CANARY}]},
    {"type": "program", "code": CANARY},
    {"type": "program_output", "call_id": "1", "result": CANARY},
    {"type": "configuration_update", "text": {"format": {"type": "json_schema", "schema": {"description": CANARY}}}},
    {"type": "of_tomorrow", "inside": {"deep": [CANARY]}},
)

_RESPONSES_PROBES: dict[str, tuple[Probe, ...]] = {
    "model": SAMPLING["model"],
    "stream": SAMPLING["stream"],
    "images": (
        Probe(("input",), [{"role": "user", "content": [{"type": "input_image", "image_url": "u"}]}], 1),
        Probe(("input",), [{"type": "computer_call_output", "output": {"type": "computer_screenshot", "image_url": "u"}}], 1),
    ),
    "audio": (Probe(("input",), [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}], 1),),
    "tools": (
        Probe(("tools",), [{"type": "function", "name": "look_up"}], ("look_up",)),
        Probe(("tools",), [{"type": "web_search"}], ("web_search",)),
        Probe(("tools",), [{"type": "mcp", "server_label": "srv", "server_url": "u"}], ("srv",)),
    ),
    "tool_results": (Probe(("input",), [{"type": "function_call_output", "call_id": "1", "output": "x"}], 1),),
    "turns": (Probe(("input",), [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}], 2),),
    "max_output_tokens": (Probe(("max_output_tokens",), 77, 77),),
    "temperature": SAMPLING["temperature"],
    "logprobs": (Probe(("top_logprobs",), 3, True), Probe(("include",), ["message.output_text.logprobs"], True)),
    "top_logprobs": (Probe(("top_logprobs",), 3, 3),),
    "reasoning": (
        Probe(("reasoning", "effort"), "low", True),
        Probe(("reasoning", "summary"), "auto", True),
        *(Probe(("reasoning", key), value, True) for key, value in (("generate_summary", "auto"), ("mode", "pro"))),
        Probe(("input",), [{"type": "configuration_update", "reasoning": {"effort": "high"}}], True),
    ),
    "reasoning_effort": (
        Probe(("reasoning", "effort"), "medium", "medium"),
        Probe(("input",), [{"type": "configuration_update", "reasoning": {"effort": "high"}}], "high"),
    ),
    "reasoning_budget": SAMPLING["reasoning_budget"],
    "end_user": SAMPLING["end_user"],
    "unseen": (
        Probe(("previous_response_id",), "resp_1", 1),
        Probe(("conversation",), "conv_1", 1),
        Probe(("conversation",), {"id": "conv_1"}, 1),
        Probe(("prompt",), {"id": "pmpt_1"}, 1),
        Probe(("input",), [{"type": "item_reference", "id": "1"}], 1),
        Probe(("input",), [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}], 1),
        Probe(("input",), [{"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]}], 1),
        Probe(("input",), [{"type": "computer_call_output", "output": {"type": "computer_screenshot", "file_id": "file-1"}}], 1),
        Probe(("input",), [{"type": "image_generation_call", "id": "ig_1"}], 1),
        Probe(("tools",), [{"type": "file_search", "vector_store_ids": ["vs_1", "vs_2"]}], 2),
        Probe(("tools",), [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}], 1),
        Probe(("tools",), [{"type": "code_interpreter", "container": "cntr_1"}], 1),
    ),
}
RESPONSES = Row(
    path="/v1/responses",
    least={"input": "hello"},
    probes=_RESPONSES_PROBES,
    words=(
        (("input",), CANARY),
        *((("input",), [item]) for item in ITEMS),
        (("instructions",), CANARY),
        (("tools",), [{"type": "function", "name": "f", "description": CANARY}]),
        (("text", "format"), {"type": "json_schema", "name": "n", "schema": {"description": CANARY}}),
        (("prompt",), {"id": "pmpt_1", "variables": {"topic": CANARY}}),
    ),
    never="n seed",
)

_NO_JOB = f"{WRITTEN.replace('seed ', '')} {TALK} n stream images audio turns end_user"
BATCH = Row("/v1/batches", {"input_file_id": "file-1"}, {"model": SAMPLING["model"]}, (), never=f"{_NO_JOB} seed unseen")
FINE_TUNING = Row(
    "/v1/fine_tuning/jobs",
    {"training_file": "file-1"},
    {"model": SAMPLING["model"], "seed": SAMPLING["seed"], "unseen": (Probe(("validation_file",), "file-2", 2),)},
    (),
    never=_NO_JOB,
)

ROWS = {
    "chat.completions": CHAT,
    "completions": COMPLETIONS,
    "embeddings": EMBEDDINGS,
    "moderations": MODERATIONS,
    "images.generate": IMAGES,
    "audio.speech": SPEECH,
    "responses": RESPONSES,
    "responses.input_tokens": RESPONSES._replace(path="/v1/responses/input_tokens"),
    "batches.create": BATCH,
    "fine_tuning.create": FINE_TUNING,
}
