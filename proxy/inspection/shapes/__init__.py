"""What each API's answers look like: where usage, text and finish reasons stand, and which parts are reasoning or logprobs."""
