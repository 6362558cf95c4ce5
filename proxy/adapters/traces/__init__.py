"""Files of recorded traffic: read for replay, written by the running proxy where an operator asks for it."""

from proxy.adapters.traces.capture import Capture, open_capture
from proxy.adapters.traces.file import TraceFile

__all__ = ["Capture", "TraceFile", "open_capture"]
