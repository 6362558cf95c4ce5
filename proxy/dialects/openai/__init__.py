"""OpenAI's API, as OpenAI, Azure and the many servers that copy it speak it."""
