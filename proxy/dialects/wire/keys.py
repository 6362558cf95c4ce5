r"""Keys that readers read, and the refusal of keys that only look like them.

Go's encoding/json (Ollama, LocalAI, many gateways) takes `MODEL`, `Messages` and `me\u017f\u017fages` for the real key, and a
later such key overrides an earlier exact one. Spelling is checked in every object that a reader reads.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Final

from proxy.dialects.wire.strict import malformed

_READ: Final = """
model messages role content type text name stream n best_of temperature seed user safety_identifier tools tool_calls function
functions function_call arguments parameters description max_tokens max_completion_tokens n_predict max_output_tokens
max_tokens_to_sample models fallbacks model_list reasoning_effort reasoning effort enabled summary thinking enable_thinking
thinking_budget include_reasoning budget_tokens chat_template_kwargs chat_template documents logprobs top_logprobs prompt_logprobs
n_probs logprob_token_ids logprobs_token_ids stream_options include_usage response_format json_schema prediction prompt_embeds
refusal reasoning_content reasoning_details audio custom input transcript file file_data file_id image_url input_audio
server_label prompt suffix echo instructions stream_format system metadata user_id source data title context output_config
output_format format mcp_servers mcp_server_name container thread input_schema
"""
_COMMON: Final = """
top_p stop presence_penalty frequency_penalty logit_bias store service_tier parallel_tool_calls prompt_cache_key cache_control
top_k stop_sequences tool_choice id url detail strict
"""
READ: Final = frozenset(_READ.split())
"""Keys that some reader reads."""

KNOWN: Final = READ | frozenset(_COMMON.split())
"""Keys whose spelling needs no second look: those that are read, and those that most requests carry beside them."""


def fold(key: str) -> str:
    """The form in which no reader that ignores case or width tells two keys apart."""
    if key.isascii():
        return key.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).casefold())


_FOLDS: Final = frozenset(map(fold, READ))


def check_spelling(keys: Iterable[str], param: str) -> None:
    """Refuse two keys that differ only in spelling, and a key that only resembles one that is read."""
    seen: set[str] = set()
    for key in keys:
        folded = fold(key)
        if folded in seen or (folded in _FOLDS and key not in READ):
            raise malformed("A key differs only in case or width from another one.", "ambiguous_key", param or None)
        seen.add(folded)
