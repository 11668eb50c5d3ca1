"""One supervised child: started, watched, started again after a growing pause, stopped in order."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from server.kit.logs import get_logger
from server.run.embedded import EmbeddedServer, last_lines, plain_environment
from server.run.folders import Account
from server.run.processes import spawn_options
from server.run.state import ProcessState
from server.run.watchdog import Watchdog

CLI = (sys.executable, "-P", "-m", "server.cli")  # -P: not whatever lies in the current folder
PAUSES = (0.1, 0.3, 1.0, 2.0, 5.0, 10.0)  # seconds before the next start, by failures in a row
STEADY_AFTER = 10.0  # seconds of being ready that end a row of failures

log = get_logger("showfloor.supervisor")


class ChildFailed(Exception):
    """It ended again and again before it was ready even once."""


@dataclass(frozen=True)
class Launch:
    """How to start one process, computed anew for each start.

    Without `ready` the process says it itself, by a byte to the descriptor that `--ready-fd` names.
    """

    command: Sequence[str]
    environment: Mapping[str, str]
    account: Account | None = None
    log_file: Path | None = None
    pass_fds: tuple[int, ...] = ()
    ready: Callable[[int], bool] | None = None


@dataclass
class Child:
    """`launch` may block and raise; `mend` is tried after three failures in a row."""

    name: str
    launch: Callable[[], Launch]
    watchdog: Watchdog
    changed: Callable[[], None]
    stop_signal: signal.Signals = signal.SIGTERM
    kill_signal: signal.Signals = signal.SIGKILL
    mend: Callable[[], bool] = lambda: False
    explain: Callable[[], str] = lambda: ""
    state: ProcessState = field(init=False)

    def __post_init__(self) -> None:
        self.state = ProcessState(state="stopped", since=datetime.now(UTC))
        self.once_ready = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False

    async def keep(self) -> None:
        """Until `stop`. Raises ChildFailed when the first start fails three times, and whatever `launch` raises."""
        failures = 0
        while not self._stopping:
            ready_for = await self._live()
            if self._stopping:
                break
            failures = 1 if ready_for > STEADY_AFTER else failures + 1
            if failures == 3 and await asyncio.to_thread(self.mend):
                log.warning("data set aside", process=self.name)
            elif failures >= 3 and not self.once_ready.is_set():
                raise ChildFailed(f"{self.name} could not be started. {self.explain()}".strip())
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

    async def _live(self) -> float:
        """One life of the process, from start to exit; for how many seconds it was ready."""
        launch = await asyncio.to_thread(self.launch)
        if self._stopping:
            return 0.0
        process, announced = await self._spawn(launch)
        self._process = process
        if self._stopping:  # said while it was being started
            process.kill()
        self.watchdog.watch(process.pid, self.stop_signal)
        self._enter("starting", pid=process.pid)
        readiness = asyncio.create_task(self._await_ready(process, launch, announced))
        code = await process.wait()
        self.watchdog.forget(process.pid)
        readiness.cancel()
        with suppress(asyncio.CancelledError):
            await readiness
        lived = (datetime.now(UTC) - self.state.since).total_seconds() if self.state.state == "ready" else 0.0
        self.state.last_exit = code
        if not self._stopping:
            log.error("process ended", process=self.name, pid=process.pid, exit=code)
        return lived

    async def _spawn(self, launch: Launch) -> tuple[asyncio.subprocess.Process, int]:
        reading, writing = os.pipe()
        own_word = ["--ready-fd", str(writing)] if launch.ready is None else []
        output = launch.log_file.open("ab") if launch.log_file else None
        try:
            process = await asyncio.create_subprocess_exec(
                *launch.command,
                *own_word,
                env=dict(launch.environment),
                stdout=output,
                stderr=output,
                cwd="/" if launch.account else None,
                pass_fds=(*launch.pass_fds, writing) if own_word else launch.pass_fds,
                **spawn_options(self.stop_signal, launch.account),
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
            if output:
                output.close()
        return process, reading

    async def _await_ready(self, process: asyncio.subprocess.Process, launch: Launch, announced: int) -> None:
        try:
            if launch.ready is None:
                said = await _first_byte(announced)
            else:
                while not launch.ready(process.pid):  # noqa: ASYNC110  the servers offer no event
                    await asyncio.sleep(0.02)
                said = True
        finally:
            os.close(announced)
        if said:
            self._enter("ready", pid=process.pid)
            self.once_ready.set()

    def _enter(self, state: str, pid: int | None = None) -> None:
        self.state.state = state  # type: ignore[assignment]
        self.state.since = datetime.now(UTC)
        self.state.pid = pid
        log.info("process is " + state, process=self.name, **({"pid": pid} if pid else {}))
        self.changed()


async def _first_byte(descriptor: int) -> bool:
    """False when the other end is closed without a word."""
    loop = asyncio.get_running_loop()
    readable: asyncio.Future[None] = loop.create_future()
    loop.add_reader(descriptor, readable.cancel)
    try:
        await asyncio.wait([readable])
    finally:
        loop.remove_reader(descriptor)
    return bool(os.read(descriptor, 1))


def embedded_child(server: EmbeddedServer, watchdog: Watchdog, changed: Callable[[], None]) -> Child:
    def launch() -> Launch:
        server.prepare()
        return Launch(
            command=server.command(),
            environment=plain_environment(),
            account=server.folder.account,
            log_file=server.folder.log(server.name),
            ready=server.ready,
        )

    return Child(
        name=server.name,
        launch=launch,
        watchdog=watchdog,
        changed=changed,
        stop_signal=server.stop_signal,
        kill_signal=server.kill_signal,
        mend=server.set_aside,
        explain=lambda: f"The end of its log:\n{last_lines(server)}",
    )


def role_child(
    name: str,
    arguments: Sequence[str],
    environment: Mapping[str, str],
    watchdog: Watchdog,
    changed: Callable[[], None],
    pass_fds: tuple[int, ...] = (),
) -> Child:
    """`showfloor ROLE …` in an interpreter of its own."""
    launch = Launch([*CLI, *arguments], environment, pass_fds=pass_fds)
    return Child(
        name=name,
        launch=lambda: launch,
        watchdog=watchdog,
        changed=changed,
        explain=lambda: "Its last lines are above.",
    )
