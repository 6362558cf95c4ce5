"""From a request's texts to numbers: what is new in it, fingerprints, intent, question-bank membership."""
