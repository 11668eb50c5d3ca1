"""One supervised child: started, watched, started again after a growing pause, stopped in order."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Protocol

from server.kit.logs import get_logger
from server.kit.settings import Explained
from server.run.state import ProcessState
from server.run.watchdog import Watchdog

PAUSES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)  # seconds before the next start, by failures in a row
STEADY_AFTER = 3.0  # seconds of being ready that end a row of failures
GIVE_UP_AFTER = 3  # failures in a row, of a child that was never ready

log = get_logger("showfloor.supervisor")


class ChildFailed(Explained):
    """It ended again and again before it was ready even once."""


class Process(Protocol):
    """`asyncio.subprocess.Process`, or a process that the nursery forked."""

    @property
    def pid(self) -> int: ...
    @property
    def returncode(self) -> int | None: ...
    async def wait(self) -> int: ...
    def send_signal(self, signal: int, /) -> None: ...
    def kill(self) -> None: ...


@dataclass(frozen=True)
class Life:
    """A process that was started. `ready` returns whether it became ready, and waits until that is known."""

    process: Process
    ready: Coroutine[Any, Any, bool]


@dataclass
class Child:
    """`begin` starts one life. `mend` is tried once when it fails again and again, and says whether it did anything."""

    name: str
    begin: Callable[[], Awaitable[Life]]
    watchdog: Watchdog
    changed: Callable[[], None]
    stop_signal: signal.Signals = signal.SIGTERM
    kill_signal: signal.Signals = signal.SIGKILL
    mend: Callable[[], bool] = lambda: False
    explain: Callable[[], str] = lambda: "Its last lines are above."
    state: ProcessState = field(init=False)

    def __post_init__(self) -> None:
        self.state = ProcessState(state="stopped", since=datetime.now(UTC))
        self.once_ready = asyncio.Event()
        self._process: Process | None = None
        self._stopping = False

    async def keep(self) -> None:
        """Until `stop`. Raises ChildFailed when it can't be started at all, and whatever `begin` raises, but for what
        the system lacks for a moment (OSError) once the child was ready."""
        failures = 0
        while not self._stopping:
            steady = await self._live()
            if self._stopping:
                break
            failures = 1 if steady else failures + 1
            if failures == GIVE_UP_AFTER and await asyncio.to_thread(self.mend):
                log.warning("data set aside", process=self.name)
            elif failures >= GIVE_UP_AFTER and not self.once_ready.is_set():
                raise ChildFailed(f"{self.name} could not be started. {self.explain()}")
            self.state.restarts += 1
            self._enter("waiting")
            await asyncio.sleep(PAUSES[min(failures, len(PAUSES)) - 1])

    async def stop(self, patience: float) -> None:
        """Ask, wait `patience` seconds, then end it at once."""
        self._stopping = True
        process = self._process
        for number, seconds in ((self.stop_signal, patience), (self.kill_signal, 0.5), (signal.SIGKILL, 5.0)):
            if process is None or process.returncode is not None:
                break
            with suppress(ProcessLookupError):
                process.send_signal(number)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), seconds)
        self._enter("stopped")

    async def _live(self) -> bool:
        """One life of the process, from start to exit; whether it was ready for long."""
        try:
            life = await self.begin()
        except OSError as error:
            nursery_died = isinstance(error, ConnectionError)  # the next start makes a new one
            if not nursery_died and not self.once_ready.is_set():
                raise
            log.error("process not started", process=self.name, error=str(error))
            return False
        self._process = process = life.process
        if self._stopping:  # said while it was being started
            process.kill()
        self.watchdog.watch(process.pid, self.stop_signal)
        self._enter("starting", process.pid)
        readiness = asyncio.create_task(self._await_ready(life))
        code = await process.wait()
        self.watchdog.forget(process.pid)
        readiness.cancel()
        await asyncio.wait([readiness])
        self.state.last_exit = code
        if not self._stopping:
            log.error("process ended", process=self.name, pid=process.pid, exit=code)
        ready_for = (datetime.now(UTC) - self.state.since).total_seconds()
        return self.state.state == "ready" and ready_for > STEADY_AFTER

    async def _await_ready(self, life: Life) -> None:
        if await life.ready:
            self._enter("ready", life.process.pid)
            self.once_ready.set()

    def _enter(
        self, state: Literal["starting", "ready", "waiting", "stopped"], pid: int | None = None
    ) -> None:
        self.state.state = state
        self.state.since = datetime.now(UTC)
        self.state.pid = pid
        log.info("process is " + state, process=self.name, **({"pid": pid} if pid else {}))
        self.changed()
