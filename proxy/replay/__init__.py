"""Recorded and rehearsed traffic through the very stages that judge live traffic, in event time. Pure: who reads files is in cli/.

recorded.py    one line of recorded traffic, read strictly
replayer.py    lines go in, decisions come out: starts, ends and searches for campaigns in the order of time
immediate.py   the decider without waiting
outcomes.py    a decision in one word, and the line that `replay --out` writes
contrast.py    two rulesets side by side on the same traffic
inquiry.py     the facts of one request with where each came from
rehearsal.py   the judge of a drill
showing/       what a whole replay showed: outcomes, levels, campaigns, and rates where the lines say what they are
"""
