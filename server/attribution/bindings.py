"""Whose customer a member is for a time: written by touches, by paid orders and by headquarters' hand; only added to.

The highest number of a member holds. Two who add at once want the same number: one of them gets it, and the other's
moment has passed.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import queries, rules
from server.attribution.models import GuideBinding, Touch
from server.attribution.rules import Bound, GuideName, Link, StoreName
from server.kit.ids import uuid7
from server.kit.principal import INVITES, Principal, Role
from server.kit.problems import Conflict, Forbidden, Invalid, NotFound
from server.orders.facts import OrderPaid

DECIDES = frozenset({Role.OWNER, Role.OPERATOR})
"""Who binds, releases and decides appeals."""

MOST_SHOWN = 50


class NotBound(Conflict):
    slug, title = "not-bound", "Nobody has this member"


class BoundMeanwhile(Conflict):
    slug, title = "bound-meanwhile", "The member was bound or released a moment ago; look again"


class BindByHand(msgspec.Struct, forbid_unknown_fields=True):
    """`guide_id` null releases the member. `note` says why, for whoever asks later."""

    guide_id: UUID | None
    note: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]


class BindingView(msgspec.Struct, frozen=True, kw_only=True):
    """`by` is who did it by hand; `reason` is one of `models.GuideBinding`'s."""

    binding_id: UUID
    guide: GuideName | None
    store: StoreName | None
    since: datetime
    until: datetime
    reason: str
    order_id: UUID | None
    by: str | None
    note: str


class Bindings(msgspec.Struct, frozen=True, kw_only=True):
    """`current`: the one that protects now; `items`: newest first."""

    current: BindingView | None
    items: list[BindingView]


async def _add(session: AsyncSession, **values: Any) -> bool:
    """Whether the number was still free."""
    row = await session.execute(
        insert(GuideBinding)
        .values(id=uuid7(), **values)
        .on_conflict_do_nothing(index_elements=["member_id", "number"])
        .returning(col(GuideBinding.id))
    )
    return row.scalar_one_or_none() is not None


def _next(bound: Bound | None) -> int:
    return bound.number + 1 if bound else 1


async def by_touch(
    session: AsyncSession,
    brand_id: UUID,
    member_id: UUID,
    touch: Touch,
    link: Link,
    standing: queries.Standing,
) -> Bound | None:
    """Bind by a touch that counts, where the policy says so; who holds the member then. The member's row is locked."""
    guide_id = link.present_guide.account_id if link.present_guide else None
    if not rules.binds_now(standing.policy, "first_touch", guide_id, standing.bound, touch.at):
        return standing.bound
    await _add(
        session,
        brand_id=brand_id,
        member_id=member_id,
        number=_next(standing.bound),
        guide_id=guide_id,
        store_id=link.store.store_id if link.store else None,
        since=touch.at,
        until=touch.at + standing.policy.protection,
        reason="first_touch",
        policy_version=standing.version,
        touch_id=touch.id,
    )
    return (await queries.standing(session, brand_id, member_id, touch.at)).bound


async def by_order(session: AsyncSession, paid: OrderPaid) -> None:
    """Bind or renew by a paid order, as the policy says that was in force when it was placed."""
    placed = await queries.standing(session, paid.brand_id, paid.member_id, paid.at, paid.order_id)
    if placed.policy.binds == "never" or paid.guide_id is None:
        return
    viewer = await queries.lock_viewer(session, paid.brand_id, paid.member_id)
    bound = (await queries.standing(session, paid.brand_id, viewer.member_id, paid.at)).bound
    binds = rules.binds_now(placed.policy, "first_order", paid.guide_id, bound, paid.at)
    if not binds and not rules.renews_now(placed.policy, paid.guide_id, bound, paid.at):
        return
    added = await _add(
        session,
        brand_id=paid.brand_id,
        member_id=viewer.member_id,
        number=_next(bound),
        guide_id=paid.guide_id,
        store_id=paid.store_id,
        since=paid.at,
        until=paid.at + placed.policy.protection,
        reason="first_order" if binds else "renewed",
        policy_version=placed.version,
        order_id=paid.order_id,
    )
    if added and binds:
        await _carry(session, viewer.member_id, paid.store_id, paid.guide_id)


