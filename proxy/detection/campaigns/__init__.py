"""Candidate campaigns: accounts that share something rare, and the tests that confirm or clear them."""
