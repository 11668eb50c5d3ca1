"""Child processes that can't outlive the one that started them.

On Linux the kernel signals a child when its parent dies (`prctl(PR_SET_PDEATHSIG)`, prctl(2)): it must be asked
for after the change of user, and by the parent's main thread, since it is that thread's death which counts.
Elsewhere `server.run.watchdog` holds the other end of a pipe and does the same.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from server.run.folders import Account

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None

HAS_PARENT_DEATH_SIGNAL = _libc is not None


def spawn_options(death_signal: signal.Signals, account: Account | None = None) -> dict[str, Any]:
    """Keyword arguments for `subprocess.Popen` or `asyncio.create_subprocess_exec`.

    The child gets a session of its own, so that Ctrl-C reaches the parent alone, which then stops it in order.
    """
    options: dict[str, Any] = {"start_new_session": True, "stdin": subprocess.DEVNULL}
    if account is not None:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    if HAS_PARENT_DEATH_SIGNAL:
        options["preexec_fn"] = partial(die_with_parent, death_signal, os.getpid())
    return options


def die_with_parent(death_signal: signal.Signals, parent: int) -> None:
    """In a child, right after the fork. `parent` is who forked it."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
    if os.getppid() != parent:  # it died before the call
        os._exit(1)


def end_all(pattern: re.Pattern[str], *signals: signal.Signals, patience: float) -> None:
    """Send `signals` in turn, `patience` seconds apart, until no command line matches `pattern` at its start."""
    for number in signals:
        for pid in running(pattern):
            with suppress(ProcessLookupError, PermissionError):
                os.kill(pid, number)
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not running(pattern):
                return
            time.sleep(0.02)


def running(pattern: re.Pattern[str]) -> list[int]:
    """Processes whose command line, or the title they gave themselves, matches `pattern` at its start."""
    return [pid for pid, line in _command_lines() if pattern.match(line)]


def _command_lines() -> Iterator[tuple[int, str]]:
    if sys.platform == "linux":  # procps may be missing
        for folder in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                line = (folder / "cmdline").read_bytes().rstrip(b"\0").replace(b"\0", b" ")
                yield int(folder.name), line.decode(errors="replace")
        return
    listed = subprocess.run(["ps", "-axww", "-o", "pid=,command="], capture_output=True, check=False).stdout
    for row in listed.decode(errors="replace").splitlines():
        pid, _, line = row.strip().partition(" ")
        yield int(pid), line.strip()
