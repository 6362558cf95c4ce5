"""Realtime over WebSocket: what a client's events ask for."""
