"""Conversations and their lines as those see them who may."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution.own_guide import OWN_GUIDE, moments, own_guide
from server.attribution.queries import PAST_ALL
from server.attribution.rules import GuideName, MemberName, StoreName
from server.catalog import service as catalog
from server.conversations import rules
from server.conversations.facts import TalkLine, TalkPicture, TalkProduct
from server.conversations.models import ConversationLine, ConversationPicture
from server.conversations.rules import Closed, Side
from server.kit.paging import PAGE, Page, before, page
from server.kit.principal import INVITES, Principal, Role
from server.kit.problems import NotFound

MOST_UNREAD = 100
"""What is counted of them: a page says 99+."""


class ConversationView(msgspec.Struct, kw_only=True):
    """`side` is who the reader is in it, null for who looks on; `unread` lines are the other's. `read_to` and
    `other_read_to`: up to which number the reader and the other have read. `closed`: why nothing is written any more
    (guide-left, moved, lapsed). `receiving` is false while the member wants no messages."""

    conversation_id: UUID
    member: MemberName
    guide: GuideName
    store: StoreName | None
    side: Side | None
    last: TalkLine | None
    last_number: int
    unread: int
    read_to: int
    other_read_to: int
    closed: Closed | None
    receiving: bool
    created_at: datetime


class Conversations(msgspec.Struct):
    """`guide` is a member's own, with whom a conversation can be opened."""

    items: list[ConversationView]
    next: str | None
    guide: GuideName | None = None


class TalkLines(msgspec.Struct):
    """Oldest first; `before` is the number to ask for what came earlier."""

    conversation: ConversationView
    items: list[TalkLine]
    before: int | None


_UNREAD = f"""
    (SELECT count(*) FROM (SELECT 1 FROM conversation_line l WHERE l.conversation_id = c.id
      AND l.number > c.{{reader}}_read AND l.by = '{{writer}}' LIMIT {MOST_UNREAD}) n) AS {{reader}}_unread
"""  # noqa: S608  constants of this module
_VIEW = f"""
    SELECT c.*, m.name AS member_name, g.name AS guide_name, s.name AS store_name, o.guide_id AS own_guide_id,
           g.disabled_at IS NULL AND g.role = ANY(CAST(:inviting AS text[]))
             AND g.store_id IS NOT DISTINCT FROM c.store_id AS works,
           {_UNREAD.format(reader="member", writer="guide")}, {_UNREAD.format(reader="guide", writer="member")}
    FROM conversation c JOIN member m ON m.id = c.member_id JOIN account g ON g.id = c.guide_id
    LEFT JOIN store s ON s.id = c.store_id
    LEFT JOIN LATERAL ({OWN_GUIDE.format(member="c.member_id")}) o ON true
"""  # noqa: S608  constants of this module
_ONE = text(f"{_VIEW} WHERE c.id = :id AND c.brand_id = :brand_id")
_LISTED = "c.latest_id < :before ORDER BY c.latest_id DESC LIMIT :limit"
_OF_GUIDE = text(f"{_VIEW} WHERE c.guide_id = :who AND c.last_number > 0 AND {_LISTED}")
_OF_MEMBER = text(f"{_VIEW} WHERE c.member_id = :who AND {_LISTED}")
_LOOKED_ON = text(
    f"""
    {_VIEW} WHERE c.member_id = :of AND c.brand_id = :brand_id
      AND (:all_stores OR c.guide_id = :who OR c.store_id = CAST(:store_id AS uuid)) AND {_LISTED}
    """
)


def _asked(now: datetime) -> dict[str, Any]:
    return {**moments(now), "inviting": sorted(INVITES)}


def why_closed(row: Mapping[Any, Any]) -> Closed | None:
    return rules.closed(row["guide_id"], works=row["works"], own_guide_id=row["own_guide_id"])


async def one(session: AsyncSession, who: Principal, conversation_id: UUID, now: datetime) -> RowMapping:
    """For the two and for whoever may look on. Raises `NotFound`."""
    found = await session.execute(_ONE, {"id": conversation_id, "brand_id": who.brand_id, **_asked(now)})
    row = found.mappings().first()
    if row is None:
        raise NotFound
    if rules.side_of(who, row["member_id"], row["guide_id"]) is None and not rules.may_look_on(
        who, row["brand_id"], row["store_id"]
    ):
        raise NotFound
    return row


async def show(
    session: AsyncSession, who: Principal, conversation_id: UUID, now: datetime
) -> ConversationView:
    return (await _views(session, who, [await one(session, who, conversation_id, now)]))[0]


async def listing(
    session: AsyncSession, who: Principal, of_member: UUID | None, cursor: str | None, now: datetime
) -> Conversations:
    """One's own, newest first; for staff with `of_member` what they may look on of that member. Who only opened one and
    said nothing is no news to the guide."""
    statement = _OF_MEMBER if who.kind == "member" else _OF_GUIDE if of_member is None else _LOOKED_ON
    may_look_on = who.kind == "staff" and who.role in {Role.OWNER, Role.MANAGER}
    found = await session.execute(
        statement,
        {
            "who": who.id,
            "before": before(cursor) or PAST_ALL,
            "limit": PAGE + 1,
            **_asked(now),
            **(
                {
                    "of": of_member,
                    "brand_id": who.brand_id,
                    "all_stores": who.role is Role.OWNER,
                    "store_id": who.store_id if may_look_on else None,
                }
                if statement is _LOOKED_ON
                else {}
            ),
        },
    )
    rows = page(found.mappings().all(), lambda row: row, lambda row: row["latest_id"])
    guide = await guide_of(session, who.id, now) if who.kind == "member" else None
    return Conversations(await _views(session, who, rows.items), rows.next, guide)


