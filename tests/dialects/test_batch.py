"""Every line of a batch is judged as the call that it is, in every file that can carry one."""

from __future__ import annotations

import json
from typing import Any

import pytest

from proxy.dialects.batch import read_upload
from proxy.dialects.routes import find_route
from proxy.dialects.uploads.lines import BATCHABLE
from proxy.errors import CallerError, Fault
from tests.dialects.corpus import fault_of
from tests.dialects.rows import openai

TYPE = "multipart/form-data; boundary=cut"
FILES = find_route("POST", "/v1/files")
MESSAGES = find_route("POST", "/v1/messages/batches")


def form(content: bytes, **fields: str) -> bytes:
    parts = b"".join(
        f'--cut\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode() for name, value in fields.items()
    )
    head = b'--cut\r\nContent-Disposition: form-data; name="file"; filename="f.jsonl"\r\nContent-Type: application/octet-stream\r\n\r\n'
    return parts + head + content + b"\r\n--cut--\r\n"


def line(url: str, body: Any, **more: Any) -> bytes:
    return json.dumps({"custom_id": "1", "method": "POST", "url": url, "body": body, **more}).encode()


def test_each_line_is_read_as_a_request_of_its_own():
    rows = {name: openai.ROWS[name] for name in sorted(BATCHABLE)}
    content = b"\n".join(line(row.path, {**row.least, "model": f"m-{name}"}) for name, row in rows.items())
    upload = read_upload(FILES, TYPE, form(content, purpose="batch"))
    assert (upload.call.endpoint, upload.call.batch_size) == ("files.upload", len(rows))
    lines = list(upload.lines)
    assert [found.number for found in lines] == list(range(1, len(rows) + 1))
    for found, (name, row) in zip(lines, rows.items(), strict=True):
        assert found.call == find_route("POST", row.path).read({**row.least, "model": f"m-{name}"})


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_line_ends_and_blank_lines_count_nothing(end):
    row = line("/v1/embeddings", {"input": "x"})
    assert len(list(read_upload(FILES, TYPE, form(row + b"\r\n" + row + end, purpose="batch")).lines)) == 2


def test_azure_lines_without_a_version_are_read():
    upload = read_upload(find_route("POST", "/openai/files"), TYPE, form(line("/chat/completions", openai.CHAT.least), purpose="batch"))
    assert [(found.call.dialect, found.call.endpoint) for found in upload.lines] == [("azure", "chat.completions")]


GOOD = line("/v1/embeddings", {"input": "x"})
BAD = {
    "not JSON": b"{",
    "a list": b"[]",
    "another method": line("/v1/embeddings", {"input": "x"}, method="GET"),
    "no method": b'{"url":"/v1/embeddings","body":{"input":"x"}}',
    "no address": b'{"method":"POST","body":{"input":"x"}}',
    "an address that nobody reads": line("/v1/assistants", {}),
    "an address with a host": line("https://evil/v1/embeddings", {"input": "x"}),
    "an ambiguous address": line("/v1//embeddings", {"input": "x"}),
    "a job inside the job": line("/v1/batches", {"input_file_id": "f"}),
    "a message": line("/v1/messages", {"messages": []}),
    "no body": b'{"method":"POST","url":"/v1/embeddings"}',
    "a body of another type": line("/v1/embeddings", "x"),
    "a body of wrong types": line("/v1/embeddings", {"input": 5}),
    "the address twice": b'{"method":"POST","url":"/v1/embeddings","url":"/v1/responses","body":{"input":"x"}}',
    "the address in two cases": b'{"method":"POST","url":"/v1/embeddings","URL":"/v1/responses","body":{"input":"x"}}',
    "the body in two cases": b'{"method":"POST","url":"/v1/embeddings","body":{"input":"x"},"Body":{"input":"y"}}',
    "two documents": GOOD + GOOD,
    "a document after a return": GOOD + b"\r" + GOOD,
}


@pytest.mark.parametrize("trick", BAD)
def test_a_bad_line_is_refused_with_its_number(trick):
    lines = read_upload(FILES, TYPE, form(GOOD + b"\n" + BAD[trick] + b"\n" + GOOD, purpose="batch")).lines
    assert next(lines).number == 1
    with pytest.raises(CallerError) as refusal:
        next(lines)
    assert refusal.value.message.startswith("Line 2: ")
    assert (refusal.value.param or "").startswith("line 2")


def test_a_file_for_fine_tuning_has_an_endpoint_of_its_own():
    upload = read_upload(FILES, TYPE, form(b'{"messages":[]}\n', purpose="fine-tune"))
    assert (upload.call.endpoint, upload.call.batch_size, upload.call.unseen, list(upload.lines)) == ("files.upload.fine_tune", 0, 1, [])


