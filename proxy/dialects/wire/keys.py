r"""Keys that readers read, and the refusal of keys that only look like them.

Go's encoding/json (Ollama, LocalAI, many gateways) takes `MODEL`, `Messages` and `me\u017f\u017fages` for the real key, and a
later such key overrides an earlier exact one. Spelling is checked in every object that a reader reads.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

from proxy.dialects.wire.strict import malformed

_READ: Final = """
additionalModelRequestFields anthropic_version context_management data_sources prompt_id arguments audio audio_url background best_of body budget_tokens bytes cachedContent
candidateCount chat_template chat_template_kwargs codeExecutionResult container content contents context conversation custom data
description document documents echo effort enable_thinking enabled extra_body fallbacks file fileData fileUri file_data file_id format
function functionDeclarations functionResponse function_call functions generateContentRequest generationConfig google guardContent image
imageGenerationConfig image_url images include includeThoughts include_reasoning include_usage inferenceConfig inlineData input
inputImage input_audio input_audio_transcription input_file input_file_id input_image input_schema instructions item json_schema
logprob_token_ids logprobs logprobs_token_ids maxOutputTokens maxReasoningEffort maxTokenCount maxTokens max_completion_tokens
max_gen_len max_new_tokens max_output_tokens max_response_output_tokens max_tokens max_tokens_to_sample mcp_server_name
mcp_servers messages metadata method mimeType model model_list models n n_cmpl n_predict n_probs name numResults num_generations
num_predict numberOfImages options output outputConfig output_audio output_config output_format parameters params parts prediction
previous_response_id prompt promptVariables prompt_embeds prompt_logprobs purpose reasoning reasoningConfig reasoning_budget_message reasoning_budget_tokens reasoning_config
reasoning_content reasoning_details reasoning_effort reasoning_format refusal requests response responseFormat responseJsonSchema responseLogprobs
performanceConfig latency serviceTier
responseSchema response_format return_likelihoods role safety_identifier schemaVersion seed server_label session source speed stream
stream_format stream_options suffix summary system systemInstruction temperature template text textFormat textGenerationConfig
id previous_input_messages previous_response generate_summary keywords mode plugins web_search_options compaction container_id environment skills vector_store_ids file_ids result routingConfig audioTranscriptionConfig continuationToken s3Location svg
think thinking thinkingBudget thinkingConfig thinkingLevel thinking_budget thinking_budget_tokens thinking_token_budget thread title toolConfig toolResponse toolResult
tool_calls tool_name tool_results tools top_logprobs training_file transcript transcription type url user user_id validation_file variables
video video_url
codeExecution computerUse enterpriseWebSearch fileSearch googleMaps googleSearch googleSearchRetrieval urlContext
"""
_COMMON: Final = """
cachePoint cache_control call_id custom_id detail dimensions encoding_format frequency_penalty functionCall
inputSchema keep_alive logit_bias max_tool_calls parallel_tool_calls presence_penalty prompt_cache_key quality reasoningContent
safetySettings signature size status stop stopSequences stop_sequences store strict thoughtSignature toolSpec
toolUse toolUseId tool_choice topK topP top_k top_p truncation verbosity voice
"""
_CAPITAL: Final = re.compile("[A-Z]")


def snake(key: str) -> str:
    """A camelCase key as Google's reader also takes it."""
    return _CAPITAL.sub(lambda found: "_" + found[0].lower(), key)


READ: Final = frozenset(_READ.split()) | frozenset(map(snake, _READ.split()))
"""Keys that some reader reads, in both spellings."""

KNOWN: Final = READ | frozenset(_COMMON.split())
"""Keys whose spelling needs no second look: those that are read, and those that most requests carry beside them."""


def fold(key: str) -> str:
    """The form in which no reader that ignores case or width tells two keys apart."""
    if key.isascii():
        return key.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", key).upper().casefold())  # upper: a dotless i is an I to Java


_FOLDS: Final = frozenset(map(fold, READ))


def check_spelling(keys: Iterable[str], param: str) -> None:
    """Refuse two keys that differ only in spelling, and a key that only resembles one that is read."""
    seen: set[str] = set()
    for key in keys:
        folded = fold(key)
        if folded in seen or (folded in _FOLDS and key not in READ):
            raise malformed("A key differs only in case or width from another one.", "ambiguous_key", param or None)
        seen.add(folded)
