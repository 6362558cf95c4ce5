import io
import os
import random
import signal
import subprocess
import sys
import time

import orjson
import pytest

from proxy.adapters.audit_log import AuditLog, FileSink, StreamSink, log_files, verify_log
from proxy.audit.chain import chain_key
from proxy.audit.record import Record
from proxy.errors import ConfigError

KEY = chain_key(b"a secret of the operator's, long enough")
NEW = chain_key(b"the secret that replaced it")
KEYS = {KEY.id: KEY.secret, NEW.id: NEW.secret}


def record(number=0, **changes):
    return Record(f"d-{number}", 1_790_000_000.0 + number, "sha256:1", outcome="allowed", **changes)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "logs" / "records.jsonl"


def bodies(path):
    return [
        line["body"] for file in log_files(path) for line in map(orjson.loads, file.read_bytes().splitlines()) if line["kind"] == "record"
    ]


def written(path, numbers, key=KEY, **options):
    log = AuditLog(FileSink(path, key, **options))
    for number in numbers:
        log.write(record(number))
    log.close()
    return log


def test_what_is_written_can_be_read_and_verifies(path):
    log = written(path, range(500))
    assert (log.written, log.dropped_full, log.dropped_unwritten, log.waiting) == (500, 0, 0, 0)
    assert [body["id"] for body in bodies(path)] == [f"d-{number}" for number in range(500)]
    assert verify_log(path, KEYS).findings == ()
    assert path.stat().st_mode & 0o077 == 0


def test_a_restart_goes_on_in_the_same_chain(path):
    written(path, range(3))
    written(path, range(3, 6))
    verified = verify_log(path, KEYS)
    assert verified.findings == ()
    assert [line["kind"] for line in map(orjson.loads, path.read_bytes().splitlines())] == [
        "open",
        *["record"] * 3,
        "resume",
        *["record"] * 3,
    ]


def test_a_half_written_line_is_cut_off_and_said(path):
    written(path, range(3))
    with path.open("ab") as torn:
        torn.write(b'{"n":5,"kind":"rec')
    assert verify_log(path, KEYS).findings == ()
    written(path, range(3, 4))
    assert verify_log(path, KEYS).findings == ()
    assert orjson.loads(path.read_bytes().splitlines()[4])["body"]["torn_bytes"] == 18


def test_files_rotate_by_size_and_the_oldest_go(path):
    log = AuditLog(FileSink(path, KEY, rotate_bytes=2000, keep_files=3))
    for number in range(30):
        log.write(record(number))
        log.flush(5.0)
    log.close()
    assert len(log_files(path)) == 4
    assert verify_log(path, KEYS).findings == ()
    assert bodies(path)[-1]["id"] == "d-29"
    assert bodies(path)[0]["id"] != "d-0"


def test_files_rotate_by_age(path):
    now = [1000.0]
    sink = FileSink(path, KEY, rotate_s=60.0, clock=lambda: now[0])
    sink.append([("record", record(0))])
    now[0] += 61.0
    sink.append([("record", record(1))])
    sink.append([("record", record(2))])
    sink.close()
    assert len(log_files(path)) == 2
    assert verify_log(path, KEYS).findings == ()


def test_a_new_key_begins_a_new_file_of_the_same_chain(path):
    written(path, range(2))
    written(path, range(2, 4), NEW)
    assert len(log_files(path)) == 2
    verified = verify_log(path, KEYS)
    assert (verified.findings, len(bodies(path))) == ((), 4)
    first = orjson.loads(path.read_bytes().splitlines()[0])["body"]
    assert first["went_before"].startswith(log_files(path)[0].name)
    assert {finding.kind for finding in verify_log(path, {NEW.id: NEW.secret}).findings} == {"unknown_key"}


def test_a_new_key_hides_nothing_that_was_done_before_it(path):
    written(path, range(4))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[2].replace(b"allowed", b"refused"), *lines[3:-1]]))
    written(path, range(4, 6), NEW)
    old = log_files(path)[0]
    findings = verify_log(path, KEYS).findings
    assert [(finding.kind, finding.file, finding.line) for finding in findings] == [("edited", str(old), 3), ("deleted", str(path), 1)]


def test_keys_that_change_at_every_start_leave_no_more_files_than_are_kept(path):
    for number in range(6):
        FileSink(path, chain_key(b"%d" % number), keep_files=3).close()
    assert len(list(path.parent.glob("*.jsonl"))) == 4


def test_a_file_that_is_no_log_is_set_aside_and_a_chain_begins(path):
    path.parent.mkdir()
    path.write_bytes(b"somebody else's file\n")
    written(path, range(2))
    assert verify_log(path, KEYS).findings == ()
    (aside,) = path.parent.glob("records-before-*.jsonl")
    assert aside.read_bytes() == b"somebody else's file\n"


@pytest.mark.parametrize(
    ("tamper", "kind"),
    [
        pytest.param(lambda lines: [*lines[:3], lines[3].replace(b"allowed", b"refused"), *lines[4:]], "edited", id="edit"),
        pytest.param(lambda lines: lines[:3] + lines[4:], "deleted", id="delete"),
        pytest.param(lambda lines: [*lines[:3], lines[4], lines[3], *lines[5:]], "reordered", id="reorder"),
        pytest.param(lambda lines: lines[:-2], "truncated", id="cut at a line"),
    ],
)
def test_tampering_is_found(path, tamper, kind):
    written(path, range(8))
    path.write_bytes(b"".join(tamper(path.read_bytes().splitlines(keepends=True))))
    assert [finding.kind for finding in verify_log(path, KEYS).findings] == [kind]


