"""Measurements on one group of accounts; each says what it cannot see."""