_CARRY = text(
    """
    UPDATE visit v SET store_id = CAST(:store_id AS uuid), guide_id = CAST(:guide_id AS uuid)
    FROM room r WHERE r.id = v.room_id AND v.member_id = :member_id
      AND r.state IN ('planned', 'warming', 'live', 'paused') AND room_reaches(r.id, CAST(:store_id AS uuid))
    """
)


async def _carry(
    session: AsyncSession, member_id: UUID, store_id: UUID | None, guide_id: UUID | None
) -> None:
    """In the rooms that are not over and are for the store: what is claimed there from now on is the bound guide's."""
    await session.execute(_CARRY, {"member_id": member_id, "store_id": store_id, "guide_id": guide_id})


_UNCARRY = text(
    """
    UPDATE visit v SET guide_id = l.guide_id,
           store_id = CASE WHEN v.link_id IS NULL THEN r.store_id ELSE l.store_id END
    FROM visit w JOIN room r ON r.id = w.room_id LEFT JOIN invitation_link l ON l.id = w.link_id
           AND room_reaches(r.id, l.store_id)
    WHERE w.id = v.id AND v.member_id = :member_id AND r.state IN ('planned', 'warming', 'live', 'paused')
    """
)
"""Back to the link that the member came by, else to the room's store."""


async def by_hand(
    session: AsyncSession, staff: Principal, member_id: UUID, asked: BindByHand, now: datetime
) -> None:
    """Bind to a guide for the policy's time, whoever had the member, or release. Raises `Forbidden`, `NotFound`,
    `Invalid` (422: staff who invite nobody), `NotBound`, `BoundMeanwhile` (409)."""
    if staff.role not in DECIDES:
        raise Forbidden
    if not asked.note.strip():
        raise Invalid(errors=[{"field": "note", "message": "say why"}])
    viewer = await queries.lock_viewer(session, staff.brand_id, member_id)
    standing = await queries.standing(session, staff.brand_id, viewer.member_id, now)
    bound = standing.bound
    store_id = guide_id = None
    if asked.guide_id is not None:
        store_id, guide_id = await store_of(session, staff.brand_id, asked.guide_id), asked.guide_id
    elif bound is None or bound.guide is None or bound.until <= now:
        raise NotBound
    added = await _add(
        session,
        brand_id=staff.brand_id,
        member_id=viewer.member_id,
        number=_next(bound),
        guide_id=guide_id,
        store_id=store_id,
        since=now,
        until=now + standing.policy.protection if guide_id else now,
        reason="by_hand" if guide_id else "released",
        policy_version=standing.version,
        by_id=staff.id,
        note=asked.note.strip(),
    )
    if not added:
        raise BoundMeanwhile
    if guide_id:
        await _carry(session, viewer.member_id, store_id, guide_id)
    else:
        await session.execute(_UNCARRY, {"member_id": viewer.member_id})


async def store_of(session: AsyncSession, brand_id: UUID, guide_id: UUID) -> UUID | None:
    """The store of a guide or manager; none of who brings customers without one. Raises `NotFound`, also for another
    brand's and for who has left; `Invalid` (422) for staff who invite nobody."""
    row = (
        await session.execute(
            text(
                "SELECT role, store_id FROM account WHERE id = :id AND brand_id = :brand_id AND disabled_at IS NULL"
            ),
            {"id": guide_id, "brand_id": brand_id},
        )
    ).first()
    if row is None:
        raise NotFound
    if row.role not in INVITES:
        raise Invalid(errors=[{"field": "guide_id", "message": "one who invites"}])
    store_id: UUID | None = row.store_id
    return store_id


