"""A path has one spelling for every server, or it is refused."""

from __future__ import annotations

from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.dialects.dialect import RouteKind
from proxy.dialects.routes import ENDPOINTS, dialect_for_errors, find_route
from proxy.dialects.wire.paths import canonical
from proxy.errors import CallerError, Fault
from tests.dialects.corpus import fault_of

PATHS = sorted({row.path.replace("{model}", "some-model").replace("{id}", "some-id") for row in ENDPOINTS})


def _evasions(path: str) -> list[str]:
    head, _, tail = path.rpartition("/")
    return [
        path.replace("/", "//", 1), path.replace("/", "/./", 1), path.replace("/", "/x/../", 1), path.replace("/", "/%2e/", 1),
        path.replace("/", "/x/%2E%2e/", 1), path.replace("/", "/..;/", 1), path + "/", path + "/.", path + "//", path + "%2f", path + "%2F..",
        f"{head}%2f{tail}", f"{head}%252f{tail}", f"{head}\\{tail}", f"{head}%5c{tail}", path + ";a=b", path + "%3b", path + "%00",
        path + "\x00", path + "%20", path + " ", path + "\t", path + "\r\n", path + "%0d%0a", path + "%zz", path + "%", path + "%2", path + "%c3%a9",
        path + "é", path + "%ff", path + "#x", path + "%23", path + "?x", path + "%3f", path + "|", path + "[x]", path + "{x}", path + "<x>",
        path + '"', path + "^", path + "`", path + "\x7f", path + "%7f", path + "%5e", path + "%7Bx%7D", path + "%25", path + "%2525", "/" + path, "http://evil" + path, path[1:],
        path.replace("/", "\u2215", 1), path.replace("/", "/\u2025/", 1), "/..%2f" + path[1:], "*", "",
    ]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_an_ambiguous_spelling_of_an_endpoint_is_refused(path):
    for spelt in _evasions(path):
        for method in ("GET", "POST"):
            with pytest.raises(CallerError) as refusal:
                find_route(method, spelt)
            assert refusal.value.fault in {Fault.MALFORMED, Fault.UNKNOWN_ENDPOINT}


def test_there_are_many_paths_and_evasions():
    assert len(PATHS) * len(_evasions("/v1/x")) > 2_000


@pytest.mark.parametrize("path", PATHS)
def test_another_case_is_another_path(path):
    for spelt in (path.upper(), path.swapcase()):
        with pytest.raises(CallerError):
            find_route("POST", spelt)


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: f"{row.method} {row.path}")
def test_every_row_of_the_table_is_found_at_its_address(row):
    path = row.path.replace("{model}", "some.model-1:0").replace("{id}", "batch_1")
    route = find_route(row.method, path)
    assert (route.dialect, route.endpoint, route.kind, route.stream) == (row.dialect, row.endpoint, row.kind, row.stream)
    assert route.model == ("some.model-1:0" if "{model}" in row.path else "")


@pytest.mark.parametrize("row", ENDPOINTS, ids=lambda row: f"{row.method} {row.path}")
def test_escapes_of_ordinary_characters_lead_to_the_same_row(row):
    path = row.path.replace("{model}", "m:0").replace("{id}", "batch_1")
    escaped = "/" + "/".join("".join(f"%{ord(char):02X}" for char in segment) for segment in path[1:].split("/"))
    assert find_route(row.method, escaped) == find_route(row.method, path)


def test_no_address_stands_twice_in_the_table():
    addresses = [(row.method, row.path.replace("{model}", "{}").replace("{id}", "{}")) for row in ENDPOINTS]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "CONNECT", "get", "Post", "HEAD", "PROPFIND", ""])
def test_another_method_is_refused(method):
    for path in PATHS:
        with pytest.raises(CallerError) as refusal:
            find_route(method, path)
        assert refusal.value.fault is Fault.METHOD


