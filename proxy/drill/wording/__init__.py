"""What drilled traffic says: word lists, prose built from them, the wordings of campaigns, and paraphrase. All of it is this project's own.

The generators draw so widely that two honest accounts share a run of five words only where a grammar says that they should (a shared tool, a shared exercise sheet).
"""