async def of_member(session: AsyncSession, staff: Principal, member_id: UUID, now: datetime) -> Bindings:
    """For headquarters. Raises `Forbidden`, `NotFound`."""
    if not staff.is_headquarters:
        raise Forbidden
    member = await session.execute(
        text("SELECT coalesce(merged_into, id) FROM member WHERE id = :id AND brand_id = :brand_id"),
        {"id": member_id, "brand_id": staff.brand_id},
    )
    own_id = member.scalar_one_or_none()
    if own_id is None:
        raise NotFound
    items = await history(session, own_id)
    newest = items[0] if items else None
    holds = newest is not None and newest.guide is not None and newest.until > now
    return Bindings(current=newest if holds else None, items=list(items))


async def history(session: AsyncSession, member_id: UUID) -> Sequence[BindingView]:
    rows = await session.execute(
        text(
            """
            SELECT b.*, g.name AS guide_name, s.name AS store_name, a.name AS by_name
            FROM guide_binding b LEFT JOIN account g ON g.id = b.guide_id LEFT JOIN store s ON s.id = b.store_id
            LEFT JOIN account a ON a.id = b.by_id
            WHERE b.member_id = :member_id ORDER BY b.number DESC LIMIT :most
            """
        ),
        {"member_id": member_id, "most": MOST_SHOWN},
    )
    return [
        BindingView(
            binding_id=row.id,
            guide=GuideName(row.guide_id, row.guide_name) if row.guide_id else None,
            store=StoreName(row.store_id, row.store_name) if row.store_id else None,
            since=row.since,
            until=row.until,
            reason=row.reason,
            order_id=row.order_id,
            by=row.by_name,
            note=row.note,
        )
        for row in rows
    ]


async def merge(session: AsyncSession, guest_id: UUID, member_id: UUID, now: datetime) -> None:
    """The guest's bindings follow the member's. Of two that protect, whoever was bound first keeps the member. Both
    members' rows are locked."""
    held = await _held(session, guest_id, member_id, now)
    moved = await session.execute(
        text(
            """
            UPDATE guide_binding SET member_id = :member, number = number + (
                SELECT coalesce(max(number), 0) FROM guide_binding WHERE member_id = :member)
            WHERE member_id = :guest
            """
        ),
        {"guest": guest_id, "member": member_id},
    )
    if not moved.rowcount or held is None:  # type: ignore[attr-defined]
        return
    await session.execute(
        text(
            """
            INSERT INTO guide_binding (id, brand_id, member_id, number, guide_id, store_id, since, until, reason,
                                       policy_version, touch_id, order_id, by_id, note)
            SELECT uuidv7(), b.brand_id, b.member_id, n.last + 1, b.guide_id, b.store_id, b.since, b.until, 'merged',
                   b.policy_version, b.touch_id, b.order_id, b.by_id, b.note
            FROM guide_binding b
            CROSS JOIN (SELECT max(number) AS last FROM guide_binding WHERE member_id = :member) n
            WHERE b.id = :held AND b.number < n.last
            """
        ),
        {"member": member_id, "held": held},
    )


async def _held(session: AsyncSession, guest_id: UUID, member_id: UUID, now: datetime) -> UUID | None:
    """Of the newest binding of each, the protecting one whose stretch began first; else the member's own newest."""
    return (
        await session.execute(
            text(
                """
                SELECT id FROM (
                    SELECT DISTINCT ON (member_id) * FROM guide_binding WHERE member_id IN (:guest, :member)
                    ORDER BY member_id, number DESC) b
                ORDER BY (guide_id IS NOT NULL AND until > :now) DESC,
                         CASE WHEN guide_id IS NOT NULL AND until > :now THEN (
                             SELECT min(f.since) FROM guide_binding f WHERE f.member_id = b.member_id
                             AND f.guide_id = b.guide_id AND f.reason <> 'renewed' AND f.until >= b.since) END,
                         member_id = :member DESC
                LIMIT 1
                """
            ),
            {"guest": guest_id, "member": member_id, "now": now},
        )
    ).scalar_one_or_none()
