"""From checked documents to a ruleset."""
