"""Harvesting campaigns: what they ask, with which settings, through how many accounts and at what pace."""