@pytest.mark.parametrize(
    "path",
    [
        "/v1/assistants", "/v1/threads", "/v1/threads/t/runs", "/v1/uploads", "/v1/uploads/u/parts", "/v1/conversations", "/v1/evals",
        "/v1/realtime/client_secrets", "/v1/realtime/calls", "/v1/realtime/sessions", "/v1/vector_stores",
        "/v1/containers", "/v1/videos", "/completion", "/infill", "/chat/completions", "/tokenize", "/v1/score", "/v1/rerank", "/pooling",
        "/v2/chat", "/api/pull", "/api/push", "/api/create", "/api/delete", "/api/copy", "/api/blobs/sha256:1", "/invocations",
        "/v1beta/cachedContents", "/upload/v1beta/files",
        "/model/m/invoke-with-bidirectional-stream", "/async-invoke", "/guardrail/g/version/1/apply", "/v1/chat/completions/x", "/", "/v1",
    ],
)  # fmt: skip
def test_what_no_reader_understands_is_refused(path):
    for method in ("POST", "GET", "PUT"):
        with pytest.raises(CallerError) as refusal:
            find_route(method, path)
        assert refusal.value.fault is Fault.UNKNOWN_ENDPOINT


@pytest.mark.parametrize(
    "action", ["batchGenerateContent", "predict", "predictLongRunning", "asyncBatchEmbedContent", "generatecontent", ""]
)
def test_an_action_that_no_reader_understands_is_refused(action):
    with pytest.raises(CallerError):
        find_route("POST", f"/v1beta/models/m:{action}")


def test_stored_answers_cannot_be_fetched_around_the_readers():
    for path in ("/v1/responses/resp_1", "/v1/chat/completions/c_1", "/v1/responses"):
        with pytest.raises(CallerError):
            find_route("GET", path)


@settings(max_examples=300, deadline=None)
@given(path=st.text(alphabet="/%.2ef5cva1;\\~:-_ \x00é", max_size=30).map("/".__add__))
def test_a_canonical_path_is_the_once_decoded_one_and_stays_as_it_is(path):
    fault = fault_of(lambda: canonical(path))
    if fault is not None:
        assert fault is Fault.MALFORMED
        return
    found = canonical(path)
    assert found == unquote(path)
    assert canonical(found) == found
    assert not {"%", "\\", ";"} & set(found)
    assert not {"", ".", ".."} & set(found[1:].split("/")) or found.endswith("/")


def test_metadata_never_asks_a_model():
    asking = {"generate", "invoke", "converse", "completions", "messages", "embed", "responses", "speech"}
    for row in ENDPOINTS:
        if row.kind is RouteKind.METADATA:
            assert row.endpoint not in asking


@pytest.mark.parametrize(
    ("path", "headers", "name"),
    [
        ("/v1/messages/x", (), "anthropic"), ("/v1/complete", (), "anthropic"), ("/v1/completions/x", (), "openai"), ("/v1/x", (), "openai"),
        ("/v1beta/x", (), "gemini"), ("/v1beta/openai/x", (), "openai"), ("/model/m/x", (), "bedrock"), ("/api/x", (), "ollama"),
        ("/openai/x", (), "azure"), ("/v1/x", ("anthropic-version",), "anthropic"), ("/x", ("x-goog-api-key",), "gemini"),
        ("/x", ("host", "x-amz-date"), "bedrock"),
    ],
)  # fmt: skip
def test_an_error_is_worded_as_the_caller_expects_it(path, headers, name):
    assert dialect_for_errors(path, headers).name == name


PROFILE = "arn%3Aaws%3Abedrock%3Aus-east-1%3A123456789012%3Ainference-profile%2Fus.anthropic.claude-x-v1%3A0"


@pytest.mark.parametrize("action", ["converse", "converse-stream", "invoke", "invoke-with-response-stream"])
def test_amazons_resource_names_are_models(action):
    route = find_route("POST", f"/model/{PROFILE}/{action}")
    assert route.model == unquote(PROFILE)
    assert find_route("POST", f"/model/{PROFILE.replace('%3A', ':')}/{action}") == route


@pytest.mark.parametrize(
    "path",
    [
        f"/model/{PROFILE}%2Fmore/converse", f"/model/{PROFILE}/converse/", f"/model/{PROFILE}%2F..%2Fx/converse", f"/model/{PROFILE}%3F/converse",
        f"/model/{PROFILE.replace('us.anthropic', '..')}/converse", f"/model/{PROFILE.replace('%2F', '%252F')}/converse",
        f"/model/{PROFILE.replace('%2F', '/')}/converse", "/model/a%2Fb/converse", f"/openai/deployments/{PROFILE}/chat/completions",
    ],
)  # fmt: skip
def test_anything_that_only_resembles_a_resource_name_is_refused(path):
    with pytest.raises(CallerError):
        find_route("POST", path)
