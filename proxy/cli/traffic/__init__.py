"""Commands that put recorded or rehearsed traffic through the stages, and those that learn from it."""
