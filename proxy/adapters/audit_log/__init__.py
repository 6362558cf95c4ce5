"""The log of records: a queue, a thread that writes, and where it writes to."""

from proxy.adapters.audit_log.file import FileSink, log_files, verify_log
from proxy.adapters.audit_log.queue import AuditLog, StreamSink

__all__ = ["AuditLog", "FileSink", "StreamSink", "log_files", "verify_log"]
