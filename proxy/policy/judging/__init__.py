"""From facts to a verdict: which rules match, remembered, and what they do together."""
