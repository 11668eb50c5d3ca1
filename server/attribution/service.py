"""Invitations and visits: who brought whom into which room."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import bindings, codes, queries, rules
from server.attribution.checks import verify as verify
from server.attribution.facts import Arrival, LinkTouched, ViewerCarried, ViewerEntered
from server.attribution.models import ONE_LINK_EACH, InvitationLink, Touch, Visit
from server.attribution.rules import GuideName, Link, StoreName
from server.kit.facts import record
from server.kit.ids import uuid7
from server.kit.principal import INVITES, STORE_STAFF, Principal
from server.kit.problems import Forbidden, NotFound

SCREEN = "screen"
"""The channel of a store's wall screen: its code stands for the store, not for the guide who opened the page."""


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What anyone who holds the code may know. A code on a store's shelf has a `product_id` in the place of a room."""

    code: str
    room_id: UUID | None
    product_id: UUID | None
    title: str
    brand: str
    store: StoreName | None
    guide: GuideName | None
    inviter: str


class TouchTaken(msgspec.Struct, frozen=True, kw_only=True):
    """`refused`: `self-invite` or `loop`; such a touch is kept and carries nobody."""

    touch_id: UUID
    room_id: UUID | None
    store: StoreName | None
    guide: GuideName | None
    refused: str | None


# Inviting


async def invite(
    session: AsyncSession, secret: str, inviter: Principal, room_id: UUID, channel: str, now: datetime
) -> str:
    """The code of the inviter's own link into a room; the same one for the same channel.

    A guide's or manager's link stands for them and their store, an outside guide's for them alone. A member's is a
    re-share: its parent is the link that carries the member in that room, whose guide and store it keeps; where not
    everybody may enter, only who was in invites others. Raises `NotFound`, `Forbidden` (403).
    """
    room = await queries.room(session, inviter.brand_id, room_id)
    if inviter.kind == "member":
        carried = await _carrier_of(session, inviter.id, room, now)
        link = InvitationLink(
            brand_id=inviter.brand_id,
            code="",
            room_id=room_id,
            store_id=carried.store_id,
            guide_id=carried.guide_id,
            member_id=inviter.id,
            parent_id=carried.link_id,
            channel=channel,
            created_at=now,
        )
    else:
        if inviter.role not in INVITES or (inviter.role in STORE_STAFF and inviter.store_id is None):
            raise Forbidden("Guides and store managers invite")
        if channel == SCREEN and inviter.store_id is None:
            raise Forbidden("A wall screen is a store's")
        if room.store_id not in (None, inviter.store_id):
            raise NotFound
        link = InvitationLink(
            brand_id=inviter.brand_id,
            code="",
            room_id=room_id,
            store_id=inviter.store_id,
            guide_id=None if channel == SCREEN else inviter.id,
            channel=channel,
            created_at=now,
        )
    return await keep(session, secret, link)


async def keep(session: AsyncSession, secret: str, link: InvitationLink) -> str:
    """Write the link, or find the one that this inviter has; a code that is taken is made anew."""
    for _ in range(3):
        statement = insert(InvitationLink).values({**link.model_dump(), "code": codes.new(secret)})
        same = {"channel": statement.excluded.channel}  # so that RETURNING gives the row that was there
        try:
            async with session.begin_nested():
                row = await session.execute(
                    statement.on_conflict_do_update(index_elements=ONE_LINK_EACH, set_=same).returning(
                        col(InvitationLink.code)
                    )
                )
                return str(row.scalar_one())
        except IntegrityError:
            continue
    raise RuntimeError("no free invitation code in three tries")


async def _carrier_of(
    session: AsyncSession, member_id: UUID, room: queries.RoomSeen, now: datetime
) -> rules.Carrier:
    visit = await session.get(Visit, (room.room_id, member_id))
    if visit is not None:
        return rules.Carrier(rules.Rule.LAST_TOUCH, visit.store_id, visit.guide_id, visit.link_id)
    if room.audience != "public":
        raise NotFound
    recent = await queries.touches(session, member_id, now)
    standing = await queries.standing(session, room.brand_id, member_id, now)
    return rules.carrier(recent, standing.bound, room.store_id, now)


