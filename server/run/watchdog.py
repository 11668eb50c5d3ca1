"""Ends a supervisor's processes after its death, where the kernel has no parent-death signal (macOS).

`python -m server.run.watchdog` reads lines `+PID SIGNAL` and `-PID` from its standard input, whose other end only
the supervisor holds. At its end it signals the processes that are left, and kills them 4 seconds later.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import suppress

from server.run.processes import HAS_PARENT_DEATH_SIGNAL

GRACE = 4.0  # seconds


class Watchdog:
    """The supervisor's end of the pipe; does nothing where the kernel does it."""

    def __init__(self, *, needed: bool = not HAS_PARENT_DEATH_SIGNAL) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        if needed:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "server.run.watchdog"],
                stdin=subprocess.PIPE,
                start_new_session=True,
            )

    def watch(self, pid: int, death_signal: signal.Signals) -> None:
        self._say(f"+{pid} {int(death_signal)}")

    def forget(self, pid: int) -> None:
        self._say(f"-{pid}")

    def close(self) -> None:
        """To be called when every process has ended."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()

    def _say(self, line: str) -> None:
        if self._process and self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.write(f"{line}\n".encode())
                self._process.stdin.flush()


def watch(lines: Iterable[str]) -> None:
    """Returns when `lines` are at their end and the processes left are gone."""
    left: dict[int, int] = {}
    for line in lines:
        if line.startswith("+"):
            pid, death_signal = map(int, line[1:].split())
            left[pid] = death_signal
        elif line.startswith("-"):
            left.pop(int(line[1:]), None)
    for pid, death_signal in left.items():
        _signal(pid, death_signal)
    deadline = time.monotonic() + GRACE
    while any(_signal(pid, 0) for pid in left) and time.monotonic() < deadline:
        time.sleep(0.05)
    for pid in left:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watch(sys.stdin)
