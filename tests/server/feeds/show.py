"""What happens in a room whose feed is heard, and the merchant's tools that hear it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import msgspec
from sqlalchemy import text
from websockets.asyncio.client import connect

from live.broker.redis import RedisBroker
from live.events import feed_topic
from live.room import Command, Pause, Resume
from server.attribution import service as attribution
from server.attribution.service import Entering
from server.chat import moderation
from server.chat.service import Chat
from server.kit import facts
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.kit.redis import connect as connect_redis
from server.kit.settings import Settings
from server.orders import refunding
from server.payments import service as payments
from server.payments.providers import Notice
from server.rooms import service as rooms
from server.tipping import service as tipping
from server.wallets import service as wallets
from server.wallets.rules import cash, of_member
from tests.server.rooms.floor import Floor, Visitor
from tests.server.rooms.stage import Stage


@dataclass
class Event:
    id: str
    kind: str
    data: Any


@dataclass
class Events:
    """A stream of server-sent events, read as the HTML standard has it, and everything that was heard on it."""

    response: httpx.Response
    heard: list[Event] = field(default_factory=list)
    comments: list[str] = field(default_factory=list)
    last_id: str = ""
    retry_ms: int = 0

    def __post_init__(self) -> None:
        self._chunks = self.response.aiter_bytes()
        self._rest = b""

    async def read(self) -> None:
        """What comes next; StopAsyncIteration when the stream was ended in order."""
        self._rest += await anext(self._chunks)
        *blocks, self._rest = self._rest.split(b"\n\n")
        for block in blocks:
            self._take(block.decode())

    def _take(self, block: str) -> None:
        kind, data = "message", []
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match name:
                case "":
                    self.comments.append(value)
                case "id":
                    self.last_id = value
                case "event":
                    kind = value
                case "data":
                    data.append(value)
                case "retry":
                    self.retry_ms = int(value)
        if data:
            self.heard.append(Event(self.last_id, kind, msgspec.json.decode("\n".join(data))))

    async def until(self, wanted: Callable[[Event], bool]) -> Event:
        async with asyncio.timeout(10):
            seen = 0
            while True:
                for event in self.heard[seen:]:
                    if wanted(event):
                        return event
                seen = len(self.heard)
                await self.read()

    async def to_the_end(self) -> None:
        async with asyncio.timeout(10):
            while True:
                try:
                    await self.read()
                except StopAsyncIteration:
                    return

    @property
    def told(self) -> list[tuple[str, Any]]:
        return [(event.kind, event.data) for event in self.heard]


def told(visitor: Visitor) -> list[tuple[str, Any]]:
    return [
        (fact["kind"], fact["data"])
        for frame in visitor.frames
        if frame["type"] == "batch"
        for fact in frame["facts"]
    ]


def numbers(visitor: Visitor) -> list[int]:
    return [fact["o"] for frame in visitor.frames if frame["type"] == "batch" for fact in frame["facts"]]


@dataclass
class Show:
    floor: Floor

    @property
    def stage(self) -> Stage:
        return self.floor.stage

    @property
    def settings(self) -> Settings:
        return msgspec.structs.replace(self.floor.settings, sandbox=True)

    @property
    def path(self) -> str:
        return f"/api/rooms/{self.stage.room_id}/feed"

    async def token(self, by: Principal | None = None, room_id: UUID | None = None, days: int = 30) -> str:
        path = f"/api/rooms/{room_id or self.stage.room_id}/feed-tokens"
        made = await self.floor.ask("POST", path, by or self.stage.owner, json={"days": days})
        assert made.status_code == 201, made.text
        return made.json()["token"]

    # Hearing

    @asynccontextmanager
    async def stream(
        self, token: str, after: str | None = None, path: str | None = None
    ) -> AsyncIterator[Events]:
        headers = {"Authorization": f"Bearer {token}"}
        if after is not None:
            headers["Last-Event-ID"] = after
        async with self.floor.web.stream("GET", path or self.path, headers=headers, timeout=30) as response:
            assert response.status_code == 200, await response.aread()
            events = Events(response)
            while not events.last_id:  # from here on it hears everything
                await events.read()
            yield events

    @asynccontextmanager
    async def socket(self, token: str, room_id: UUID | str | None = None) -> AsyncIterator[Visitor]:
        path = f"/ws/rooms/{room_id or self.stage.room_id}/feed?token={token}"
        async with connect(self.floor.address(path)) as socket:
            yield Visitor(socket)

    async def recorded(self) -> list[tuple[str, Any]]:
        """What the outbox says that the feed has to hear, in its order."""
        async with self.stage.session() as session:
            rows = await session.execute(
                text("SELECT kind, body FROM outbox WHERE body->>'room_id' = :room ORDER BY seq"),
                {"room": str(self.stage.room_id)},
            )
            kinds = facts.kinds()
            recorded = [msgspec.convert(row.body, kinds[row.kind]) for row in rows]
        return [
            (event.kind, event.data)
            for fact in recorded
            for event in facts.announcements(fact)
            if event.topic == feed_topic(self.stage.room_id)
        ]

    # Happening

    @asynccontextmanager
    async def chat(self) -> AsyncIterator[Chat]:
        settings = self.floor.settings
        broker, redis = RedisBroker(settings.redis_url), connect_redis(settings.redis_url)
        chat = Chat(self.stage.database, broker, redis, lambda: datetime.now(UTC))
        try:
            yield chat
        finally:
            await chat.stop()
            await broker.aclose()
            await redis.aclose()

    async def talk(self, lines: int, per_s: float) -> list[UUID]:
        """The host says so many lines, at that pace however long each takes; answers their ids."""
        async with self.chat() as chat, asyncio.TaskGroup() as saying:
            said = []
            for n in range(lines):
                line = chat.say(self.stage.host, self.stage.room_id, str(uuid7()), f"line {n}")
                said.append(saying.create_task(line))
                await asyncio.sleep(1 / per_s)
        return [line.result().id for line in said]

    async def enter(self, member: Principal) -> None:
        async with self.stage.session() as session:
            asked = Entering(room_id=self.stage.room_id, member_id=member.id, brand_id=member.brand_id)
            await attribution.enter(session, asked, datetime.now(UTC))

    async def tip(self, member: Principal, quantity: int = 1, gift: str = "Rose") -> UUID:
        async with self.stage.session() as session:
            entries = [(of_member(member.id), 1000), (cash(member.brand_id), -1000)]
            await wallets.book(session, member.brand_id, "seed", f"seed:{uuid7()}", entries)
            made = await tipping.create_gift(session, member.brand_id, name=gift, icon="🌹", price_minor=100)
            given = await tipping.give(session, member, self.stage.room_id, made.id, quantity, str(uuid7()))
        return given.tip_id

    async def buy(self, member: Principal, quantity: int = 1) -> UUID:
        order_id = await self.stage.order(member, quantity)
        async with self.stage.session() as session:
            payment = await payments.create(
                session, self.settings, brand_id=member.brand_id, member_id=member.id, payable="order",
                payable_id=order_id, provider="sandbox", amount_minor=9900 * quantity, title="tea", return_url="/",
            )  # fmt: skip
            notice = Notice(str(uuid7()), payment.id, True, payment.amount_minor)
            await payments.receive(session, "sandbox", notice, datetime.now(UTC))
        return order_id

    async def refund(self, order_id: UUID, amount_minor: int) -> None:
        async with self.stage.session() as session:
            await refunding.refund(
                session, self.stage.owner, order_id, amount_minor, str(uuid7()), "", datetime.now(UTC)
            )

    async def delete(self, message_id: UUID) -> None:
        async with self.stage.session() as session:
            await moderation.remove(
                session, self.stage.host, self.stage.room_id, message_id, datetime.now(UTC)
            )

    async def direct(self, command: Command) -> None:
        async with self.stage.session() as session:
            await rooms.direct(session, self.stage.host, self.stage.room_id, command, datetime.now(UTC))

    async def everything_else(self, message_id: UUID) -> None:
        """One of each kind that is no line, the room's state last."""
        member = await self.stage.shop.member("Wang")
        await self.enter(member)
        await self.tip(member)
        await self.refund(await self.buy(member), 900)
        await self.delete(message_id)
        async with self.stage.session() as session:
            await moderation.restore(
                session, self.stage.host, self.stage.room_id, message_id, datetime.now(UTC)
            )
        await self.direct(Pause())
        await self.direct(Resume())
