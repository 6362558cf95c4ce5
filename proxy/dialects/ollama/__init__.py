"""Ollama's own API. Its server is written in Go and reads keys without regard to case, so spelling matters here most."""
