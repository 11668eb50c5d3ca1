"""One tap on a phone: the room that waits for whoever is about to go live.

It is the tapper's draft until it goes on air: the next tap finds the same one, and no list shows it meanwhile.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import SHOP_ZONE
from server.kit.ids import uuid7
from server.kit.principal import STORE_STAFF, Principal
from server.kit.problems import Forbidden
from server.rooms import shelf
from server.rooms.kinds import rules as kinds
from server.rooms.kinds import templates
from server.rooms.kinds.rules import Kind
from server.rooms.kinds.templates import Plan
from server.rooms.models import Room
from server.stores.models import Store


async def prepare(
    session: AsyncSession,
    staff: Principal,
    *,
    template_id: UUID | None,
    kind: Kind | None,
    now: datetime,
) -> Room:
    """The caller's draft, made or found. With a template or kind it is dressed anew by it; without, it stays as it was
    left today, and is else dressed as the store's last session was.

    Of taps at the same moment all get the same room. Raises `Forbidden`, `NotFound`, `TemplateArchived` (409).
    """
    store_id = staff.store_id if staff.role in STORE_STAFF else None
    if not staff.may_run_room(staff.brand_id, store_id):
        raise Forbidden
    draft, made = await _draft(session, staff, store_id, now)
    asked = template_id is not None or kind is not None
    if not made and not asked and _same_day(draft.created_at, now):
        return draft
    if not asked:
        template_id, kind = await _last(session, staff, store_id)
    plan = await templates.plan(session, staff, store_id, template_id, kind)
    if not made and not plan.shows.shelf and await _has_sales(session, draft.id):
        # What was prepared in earnest is kept as a planned room of its own.
        draft.draft_of = None
        await session.flush()
        draft, _ = await _draft(session, staff, store_id, now)
    await _dress(session, staff, draft, plan, now)
    return draft


async def _draft(
    session: AsyncSession, staff: Principal, store_id: UUID | None, now: datetime
) -> tuple[Room, bool]:
    """Locked; and whether it was made by this call."""
    new = Room(
        id=uuid7(),
        brand_id=staff.brand_id,
        store_id=store_id,
        host_id=staff.id,
        title="–",
        draft_of=staff.id,
        created_at=now,
    )
    added = insert(Room).values(**new.model_dump(exclude={"report"}))
    made = await session.execute(added.on_conflict_do_nothing(index_elements=["draft_of"]))
    found = select(Room).where(Room.draft_of == staff.id).with_for_update(key_share=True)
    room = (await session.exec(found.execution_options(populate_existing=True))).one()
    if room.store_id != store_id:  # the account moved to another store
        room.draft_of = None
        await session.flush()
        return await _draft(session, staff, store_id, now)
    return room, bool(made.rowcount)  # type: ignore[attr-defined]


async def _dress(session: AsyncSession, staff: Principal, room: Room, plan: Plan, now: datetime) -> None:
    store = await session.get(Store, room.store_id) if room.store_id else None
    room.kind, room.shows = plan.kind.value, kinds.kept(plan.shows)
    room.session_template_id, room.audience = plan.template_id, plan.audience.value
    room.title = kinds.title(plan.title, store=store.name if store else "", host=staff.name, now=now)
    room.created_at = now
    await session.flush()
    products = plan.products
    if plan.shows.shelf and plan.template_id is None:
        products = await _last_shelf(session, room)
    await shelf.lay(session, room, products if plan.shows.shelf else ())


async def _last(
    session: AsyncSession, staff: Principal, store_id: UUID | None
) -> tuple[UUID | None, Kind | None]:
    """The template, or the kind, of the last session there."""
    used = await templates.listing(session, staff)
    query = (
        select(Room)
        .where(Room.brand_id == staff.brand_id, Room.store_id == store_id, col(Room.started_at).is_not(None))
        .order_by(col(Room.started_at).desc())
        .limit(1)
    )
    last = (await session.exec(query)).first()
    usable = [one.template.id for one in used if one.template.store_id in (None, store_id)]
    if last is not None and last.session_template_id not in usable:
        return None, Kind(last.kind)
    if last is not None:
        return last.session_template_id, None
    return (usable[0] if usable else None), None


async def _last_shelf(session: AsyncSession, room: Room) -> list[UUID]:
    """What stood on the shelf of the last session there that had one."""
    found = await session.execute(
        text(
            """
            SELECT i.product_id FROM shelf_item i WHERE i.room_id = (
                SELECT r.id FROM room r
                WHERE r.brand_id = :brand_id AND r.store_id IS NOT DISTINCT FROM CAST(:store_id AS uuid)
                  AND r.started_at IS NOT NULL AND EXISTS (SELECT 1 FROM shelf_item s WHERE s.room_id = r.id)
                ORDER BY r.started_at DESC LIMIT 1)
            ORDER BY i.position, i.product_id
            """
        ),
        {"brand_id": room.brand_id, "store_id": room.store_id},
    )
    return list(found.scalars())


async def _has_sales(session: AsyncSession, room_id: UUID) -> bool:
    found = await session.execute(
        text("SELECT EXISTS (SELECT 1 FROM flash_sale WHERE room_id = :room_id)"), {"room_id": room_id}
    )
    return bool(found.scalar_one())


def _same_day(one: datetime, other: datetime) -> bool:
    return one.astimezone(SHOP_ZONE).date() == other.astimezone(SHOP_ZONE).date()
