from __future__ import annotations

import json
from functools import partial

import pytest

from proxy import replies
from proxy.dialects.routes import find_route
from proxy.errors import CallerError, Fault, UpstreamError
from proxy.limits.ask import Standing
from proxy.policy.verdict import Refusal

CHAT = find_route("POST", "/v1/chat/completions").dialect
BEDROCK = find_route("POST", "/model/m/converse").dialect
SPENT = Standing("l.a", False, 0.0, 30.0, 60.0, 10.0, 0.5)
AGAIN = {"retry-after": "1"}
NO = {"x-tosproxy-rule": "r.a", "x-should-retry": "false"}


def _caller(fault: Fault, **more):
    return partial(replies.rejected, error=CallerError(fault, "Not so.", **more))


def _upstream(kind: str):
    return partial(replies.upstream_failed, error=UpstreamError(kind, "the model endpoint fell silent"))


def _rule(step_up_url: str = "", message: str = "Not here."):
    return partial(replies.refused, refusal=Refusal("r.a", "not_here", message, "", step_up_url))


@pytest.mark.parametrize(
    ("reply", "status", "code", "message", "headers"),
    [
        (_rule(), 403, "not_here", "Not here.", NO),
        (_rule("https://x.example/v"), 403, "not_here", "Not here. Verify at https://x.example/v", NO | {"x-tosproxy-verify": "https://x.example/v"}),
        (_caller(Fault.MALFORMED), 400, "malformed_request", "Not so.", {}),
        (_caller(Fault.CREDENTIALS), 400, "ambiguous_credentials", "Not so.", {}),
        (_caller(Fault.UNKNOWN_ENDPOINT), 404, "unknown_endpoint", "Not so.", {}),
        (_caller(Fault.METHOD), 405, "method_not_allowed", "Not so.", {}),
        (_caller(Fault.TOO_SLOW), 408, "request_timeout", "Not so.", {}),
        (_caller(Fault.TOO_LARGE), 413, "request_too_large", "Not so.", {}),
        (_caller(Fault.MEDIA_TYPE), 415, "unsupported_media_type", "Not so.", {}),
        (_caller(Fault.EXPECTATION), 417, "unsupported_expectation", "Not so.", {}),
        (_caller(Fault.HEADERS_TOO_LARGE), 431, "headers_too_large", "Not so.", {}),
        (_upstream("timeout"), 504, "upstream_timeout", "The model endpoint fell silent.", {}),
        (_upstream("reset"), 502, "upstream_reset", "The model endpoint fell silent.", {}),
        (replies.no_upstream, 404, "no_upstream", "No model endpoint is configured for this path and model.", {}),
        (replies.overloaded, 503, "overloaded", "Too many requests are open; try again shortly.", AGAIN),
        (replies.stopping, 503, "server_stopping", "The proxy is being stopped; try again.", AGAIN),
        (replies.internal, 500, "internal_error", "The request could not be judged.", {}),
    ],
)  # fmt: skip
def test_every_answer_of_our_own_has_its_status_its_code_and_its_words(reply, status, code, message, headers):
    made = reply(CHAT, decision="d-1")
    assert (made.status, made.code) == (status, code)
    told = json.loads(made.body)["error"]
    assert (told["code"], told["message"], told["param"]) == (code, message, None)
    assert _headers(made) == {"content-type": "application/json", "x-tosproxy-decision": "d-1", **headers}


def _headers(made: replies.Reply) -> dict[str, str]:
    lines = made.headers.decode("ascii").split("\r\n")
    assert lines.pop() == ""
    return dict(line.split(": ", 1) for line in lines)


def test_every_fault_of_a_caller_has_a_status():
    assert set(replies.FAULT_STATUS) == set(Fault)


def test_who_is_told_what_is_wrong_is_told_where():
    assert json.loads(replies.rejected(CHAT, CallerError(Fault.MALFORMED, "Not so.", param="n"), "d-1").body)["error"]["param"] == "n"


@pytest.mark.parametrize(("own", "told"), [("Own words.", "Own words."), ("", "Limit 'l.a' is spent; try again in 30 s.")])
def test_a_spent_budget_is_told_in_its_own_words_with_all_that_helps_to_come_back(own, told):
    made = replies.limited(CHAT, SPENT, [SPENT], own, "d-1", 0.0)
    assert (made.status, made.code, json.loads(made.body)["error"]["message"]) == (429, "rate_limit_exceeded", told)
    headers = _headers(made)
    assert (headers["x-tosproxy-rule"], headers["retry-after"], headers["x-ratelimit-remaining-requests"]) == ("l.a", "30", "0")


def test_headers_that_an_sdk_reads_errors_from_are_there():
    assert _headers(replies.internal(BEDROCK, "d-1"))["x-amzn-errortype"] == "InternalServerException"


@pytest.mark.parametrize(
    ("written", "sent"),
    [("a b~", "a b~"), ("~Zürich", "~Z?rich"), ("a\r\nset-cookie: b", "a??set-cookie: b"), ("\x7f\x1f", "??"), (" !", " !")],
)
def test_a_header_stays_one_line_of_ascii_whatever_an_author_wrote(written, sent):
    made = _rule(written)(CHAT, decision="d-1")
    assert made.headers.count(b"\r\n") == 5
    assert f"x-tosproxy-verify: {sent}\r\n".encode() in made.headers
