"""Rehearsed traffic for `tos-proxy drill`: who would send what and when, as a pure event loop over sources.

plan.py      what an operator asks for, and the sources it makes
loop.py      sources send, a judge decides, answers end: all in event time
timeline.py  what a rehearsal showed: when each level came, how much was served by then, who else was touched
trace.py     an exchange as a line of recorded traffic
fleet.py     one or many accounts worked by one owner; rota.py says whose turn it is
clients.py   client software and addresses, alike for everybody
honest/      the honest population and its look-alikes;  campaign/ the harvesters;  wording/ what they say
"""
