"""A stream stays within its budgets while it runs.

What was reserved before a call is an estimate. Output beyond it is reserved piece by piece, and when a limit denies a piece the stream is
cut. A caller's own max_tokens is no guess: the model endpoint keeps to it, so there our count, which errs upwards, may be twice as high
before it counts as more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from proxy.decide import Decider, Decision
from proxy.limits.costs import output_estimate

PIECE_TOKENS: Final = 1024
ERRS_UPWARDS: Final = 2
SPENT: Final = "budget_exhausted"


class Cut(NamedTuple):
    """Why a stream ends before its end."""

    rule: str
    """The limit that denied; "" when none did."""
    code: str
    message: str


class Allowance:
    """Output that one exchange may still write. `covered` is compared with each chunk's count, which is all that most streams cost."""

    __slots__ = ("_clock", "_decider", "covered", "decision")

    def __init__(self, decider: Decider, decision: Decision, clock: Callable[[], float]) -> None:
        self._decider = decider
        self.decision = decision
        """It holds all that was reserved by now."""
        self._clock = clock
        call = decision.call
        self.covered = output_estimate(call) * (ERRS_UPWARDS if call.max_output_tokens else 1)
        """Output tokens that are paid for."""

    async def cover(self, written: int) -> Cut | None:
        """Reserve more until `written` output tokens are covered; the reason to cut where a limit says no."""
        while self.covered < written:
            tokens = max(PIECE_TOKENS, written - self.covered)
            self.decision, denied = await self._decider.extend(self.decision, tokens, self._clock())
            if denied is not None:
                own = next((limit.message for limit in self.decision.limits if limit.id == denied.limit), "")
                return Cut(denied.limit, SPENT, own or f"Limit '{denied.limit}' is spent.")
            self.covered += tokens
        return None
