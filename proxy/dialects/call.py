"""ModelCall: the one shape that every API dialect is read into, and Usage, what an answer cost.

Both are tuples: they are built on the request path, and a frozen dataclass of this width costs six times as much.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Text(NamedTuple):
    """One piece of text in document order. `role` is system, user, assistant, tool or input."""

    role: str
    text: str


class Usage(NamedTuple):
    """Tokens of one exchange, normalised: input includes what was read from a cache and what was written to one, output includes reasoning.

    `estimated` says that the answer carried no usage and the numbers are our conservative local count.
    """

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    estimated: bool = False
    cache_write_tokens: int = 0
    cache_write_long_tokens: int = 0
    """Part of `cache_write_tokens`: written to be kept for the longer of two times (Anthropic and Bedrock 1h, OpenAI 12h)."""

    @property
    def total_tokens(self) -> int:
        """Input plus output."""
        return self.input_tokens + self.output_tokens


class ModelCall(NamedTuple):
    """What is being asked of a model, whichever API it came through.

    Numbers that the caller left out are 0 (`max_output_tokens`, `reasoning_budget`) or None (`temperature`, `seed`).
    """

    dialect: str
    """openai, azure, anthropic, gemini, bedrock or ollama."""
    endpoint: str
    """A stable name for the operation, such as chat.completions or messages; the `request.endpoint` fact."""
    model: str = ""
    """The model's canonical name, after aliases; "" for endpoints without one."""
    stream: bool = False
    texts: tuple[Text, ...] = ()
    """Every text the model will read, in document order."""
    images: int = 0
    audio: int = 0
    tools: tuple[str, ...] = ()
    """Names of the tools offered."""
    tool_results: int = 0
    turns: int = 0
    """User messages in the conversation."""
    max_output_tokens: int = 0
    n: int = 1
    temperature: float | None = None
    seed: int | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    reasoning: bool = False
    """Reasoning or thinking was asked for explicitly."""
    reasoning_effort: str = ""
    reasoning_budget: int = 0
    end_user: str = ""
    """The caller's own end-user identifier: a signal, never an identity."""
    input_tokens: int = 0
    """Local estimate of the prompt's length in tokens; see `dialects.tokens`."""
    inspected: bool = True
    """False only where a policy passes an endpoint that no reader understands."""
    batch_size: int = 0
    """Calls inside a batch upload; 0 for a single call."""
    unseen: int = 0
    """Parts that no reader opens: attached documents, and content named by an id (stored prompts, files, earlier answers)."""
    service_tier: str = ""
    """The processing tier asked for, lower case, as the API names it: priority, flex, fast."""


PICTURES_AND_SOUND: Final = ("image", "audio.speech")
"""How the names of endpoints begin whose answers hold nothing that a model wrote and that could be counted."""

NO_USAGE: Final = Usage()