def test_a_cut_inside_a_line_and_a_missing_file_are_found(path):
    written(path, range(8))
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    assert [finding.kind for finding in verify_log(path, KEYS).findings] == ["truncated"]
    path.unlink()
    assert [finding.kind for finding in verify_log(path, KEYS).findings] == ["truncated"]
    written(path, range(2))
    assert verify_log(path, KEYS).findings == ()  # the chain goes on from the head, as after a retention that took all


def test_a_full_queue_drops_and_counts_and_never_waits(path):
    log = AuditLog(FileSink(path, KEY), queue=10)
    for number in range(2000):
        log.write(record(number))
    log.close()
    assert log.dropped_full > 0
    assert log.written + log.dropped_full == 2000
    assert len(bodies(path)) == log.written


def test_events_are_part_of_the_chain(path):
    log = AuditLog(FileSink(path, KEY))
    log.note("waive", {"account": "688.ab", "reason": "ticket 4711"})
    log.close()
    assert orjson.loads(path.read_bytes().splitlines()[1])["body"]["reason"] == "ticket 4711"
    assert verify_log(path, KEYS).findings == ()


@pytest.mark.parametrize("name", ["\ud800", "x" * 100_000, "a\nb", "\x00"])
def test_no_name_a_caller_chooses_stops_the_log(path, name):
    log = AuditLog(FileSink(path, KEY))
    log.write(record(0, model=name, estimated_tokens=10**30, facts={name: {name}}))
    log.write(record(1))
    log.close()
    assert log.written == 2
    assert verify_log(path, KEYS).findings == ()


def test_a_record_that_makes_no_sense_takes_no_other_along(path):
    log = AuditLog(FileSink(path, KEY))
    log.write(record(0, limits=(("limits.requests", True, float("nan"), False),)))
    log.write(record(1))
    log.close()
    assert [body["id"] for body in bodies(path)] == ["d-0", "d-1"]
    assert bodies(path)[0]["unwritable"] == "ValueError"


def test_two_processes_cant_write_one_log(path):
    sink = FileSink(path, KEY)
    with pytest.raises(ConfigError, match="another process"):
        FileSink(path, KEY)
    sink.close()


def test_a_log_that_cant_be_opened_is_a_problem_with_the_settings(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"log\.file"):
        FileSink(tmp_path / "file" / "records.jsonl", KEY)


def test_a_stream_gets_plain_lines():
    stream = io.BytesIO()
    log = AuditLog(StreamSink(stream))
    log.write(record(1))
    log.note("reload", {"ok": True})
    log.close()
    first, second = (orjson.loads(line) for line in stream.getvalue().splitlines())
    assert (first["event"], first["id"], first["outcome"]) == ("record", "d-1", "allowed")
    assert second == {"event": "reload", "ok": True}


FULL_DISK = """
import resource, sys, time
from pathlib import Path
from proxy.adapters.audit_log import AuditLog, FileSink, verify_log
from proxy.adapters.telemetry.log import logger
from proxy.audit.chain import chain_key
from proxy.audit.record import Record
key = chain_key(b"secret")
path = Path(sys.argv[1])
log = AuditLog(FileSink(path, key), log=logger("json", "info"))
hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
for number in range(50):
    log.write(Record(f"d-{number}", 1.0, "r"))
while not log.failing:
    time.sleep(0.01)
assert log.written == 0, log.written
assert not verify_log(path, {key.id: key.secret}).findings
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
assert log.flush(10.0)
log.close()
assert (log.written, log.failing) == (50, False)
assert not verify_log(path, {key.id: key.secret}).findings
print("sound")
"""


def test_a_disk_that_refuses_is_tried_again_and_nothing_is_lost_or_doubled(path):
    run = subprocess.run([sys.executable, "-c", FULL_DISK, str(path)], capture_output=True, text=True, check=False, timeout=60)
    assert run.stdout == "sound\n", run.stderr
    assert [orjson.loads(line)["event"] for line in run.stderr.splitlines()] == ["records not written", "records written again"]


KILLED = """
import sys
from pathlib import Path
from proxy.adapters.audit_log import AuditLog, FileSink
from proxy.audit.chain import chain_key
from proxy.audit.record import Record
log = AuditLog(FileSink(Path(sys.argv[1]), chain_key(b"secret"), rotate_bytes=3_000, keep_files=10_000))
number = 0
while True:
    for _ in range(50):
        log.write(Record(f"d-{number}", 1.0, "r"))
        number += 1
    log.flush(10.0)
    print(log.written, flush=True)
"""


def test_a_killed_process_loses_nothing_that_was_counted_as_written(path):
    key = chain_key(b"secret")
    acknowledged = before = 0
    rng = random.Random(4)
    for _ in range(6):
        with subprocess.Popen([sys.executable, "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for _ in range(rng.randrange(1, 12)):
                acknowledged = int(process.stdout.readline())
            os.kill(process.pid, signal.SIGKILL)
            acknowledged = int(([acknowledged, *map(int, process.stdout.read().split())])[-1])
        FileSink(path, key).close()
        assert verify_log(path, {key.id: key.secret}).findings == ()
        ids = [body["id"] for body in bodies(path)][before:]
        assert ids[:acknowledged] == [f"d-{number}" for number in range(acknowledged)]
        before += len(ids)


def test_closing_an_idle_log_is_quick_and_may_be_repeated(path):
    began = time.monotonic()
    log = AuditLog(FileSink(path, KEY))
    log.close()
    log.close()
    assert log.flush(0.01) is False
    assert time.monotonic() - began < 30.0
