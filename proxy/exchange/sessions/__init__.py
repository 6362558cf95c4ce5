"""Realtime sessions: opened like any exchange, then judged event by event."""
