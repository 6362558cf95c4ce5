"""A real Redis or Valkey on a unix socket, started, paused and killed by the tests that need one."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

BINARY = shutil.which("redis-server") or shutil.which("valkey-server")
MISSING = "neither redis-server nor valkey-server is installed (Debian: apt-get install redis-server)"


class RedisServer:
    """One server process; `url` stays the same when it is killed and started again."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="tosproxy-redis-"))
        self.path = str(self._folder / "redis.sock")
        self.url = f"unix://{self.path}"
        self._process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        options = {"port": "0", "unixsocket": self.path, "save": "", "appendonly": "no", "dir": str(self._folder), "maxclients": "500"}
        command = [str(BINARY), *(word for name, value in options.items() for word in (f"--{name}", value))]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10.0
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError("the server didn't start")
            time.sleep(0.01)

    def _answers(self) -> bool:
        try:
            return self.command("PING") == b"+PONG\r\n"
        except OSError:
            return False

    def command(self, *words: str) -> bytes:
        """The raw reply, up to 64 KiB, to one command sent by hand."""
        with socket.socket(socket.AF_UNIX) as plain:
            plain.settimeout(5.0)
            plain.connect(self.path)
            plain.sendall(b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word.encode()) for word in words))
            return plain.recv(65_536)

    def pause(self) -> None:
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        Path(self.path).unlink(missing_ok=True)

    def close(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self.resume()
            self.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)
