"""A real `showfloor run` in a process of its own, as a person starts it."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from server.run.folders import DataFolder
from server.run.processes import running
from server.run.state import SupervisorState, read_state

READY = re.compile(r"Showfloor is ready at (\S+)")
PATIENCE = 60.0


class ShowfloorProcess:
    def __init__(self, data: Path, *options: str, **variables: str) -> None:
        self.data = data
        self.printed = ""
        self.children: set[int] = set()
        self._log: IO[bytes] = (data.parent / f"{data.name}.log").open("ab")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SHOWFLOOR_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", "run", "--data", str(data), "--port", "0", *options],
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment | variables,
        )

    def await_ready(self) -> str:
        """The address that it prints."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.printed += line
            if found := READY.search(line):
                self.base_url = found[1]
                self.pids()
                return self.base_url
        raise AssertionError(f"it ended before it was ready:\n{self.log()[-4000:]}")

    def log(self) -> str:
        return Path(self._log.name).read_text()

    def state(self) -> SupervisorState:
        state = read_state(self.data)
        assert state is not None
        return state

    def pids(self) -> dict[str, int]:
        """Of the children that run now, by name; none before there are any."""
        state = read_state(self.data)
        pids = {name: child.pid for name, child in state.processes.items() if child.pid} if state else {}
        self.children.update(pids.values())
        return pids

    def status_of(self, path: str) -> int:
        host, port = self.base_url.removeprefix("http://").split(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=10)
        try:
            connection.request("GET", path)
            return connection.getresponse().status
        finally:
            connection.close()

    def kill_child(self, name: str) -> None:
        """As the kernel would; returns when it was started again and is ready."""
        old = self.pids()[name]
        os.kill(old, signal.SIGKILL)
        until(lambda: self.pids().get(name, old) != old and self.state().processes[name].state == "ready")

    def left(self) -> list[int]:
        """Every process of this system that still runs: those it started, and PostgreSQL's own children."""
        folder = DataFolder(self.data)
        servers = re.compile(
            f".*({re.escape(str(folder.root))}|{re.escape(str(folder.sockets))}|{folder.digest})"
        )
        return [pid for pid in {*self.children, *running(servers)} if is_alive(pid)]

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """How many seconds it took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.communicate(timeout=PATIENCE)
        self._log.close()
        return time.monotonic() - began


def until(true: Callable[[], bool], seconds: float = PATIENCE) -> None:
    """Processes that aren't ours to wait for offer no event; this looks."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/status")
    return "State:\tZ" not in status.read_text() if status.exists() else True
