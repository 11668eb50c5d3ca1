"""Invitations and visits: who brought whom into which room."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import bindings, campaigns, queries, rules
from server.attribution.checks import verify as verify
from server.attribution.entering import Entering as Entering
from server.attribution.entering import arrival
from server.attribution.entering import enter as enter
from server.attribution.entering import enter_all as enter_all
from server.attribution.facts import LinkTouched, ViewerCarried
from server.attribution.inviting import Invitation as Invitation
from server.attribution.inviting import chain_of
from server.attribution.inviting import invite as invite
from server.attribution.inviting import keep as keep
from server.attribution.inviting import show as show
from server.attribution.models import InvitationLink, Touch, Visit
from server.attribution.rules import GuideName, Link, StoreName
from server.kit.facts import record
from server.kit.ids import uuid7
from server.kit.problems import NotFound


class TouchTaken(msgspec.Struct, frozen=True, kw_only=True):
    """`refused` (`self-invite`, `loop`, `store-closed`, `guide-gone`): such a touch is kept and carries nobody.
    `notice`: `store-closed`; `guide-gone`: it stands for their store; `campaign-over`: it is the guide's all the
    same."""

    touch_id: UUID
    room_id: UUID | None
    store: StoreName | None
    guide: GuideName | None
    refused: str | None
    notice: str | None = None


# Touching


async def touch(
    session: AsyncSession, secret: str, code: str, brand_id: UUID, member_id: UUID, now: datetime
) -> TouchTaken:
    """A member came through a link. One that counts is a visit of the link's room and carries them there from now on,
    also when they were in it already. Opening the same link again within ten minutes is the same touch.

    Raises `NotFound`: forged (without touching the database), unknown, or another brand's.
    """
    chain = await chain_of(session, secret, code)
    link = chain[0]
    if await _brand_of(session, link.link_id) != brand_id:
        raise NotFound
    campaign = await campaigns.standing(session, link.campaign_id, now)
    viewer = await queries.lock_viewer(session, brand_id, member_id)
    recent = await queries.touches(session, viewer.member_id, now)
    if rules.is_reload(recent[0] if recent else None, link.link_id, now):
        return _taken(recent[0].touch_id, link, recent[0].refused, campaign)
    standing = await queries.standing(session, brand_id, viewer.member_id, now)
    row = Touch(
        id=uuid7(),
        brand_id=brand_id,
        link_id=link.link_id,
        member_id=viewer.member_id,
        at=now,
        until=now + standing.policy.window,
        refused=rules.refusal(viewer.member_id, chain),
        campaign_id=link.campaign_id if campaign == "runs" else None,
    )
    session.add(row)
    await session.flush()
    if row.refused is None:
        bound = await bindings.by_touch(session, brand_id, viewer.member_id, row, link, standing)
        await _follow(session, brand_id, viewer, link, row, bound)
    return _taken(row.id, link, row.refused, campaign)


def _taken(touch_id: UUID, link: Link, refused: str | None, campaign: campaigns.Standing) -> TouchTaken:
    return TouchTaken(
        touch_id=touch_id,
        room_id=link.room_id,
        store=link.store,
        guide=link.present_guide,
        refused=refused,
        notice=link.notice or ("campaign-over" if campaign == "over" else None),
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
            guide=link.present_guide,
        ),
    )
    if link.room_id is None:
        return
    visit = await session.get(Visit, (link.room_id, viewer.member_id))
    if visit is None:  # who opens a link into a room comes to the room; the page's socket follows
        coming = Entering(room_id=link.room_id, member_id=viewer.member_id, brand_id=brand_id)
        await enter(session, coming, row.at)
        return
    touched = rules.Touched(touch_id=row.id, at=row.at, until=row.until, link=link)
    reach = await queries.reach(session, link.room_id, [touched], bound)
    if not reach.takes(*rules.carrier_of(link)):  # a link from before the room was narrowed moves nobody
        return
    carrier = rules.carrier([touched], bound, None, row.at, reach)
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
                viewer=arrival(viewer, viewer.earlier_visits - 1, store, guide),
            ),
        )


# Merging


async def merge(session: AsyncSession, guest_id: UUID, member_id: UUID, now: datetime) -> None:
    """A guest's touches, visits, bindings and credits become the member's. Where both were in a room, the visit stands
    whose link was opened last; where both are bound, whoever was bound first keeps them. Of the visits that are left
    the earliest alone is a new member's."""
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
    await session.execute(  # who came as two was new once
        text(
            """
            UPDATE visit v SET is_new = NOT v.is_new
            FROM (SELECT id FROM visit WHERE member_id = :member ORDER BY entered_at, id LIMIT 1) f
            WHERE v.member_id = :member AND v.is_new <> (v.id = f.id)
            """
        ),
        values,
    )
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
