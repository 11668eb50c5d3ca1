"""Links: made, kept, and what one says to whoever holds its code."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import campaigns, codes, queries, rules
from server.attribution.models import ONE_LINK_EACH, InvitationLink, Visit
from server.attribution.rules import GuideName, Link, StoreName
from server.kit.principal import INVITES, STORE_STAFF, Principal
from server.kit.problems import Forbidden, NotFound

SCREEN = "screen"
"""The channel of a store's wall screen: its code stands for the store, not for the guide who opened the page."""


class NextRoom(msgspec.Struct, frozen=True):
    """One of the brand's that anybody may enter: on now, or planned."""

    room_id: UUID
    title: str
    state: str


class Invitation(msgspec.Struct, frozen=True, kw_only=True):
    """What anyone who holds the code may know. A code on a store's shelf has a `product_id` in the place of a room.
    `notice` says what is no more as it was: `room-over` (`next_room` is where to go instead), `store-closed`,
    `guide-gone`, `campaign-over`."""

    code: str
    room_id: UUID | None
    product_id: UUID | None
    title: str
    brand: str
    store: StoreName | None
    guide: GuideName | None
    inviter: str
    campaign: campaigns.CampaignName | None
    notice: str | None
    next_room: NextRoom | None


async def invite(
    session: AsyncSession,
    secret: str,
    inviter: Principal,
    room_id: UUID,
    channel: str,
    now: datetime,
    campaign_id: UUID | None = None,
) -> str:
    """The code of the inviter's own link into a room; the same one for the same channel and campaign.

    A guide's or manager's link stands for them and their store, an outside guide's for them alone. A member's is a
    re-share: its parent is the link that carries the member in that room, whose guide, store and campaign it keeps;
    where not everybody may enter, only who was in invites others. Raises `NotFound` (also for a room that is not for
    the inviter's store), `Forbidden` (403), and `campaigns.CampaignOver` (410).
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
            campaign_id=await campaigns.of_link(session, carried.link_id),
            channel=channel,
            created_at=now,
        )
    else:
        if inviter.role not in INVITES or (inviter.role in STORE_STAFF and inviter.store_id is None):
            raise Forbidden("Guides and store managers invite")
        if channel == SCREEN and inviter.store_id is None:
            raise Forbidden("A wall screen is a store's")
        if room.store_id not in (None, inviter.store_id) or not await queries.reaches(
            session, room_id, inviter.store_id
        ):
            raise NotFound
        link = InvitationLink(
            brand_id=inviter.brand_id,
            code="",
            room_id=room_id,
            store_id=inviter.store_id,
            guide_id=None if channel == SCREEN else inviter.id,
            campaign_id=await campaigns.to_invite_for(session, inviter, campaign_id, room_id, now),
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


async def friends(session: AsyncSession, member_id: UUID, room_id: UUID) -> int:
    """How many came into the room by this member's own links."""
    counted = text(
        """
        SELECT count(DISTINCT t.member_id) FROM invitation_link l JOIN touch t ON t.link_id = l.id
        WHERE l.room_id = :room_id AND l.member_id = :member_id AND t.refused IS NULL
        """
    )
    return int((await session.execute(counted, {"room_id": room_id, "member_id": member_id})).scalar_one())


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
    reach = await queries.reach(session, room.room_id, recent, standing.bound)
    return rules.carrier(recent, standing.bound, room.store_id, now, reach)


async def show(session: AsyncSession, secret: str, code: str, now: datetime) -> Invitation:
    """Raises `NotFound`; for a forged code without touching the database."""
    link = (await chain_of(session, secret, code))[0]
    row = (
        await session.execute(
            text(
                """
                SELECT b.name, coalesce(r.title, p.title), l.product_id, r.state = 'ended' AS over,
                       c.id AS campaign_id, c.name AS campaign, c.ends_at <= :now AS campaign_over
                FROM invitation_link l JOIN brand b ON b.id = l.brand_id
                LEFT JOIN campaign c ON c.id = l.campaign_id LEFT JOIN room r ON r.id = l.room_id
                LEFT JOIN product p ON p.id = l.product_id WHERE l.id = :id
                """
            ),
            {"id": link.link_id, "now": now},
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
        campaign=campaigns.CampaignName(row.campaign_id, row.campaign) if row.campaign_id else None,
        notice="room-over" if row.over else link.notice or ("campaign-over" if row.campaign_over else None),
        next_room=await _next_room(session, link) if row.over else None,
    )


async def _next_room(session: AsyncSession, link: Link) -> NextRoom | None:
    """What is on before what is planned, the latest first."""
    found = text(
        """
        SELECT r.id, r.title, r.state FROM room r JOIN room over ON over.id = :room_id
        WHERE r.brand_id = over.brand_id AND r.audience = 'public'
          AND r.state IN ('live', 'paused', 'warming', 'planned')
          AND (r.store_id IS NULL OR r.store_id = CAST(:store_id AS uuid))
          AND (CAST(:store_id AS uuid) IS NULL OR room_reaches(r.id, :store_id))
        ORDER BY r.state IN ('live', 'paused') DESC, r.state = 'warming' DESC, r.id DESC LIMIT 1
        """
    )
    values = {"room_id": link.room_id, "store_id": link.store.store_id if link.store else None}
    row = (await session.execute(found, values)).first()
    return NextRoom(*row) if row else None


async def chain_of(session: AsyncSession, secret: str, code: str) -> list[Link]:
    if not codes.genuine(secret, code):
        raise NotFound
    chain = await queries.chain(session, code=code)
    if not chain:
        raise NotFound
    return chain
