"""Do the terms allow it? Rules are loaded strictly, compiled once and evaluated to a Verdict."""
