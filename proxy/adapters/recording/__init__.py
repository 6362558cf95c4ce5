"""Files of recorded traffic: read for replay, written by the running proxy where an operator asks for it."""

from proxy.adapters.recording.capture import Capture, open_capture
from proxy.adapters.recording.file import TraceFile

__all__ = ["Capture", "TraceFile", "open_capture"]