@pytest.mark.parametrize("purpose", ["assistants", "vision", "user_data", "evals"])
def test_any_other_file_is_one_that_nobody_opened(purpose):
    upload = read_upload(FILES, TYPE, form(b"x" * 400, purpose=purpose))
    assert (upload.call.endpoint, upload.call.unseen, upload.call.input_tokens, list(upload.lines)) == ("files.upload", 1, 100, [])


@pytest.mark.parametrize("fields", [{"file": "x"}, {"purpose[]": "batch"}])
def test_a_form_that_hides_its_purpose_or_file_is_refused_or_unseen(fields):
    raw = form(GOOD, **fields)
    fault = fault_of(lambda: read_upload(FILES, TYPE, raw))
    assert fault is Fault.MALFORMED or read_upload(FILES, TYPE, raw).call.unseen == 1


def test_a_purpose_that_is_a_file_is_refused():
    raw = form(GOOD).replace(b'name="file"', b'name="purpose"')
    with pytest.raises(CallerError):
        read_upload(FILES, TYPE, raw)


def test_each_request_of_a_message_batch_is_read_as_a_message():
    params = [{"model": "claude-x", "max_tokens": at, "messages": [{"role": "user", "content": f"q{at}"}]} for at in range(1, 4)]
    raw = json.dumps({"requests": [{"custom_id": str(at), "params": each} for at, each in enumerate(params)]}).encode()
    upload = read_upload(MESSAGES, "application/json", raw)
    assert (upload.call.dialect, upload.call.endpoint, upload.call.batch_size) == ("anthropic", "messages.batches", 3)
    message = find_route("POST", "/v1/messages")
    assert [found.call for found in upload.lines] == [message.read(each) for each in params]


@pytest.mark.parametrize("params", [None, [], {"messages": "x"}, {"messages": [{"role": "user", "content": "x"}], "Messages": []}])
def test_a_bad_request_of_a_message_batch_is_refused_with_its_number(params):
    good = {"custom_id": "1", "params": {"messages": [{"role": "user", "content": "x"}]}}
    raw = json.dumps({"requests": [good, {"custom_id": "2", "params": params}]}).encode()
    lines = read_upload(MESSAGES, "application/json", raw).lines
    next(lines)
    with pytest.raises(CallerError, match=r"Line 2: "):
        next(lines)


@pytest.mark.parametrize("raw", [b"{}", b'{"requests":[]}', b'{"requests":{}}', b"[]", b'{"requests":[],"Requests":[{}]}'])
def test_a_message_batch_without_requests_is_refused(raw):
    with pytest.raises(CallerError):
        read_upload(MESSAGES, "application/json", raw)


def test_a_large_batch_may_have_more_keys_than_one_request():
    one = {"messages": [{"role": "user", "content": "x"}]}
    raw = json.dumps({"requests": [{"custom_id": str(at), "params": one} for at in range(4_000)]}).encode()
    assert len(list(read_upload(MESSAGES, "application/json", raw).lines)) == 4_000


@pytest.mark.parametrize(
    ("path", "images", "audio"),
    [
        ("/v1/audio/transcriptions", 0, 1), ("/v1/audio/translations", 0, 1), ("/v1/images/edits", 1, 0), ("/v1/images/variations", 1, 0),
        ("/openai/deployments/whisper/audio/transcriptions", 0, 1),
    ],
)  # fmt: skip
def test_a_form_around_a_file_is_a_call(path, images, audio):
    route = find_route("POST", path)
    name = route.model or "some-model"
    call = read_upload(route, TYPE, form(bytes(1_000), model=name, prompt="a hint", stream="true", temperature="0.5", user="u")).call
    assert (call.model, call.images, call.audio, call.stream, call.temperature, call.end_user) == (name, images, audio, True, 0.5, "u")
    assert [text.text for text in call.texts] == ["a hint"]
    assert call.input_tokens > 0


@pytest.mark.parametrize(
    "fields",
    [
        {"stream": "maybe"},
        {"n": "0"},
        {"n": "1e3"},
        {"n": "9" * 400},
        {"n": "\u0665"},
        {"temperature": "nan"},
        {"temperature": "x"},
        {"Model": "x"},
    ],
)
def test_a_field_of_a_wrong_type_is_refused(fields):
    with pytest.raises(CallerError) as refusal:
        read_upload(find_route("POST", "/v1/images/edits"), TYPE, form(b"x", **fields))
    assert refusal.value.fault is Fault.MALFORMED


def test_a_form_and_a_path_that_name_different_models_are_refused():
    with pytest.raises(CallerError) as refusal:
        read_upload(find_route("POST", "/openai/deployments/a/audio/transcriptions"), TYPE, form(b"x", model="b"))
    assert refusal.value.code == "ambiguous_model"


def test_log_probabilities_of_a_transcription_are_seen():
    raw = form(b"x", **{"include[]": "logprobs"})
    assert read_upload(find_route("POST", "/v1/audio/transcriptions"), TYPE, raw).call.logprobs
