"""What the supervisor knows of its processes, as DATA/supervisor.json; the web role shows it in /health/ready."""

from __future__ import annotations

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec

FILE = "supervisor.json"


class ProcessState(msgspec.Struct):
    """`since` is when `state` began. `waiting`: it ended, and is started again after a pause."""

    state: Literal["starting", "ready", "waiting", "stopped"]
    since: datetime
    pid: int | None = None
    restarts: int = 0
    last_exit: int | None = None


class SupervisorState(msgspec.Struct):
    pid: int
    base_url: str
    started_at: datetime
    processes: dict[str, ProcessState] = {}

    def write(self, data: Path) -> None:
        """Whole or not at all: a reader never sees half of it."""
        fresh = data / f".{FILE}-{os.getpid()}"
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=2))
        fresh.replace(data / FILE)


class Prepared(msgspec.Struct):
    """What `showfloor prepare` prints for the supervisor: the page of the owner's first log-in, until it is used."""

    owner_link: str | None = None


def read_state(data: Path) -> SupervisorState | None:
    """None where no supervisor runs: a role that was started alone, or a supervisor that was killed."""
    with suppress(OSError, msgspec.DecodeError):
        state = msgspec.json.decode((data / FILE).read_bytes(), type=SupervisorState)
        os.kill(state.pid, 0)
        return state
    return None


def hindrances(data: Path) -> dict[str, str]:
    """The processes beside the web role that aren't ready, by name, with their state. Empty without supervisor."""
    state = read_state(data)
    processes = state.processes if state else {}
    return {
        name: process.state
        for name, process in processes.items()
        if process.state != "ready" and not name.startswith("web")
    }
