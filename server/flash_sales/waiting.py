"""The waitlist of a sale: who comes too late stands in line for units that come back, first come, first served.

Units go to the line before the crowd hears of them: places are made holds as soon as the release is committed, and the
gate is given back only what is left then. A place whose units don't all come yet keeps its turn, and those behind wait.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text, update
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.flash_sales.facts import Promoted
from server.flash_sales.models import FlashSale, FlashSaleLine, Waiting
from server.flash_sales.rules import Ended, LimitReached, NotOpen
from server.kit.facts import record
from server.kit.problems import Conflict, NotFound
from server.members import service as members
from server.orders.service import new_number

AT_ONCE = 100
"""Places looked at for units that came back."""


class StillFree(Conflict):
    """`left` units could be had without waiting."""

    slug, title = "still-free", "There are units left; claim them"


class Place(msgspec.Struct):
    """`ahead` is how many stand before this one."""

    sale_id: UUID
    units: int
    ahead: int


_FREE = text(
    "SELECT p.sku_id, sum(b.free)::int FROM flash_sale_pool p JOIN stock_balance b ON b.id = p.balance_id "
    "WHERE p.sale_id = :id GROUP BY p.sku_id"
)
_HAS = text("SELECT quantity FROM flash_sale_buyer WHERE sale_id = :sale_id AND member_id = :member_id")
_AHEAD = text("SELECT count(*) FROM waiting WHERE sale_id = :sale_id AND state = 'waiting' AND id < :id")


async def join(
    session: AsyncSession,
    sale_id: UUID,
    member_id: UUID,
    device: bytes | None,
    units: int,
    lines: Sequence[tuple[UUID, int]],
    now: datetime,
) -> Place:
    """The member's place; a second one is the first. Raises `StillFree`, `LimitReached` (409), `NotOpen` (425), `Ended`
    (410), `NotFound`."""
    member_id = await members.present_id(session, member_id)
    sale = await session.get(FlashSale, sale_id)
    if sale is None:
        raise NotFound
    if sale.state == "scheduled":
        raise NotOpen(opens_at=sale.opens_at.isoformat() if sale.opens_at else None)
    if sale.state == "closed" or sale.ends_at is None or sale.ends_at <= now:
        raise Ended
    has = (await session.execute(_HAS, {"sale_id": sale_id, "member_id": member_id})).scalar() or 0
    if has + units > sale.limit_per_buyer:
        raise LimitReached(limit=sale.limit_per_buyer, has=has)
    if (place := await place_of(session, sale_id, member_id)) is not None:
        return place
    free = {row[0]: row[1] for row in await session.execute(_FREE, {"id": sale_id})}
    if all(free.get(sku, 0) >= quantity for sku, quantity in lines):
        raise StillFree(left=min(free.values()))
    wanted = Waiting(
        sale_id=sale_id,
        member_id=member_id,
        device=device,
        lines=[[str(sku), quantity] for sku, quantity in lines],
        units=units,
        at=now,
    )
    await session.execute(insert(Waiting).values(**wanted.model_dump()).on_conflict_do_nothing())
    made = await place_of(session, sale_id, member_id)
    assert made is not None
    return made


async def place_of(session: AsyncSession, sale_id: UUID, member_id: UUID) -> Place | None:
    row = (
        await session.exec(
            select(Waiting).where(
                Waiting.sale_id == sale_id, Waiting.member_id == member_id, Waiting.state == "waiting"
            )
        )
    ).first()
    if row is None:
        return None
    ahead = await session.execute(_AHEAD, {"sale_id": sale_id, "id": row.id})
    return Place(sale_id, row.units, ahead.scalar_one())


async def leave(session: AsyncSession, sale_id: UUID, member_id: UUID) -> None:
    """Leaving twice is leaving once."""
    member_id = await members.present_id(session, member_id)
    await session.execute(
        update(Waiting)
        .where(
            col(Waiting.sale_id) == sale_id,
            col(Waiting.member_id) == member_id,
            col(Waiting.state) == "waiting",
        )
        .values(state="left")
    )


# Members before their places, as a merge takes them.
_PEOPLE = text(
    "SELECT 1 FROM member WHERE id IN (SELECT member_id FROM waiting WHERE sale_id = :sale_id AND state = 'waiting' "
    "ORDER BY id LIMIT :most) ORDER BY id FOR KEY SHARE"
)
_LINE = text(
    "SELECT w.id, w.member_id, w.device, w.units, w.lines FROM waiting w "
    "WHERE w.sale_id = :sale_id AND w.state = 'waiting' ORDER BY w.id LIMIT :most FOR UPDATE"
)
_CLAIM = text(
    """
    SELECT c.claim, c.order_id, c.amount_minor, c.pay_by FROM claim_batch(
        :sale_id, CAST(:claims AS int[]), CAST(:members AS uuid[]), CAST(:devices AS bytea[]), CAST(:keys AS text[]),
        CAST(:hashes AS bytea[]), CAST(:numbers AS text[]), CAST(:most AS bigint[]), CAST(:line_claims AS int[]),
        CAST(:line_skus AS uuid[]), CAST(:line_quantities AS int[])) c
    """
)


def _key(place_id: UUID) -> str:
    """The order's, as if the buyer had tapped."""
    return f"waiting:{place_id}"


async def promote(session: AsyncSession, sale_id: UUID, now: datetime) -> int:
    """Make holds of the first places, as many as there are units for; how many."""
    sale = (await session.exec(select(FlashSale).where(FlashSale.id == sale_id).with_for_update())).first()
    if sale is None or sale.state != "open":
        return 0
    await session.execute(_PEOPLE, {"sale_id": sale_id, "most": AT_ONCE})
    line = (await session.execute(_LINE, {"sale_id": sale_id, "most": AT_ONCE})).all()
    if not line:
        return 0
    parts = [(n, UUID(sku), quantity) for n, place in enumerate(line) for sku, quantity in place.lines]
    granted = await session.execute(
        _CLAIM,
        {
            "sale_id": sale_id,
            "claims": list(range(len(line))),
            "members": [place.member_id for place in line],
            "devices": [place.device for place in line],
            "keys": [_key(place.id) for place in line],
            "hashes": [b"waiting"] * len(line),
            "numbers": [new_number(now) for _ in line],
            "most": [None] * len(line),
            "line_claims": [part[0] for part in parts],
            "line_skus": [part[1] for part in parts],
            "line_quantities": [part[2] for part in parts],
        },
    )
    title = (
        await session.exec(
            select(FlashSaleLine.title)
            .where(FlashSaleLine.sale_id == sale_id)
            .order_by(col(FlashSaleLine.position))
            .limit(1)
        )
    ).one()
    told = []
    for row in granted.all():
        place = line[row.claim]
        await session.execute(
            update(Waiting).where(col(Waiting.id) == place.id).values(state="promoted", order_id=row.order_id)
        )
        told.append(
            Promoted(
                brand_id=sale.brand_id,
                sale_id=sale_id,
                room_id=sale.room_id,
                member_id=place.member_id,
                order_id=row.order_id,
                key=_key(place.id),
                device=place.device,
                title=title,
                units=place.units,
                lines=[(UUID(sku), quantity) for sku, quantity in place.lines],
                amount_minor=row.amount_minor,
                pay_by=row.pay_by,
            )
        )
    await record(session, *told)
    return len(told)
