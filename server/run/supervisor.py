"""`showfloor run`: the embedded servers, the schema, the roles, and nothing of it left behind."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import ssl
import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from server.kit.logs import get_logger
from server.kit.settings import Explained, Settings
from server.run.children import Child
from server.run.embedded import EmbeddedServer, Postgres, Valkey, last_lines
from server.run.folders import DataFolder
from server.run.ground import Ground, Plan, stand
from server.run.nursery import Nursery
from server.run.phone_door import PhoneDoor
from server.run.ports import listen_near
from server.run.processes import HAS_PARENT_DEATH_SIGNAL
from server.run.starting import Starter, embedded, interpreters, role, start_with_words
from server.run.state import FILE, Prepared, SupervisorState, hindrances
from server.run.watchdog import Watchdog
from server.run.welcome import Welcome

ROLES_PATIENCE = 2.6  # seconds; with the next one it must stay below 5
SERVERS_PATIENCE = 1.2
READY_WITHIN = 120.0

log = get_logger("showfloor.supervisor")


class StartFailed(Explained):
    pass


class Supervisor:
    """One running system. `run` returns the exit code; it may be called once, in the main thread."""

    def __init__(self, plan: Plan, environ: Mapping[str, str]) -> None:
        self._plan = plan
        self._folder = DataFolder(plan.data)
        self._folder.lock()
        self._ground = stand(plan, environ, self._folder)
        self._state = SupervisorState(os.getpid(), self._ground.base_url, datetime.now(UTC))
        self._watchdog = Watchdog()
        self._nursery = Nursery(self._ground.descriptors)
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[Child] = []
        self._roles: list[Child] = []

    async def run(self) -> int:
        """Until SIGTERM, SIGINT or SIGHUP (0), or until it can't come up (1)."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        try:
            self._bringing_up = self._start(self._bring_up())
            await self._stop.wait()
        finally:
            await self._bring_down()
        if self._failure:
            print(f"\nShowfloor stopped: {self._failure}", file=sys.stderr, flush=True)
        return 1 if self._failure else 0

    async def _bring_up(self) -> None:
        start = self._starter()
        await self._start_servers()
        settings = Settings.from_env(self._ground.environ)
        prepared = await self._prepare(start)
        await self._start_roles(start, settings)
        await self._until_healthy()
        door = await self._open_door()
        for line in self._folder.said:
            print(line)
        print(Welcome(settings, prepared.owner_link, door), flush=True)
        log.info("ready", url=self._ground.base_url)

    def _starter(self) -> Starter:
        if not HAS_PARENT_DEATH_SIGNAL:
            return interpreters(self._ground.descriptors)
        self._nursery.open()
        return self._nursery.fork

    async def _start_servers(self) -> None:
        needed: list[tuple[str, EmbeddedServer]] = [
            ("SHOWFLOOR_DATABASE_URL", Postgres(self._folder)),
            ("SHOWFLOOR_REDIS_URL", Valkey(self._folder)),
        ]
        for variable, server in needed:
            if not self._ground.environ.get(variable):
                self._ground.environ[variable] = server.url
                self._servers.append(self._child_of(server))
        await self._keep(self._servers)

    def _child_of(self, server: EmbeddedServer) -> Child:
        return Child(
            server.name,
            embedded(server),
            self._watchdog,
            self._write_state,
            stop_signal=server.stop_signal,
            kill_signal=server.kill_signal,
            mend=server.set_aside,
            explain=lambda: f"The end of its log:\n{last_lines(server)}",
        )

    async def _prepare(self, start: Starter) -> Prepared:
        process, words = await start_with_words(start, ["prepare"], self._ground.environ)
        try:
            said = await words.read()
            code = await process.wait()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        if code:
            raise StartFailed("the database could not be prepared; the reason is above")
        return msgspec.json.decode(said, type=Prepared)

    async def _start_roles(self, start: Starter, settings: Settings) -> None:
        web = ["web", "--listen-fd", str(self._ground.web.fileno())]
        if certificate := self._ground.certificate:
            web += ["--tls", str(certificate.chain), str(certificate.key)]
        roles: dict[str, Sequence[str]] = {"web": web}
        roles |= {f"web-{number}": web for number in range(2, self._plan.web_processes + 1)}
        roles["media"] = ["media", "--listen-fd", str(self._ground.media.fileno())]
        roles["worker"] = ["worker"]
        if settings.demo:
            roles["demo"] = ["demo"]
        for name, arguments in roles.items():
            begin = role(start, arguments, self._ground.environ)
            self._roles.append(Child(name, begin, self._watchdog, self._write_state))
        await self._keep(self._roles)

    async def _keep(self, children: list[Child]) -> None:
        """Start them and wait until each was ready once."""
        for child in children:
            self._start(child.keep())
        try:
            async with asyncio.timeout(READY_WITHIN):
                await asyncio.gather(*(child.once_ready.wait() for child in children))
        except TimeoutError:
            late = ", ".join(child.name for child in children if not child.once_ready.is_set())
            raise StartFailed(f"not ready after {READY_WITHIN:.0f} s: {late}") from None

    async def _until_healthy(self) -> None:
        """From outside, as the acceptance of the whole: the pages answer that all is well."""
        try:
            async with asyncio.timeout(READY_WITHIN):
                while await asyncio.to_thread(_health, self._ground) != http.client.OK:  # noqa: ASYNC110  HTTP offers no event
                    await asyncio.sleep(0.05)
        except TimeoutError:
            missing = hindrances(self._folder.root) or "the web role's own checks"
            raise StartFailed(f"not healthy after {READY_WITHIN:.0f} s: {missing}") from None

    async def _open_door(self) -> str | None:
        """The address of the plain page where a phone gets the certificate."""
        if self._ground.certificate is None:
            return None
        address = urlsplit(self._ground.base_url)
        listener = listen_near(self._plan.host, (address.port or 0) + 1)
        door = PhoneDoor(self._ground.certificate.authority, self._ground.base_url)
        self._door = await door.open(listener)
        return f"http://{address.hostname}:{listener.getsockname()[1]}/"

    def _write_state(self) -> None:
        self._state.processes = {child.name: child.state for child in (*self._servers, *self._roles)}
        try:
            self._state.write(self._folder.root)
        except OSError as error:  # a full disk: the next change is written again
            log.error("state not written", error=str(error))

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._noticed)
        return task

    def _noticed(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error:
            self._failure = self._failure or error
            self._stop.set()
            if not isinstance(error, Explained):
                log.error("unexpected", exc_info=error)

    async def _bring_down(self) -> None:
        """Roles first, so that they can still write."""
        log.info("stopping")
        self._bringing_up.cancel()
        await asyncio.wait([self._bringing_up])
        await asyncio.gather(*(child.stop(ROLES_PATIENCE) for child in self._roles))
        await asyncio.gather(*(child.stop(SERVERS_PATIENCE) for child in self._servers))
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._nursery.close()
        await asyncio.to_thread(self._watchdog.close)
        (self._folder.root / FILE).unlink(missing_ok=True)
        self._folder.unlock()


def run(plan: Plan, environ: Mapping[str, str]) -> int:
    """Raises FolderInUse and Explained before anything is started."""

    async def main() -> int:
        return await Supervisor(plan, environ).run()

    return asyncio.run(main())


def _health(ground: Ground) -> int:
    address = urlsplit(ground.local_url)
    connect: Callable[..., http.client.HTTPConnection] = http.client.HTTPConnection
    options: dict[str, Any] = {"timeout": 5}
    if ground.certificate:
        connect = http.client.HTTPSConnection
        options["context"] = ssl.create_default_context(cafile=ground.certificate.authority)
    connection = connect(address.hostname, address.port, **options)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