async def guide_of(session: AsyncSession, member_id: UUID, now: datetime) -> GuideName | None:
    """The member's own guide, where they still work."""
    guide_id = await own_guide(session, member_id, now)
    found = await session.execute(
        text("SELECT name FROM account WHERE id = :id AND disabled_at IS NULL AND role = ANY(:inviting)"),
        {"id": guide_id, "inviting": sorted(INVITES)},
    )
    name = found.scalar_one_or_none()
    return GuideName(guide_id, name) if guide_id is not None and name is not None else None


async def _views(session: AsyncSession, who: Principal, rows: Sequence[RowMapping]) -> list[ConversationView]:
    last = {
        line.conversation_id: line
        for line in (
            await session.exec(
                select(ConversationLine).where(col(ConversationLine.id).in_([r["latest_id"] for r in rows]))
            )
        ).all()
    }
    brand_id = who.brand_id
    shown = dict(zip(last, await lines(session, brand_id, list(last.values())), strict=True))
    return [_view(who, row, shown.get(row["id"])) for row in rows]


def _view(who: Principal, row: RowMapping, last: TalkLine | None) -> ConversationView:
    side = rules.side_of(who, row["member_id"], row["guide_id"])
    reader = side or Side.GUIDE
    return ConversationView(
        conversation_id=row["id"],
        member=MemberName(row["member_id"], row["member_name"]),
        guide=GuideName(row["guide_id"], row["guide_name"]),
        store=StoreName(row["store_id"], row["store_name"]) if row["store_id"] else None,
        side=side,
        last=last,
        last_number=row["last_number"],
        unread=row[f"{side}_unread"] if side else 0,
        read_to=row[f"{reader}_read"],
        other_read_to=row[f"{reader.other}_read"],
        closed=why_closed(row),
        receiving=row["blocked_at"] is None,
        created_at=row["created_at"],
    )


# Lines


async def talk(
    session: AsyncSession, who: Principal, conversation_id: UUID, earlier_than: int | None, now: datetime
) -> TalkLines:
    """A page of lines before that number, or the newest. Raises `NotFound`."""
    row = await one(session, who, conversation_id, now)
    asked = select(ConversationLine).where(col(ConversationLine.conversation_id) == conversation_id)
    if earlier_than is not None:
        asked = asked.where(col(ConversationLine.number) < earlier_than)
    newest = asked.order_by(col(ConversationLine.number).desc()).limit(PAGE)
    found = list(reversed((await session.exec(newest)).all()))
    first = found[0].number if found else 1
    return TalkLines(
        (await _views(session, who, [row]))[0],
        await lines(session, who.brand_id, found),
        first if first > 1 else None,
    )


async def lines(session: AsyncSession, brand_id: UUID, found: Sequence[ConversationLine]) -> list[TalkLine]:
    """As they are shown; a product with its title and price of now."""
    products = await _products(
        session,
        brand_id,
        [UUID(line.content["product_id"]) for line in found if "product_id" in line.content],
    )
    return [_line(line, products) for line in found]


def _line(line: ConversationLine, products: Mapping[str, TalkProduct]) -> TalkLine:
    kept = line.content
    url = f"/api/conversations/{line.conversation_id}/lines/{line.number}/picture"
    return TalkLine(
        number=line.number,
        by=Side(line.by),
        at=line.at,
        recalled=line.recalled_at is not None,
        text=kept.get("text"),
        picture=TalkPicture(url, kept["width"], kept["height"]) if "width" in kept else None,
        product=products.get(kept.get("product_id", "")),
    )


_PRODUCTS = text(
    """
    SELECT p.id, p.title, p.image, min(s.price_minor) AS price_minor
    FROM product p JOIN sku s ON s.product_id = p.id
    WHERE p.brand_id = :brand_id AND p.id = ANY(CAST(:ids AS uuid[])) GROUP BY p.id
    """
)


async def _products(session: AsyncSession, brand_id: UUID, ids: Sequence[UUID]) -> dict[str, TalkProduct]:
    if not ids:
        return {}
    rows = await session.execute(_PRODUCTS, {"brand_id": brand_id, "ids": list(ids)})
    return {
        str(row.id): TalkProduct(row.id, row.title, catalog.image_url(row.image), row.price_minor)
        for row in rows
    }


async def picture(
    session: AsyncSession, who: Principal, conversation_id: UUID, number: int, now: datetime
) -> bytes:
    """WebP. Raises `NotFound`, also once it was taken back."""
    await one(session, who, conversation_id, now)
    asked = (
        select(ConversationPicture.body)
        .join(ConversationLine, col(ConversationLine.id) == col(ConversationPicture.line_id))
        .where(
            col(ConversationLine.conversation_id) == conversation_id, col(ConversationLine.number) == number
        )
    )
    body = (await session.exec(asked)).first()
    if body is None:
        raise NotFound
    return body


__all__ = ["ConversationView", "Conversations", "Page", "TalkLines", "listing", "picture", "show", "talk"]
