"""The web role on a real socket, its relay beside it, and people who come in by WebSocket."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import uvicorn
from websockets.asyncio.client import ClientConnection, connect

from live.broker.redis import RedisBroker
from server.accounts import service as accounts
from server.accounts.models import Account
from server.app import create_app
from server.feeds.transport import StreamProtocol
from server.kit.outbox import Relay
from server.kit.principal import Principal
from server.kit.settings import Settings
from server.members import service as members
from server.members.models import Member
from server.members.tokens import member_tokens
from server.rooms.transport import UVICORN
from tests.server.rooms.stage import Stage, settings_for


def pins_told(frame: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The cards of each `room.pinned` in a frame, the one in front first."""
    pins = [fact["data"] for fact in frame.get("facts", ()) if fact["kind"] == "room.pinned"]
    return [[card for card in (pin["card"], *pin["beside"]) if card] for pin in pins]


@dataclass
class Visitor:
    """One connection, and everything that was heard on it."""

    socket: ClientConnection
    frames: list[dict[str, Any]] = field(default_factory=list)

    async def hello(self, *, device: str | None = None, **positions: str) -> dict[str, Any]:
        """The welcome, or the problem that it was answered with."""
        await self.send(type="hello", v=1, positions=positions, **({"device": device} if device else {}))
        return await self.until(lambda frame: frame["type"] in {"welcome", "problem"})

    async def send(self, **frame: Any) -> None:
        await self.socket.send(msgspec.json.encode(frame).decode())

    async def until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        """The first frame like this, heard already or within twenty seconds."""
        async with asyncio.timeout(20):
            seen = 0
            while True:
                for frame in self.frames[seen:]:
                    if wanted(frame):
                        return frame
                seen = len(self.frames)
                self.frames.append(msgspec.json.decode(await self.socket.recv()))

    async def fact(self, kind: str, topic: str = "room") -> dict[str, Any]:
        frame = await self.until(
            lambda frame: frame.get("topic") == topic and any(fact["kind"] == kind for fact in frame["facts"])
        )
        return next(fact["data"] for fact in frame["facts"] if fact["kind"] == kind)

    async def line(self, text: str) -> dict[str, Any]:
        frame = await self.until(
            lambda frame: any(line.get("text") == text for line in frame.get("talk", ()))
        )
        return next(line for line in frame["talk"] if line.get("text") == text)

    async def answer(self, ref: str) -> dict[str, Any]:
        return await self.until(lambda frame: frame.get("ref") == ref)

    @property
    def position(self) -> str:
        """Of the room, after the last frame heard."""
        position: str = [
            frame["positions"]["room"] if frame["type"] == "welcome" else frame["position"]
            for frame in self.frames
            if frame["type"] == "welcome" or frame.get("topic") == "room"
        ][-1]
        return position

    def kinds(self) -> list[str]:
        """Of all facts heard on the room's topic, in order."""
        return [
            fact["kind"] for frame in self.frames if frame.get("topic") == "room" for fact in frame["facts"]
        ]


@dataclass
class Floor:
    stage: Stage
    settings: Settings
    web: httpx.AsyncClient

    async def token(self, who: Principal) -> str:
        async with self.stage.session() as session:
            if who.kind == "member":
                member = await session.get(Member, who.id)
                return member_tokens(self.settings.secret).issue(member, datetime.now(UTC))
            account = await session.get(Account, who.id)
            return await accounts.issue_session(session, account, datetime.now(UTC), timedelta(hours=1))

    async def ask(
        self, method: str, path: str, by: Principal | None = None, **request: Any
    ) -> httpx.Response:
        headers = {"Authorization": f"Bearer {await self.token(by)}"} if by else {}
        return await self.web.request(method, path, headers=headers | request.pop("headers", {}), **request)

    def address(self, path: str) -> str:
        return self.settings.base_url.replace("http", "ws", 1) + path

    @asynccontextmanager
    async def visitor(
        self,
        who: Principal | None,
        room_id: UUID | str | None = None,
        *,
        control: bool = False,
        path: str = "",
    ) -> AsyncIterator[Visitor]:
        address = self.address(path or f"/ws/rooms/{room_id or self.stage.room_id}")
        query = [f"token={await self.token(who)}"] if who else []
        query += ["view=control"] if control else []
        async with connect(f"{address}?{'&'.join(query)}") as socket:
            yield Visitor(socket)


@asynccontextmanager
async def open_floor(stage: Stage, redis_url: str, **more: Any) -> AsyncIterator[Floor]:
    """`more`: settings."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    settings = settings_for(stage.database, redis_url, base_url=f"http://127.0.0.1:{port}", port=port, **more)
    config = uvicorn.Config(
        create_app(settings), **UVICORN, http=StreamProtocol, log_level="warning", access_log=False
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    broker, stop = RedisBroker(redis_url), asyncio.Event()
    relaying = asyncio.create_task(Relay(stage.database, broker.append, members.remember).run(stop))
    try:
        async with httpx.AsyncClient(base_url=settings.base_url, timeout=30) as web:
            while not server.started:
                await asyncio.sleep(0.01)
            yield Floor(stage, settings, web)
    finally:
        stop.set()
        server.should_exit = True
        await asyncio.gather(serving, relaying)
        await broker.aclose()
        with suppress(OSError):
            listening.close()
