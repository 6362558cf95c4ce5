"""Steps of an exchange that are longer than a line of `handler.py`: what is noted, uploads, realtime sessions, the way back."""