async def show(session: AsyncSession, secret: str, code: str) -> Invitation:
    """Raises `NotFound`; for a forged code without touching the database."""
    link = (await _chain_of(session, secret, code))[0]
    row = (
        await session.execute(
            text(
                """
                SELECT b.name, coalesce(r.title, p.title), l.product_id
                FROM invitation_link l JOIN brand b ON b.id = l.brand_id
                LEFT JOIN room r ON r.id = l.room_id LEFT JOIN product p ON p.id = l.product_id WHERE l.id = :id
                """
            ),
            {"id": link.link_id},
        )
    ).one()
    named = link.member or link.guide or link.store
    return Invitation(
        code=code,
        room_id=link.room_id,
        product_id=row[2],
        title=row[1] or "",
        brand=row[0],
        store=link.store,
        guide=link.guide,
        inviter=named.name if named else row[0],
    )


async def _chain_of(session: AsyncSession, secret: str, code: str) -> list[Link]:
    if not codes.genuine(secret, code):
        raise NotFound
    chain = await queries.chain(session, code=code)
    if not chain:
        raise NotFound
    return chain


# Touching


async def touch(
    session: AsyncSession, secret: str, code: str, brand_id: UUID, member_id: UUID, now: datetime
) -> TouchTaken:
    """A member came through a link. One that counts is a visit of the link's room and carries them there from now on,
    also when they were in it already. Opening the same link again within ten minutes is the same touch.

    Raises `NotFound`: forged (without touching the database), unknown, or another brand's.
    """
    chain = await _chain_of(session, secret, code)
    link = chain[0]
    if await _brand_of(session, link.link_id) != brand_id:
        raise NotFound
    viewer = await queries.lock_viewer(session, brand_id, member_id)
    recent = await queries.touches(session, viewer.member_id, now)
    if rules.is_reload(recent[0] if recent else None, link.link_id, now):
        return _taken(recent[0].touch_id, link, recent[0].refused)
    standing = await queries.standing(session, brand_id, viewer.member_id, now)
    row = Touch(
        id=uuid7(),
        brand_id=brand_id,
        link_id=link.link_id,
        member_id=viewer.member_id,
        at=now,
        until=now + standing.policy.window,
        refused=rules.refusal(viewer.member_id, chain),
    )
    session.add(row)
    await session.flush()
    if row.refused is None:
        bound = await bindings.by_touch(session, brand_id, viewer.member_id, row, link, standing)
        await _follow(session, brand_id, viewer, link, row, bound)
    return _taken(row.id, link, row.refused)


def _taken(touch_id: UUID, link: Link, refused: str | None) -> TouchTaken:
    return TouchTaken(
        touch_id=touch_id, room_id=link.room_id, store=link.store, guide=link.guide, refused=refused
    )


async def _brand_of(session: AsyncSession, link_id: UUID) -> UUID | None:
    return (
        await session.exec(select(InvitationLink.brand_id).where(InvitationLink.id == link_id))
    ).one_or_none()


async def _follow(
    session: AsyncSession,
    brand_id: UUID,
    viewer: queries.Viewer,
    link: Link,
    row: Touch,
    bound: rules.Bound | None,
) -> None:
    await record(
        session,
        LinkTouched(
            brand_id=brand_id,
            at=row.at,
            touch_id=row.id,
            link_id=link.link_id,
            room_id=link.room_id,
            member_id=viewer.member_id,
            name=viewer.name,
            inviter_id=link.inviter_id,
            store=link.store,
            guide=link.guide,
        ),
    )
    if link.room_id is None:
        return
    visit = await session.get(Visit, (link.room_id, viewer.member_id))
    if visit is None:  # who opens a link into a room comes to the room; the page's socket follows
        await enter(session, link.room_id, viewer.member_id, brand_id, None, row.at)
        return
    touched = rules.Touched(touch_id=row.id, at=row.at, until=row.until, link=link)
    carrier = rules.carrier([touched], bound, None, row.at)
    moved = (visit.store_id, visit.guide_id) != (carrier.store_id, carrier.guide_id)
    visit.store_id, visit.guide_id = carrier.store_id, carrier.guide_id
    visit.link_id = link.link_id
    await session.flush()
    if moved:
        store, guide = await queries.names(session, visit.store_id, visit.guide_id)
        await record(
            session,
            ViewerCarried(
                brand_id=brand_id,
                at=row.at,
                room_id=visit.room_id,
                link_id=link.link_id,
                viewer=_arrival(viewer, viewer.earlier_visits - 1, store, guide),
            ),
        )


