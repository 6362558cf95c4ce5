"""The writer of records goes on, whatever happens to where they are written."""

import io
import os

from proxy.adapters.audit_log import AuditLog, FileSink, StreamSink
from tests.adapters.test_audit_log import KEY, bodies, record


def test_a_log_that_is_emptied_to_make_room_goes_on_and_rotates(tmp_path):
    path = tmp_path / "records.jsonl"
    log = AuditLog(FileSink(path, KEY, rotate_bytes=3_000_000))
    for number in range(3000):
        log.write(record(number, model="m" * 400))
    assert log.flush(10)
    os.truncate(path, 0)
    for number in range(3000, 7000):
        log.write(record(number, model="m" * 400))
    assert log.flush(10)
    log.close()
    assert (log.written, log.dropped_unwritten) == (7000, 0)
    assert [body["id"] for body in bodies(path)] == [f"d-{number}" for number in range(3000, 7000)]


def test_a_stream_that_can_take_no_more_costs_what_was_to_be_written_and_not_the_writer():
    stream = io.BytesIO()
    log = AuditLog(StreamSink(stream))
    stream.close()
    for number in range(2):
        log.write(record(number))
        assert log.flush(10)
        assert (log.failing, log.written, log.dropped_unwritten) == (True, 0, number + 1)
    log.close()
