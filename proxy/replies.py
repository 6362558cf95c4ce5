"""Every answer of our own: a verdict, a denial or a fault becomes status, headers and a body in the caller's dialect.

No other file knows status codes of refusals.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from proxy.dialects.dialect import Dialect
from proxy.errors import CallerError, Fault, UpstreamError
from proxy.limits.ask import Standing
from proxy.limits.reply_headers import refusal_code, refusal_message, reply_headers
from proxy.policy.verdict import Refusal

FAULT_STATUS: Final = {
    Fault.MALFORMED: 400,
    Fault.CREDENTIALS: 400,
    Fault.UNKNOWN_ENDPOINT: 404,
    Fault.METHOD: 405,
    Fault.TOO_SLOW: 408,
    Fault.TOO_LARGE: 413,
    Fault.MEDIA_TYPE: 415,
    Fault.EXPECTATION: 417,
    Fault.HEADERS_TOO_LARGE: 431,
}
REFUSED: Final = 403
LIMITED: Final = 429
INTERNAL: Final = 500
OVERLOADED: Final = 503
UPSTREAM_STATUS: Final = {"timeout": 504}
BAD_GATEWAY: Final = 502

STOPPING_CODE: Final = "server_stopping"
STOPPING: Final = "The proxy is being stopped; try again."

DECISION_HEADER: Final = "x-tosproxy-decision"
POLICY_HEADER: Final = "x-tosproxy-policy"


class Reply(NamedTuple):
    """An answer ready to send."""

    status: int
    code: str
    headers: bytes
    body: bytes


def refused(dialect: Dialect, refusal: Refusal, decision: str) -> Reply:
    """The terms say no."""
    extra = [("x-tosproxy-rule", refusal.rule), ("x-should-retry", "false")]
    message = refusal.message
    if refusal.step_up_url:
        extra.append(("x-tosproxy-verify", refusal.step_up_url))
        message = f"{message} Verify at {refusal.step_up_url}"
    return _reply(dialect, REFUSED, refusal.code, message, None, decision, extra)


def limited(dialect: Dialect, denied: Standing, standings: Sequence[Standing], message: str, decision: str, now: float) -> Reply:
    """A budget is spent. `message` is the limit's own wording, "" for the standard one."""
    headers = [*reply_headers(standings, denied, dialect.name, now), ("x-tosproxy-rule", denied.limit)]
    return _reply(dialect, LIMITED, refusal_code(denied), message or refusal_message(denied), None, decision, headers)


def rejected(dialect: Dialect, error: CallerError, decision: str) -> Reply:
    """The caller's bytes can't be accepted."""
    return _reply(dialect, FAULT_STATUS[error.fault], error.code, error.message, error.param, decision, [])


def upstream_failed(dialect: Dialect, error: UpstreamError, decision: str) -> Reply:
    """The model endpoint didn't deliver."""
    status = UPSTREAM_STATUS.get(error.kind, BAD_GATEWAY)
    return _reply(dialect, status, f"upstream_{error.kind}", f"{error.message[:1].upper()}{error.message[1:]}.", None, decision, [])


def no_upstream(dialect: Dialect, decision: str) -> Reply:
    """No configured model endpoint takes this path and model."""
    return _reply(
        dialect,
        FAULT_STATUS[Fault.UNKNOWN_ENDPOINT],
        "no_upstream",
        "No model endpoint is configured for this path and model.",
        None,
        decision,
        [],
    )


def overloaded(dialect: Dialect, decision: str) -> Reply:
    """More exchanges are open than the operator allows."""
    return _reply(
        dialect, OVERLOADED, "overloaded", "Too many requests are open; try again shortly.", None, decision, [("retry-after", "1")]
    )


def stopping(dialect: Dialect, decision: str) -> Reply:
    """This process ends; another one will answer."""
    return _reply(dialect, OVERLOADED, STOPPING_CODE, STOPPING, None, decision, [("retry-after", "1")])


def internal(dialect: Dialect, decision: str) -> Reply:
    """A fault of our own. The record has the details, the caller gets its id."""
    return _reply(dialect, INTERNAL, "internal_error", "The request could not be judged.", None, decision, [])


def _reply(dialect: Dialect, status: int, code: str, message: str, param: str | None, decision: str, extra: list[tuple[str, str]]) -> Reply:
    body = dialect.error_body(status, code, message, param, decision)
    pairs = [("content-type", "application/json"), (DECISION_HEADER, decision), *extra, *dialect.error_headers(status, code)]
    # A header value must stay one line of ASCII whatever a policy's author wrote.
    block = "".join([f"{name}: {_header_safe(value)}\r\n" for name, value in pairs])
    return Reply(status, code, block.encode("ascii"), body)


def _header_safe(value: str) -> str:
    if value.isascii() and value.isprintable():
        return value
    return "".join(char if " " <= char <= "~" else "?" for char in value)
