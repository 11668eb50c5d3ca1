"""The WebSocket's door: who may come in, what they see on entering, and where their words go. `live` does the rest.

Whose token it is, and that a browser's handshake comes from this site, was seen to before (`server/web`).
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import msgspec
import structlog
from litestar import WebSocket, websocket
from litestar.handlers import WebsocketRouteHandler

from live.broker import Broker, BrokerUnavailable
from live.desk import Entrance, Presentee, Refusal, Said
from live.events import control_topic, member_topic, moderation_topic, room_topic, store_topic
from live.hub import Hub
from live.protocol import CloseCode, Hello
from live.session import serve
from server.accounts import service as accounts
from server.attribution import service as attribution
from server.chat.rules import Banned, may_moderate, may_speak
from server.chat.service import Chat
from server.engagement.likes.rules import Allowance
from server.kit.clock import Clock
from server.kit.database import Database, is_away
from server.kit.devices import device_key
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden, NotFound, NotSignedIn, Problem, Unavailable
from server.kit.settings import Settings
from server.rooms import service
from server.rooms.doorkeeper import Admitted, Caller, Doorkeeper
from server.rooms.models import Room
from server.rooms.robots import is_robot
from server.rooms.rules import may_run, may_see_figures
from server.rooms.snapshot import RoomViews
from server.rooms.visits import Visits
from server.stores.models import Store

log = structlog.get_logger()

JOINED_S = 1.0
JOINED_SHOWN = 3
"""So many names of newcomers a room and second are told; the count tells the rest."""


class Joins:
    """Tells a room who came, a few names a second."""

    def __init__(self, broker: Broker, hub: Hub) -> None:
        self._broker = broker
        self._hub = hub
        self._came: dict[UUID, list[str]] = defaultdict(list)

    def add(self, room_id: UUID, name: str) -> None:
        names = self._came[room_id]
        if not names:
            self._hub.spawn(self._tell(room_id))
        if len(names) < JOINED_SHOWN:
            names.append(name)

    async def _tell(self, room_id: UUID) -> None:
        await asyncio.sleep(JOINED_S)
        lines = [
            msgspec.json.encode({"kind": "viewer.joined", "name": name}) for name in self._came.pop(room_id)
        ]
        with suppress(BrokerUnavailable):
            await self._broker.say(room_topic(room_id), lines)


@dataclass
class House:
    """What the doors of one process share."""

    database: Database
    settings: Settings
    clock: Clock
    hub: Hub
    broker: Broker
    chat: Chat
    views: RoomViews
    doorkeeper: Doorkeeper = field(init=False)
    joins: Joins = field(init=False)
    visits: Visits = field(init=False)

    def __post_init__(self) -> None:
        self.doorkeeper = Doorkeeper(self.database, self.clock)
        self.joins = Joins(self.broker, self.hub)
        self.visits = Visits(self.database, self.clock)


@contextmanager
def door() -> Iterator[None]:
    """Whoever may not come in, or not stay, is told why; whom the database had no time for, to come again."""
    try:
        yield
    except Problem as problem:
        raise _refused(problem) from problem
    except Exception as error:
        if isinstance(error, BrokerUnavailable) or not is_away(error):
            raise
        log.warning("nobody could be looked up at the door", why=type(error).__name__)
        raise Refusal(Unavailable(retry_after_s=1).body(), CloseCode.UNAVAILABLE) from error


def _refused(problem: Problem) -> Refusal:
    code = {NotFound: CloseCode.NO_SUCH_ROOM, Banned: CloseCode.BANNED}.get(
        type(problem), CloseCode.NOT_ALLOWED
    )
    return Refusal(problem.body(), code)


class RoomDesk:
    """One connection to a room. With `control`, that of whoever runs or moderates it."""

    __slots__ = (
        "_allowance",
        "_asked",
        "_control",
        "_device",
        "_house",
        "_may_speak",
        "_moderates",
        "_robot",
        "_store_id",
        "_token",
        "_topics",
        "_who",
    )

    def __init__(
        self,
        house: House,
        who: Principal | None,
        token: str,
        room: str,
        *,
        control: bool,
        robot: bool = False,
    ) -> None:
        self._house = house
        self._robot = robot
        self._who = who
        self._token = token
        self._asked = room
        self._device: bytes | None = None
        self._moderates = False
        self._topics: list[str] = []
        self._control = control
        self._store_id: UUID | None = None
        self._allowance = Allowance()
        self._may_speak = False

    async def enter(self, hello: Hello) -> Entrance:
        with door():
            return await self._enter(hello)

    async def _enter(self, hello: Hello) -> Entrance:
        who, room_id = self._who, _id(self._asked)
        if who is None:
            raise NotSignedIn
        if hello.invite and who.kind == "member":
            await self._touch(who, hello.invite)
        self._device = device_key(self._house.settings.secret, hello.device)
        admitted = await self._admit(who)
        room = admitted.room
        if self._control and not _may_control(who, room):
            raise Forbidden
        self._store_id = room.store_id
        self._may_speak = may_speak(who, room.brand_id, room.store_id)
        you = {
            "member_id": who.id,
            "name": who.name,
            "role": who.role.value,
            "muted_until": admitted.muted_until,
            "moderates": self._moderates,
        }
        self._topics = self._topics_for(who, room)
        present = None
        if who.kind == "member" and not self._robot:
            present = Presentee(str(room_id), str(who.id), {"name": who.name})
        recheck = who.kind == "staff" or self._moderates
        return Entrance(self._topics, msgspec.to_builtins(you), present, recheck)

    def _topics_for(self, who: Principal, room: Room) -> list[str]:
        topics = [room_topic(room.id), member_topic(who.id)]
        if self._control and _may_count(who, room):
            topics.append(control_topic(room.id))
        if self._moderates or (self._control and may_moderate(who, room.brand_id, room.store_id)):
            topics.append(moderation_topic(room.id))
        return topics

    async def _admit(self, who: Principal) -> Admitted:
        admitted = await self._house.doorkeeper.admit(Caller(who, _id(self._asked), self._device))
        self._moderates = admitted.helps
        return admitted

    async def recheck(self) -> None:
        with door():
            await self._recheck()

    async def _recheck(self) -> None:
        """Whether the token is still good, and for what it opened; whether the room still takes the viewer, and whether
        they still help."""
        house, who = self._house, self._who
        if who is not None and who.kind == "staff":
            async with house.database.transaction() as session:
                who = await accounts.authenticate(session, self._token, house.clock())
        if who is None:
            raise NotSignedIn
        room = (await self._admit(who)).room
        if self._control and not _may_control(who, room):
            raise Forbidden
        self._who, self._may_speak = who, may_speak(who, room.brand_id, room.store_id)
        if self._topics_for(who, room) != self._topics:
            raise Refusal(Forbidden().body(), CloseCode.RESYNC)  # come back, and hear what you may hear now

    async def _touch(self, who: Principal, code: str) -> None:
        """A link that came with the hello counts like one that was opened before; a wrong one keeps nobody out."""
        house = self._house
        with suppress(Problem):
            async with house.database.transaction() as session:
                await attribution.touch(
                    session, house.settings.secret, code, who.brand_id, who.id, house.clock()
                )

    async def snapshot(self) -> msgspec.Raw:
        assert self._who is not None
        member_id = self._who.id if self._who.kind == "member" else None
        with door():
            return await self._house.views.snapshot(_id(self._asked), member_id)

    async def arrived(self, first: bool) -> None:
        who, room_id = self._who, _id(self._asked)
        if who is None or who.kind != "member":
            return
        with door():  # a ban, or another audience, may have been told before this connection heard the room
            await self._admit(who)
        if self._robot:
            return
        self._house.hub.spawn(self._house.visits.enter(room_id, self._store_id, who))
        if first:
            self._house.joins.add(room_id, who.name)

    async def say(self, text: str, ref: str, reply_to: str | None) -> Said:
        assert self._who is not None
        try:
            if not self._may_speak:
                raise Forbidden
            said = await self._house.chat.say(
                self._who,
                _id(self._asked),
                ref,
                text,
                reply_to=_id(reply_to) if reply_to is not None else None,
                moderates=self._moderates,
            )
        except Problem as problem:
            raise Refusal(problem.body()) from problem
        return Said(str(said.id), said.talk)

    async def like(self, count: int) -> None:
        if counted := self._allowance.spend(count, asyncio.get_running_loop().time()):
            self._house.hub.like(room_topic(_id(self._asked)), counted)

    async def leave(self) -> None:
        return None


def _may_control(who: Principal, room: Room) -> bool:
    return may_run(who, service.scope_of(room)) or may_moderate(who, room.brand_id, room.store_id)


def _may_count(who: Principal, room: Room) -> bool:
    """Orders and amounts are for whoever runs the room or sees its figures."""
    scope = service.scope_of(room)
    return may_run(who, scope) or may_see_figures(who, scope)


class StoreDesk:
    """One connection of a store's page: its manager, its guides, or headquarters. It only listens."""

    def __init__(self, house: House, who: Principal | None, token: str, store: str) -> None:
        self._house = house
        self._who = who
        self._token = token
        self._asked = store
        self._store: Store | None = None

    async def enter(self, hello: Hello) -> Entrance:
        with door():
            return await self._enter()

    async def _enter(self) -> Entrance:
        who, store_id = self._who, _id(self._asked)
        if who is None:
            raise NotSignedIn
        if who.kind != "staff":
            raise Forbidden
        async with self._house.database.transaction() as session:
            store = self._store = await session.get(Store, store_id)
        if store is None or not _may_follow(who, store):
            raise NotFound
        you = {"member_id": str(who.id), "name": who.name, "role": who.role.value, "muted_until": None}
        return Entrance([store_topic(store_id), member_topic(who.id)], you, recheck=True)

    async def recheck(self) -> None:
        assert self._store is not None
        with door():
            async with self._house.database.transaction() as session:
                who = await accounts.authenticate(session, self._token, self._house.clock())
            if who is None:
                raise NotSignedIn
            if not _may_follow(who, self._store):
                raise NotFound

    async def snapshot(self) -> Any:
        """Figures come by HTTP; after a gap the page asks for them anew."""
        assert self._store is not None
        return {"store": {"store_id": str(self._store.id), "name": self._store.name}}

    async def arrived(self, first: bool) -> None:
        return None

    async def say(self, text: str, ref: str, reply_to: str | None) -> Said:
        raise Refusal(Forbidden().body())

    async def like(self, count: int) -> None:
        raise Refusal(Forbidden().body())

    async def leave(self) -> None:
        return None


def _may_follow(who: Principal, store: Store) -> bool:
    own_guide = who.role is Role.GUIDE and who.store_id == store.id and who.brand_id == store.brand_id
    return own_guide or who.may_see_store(store.brand_id, store.id)


def _id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise NotFound from None


@websocket("/ws/rooms/{room_id:str}")
async def room_socket(
    socket: WebSocket[Any, Any, Any], room_id: str, house: House, view: str | None = None
) -> None:
    who, token = socket.scope.get("user"), socket.scope.get("auth") or ""
    robot = is_robot(socket.headers.get("user-agent", ""))
    desk = RoomDesk(house, who, token, room_id, control=view == "control", robot=robot)
    await serve(socket, house.hub, desk)


@websocket("/ws/stores/{store_id:str}")
async def store_socket(socket: WebSocket[Any, Any, Any], store_id: str, house: House) -> None:
    who, token = socket.scope.get("user"), socket.scope.get("auth") or ""
    await serve(socket, house.hub, StoreDesk(house, who, token, store_id))


ROUTES: list[WebsocketRouteHandler] = [room_socket, store_socket]
