"""What a session of a feed asks of the shop. It only listens."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from live.desk import Entrance, Refusal, Said
from live.events import feed_topic
from live.protocol import Hello
from server.feeds import door
from server.feeds.door import Caller
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.principal import Principal
from server.kit.problems import Forbidden, NotFound
from server.rooms import service as rooms
from server.rooms import snapshot, socket
from server.rooms.models import Room


class FeedDesk:
    __slots__ = ("_asked", "_caller", "_clock", "_database")

    def __init__(self, database: Database, clock: Clock, caller: Caller, room: str) -> None:
        self._database = database
        self._clock = clock
        self._caller = caller
        self._asked = room

    async def enter(self, hello: Hello) -> Entrance:
        who, room = await self._admit()
        you = {"member_id": str(who.id), "name": who.name, "role": who.role.value, "muted_until": None}
        return Entrance([feed_topic(room.id)], you, recheck=True)

    async def recheck(self) -> None:
        await self._admit()

    async def _admit(self) -> tuple[Principal, Room]:
        with socket.door():
            async with self._database.transaction() as session:
                return await door.admit(session, self._caller, _id(self._asked), self._clock())

    async def snapshot(self) -> Any:
        """What is exported has all that was; here stands where the room is now."""
        async with self._database.transaction() as session:
            room = await rooms.load(session, _id(self._asked))
            return {"room": snapshot.info(room, await snapshot.host_name(session, room))}

    async def arrived(self, first: bool) -> None:
        return None

    async def say(self, text: str, ref: str, reply_to: str | None) -> Said:
        raise Refusal(Forbidden().body())

    async def like(self, count: int) -> None:
        raise Refusal(Forbidden().body())

    async def leave(self) -> None:
        return None


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None
