"""tos-proxy enforces a model provider's terms of service. One line per stage, in the order a request meets them.

handler.py       one exchange, from the first byte to the record: THE path, read it top to bottom
  1 identity/    who is calling? address, region, account
  2 dialects/    what is being asked? one ModelCall for every API
    decide.py    stages 3 to 5 in order; shared by the live handler, replay and drill
    exchange/    the path's longer steps: reading a body, uploads, sessions, the relay
  3 policy/      do the terms allow it? evaluate(facts) -> Verdict
  4 limits/      is there budget left? reserve an estimate, settle the actual
  5 detection/   does it look like distillation? signals, score, explanation
  6 adapters/    forward, stream, cancel: everything that touches the world
  7 inspection/  what comes back? usage, stripping, cutting
  8 accounts/    what does the operator know of the account?
  9 audit/       what happened and why? one Record; metrics and log are both made from it

documents/ reads what people write, strictly, with the place of every value.
replies.py words refusals, server.py wires the objects together, settings.py is what an operator sets, cli/ is the command line.
"""

from typing import Final

VERSION: Final = "0.1.0"
