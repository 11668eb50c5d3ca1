"""Rooms: made, entered, run. Every change of state locks the room's row and asks `live.room` what may happen."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import and_, col, func, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from live import room as live_room
from live.room import Command, PhaseChanged, PinChanged, RoomState
from server.accounts.models import Account
from server.brands.models import Brand
from server.flash_sales import service as flash_sales
from server.kit.clock import utc_now
from server.kit.facts import Fact, record
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.paging import PAGE, before
from server.kit.principal import INVITES, STORE_STAFF, Principal, Role
from server.kit.problems import Conflict, Forbidden, NotFound
from server.members.audience import must_take
from server.rooms import reach, shelf
from server.rooms.checks import verify as verify
from server.rooms.facts import AudienceChanged, RoomRenamed, RoomStateChanged
from server.rooms.kinds import rules as kinds
from server.rooms.kinds import templates
from server.rooms.kinds.rules import Kind
from server.rooms.models import Room, RoomMark
from server.rooms.reach import Reach
from server.rooms.rules import (
    Audience,
    ReachKind,
    RoomScope,
    may_enter,
    may_run,
    may_see,
    may_see_figures,
)
from server.stock import service as stock
from server.stock.rules import Pool
from server.stores.models import Store


class WrongState(Conflict):
    """`state` is what the room is in; `reason` is `live.room`'s: room-ended, room-not-open, room-not-live, …"""

    slug, title = "wrong-state", "The room's state does not allow this"


def scope_of(room: Room) -> RoomScope:
    return RoomScope(room.brand_id, room.store_id, Audience(room.audience))


async def scope_for(session: AsyncSession, who: Principal | None, room: Room) -> RoomScope:
    """As `scope_of`, and whether the room is for the store of who asks."""
    scope = scope_of(room)
    if who is None or who.kind != "staff":
        return scope
    return msgspec.structs.replace(scope, reached=await reach.reaches(session, who, room))


# Finding one, with the right to


