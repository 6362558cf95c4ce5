"""Gemini's API. Google's JSON takes camelCase and snake_case for one field, and one object where a list is meant."""
