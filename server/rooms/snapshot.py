"""What a room looks like to whoever comes in: assembled once for a crowd that comes at once."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from live.broker import Broker, BrokerUnavailable
from live.events import Position, room_topic
from live.gathering import Gathering
from live.presence import Presence
from server.accounts.models import Account
from server.brands.models import Brand
from server.chat import moderation, settings
from server.chat.facts import SaidLine
from server.chat.settings import Setting
from server.flash_sales import service as flash_sales
from server.flash_sales.service import SaleCard
from server.kit.database import Database
from server.orders import service as orders
from server.rooms import service, shelf
from server.rooms.kinds.rules import Shows, shown
from server.rooms.models import Room
from server.rooms.shelf import Card
from server.tipping import service as tipping

FRESH_S = 1.0
"""Counts in a snapshot may be so old; facts in it never miss what the room's topic has heard."""
REMEMBERED = 500


class Named(msgspec.Struct, frozen=True):
    name: str


class RoomInfo(msgspec.Struct):
    id: UUID
    title: str
    state: str
    audience: str
    host: Named | None
    demo: bool
    kind: str
    shows: Shows
    started_at: datetime | None


class GiftCard(msgspec.Struct):
    gift_id: UUID
    name: str
    icon: str
    price_minor: int


class RoomView(msgspec.Struct):
    """The protocol's snapshot, but for what is the viewer's own."""

    room: RoomInfo
    pinned: Card | None
    beside: list[Card]
    shelf: list[Card]
    sales: list[SaleCard]
    gifts: list[GiftCard]
    pinned_line: SaidLine | None
    chat: Setting
    here: int = 0
    likes: int = 0


class _Assembled(msgspec.Struct):
    tail: Position
    at: float
    view: RoomView
    body: bytes


def info(room: Room, host_name: str | None) -> RoomInfo:
    return RoomInfo(
        id=room.id,
        title=room.title,
        state=room.state,
        audience=room.audience,
        host=Named(host_name) if host_name is not None else None,
        demo=room.demo,
        kind=room.kind,
        shows=shown(room.shows),
        started_at=room.started_at,
    )


async def host_name(session: AsyncSession, room: Room) -> str | None:
    if room.host_id is None:
        return None
    return (await session.exec(select(Account.name).where(Account.id == room.host_id))).first()


async def brand_name(session: AsyncSession, brand_id: UUID) -> str:
    return (await session.exec(select(Brand.name).where(Brand.id == brand_id))).one()


async def assemble(session: AsyncSession, room: Room) -> RoomView:
    """Seven queries, whatever the room holds."""
    cards = await shelf.cards(session, room)
    pins = shelf.pins(room, cards)
    gifts = await tipping.gifts(session, room.brand_id)
    return RoomView(
        room=info(room, await host_name(session, room)),
        pinned=pins.pinned,
        beside=pins.beside,
        shelf=cards,
        sales=list(await flash_sales.cards(session, room.id)),
        gifts=[GiftCard(gift.id, gift.name, gift.icon, gift.price_minor) for gift in gifts],
        pinned_line=await moderation.pinned_line(session, room.id),
        chat=await settings.of_room(session, room.id),
        likes=room.likes,
    )


class RoomViews:
    """This process's latest view of each room.

    A view may be shared while the room's topic has heard nothing since it was begun: facts are committed before they
    are numbered, so everything up to that position is in it, and whatever was committed later comes as a fact of its
    own. Whoever asks while one is being assembled waits for it, and looks whether it still holds.
    """

    def __init__(
        self, database: Database, presence: Presence, broker: Broker, time: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._presence = presence
        self._broker = broker
        self._time = time
        self._holds: Gathering[tuple[UUID, UUID], Any] = Gathering(self._open_holds)
        self._known: dict[UUID, _Assembled] = {}
        self._assembling: dict[UUID, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def view(self, room_id: UUID) -> RoomView:
        """Raises `NotFound`, `BrokerUnavailable`."""
        return (await self._latest(room_id)).view

    async def snapshot(self, room_id: UUID, member_id: UUID | None) -> msgspec.Raw:
        """The protocol's snapshot for one viewer. Raises `NotFound`, `BrokerUnavailable`."""
        shared = (await self._latest(room_id)).body
        holds: Any = []
        if member_id is not None:
            holds = await self._holds.ask((room_id, member_id))
        return msgspec.Raw(b"%s,%s" % (shared[:-1], msgspec.json.encode({"holds": holds})[1:]))

    async def _open_holds(self, asked: Sequence[tuple[UUID, UUID]]) -> list[Any]:
        async with self._database.transaction() as session:
            return await orders.open_holds(session, asked)

    async def _latest(self, room_id: UUID) -> _Assembled:
        tail = await self._broker.tail(room_topic(room_id))
        if (known := self._fresh(room_id, tail)) is not None:
            return known
        async with self._assembling[room_id]:
            if (known := self._fresh(room_id, tail)) is not None:
                return known
            return await self._assemble(room_id)

    def _fresh(self, room_id: UUID, tail: Position) -> _Assembled | None:
        known = self._known.get(room_id)
        if known is None or known.tail < tail or self._time() - known.at > FRESH_S:
            return None
        return known

    async def _assemble(self, room_id: UUID) -> _Assembled:
        at, tail = self._time(), await self._broker.tail(room_topic(room_id))
        async with self._database.transaction() as session:
            view = await assemble(session, await service.load(session, room_id))
        view.here = await self._presence.count(str(room_id))
        view.likes = max(view.likes, (await self._broker.totals(room_topic(room_id))).get("likes", 0))
        self._forget()
        assembled = self._known[room_id] = _Assembled(tail, at, view, msgspec.json.encode(view))
        return assembled

    def _forget(self) -> None:
        if len(self._known) < REMEMBERED:
            return
        oldest = min(self._known, key=lambda room_id: self._known[room_id].at)
        del self._known[oldest]
        if (lock := self._assembling.get(oldest)) is not None and not lock.locked():
            del self._assembling[oldest]


async def without_broker(database: Database, views: RoomViews, room_id: UUID) -> RoomView:
    """The same for a reader who needs no exact counts, also while the broker is away. Raises `NotFound`."""
    try:
        return await views.view(room_id)
    except BrokerUnavailable:
        async with database.transaction() as session:
            return await assemble(session, await service.load(session, room_id))
