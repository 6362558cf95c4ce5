"""Anthropic's API: messages, token counting, legacy completions, message batches."""
