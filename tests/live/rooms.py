"""A small shop and its visitors, for tests of sessions: the real hub and broker, ASGI's own messages, no network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import msgspec

from live.broker import Broker, BrokerUnavailable
from live.desk import Entrance, Presentee, Refusal, Said
from live.events import Position, RoomEvent, member_topic, room_topic
from live.hub import Hub
from live.protocol import Batch, ClientFrame, CloseCode, Hello, ServerFrame, Welcome, decode_server, encode
from live.session import serve

F = TypeVar("F", bound=ServerFrame)
ROOM = "1"


class Shop:
    """Facts count up; `committed` is the truth that snapshots are taken from."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.committed = 0
        self.likes = 0
        self.left: list[str] = []
        self.snapshots = 0
        self.banned: set[str] = set()
        self.dismissed: set[str] = set()
        self.away = False
        self.recheck = True
        self._relaying = asyncio.Lock()
        self.before_snapshot: Callable[[], Any] | None = None

    async def happen(self, count: int = 1) -> None:
        numbers = range(self.committed + 1, self.committed + count + 1)
        self.committed += count
        await self.relay([RoomEvent(room_topic(ROOM), "room.pinned", {"n": n}, f"fact-{n}") for n in numbers])

    async def relay(self, events: list[RoomEvent]) -> None:
        """What is committed is appended in its order, again until the broker takes it: the outbox's way."""
        async with self._relaying:
            while True:
                try:
                    await self.broker.append(events)
                    return
                except BrokerUnavailable:
                    await asyncio.sleep(0.02)

    def desk(self, member: str) -> ShopDesk:
        return ShopDesk(self, member)


class ShopDesk:
    def __init__(self, shop: Shop, member: str) -> None:
        self.shop = shop
        self.member = member

    async def enter(self, hello: Hello) -> Entrance:
        if hello.invite == "EXPIRED":
            raise Refusal({"slug": "gone", "title": "That has ended", "status": 410})
        return Entrance(
            topics=[room_topic(ROOM), member_topic(self.member)],
            you={"member_id": self.member, "name": self.member, "role": "viewer", "muted_until": None},
            present=Presentee(ROOM, self.member, {"name": self.member}),
            recheck=self.shop.recheck,
        )

    async def snapshot(self) -> Any:
        self.shop.snapshots += 1
        taken = {"n": self.shop.committed}
        if self.shop.before_snapshot is not None:
            await self.shop.before_snapshot()
        return taken

    async def arrived(self, first: bool) -> None:
        if self.member in self.shop.banned:
            raise Refusal({"slug": "banned", "title": "You are banned", "status": 403}, CloseCode.BANNED)

    async def recheck(self) -> None:
        if self.shop.away:
            raise Refusal(
                {"slug": "unavailable", "title": "Come again", "status": 503}, CloseCode.UNAVAILABLE
            )
        if self.member in self.shop.dismissed:
            raise Refusal({"slug": "not-signed-in", "title": "Sign in first", "status": 401})

    async def say(self, text: str, ref: str, reply_to: str | None) -> Said:
        if "bad word" in text:
            raise Refusal({"slug": "refused", "title": "Not that word", "status": 422})
        if text == "a bug":
            raise RuntimeError("in the shop")
        line = msgspec.json.encode({"kind": "chat.said", "id": f"{self.member}-{ref}", "text": text})
        await self.shop.broker.say(room_topic(ROOM), [line])
        return Said(f"{self.member}-{ref}", line)

    async def like(self, count: int) -> None:
        self.shop.likes += count

    async def leave(self) -> None:
        self.shop.left.append(self.member)


class Closed(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed {code} {reason}")
        self.code = code
        self.reason = reason


class Phone:
    """One visitor's connection. Checks, for every fact it hears, that none is missing, doubled or out of order."""

    def __init__(
        self, hub: Hub, shop: Shop, member: str, extensions: Mapping[str, Any] | None = None
    ) -> None:
        self.scope = {"type": "websocket", "extensions": dict(extensions or {})}
        self.member = member
        self.texts: list[str] = []
        self.positions: dict[str, str] = {}
        self.numbers: list[int] = []
        self.state = 0
        self.reading = asyncio.Event()
        self.reading.set()
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._frames: asyncio.Queue[ServerFrame | Exception] = asyncio.Queue()
        self._incoming.put_nowait({"type": "websocket.connect"})
        self.served = asyncio.create_task(serve(self, hub, shop.desk(member)))

    # ASGI

    async def receive(self) -> dict[str, Any]:
        return await self._incoming.get()

    async def send(self, message: dict[str, Any]) -> None:
        await self.reading.wait()
        match message["type"]:
            case "websocket.send":
                self.texts.append(message["text"])
                frame = decode_server(message["text"])
                try:
                    self._note(frame)
                    self._frames.put_nowait(frame)
                except AssertionError as error:
                    self._frames.put_nowait(error)
            case "websocket.close":
                self._frames.put_nowait(Closed(message["code"], message["reason"]))
                self._incoming.put_nowait({"type": "websocket.disconnect", "code": message["code"]})

    # The visitor

    def write(self, frame: ClientFrame | str | bytes) -> None:
        if isinstance(frame, bytes):
            self._incoming.put_nowait({"type": "websocket.receive", "bytes": frame})
        else:
            text = frame if isinstance(frame, str) else encode(frame).decode()
            self._incoming.put_nowait({"type": "websocket.receive", "text": text})

    async def hello(self, positions: Mapping[str, str] | None = None) -> Welcome:
        self.write(Hello(1, dict(positions or {})))
        return await self.hear(Welcome)

    async def hear(self, kind: type[F], when: Callable[[F], bool] = lambda frame: True) -> F:
        """The next such frame. Raises Closed when the connection ends first."""
        async with asyncio.timeout(15):
            while True:
                frame = await self._next()
                if isinstance(frame, kind) and when(frame):
                    return frame

    async def closed(self) -> Closed:
        try:
            async with asyncio.timeout(15):
                while True:
                    await self._next()
        except Closed as closed:
            return closed

    async def reach(self, state: int) -> None:
        """Wait until facts and snapshots have brought the visitor so far."""
        async with asyncio.timeout(15):
            while self.state < state:
                await self._next()

    async def hang_up(self) -> None:
        self._incoming.put_nowait({"type": "websocket.disconnect", "code": 1001})
        self.reading.set()
        await self.served

    async def _next(self) -> ServerFrame:
        frame = await self._frames.get()
        if isinstance(frame, Exception):
            raise frame
        return frame

    def _note(self, frame: ServerFrame) -> None:
        if isinstance(frame, Welcome):
            self.positions.update(frame.positions)
            if frame.snapshot is not None:
                assert frame.snapshot["n"] >= self.state, "a snapshot older than what was known"
                self.state = frame.snapshot["n"]
        elif isinstance(frame, Batch) and frame.facts:
            last = Position.parse(self.positions[frame.topic])
            after = Position.parse(frame.position)
            numbers = [fact.o for fact in frame.facts]
            if after.epoch == last.epoch:
                assert numbers == list(range(last.offset + 1, after.offset + 1)), "a hole or a double"
            self.positions[frame.topic] = frame.position
            for fact in frame.facts:
                number = msgspec.json.decode(fact.data).get("n")
                if number is None:
                    continue
                self.numbers.append(number)
                assert number <= self.state + 1, "a fact was lost"
                self.state = max(self.state, number)