async def load(session: AsyncSession, room_id: UUID, *, lock: bool = False) -> Room:
    """Raises `NotFound`. Locked, no other transaction changes the room until this one ends; rows that only refer to it
    (FOR KEY SHARE) are still written, by whoever has a sale that this one waits for."""
    query = select(Room).where(Room.id == room_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    room = (await session.exec(query)).first()
    if room is None:
        raise NotFound
    return room


async def to_see(session: AsyncSession, staff: Principal, room_id: UUID, *, lock: bool = False) -> Room:
    """A room that this member of the staff may look at. Raises `NotFound`."""
    room = await load(session, room_id, lock=lock)
    if not may_see(staff, await scope_for(session, staff, room)):
        raise NotFound
    return room


async def to_run(session: AsyncSession, staff: Principal, room_id: UUID, *, lock: bool = False) -> Room:
    """Raises `NotFound`, and `Forbidden` for a room that may be seen but not run."""
    room = await to_see(session, staff, room_id, lock=lock)
    if not may_run(staff, scope_of(room)):
        raise Forbidden
    return room


async def to_count(session: AsyncSession, staff: Principal, room_id: UUID) -> Room:
    """A room whose figures may be seen. Raises `NotFound`, `Forbidden`."""
    room = await to_see(session, staff, room_id)
    if not may_see_figures(staff, scope_of(room)):
        raise Forbidden
    return room


async def to_enter(session: AsyncSession, who: Principal | None, room_id: UUID) -> Room:
    """A room whose audience takes this viewer. Raises `NotFound`, `NotSignedIn`, `InvitedOnly`, `MembersOnly`."""
    room = await load(session, room_id)
    if who is not None and who.brand_id != room.brand_id and room.audience == Audience.PUBLIC:
        who = None
    if refusal := may_enter(await scope_for(session, who, room), who):
        raise refusal
    if who is not None and who.kind == "member" and room.audience != Audience.PUBLIC:
        await must_take(session, room.id, who.id)
    return room


# Making and changing one


async def create(
    session: AsyncSession,
    staff: Principal,
    *,
    title: str | None,
    audience: Audience | None,
    store_id: UUID | None = None,
    stores: Reach | None = None,
    template: UUID | None = None,
    session_template: UUID | None = None,
    kind: Kind | None = None,
    key: str | None = None,
    asked: bytes | None = None,
    demo: bool = False,
) -> Room:
    """A planned room; with a `template`, another room's shelf; what isn't given is the session template's, or the
    kind's. The same key gives the same room; `asked` is the request's hash. `stores`: which stores a room of
    headquarters is for; without, for all.

    Store staff make rooms of their own store only. Raises `Forbidden`, `NotFound` (another brand's store, room or
    template), `TemplateArchived` (409), `KeyReused` (422), and what `reach.choose` raises.
    """
    if staff.role in STORE_STAFF and store_id is None:
        store_id = staff.store_id
    if not staff.may_run_room(staff.brand_id, store_id):
        raise Forbidden
    store = await session.get(Store, store_id) if store_id is not None else None
    if store_id is not None and (store is None or store.brand_id != staff.brand_id):
        raise NotFound
    plan = await templates.plan(session, staff, store_id, session_template, kind)
    if title is None:
        title = kinds.title(plan.title, store=store.name if store else "", host=staff.name, now=utc_now())
    room = Room(
        id=uuid7(),
        brand_id=staff.brand_id,
        store_id=store_id,
        host_id=staff.id if _hosts(staff) else None,
        key=f"{staff.id}:{key}" if key else None,
        request_hash=asked,
        title=title,
        audience=(audience or plan.audience).value,
        kind=plan.kind.value,
        shows=kinds.kept(plan.shows),
        session_template_id=plan.template_id,
        demo=demo,
    )
    made = await session.execute(
        insert(Room)
        .values(**room.model_dump(exclude={"report"}))
        .on_conflict_do_nothing(index_elements=["brand_id", "key"])
    )
    if not made.rowcount:  # type: ignore[attr-defined]
        query = select(Room).where(Room.brand_id == room.brand_id, Room.key == room.key)
        first = (await session.exec(query)).one()
        if first.request_hash not in (None, asked):
            raise KeyReused
        return first
    if stores is not None:
        await reach.choose(session, staff, await load(session, room.id), stores)
    if plan.products:
        await shelf.lay(session, room, plan.products)
    elif template is not None:
        source = await to_see(session, staff, template)
        if plan.shows.shelf:
            await shelf.copy(session, source.id, room.id)
    return await load(session, room.id)


def _hosts(staff: Principal) -> bool:
    return staff.role is Role.HOST or staff.role in STORE_STAFF


async def change(
    session: AsyncSession,
    staff: Principal,
    room_id: UUID,
    *,
    title: str | None,
    audience: Audience | None,
    stores: Reach | None = None,
) -> Room:
    """Whom a new audience doesn't take is asked to leave. Raises `NotFound`, `Forbidden`, `WrongState` (409, an ended
    room keeps its name), and what `reach.choose` raises."""
    room = await to_run(session, staff, room_id, lock=True)
    if room.state == live_room.Phase.ENDED:
        raise WrongState(state=room.state, reason="room-ended")
    facts: list[Fact] = []
    if title is not None and title != room.title:
        room.title = title
        facts.append(RoomRenamed(brand_id=room.brand_id, room_id=room.id, title=title))
    if audience is not None and audience != room.audience:
        room.audience = audience.value
        facts.append(AudienceChanged(brand_id=room.brand_id, room_id=room.id, audience=audience))
    if stores is not None:
        await reach.choose(session, staff, room, stores)
    await session.flush()
    await record(session, *facts)
    return room


async def take_the_stage(session: AsyncSession, staff: Principal, room: Room) -> None:
    """Whoever broadcasts is the host that viewers read of; an operator only where there is none yet."""
    if room.host_id is None or _hosts(staff):
        room.host_id = staff.id
        await session.flush()


# Running it


async def direct(
    session: AsyncSession, staff: Principal, room_id: UUID, command: Command, now: datetime
) -> Room:
    """Carry out a command. Of two hosts who press the same button at once, one changes the room and both get it as it
    then is. Raises `NotFound`, `Forbidden`, `WrongState` (409)."""
    room = await to_run(session, staff, room_id, lock=True)
    before_it = RoomState(
        live_room.Phase(room.state),
        tuple(str(product_id) for product_id in room.pinned_ids),
        room.started_at,
        room.ended_at,
    )
    try:
        after_it, happened = live_room.apply(before_it, command, now)
    except live_room.Refused as refused:
        raise WrongState(state=refused.phase.value, reason=refused.slug) from refused
    room.state = after_it.phase.value
    room.pinned_ids = [UUID(product_id) for product_id in after_it.pinned]
    room.started_at, room.ended_at = after_it.started_at, after_it.ended_at
    if room.state != live_room.Phase.PLANNED:
        room.draft_of = None
    if isinstance(command, live_room.Start):
        await take_the_stage(session, staff, room)
    await session.flush()
    for event in happened:
        await _remember(session, room, event, before_it)
    if any(isinstance(event, PhaseChanged) and event.phase is live_room.Phase.ENDED for event in happened):
        await flash_sales.close_all(session, room.id, now)
        await give_units_back(session, room)
    return room


async def give_units_back(session: AsyncSession, room: Room) -> None:
    """What was set aside for the room, and is free, goes to headquarters."""
    room_pool, headquarters = (Pool.ROOM, room.id), (Pool.HEADQUARTERS, room.brand_id)
    await stock.empty_out(session, room.brand_id, room_pool, headquarters)


async def _remember(
    session: AsyncSession, room: Room, event: PhaseChanged | PinChanged, before_it: RoomState
) -> None:
    match event:
        case PhaseChanged(phase, at):
            mark(session, room.id, "state", phase.value, at)
            fact = RoomStateChanged(
                brand_id=room.brand_id,
                room_id=room.id,
                store_id=room.store_id,
                title=room.title,
                state=phase,
                changed_at=at,
            )
            await session.flush()
            await record(session, fact)
        case PinChanged(ids, at):
            pins = await shelf.pinned(session, room)
            if pins.pinned and ids[:1] != before_it.pinned[:1]:
                mark(session, room.id, "pin", pins.pinned.title, at)
            await session.flush()
            await shelf.tell_pins(session, room, pins)


def mark(session: AsyncSession, room_id: UUID, kind: str, label: str, at: datetime) -> None:
    """Mark a moment on the room's curve. `kind`: state, pin, sale_opened, sale_closed."""
    session.add(RoomMark(room_id=room_id, kind=kind, label=label[:100], at=at))


# Looking at them


async def listing(
    session: AsyncSession,
    staff: Principal,
    *,
    states: Sequence[str] = (),
    store_id: UUID | None = None,
    cursor: str | None = None,
) -> Sequence[tuple[Room, str | None, str | None]]:
    """(room, store's name, host's name), newest first; one more than a page."""
    query = (
        select(Room, col(Store.name), col(Account.name))
        .join(Store, col(Store.id) == col(Room.store_id), isouter=True)
        .join(Account, col(Account.id) == col(Room.host_id), isouter=True)
        .where(Room.brand_id == staff.brand_id, col(Room.draft_of).is_(None))
        .order_by(col(Room.id).desc())
        .limit(PAGE + 1)
    )
    if staff.role in INVITES:
        for_us = or_(Room.reach == ReachKind.ALL, func.room_reaches(Room.id, staff.store_id))
        own = col(Room.store_id).is_not(None) & (col(Room.store_id) == staff.store_id)
        query = query.where(or_(and_(col(Room.store_id).is_(None), for_us), own))
    if states:
        query = query.where(col(Room.state).in_(states))
    if store_id is not None:
        query = query.where(Room.store_id == store_id)
    if last := before(cursor):
        query = query.where(col(Room.id) < last)
    rows: Any = await session.exec(query)
    return [tuple(row) for row in rows.all()]


async def on_air(session: AsyncSession, most: int = 20) -> Sequence[tuple[Room, str | None, str]]:
    """(room, host's name, brand's name) of public rooms that are live or paused, the latest to start first."""
    query = (
        select(Room, col(Account.name), col(Brand.name))
        .join(Brand, col(Brand.id) == col(Room.brand_id))
        .join(Account, col(Account.id) == col(Room.host_id), isouter=True)
        .where(col(Room.state).in_(("live", "paused")), Room.audience == Audience.PUBLIC.value)
        .order_by(col(Room.started_at).desc())
        .limit(most)
    )
    rows: Any = await session.exec(query)
    return [tuple(row) for row in rows.all()]
