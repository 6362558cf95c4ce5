"""The row of OpenAI's Responses API, which compatible servers give the parameters of chat completions too."""

from __future__ import annotations

from typing import Any

from tests.dialects.corpus import CANARY, Probe, Row
from tests.dialects.rows.sampling import SAMPLING

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

_PROBES: dict[str, tuple[Probe, ...]] = {
    "service_tier": (Probe(("service_tier",), "flex", "flex"),),
    **{key: SAMPLING[key] for key in ("model", "stream", "n", "seed", "temperature", "end_user", "reasoning_budget")},
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
    "max_output_tokens": (Probe(("max_output_tokens",), 80, 80),),
    "logprobs": (*SAMPLING["logprobs"], Probe(("include",), ["message.output_text.logprobs"], True)),
    "top_logprobs": SAMPLING["top_logprobs"],
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
    "unseen": (
        Probe(("previous_response_id",), "resp_1", 1),
        Probe(("previous_response",), {"output": []}, 1),
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
        Probe(("tools",), [{"type": "shell", "environment": {"type": "container_reference", "container_id": "cntr_1"}}], 1),
        Probe(("tools",), [{"type": "shell", "environment": {"type": "container_auto", "file_ids": ["file-1", "file-2"]}}], 2),
        Probe(
            ("tools",),
            [{"type": "shell", "environment": {"type": "container_auto", "skills": [{"type": "skill_reference", "skill_id": "s"}]}}],
            1,
        ),
    ),
}
RESPONSES = Row(
    path="/v1/responses",
    least={"input": "hello"},
    probes=_PROBES,
    words=(
        (("input",), CANARY),
        *((("input",), [item]) for item in ITEMS),
        (("instructions",), CANARY),
        (("tools",), [{"type": "function", "name": "f", "description": CANARY}]),
        (("text", "format"), {"type": "json_schema", "name": "n", "schema": {"description": CANARY}}),
        (("prompt",), {"id": "pmpt_1", "variables": {"topic": CANARY}}),
        (("chat_template_kwargs",), {"x": CANARY}),
        (("response_format",), {"type": "json_schema", "json_schema": {"schema": {"description": CANARY}}}),
        (("previous_input_messages",), [{"role": "user", "content": [{"type": "text", "text": CANARY}]}]),
        (("previous_response",), {"output": [{"type": "message", "content": [{"type": "output_text", "text": CANARY}]}]}),
    ),
)
