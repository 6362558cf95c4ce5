"""A drilled exchange as one line of recorded traffic, so that `replay` and `calibrate` can read it."""

from __future__ import annotations

from typing import Any, Final

from proxy.dialects.call import ModelCall, Text
from proxy.drill.exchange import Exchange

_ANTHROPIC_DEFAULT_TOKENS: Final = 1024
_THINKING_TOKENS: Final = 2048


def to_trace_line(exchange: Exchange) -> dict[str, Any]:
    """The exchange under the keys of the trace format; labels under `x_` keys, no credentials."""
    seen = exchange.observation
    call = seen.call
    anthropic = call.dialect == "anthropic"
    line: dict[str, Any] = {
        "at": exchange.at,
        "duration_s": exchange.duration_s,
        "client_ip": exchange.client_ip,
        "account": {"id": seen.account, "org": seen.org, "tier": exchange.tier, "verified": exchange.verified, "tags": []},
        "method": "POST",
        "path": "/v1/messages" if anthropic else "/v1/chat/completions",
        "headers": [
            [name, seen.user_agent if name == "user-agent" else ""]
            for name in seen.header_names
            if name not in {"authorization", "x-api-key"}
        ],
        "body": _anthropic(call) if anthropic else _openai(call),
        "response": {
            "status": 200,
            "input_tokens": exchange.usage.input_tokens,
            "output_tokens": exchange.usage.output_tokens,
            "reasoning_tokens": exchange.usage.reasoning_tokens,
        },
        "x_label": exchange.label,
    }
    if seen.age_days >= 0:
        line["account"]["age_days"] = seen.age_days
    if exchange.campaign:
        line["x_campaign"] = exchange.campaign
        line["x_filler"] = exchange.filler
    return line


def _openai(call: ModelCall) -> dict[str, Any]:
    body: dict[str, Any] = {"model": call.model, "messages": _messages(call.texts)}
    optional = {
        "max_tokens": call.max_output_tokens,
        "n": call.n if call.n > 1 else 0,
        "logprobs": call.logprobs,
        "stream": call.stream,
        "user": call.end_user,
        "reasoning_effort": "high" if call.reasoning else "",
        "tools": [{"type": "function", "function": {"name": name, "parameters": {"type": "object"}}} for name in call.tools],
    }
    body.update((name, value) for name, value in optional.items() if value)
    if call.temperature is not None:
        body["temperature"] = call.temperature
    return body


def _messages(texts: tuple[Text, ...]) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    for number, piece in enumerate(texts):
        message: dict[str, Any] = {"role": piece.role, "content": piece.text}
        if piece.role == "tool":
            message["tool_call_id"] = f"call_{number - 1}"
            name, _, argument = messages[-1]["content"].partition(" ")
            messages[-1]["tool_calls"] = [
                {"id": f"call_{number - 1}", "type": "function", "function": {"name": name, "arguments": f'{{"path": "{argument}"}}'}}
            ]
        messages.append(message)
    return messages


def _anthropic(call: ModelCall) -> dict[str, Any]:
    system = "\n".join(piece.text for piece in call.texts if piece.role == "system")
    messages: list[dict[str, Any]] = []
    for number, piece in enumerate(call.texts):
        if piece.role == "tool":
            messages[-1]["content"] = [
                {"type": "text", "text": messages[-1]["content"]},
                {"type": "tool_use", "id": f"call_{number - 1}", "name": messages[-1]["content"].partition(" ")[0], "input": {}},
            ]
            messages.append(
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": f"call_{number - 1}", "content": piece.text}]}
            )
        elif piece.role != "system":
            messages.append({"role": piece.role, "content": piece.text})
    body: dict[str, Any] = {"model": call.model, "max_tokens": call.max_output_tokens or _ANTHROPIC_DEFAULT_TOKENS, "messages": messages}
    optional = {
        "system": system,
        "stream": call.stream,
        "metadata": {"user_id": call.end_user} if call.end_user else None,
        "thinking": {"type": "enabled", "budget_tokens": _THINKING_TOKENS} if call.reasoning else None,
        "tools": [{"name": name, "input_schema": {"type": "object"}} for name in call.tools],
    }
    body.update((name, value) for name, value in optional.items() if value)
    if call.temperature is not None:
        body["temperature"] = call.temperature
    return body
