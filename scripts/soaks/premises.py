"""An installation of a soak's own, with a shop in it whose room is live: PostgreSQL, Valkey, one web process, one
worker and one media node, as they run in production but for a supervisor."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import httpx
import msgspec
import psutil
from sqlmodel import col, select

from live.broker.redis import RedisBroker
from server.kit.database import Database, migrate
from server.kit.principal import Principal
from server.members.models import Member
from server.members.tokens import member_tokens
from server.rooms.media_node import INTERNAL_HEADER, MediaReport, internal_key
from server.run.embedded import EmbeddedServers
from server.run.processes import spawn_options
from tests.acceptance.demo import free_port
from tests.server.rooms.stage import Stage

READY_WITHIN_S = 60.0
STOP_WITHIN_S = 8.0
ALARMING = frozenset({"error", "critical"})


@dataclass
class Premises:
    base_url: str
    secret: str
    database: Database
    broker: RedisBroker
    stage: Stage
    http: httpx.AsyncClient
    web: psutil.Process
    media: psutil.Process
    media_http: str
    """host:port of the media node's signalling."""
    logs: Path
    """A folder; each role's has a JSON object a line."""

    @property
    def room_url(self) -> str:
        return f"{self.base_url.replace('http', 'ws', 1)}/ws/rooms/{self.stage.room_id}"

    async def tokens(self, people: Sequence[Principal]) -> list[str]:
        """Of members, in their order."""
        tokens = member_tokens(self.secret)
        async with self.database.transaction() as session:
            rows = await session.exec(select(Member).where(col(Member.id).in_([who.id for who in people])))
            members = {member.id: member for member in rows}
        return [tokens.issue(members[who.id], datetime.now(UTC)) for who in people]

    async def seat_urls(self, people: Sequence[Principal]) -> list[str]:
        return [f"{self.room_url}?token={token}" for token in await self.tokens(people)]

    async def room_figures(self) -> dict[str, int]:
        """The web process's own counts of its rooms: sessions, closed_slow, talk_sampled_out …"""
        text = (await self.http.get("/metrics")).text
        rooms = [line.split() for line in text.splitlines() if line.startswith("showfloor_rooms_")]
        return {name.removeprefix("showfloor_rooms_"): int(float(value)) for name, value in rooms}

    async def until_sessions(self, count: int, within_s: float) -> bool:
        """Whether so many connections are left, or fewer, in that time."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + within_s
        while (await self.room_figures())["sessions"] > count:
            if loop.time() > ends:
                return False
            await asyncio.sleep(0.1)
        return True

    async def media_report(self) -> MediaReport:
        """What the media node says of itself and its rooms."""
        headers = {INTERNAL_HEADER: internal_key(self.secret)}
        answer = await self.http.get(f"http://{self.media_http}/rooms", headers=headers)
        return msgspec.json.decode(answer.raise_for_status().content, type=MediaReport)

    def rss_mb(self) -> float:
        return float(self.web.memory_info().rss) / 2**20

    def alarms(self, role: str = "web") -> list[str]:
        """What the process logged as an error."""
        log = (self.logs / f"{role}.log").read_text(errors="replace")
        entries = (_entry(line) for line in log.splitlines())
        return [str(entry.get("event")) for entry in entries if entry.get("level") in ALARMING]


def _entry(line: str) -> dict[str, object]:
    """A line that isn't the log's (a traceback of an interpreter that gives up) alarms, too."""
    try:
        entry = json.loads(line)
    except ValueError:
        entry = None
    return entry if isinstance(entry, dict) else {"level": "error", "event": line}


@asynccontextmanager
async def premises() -> AsyncIterator[Premises]:
    folder = Path(tempfile.mkdtemp(prefix="showfloor-soak-", dir="/tmp"))  # short paths for unix sockets
    secret, port = secrets.token_hex(32), free_port()
    base_url, media_http = f"http://127.0.0.1:{port}", f"127.0.0.1:{free_port()}"
    with ExitStack() as running:
        running.callback(shutil.rmtree, folder, ignore_errors=True)
        servers = running.enter_context(EmbeddedServers(folder / "servers"))
        _in_thread(migrate, servers.database_url)
        (folder / "data").mkdir()
        environment = {
            "SHOWFLOOR_DATABASE_URL": servers.database_url,
            "SHOWFLOOR_REDIS_URL": servers.redis_url,
            "SHOWFLOOR_DATA": str(folder / "data"),
            "SHOWFLOOR_SECRET": secret,
            "SHOWFLOOR_PORT": str(port),
            "SHOWFLOOR_BASE_URL": base_url,
            "SHOWFLOOR_INTERNAL_URL": base_url,
            "SHOWFLOOR_MEDIA_HTTP": media_http,
            "SHOWFLOOR_LOG": "json",
        }
        web = running.enter_context(_role("web", environment, folder))
        running.enter_context(_role("worker", environment, folder))
        media = running.enter_context(_role("media", environment, folder))
        database, broker = Database(servers.database_url), RedisBroker(servers.redis_url)
        try:
            async with httpx.AsyncClient(base_url=base_url, timeout=20) as http:
                await _ready(http, "/health/ready", web)
                await _ready(http, f"http://{media_http}/health/live", media)
                stage = await Stage.set(database)
                yield Premises(
                    base_url,
                    secret,
                    database,
                    broker,
                    stage,
                    http,
                    psutil.Process(web.pid),
                    psutil.Process(media.pid),
                    media_http,
                    folder,
                )
        finally:
            await broker.aclose()
            await database.close()


@contextmanager
def _role(name: str, environment: dict[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "server.cli", name],
            env={**os.environ, **environment},
            stdout=log,
            stderr=log,
            **spawn_options(signal.SIGKILL),
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def _ready(http: httpx.AsyncClient, url: str, role: subprocess.Popen[bytes]) -> None:
    async with asyncio.timeout(READY_WITHIN_S):
        while role.poll() is None:
            try:
                if (await http.get(url)).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError(f"a process ended with {role.returncode}")


def _in_thread(act: Callable[..., object], *arguments: object) -> None:
    """For what runs an event loop of its own."""
    thread = Thread(target=act, args=arguments)
    thread.start()
    thread.join()