def _arrival(
    viewer: queries.Viewer, earlier_visits: int, store: StoreName | None, guide: GuideName | None
) -> Arrival:
    return Arrival(
        member_id=viewer.member_id,
        name=viewer.name,
        store=store,
        guide=guide,
        orders=viewer.orders,
        amount_minor=viewer.amount_minor,
        tags=rules.tags(viewer.orders, earlier_visits),
    )


# Entering


async def enter(
    session: AsyncSession,
    room_id: UUID,
    member_id: UUID,
    brand_id: UUID,
    room_store_id: UUID | None,
    now: datetime,
) -> Visit:
    """The member's visit, made on the first entry; who carries them is fixed then, and only a touch of a link into
    this room changes it. Raises `NotFound` for a member of another brand."""
    if (visit := await session.get(Visit, (room_id, member_id))) is not None:
        return visit
    viewer = await queries.lock_viewer(session, brand_id, member_id)
    visit = await session.get(Visit, (room_id, viewer.member_id))
    if visit is not None:
        return visit
    recent = await queries.touches(session, viewer.member_id, now)
    standing = await queries.standing(session, brand_id, viewer.member_id, now)
    carrier = rules.carrier(recent, standing.bound, room_store_id, now)
    visit = Visit(
        room_id=room_id,
        member_id=viewer.member_id,
        brand_id=brand_id,
        store_id=carrier.store_id,
        guide_id=carrier.guide_id,
        link_id=carrier.link_id,
        entered_at=now,
    )
    session.add(visit)
    await session.flush()
    store, guide = await queries.names(session, visit.store_id, visit.guide_id)
    await record(
        session,
        ViewerEntered(
            brand_id=brand_id,
            at=now,
            room_id=room_id,
            link_id=visit.link_id,
            viewer=_arrival(viewer, viewer.earlier_visits, store, guide),
        ),
    )
    return visit


# Merging


async def merge(session: AsyncSession, guest_id: UUID, member_id: UUID, now: datetime) -> None:
    """A guest's touches, visits, bindings and credits become the member's. Where both were in a room, the visit stands
    whose link was opened last; where both are bound, whoever was bound first keeps them."""
    values = {"guest": guest_id, "member": member_id}
    await session.execute(text("UPDATE touch SET member_id = :member WHERE member_id = :guest"), values)
    await session.execute(
        text(
            """
            UPDATE visit v SET store_id = g.store_id, guide_id = g.guide_id, link_id = g.link_id
            FROM visit g
            WHERE v.member_id = :member AND g.member_id = :guest AND g.room_id = v.room_id
              AND g.link_id IS NOT NULL
              AND (v.link_id IS NULL OR
                   (SELECT max(at) FROM touch WHERE member_id = :member AND link_id = g.link_id AND refused IS NULL)
                   >= (SELECT max(at) FROM touch WHERE member_id = :member AND link_id = v.link_id AND refused IS NULL))
            """
        ),
        values,
    )
    await session.execute(
        text(
            """
            DELETE FROM visit g WHERE g.member_id = :guest
              AND EXISTS (SELECT 1 FROM visit v WHERE v.member_id = :member AND v.room_id = g.room_id)
            """
        ),
        values,
    )
    await session.execute(text("UPDATE visit SET member_id = :member WHERE member_id = :guest"), values)
    await session.execute(
        text(
            """
            UPDATE credit c SET member_id = :member FROM orders o
            WHERE o.id = c.order_id AND o.member_id IN (:member, :guest) AND c.member_id = :guest
            """
        ),
        values,
    )
    await session.execute(
        text(
            "UPDATE credit_share SET beneficiary_id = :member WHERE beneficiary_id = :guest AND whose = 'member'"
        ),
        values,
    )
    await session.execute(
        text(
            """
            UPDATE new_customer_bonus b SET member_id = :member WHERE member_id = :guest
              AND NOT EXISTS (SELECT 1 FROM new_customer_bonus o WHERE o.member_id = :member)
            """
        ),
        values,
    )
    await bindings.merge(session, guest_id, member_id, now)
