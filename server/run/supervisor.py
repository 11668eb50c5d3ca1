"""`showfloor run`: the embedded servers, the schema, the roles, and nothing of it left behind."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import ssl
import sys
from collections.abc import Coroutine, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from server.kit.logs import get_logger
from server.kit.settings import Settings, SettingsError, split_address
from server.run.children import Child, ChildFailed
from server.run.embedded import EmbeddedServer, EmbeddedServerFailed, Postgres, Valkey, last_lines
from server.run.folders import DataFolder, FolderUnusable
from server.run.lan import LanCertificate, certificate_for, is_private, lan_addresses
from server.run.nursery import Nursery
from server.run.phone_door import PhoneDoor
from server.run.ports import PortTaken, free_udp_port, listen, listen_near, loopback_of
from server.run.processes import HAS_PARENT_DEATH_SIGNAL
from server.run.starting import Starter, embedded, interpreters, role, start_with_words
from server.run.state import FILE, Prepared, SupervisorState, hindrances
from server.run.watchdog import Watchdog
from server.run.welcome import Welcome

ROLES_PATIENCE = 2.6  # seconds; with the next one it must stay below 5
SERVERS_PATIENCE = 1.2
READY_WITHIN = 120.0

log = get_logger("showfloor.supervisor")


class StartFailed(Exception):
    """The text is for the person at the terminal."""


EXPLAINED = (
    StartFailed,
    ChildFailed,
    EmbeddedServerFailed,
    FolderUnusable,
    PortTaken,
    SettingsError,
)  # errors whose text is enough


@dataclass(frozen=True)
class Plan:
    """What `showfloor run` was asked for; everything else comes from SHOWFLOOR_* variables."""

    data: Path
    host: str
    port: int
    demo: bool
    lan: str | None
    """The address to announce; "" finds one; None is no `--lan`."""
    web_processes: int


class Supervisor:
    """One running system. `run` returns the exit code; it may be called once, in the main thread."""

    def __init__(self, plan: Plan, environ: Mapping[str, str]) -> None:
        self._plan = plan
        self._environ = dict(environ)
        self._folder = DataFolder(plan.data)
        self._stop = asyncio.Event()
        self._failure: BaseException | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[Child] = []
        self._roles: list[Child] = []
        self._door: PhoneDoor | None = None
        self._state: SupervisorState | None = None

    async def run(self) -> int:
        """Until SIGTERM, SIGINT or SIGHUP (0), or until it can't come up (1).

        Raises FolderInUse, FolderUnusable and PortTaken before anything is started.
        """
        self._folder.lock()
        self._listener = listen(self._plan.host, self._plan.port, option="--port")
        self._port = int(self._listener.getsockname()[1])
        self._watchdog = Watchdog()
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
        base_url, certificate = self._address()
        self._state = SupervisorState(pid=os.getpid(), base_url=base_url, started_at=datetime.now(UTC))
        self._environ |= {
            "SHOWFLOOR_DATA": str(self._folder.root),
            "SHOWFLOOR_HOST": self._plan.host,
            "SHOWFLOOR_PORT": str(self._port),
            "SHOWFLOOR_BASE_URL": base_url,
            "SHOWFLOOR_INTERNAL_URL": f"{'https' if certificate else 'http'}://127.0.0.1:{self._port}",
            "SHOWFLOOR_DEMO": "1" if self._plan.demo else "0",
        }
        if certificate:
            self._environ["SSL_CERT_FILE"] = str(
                certificate.authority
            )  # for our own clients of our own pages
        await self._start_servers()
        settings = Settings.from_env(self._environ)
        prepared = await self._prepare()
        await self._start_roles(settings, certificate)
        await self._until_healthy(certificate)
        door = await self._open_door(certificate)
        for line in self._folder.said:
            print(line)
        print(Welcome(settings, prepared.owner_link, door), flush=True)
        log.info("ready", url=base_url)

    def _address(self) -> tuple[str, LanCertificate | None]:
        if self._plan.lan is None:
            given = self._environ.get("SHOWFLOOR_BASE_URL", "").rstrip("/")
            return given or f"http://{_in_url(loopback_of(self._plan.host))}:{self._port}", None
        addresses = [self._plan.lan] if self._plan.lan else lan_addresses()
        if not addresses:
            raise StartFailed("--lan: this machine has no address in a local network")
        if not is_private(addresses[0]):
            raise StartFailed(f"--lan: {addresses[0]} is not an address of a local network")
        self._environ.setdefault("SHOWFLOOR_MEDIA_PUBLIC", addresses[0])
        return f"https://{addresses[0]}:{self._port}", certificate_for(self._folder.root / "lan", addresses)

    async def _start_servers(self) -> None:
        embedded: list[tuple[str, EmbeddedServer]] = [
            ("SHOWFLOOR_DATABASE_URL", Postgres(self._folder)),
            ("SHOWFLOOR_REDIS_URL", Valkey(self._folder)),
        ]
        for variable, server in embedded:
            if not self._environ.get(variable):
                self._environ[variable] = server.url
                self._servers.append(embedded_child(server, self._watchdog, self._write_state))
        await self._keep(self._servers)

    async def _prepare(self) -> Prepared:
        process, words = await start_with_words(self._start_role, ["prepare"], self._environ)
        try:
            said = await words.read()
            code = await process.wait()
        finally:
            with suppress(ProcessLookupError):
                process.kill()
        if code:
            raise StartFailed("the database could not be prepared; the reason is above")
        return msgspec.json.decode(said, type=Prepared)

    async def _start_roles(self, settings: Settings, certificate: LanCertificate | None) -> None:
        if not settings.media_url:
            self._add_role("media", "media", "--listen-fd", str(self._media_listener.fileno()))
        tls = ["--tls", str(certificate.chain), str(certificate.key)] if certificate else []
        for number in range(1, self._plan.web_processes + 1):
            name = "web" if number == 1 else f"web-{number}"
            self._add_role(name, "web", "--listen-fd", str(self._listener.fileno()), *tls)
        self._add_role("worker", "worker")
        if settings.demo:
            self._add_role("demo", "demo")
        await self._keep(self._roles)

    def _add_role(self, name: str, *arguments: str) -> None:
        begin = role(self._start_role, arguments, self._environ)
        self._roles.append(Child(name, begin, self._watchdog, self._write_state))

    async def _keep(self, children: list[Child]) -> None:
        """Start them and wait until each was ready once."""
        for child in children:
            self._start(child.keep())
        await asyncio.gather(*(child.once_ready.wait() for child in children))

    async def _until_healthy(self, certificate: LanCertificate | None) -> None:
        try:
            async with asyncio.timeout(READY_WITHIN):
                while await asyncio.to_thread(self._health, certificate) != 200:  # noqa: ASYNC110  seen from outside
                    await asyncio.sleep(0.05)
        except TimeoutError:
            missing = hindrances(self._folder.root) or "the web role's own checks"
            raise StartFailed(f"not healthy after {READY_WITHIN:.0f} s: {missing}") from None

    def _health(self, certificate: LanCertificate | None) -> int:
        host = loopback_of(self._plan.host)
        connection: http.client.HTTPConnection
        if certificate:
            context = ssl.create_default_context(cafile=certificate.authority)
            connection = http.client.HTTPSConnection(host, self._port, timeout=5, context=context)
        else:
            connection = http.client.HTTPConnection(host, self._port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    async def _open_door(self, certificate: LanCertificate | None) -> str | None:
        """The address of the plain page where a phone gets the certificate."""
        if certificate is None or self._state is None:
            return None
        listener = listen_near(self._plan.host, self._port + 1)
        self._door = PhoneDoor(certificate.authority, self._state.base_url)
        self._door_server = await self._door.open(listener)
        host = self._state.base_url.removeprefix("https://").rpartition(":")[0]
        return f"http://{host}:{listener.getsockname()[1]}/"

    def _write_state(self) -> None:
        if self._state:
            self._state.processes = {child.name: child.state for child in (*self._servers, *self._roles)}
            self._state.write(self._folder.root)

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
            if not isinstance(error, EXPLAINED):
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
        await asyncio.to_thread(self._watchdog.close)
        (self._folder.root / FILE).unlink(missing_ok=True)
        self._folder.unlock()


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def run(plan: Plan, environ: Mapping[str, str]) -> int:
    async def main() -> int:
        return await Supervisor(plan, environ).run()

    return asyncio.run(main())
