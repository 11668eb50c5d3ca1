"""Gifts, and tips paid from the giver's wallet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows
from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.kit.problems import NotFound
from server.members import service as members
from server.members.audience import must_take
from server.tipping.facts import GivenGift, TipGiven
from server.tipping.models import Gift, Tip
from server.tipping.rules import journal_key, must_be_open
from server.wallets import service as wallets
from server.wallets.rules import of_member
from server.wallets.rules import tips as tips_wallet


class Given(msgspec.Struct, frozen=True):
    """`balance_minor` is the giver's right after this tip, also when it is told again."""

    tip_id: UUID
    amount_minor: int
    balance_minor: int


async def create_gift(
    session: AsyncSession, brand_id: UUID, *, name: str, icon: str, price_minor: int, position: int = 0
) -> Gift:
    """Raises ValueError for a gift that costs nothing: a tip is a booking."""
    if price_minor < 1:
        raise ValueError("a gift has a price")
    gift = Gift(brand_id=brand_id, name=name, icon=icon, price_minor=price_minor, position=position)
    session.add(gift)
    await session.flush()
    return gift


async def gifts(session: AsyncSession, brand_id: UUID) -> Sequence[Gift]:
    rows = await session.exec(
        select(Gift).where(Gift.brand_id == brand_id).order_by(col(Gift.position), col(Gift.price_minor))
    )
    return rows.all()


async def give(
    session: AsyncSession, giver: Principal, room_id: UUID, gift_id: UUID, quantity: int, key: str
) -> Given:
    """Take the gift's price from the giver's wallet. The same key with the same request gives the same answer.

    Raises `NotFound` (404; also for another brand's room or gift), the refusals of the room's audience (403),
    `RoomNotLive` and `InsufficientFunds` (409), `KeyReused` (422).
    """
    giver_id = await members.present_id(session, giver.id)
    if told := await _told_before(session, giver_id, key):
        return await _again(session, told, room_id, gift_id, quantity)
    await must_take(session, room_id, giver_id)
    must_be_open(await _room_state(session, giver.brand_id, room_id))
    gift = await session.get(Gift, gift_id)
    if gift is None or gift.brand_id != giver.brand_id:
        raise NotFound
    wallet, amount_minor = of_member(giver_id), gift.price_minor * quantity
    try:
        booked = await wallets.book(
            session,
            giver.brand_id,
            "tip",
            journal_key(giver_id, key),
            [(wallet, -amount_minor), (tips_wallet(giver.brand_id), amount_minor)],
        )
    except wallets.BookedOtherwise:
        raise KeyReused from None
    if not booked.fresh:  # the same key came twice at once, and the other request was first
        told = await _told_before(session, giver_id, key)
        if told is None:
            raise KeyReused
        return await _again(session, told, room_id, gift_id, quantity)
    tip = Tip(
        id=uuid7(),
        brand_id=giver.brand_id,
        room_id=room_id,
        member_id=giver_id,
        gift_id=gift.id,
        journal_id=booked.journal_id,
        key=key,
        quantity=quantity,
        amount_minor=amount_minor,
    )
    session.add(tip)
    await session.flush()
    await record(session, _fact(tip, gift, giver.name, booked.balances[wallet]))
    return Given(tip.id, amount_minor, booked.balances[wallet])


def _fact(tip: Tip, gift: Gift, name: str, balance_minor: int) -> TipGiven:
    return TipGiven(
        brand_id=tip.brand_id,
        at=tip.at,
        tip_id=tip.id,
        room_id=tip.room_id,
        member_id=tip.member_id,
        name=name,
        gift_id=gift.id,
        gift=GivenGift(gift.name, gift.icon),
        quantity=tip.quantity,
        amount_minor=tip.amount_minor,
        balance_minor=balance_minor,
    )


async def _told_before(session: AsyncSession, member_id: UUID, key: str) -> Tip | None:
    return (await session.exec(select(Tip).where(Tip.member_id == member_id, Tip.key == key))).first()


async def _again(session: AsyncSession, tip: Tip, room_id: UUID, gift_id: UUID, quantity: int) -> Given:
    """The first answer. Raises `KeyReused` (422) when the key came with another request."""
    if (tip.room_id, tip.gift_id, tip.quantity) != (room_id, gift_id, quantity):
        raise KeyReused
    return Given(tip.id, tip.amount_minor, await wallets.balance_after(session, tip.journal_id))


async def _room_state(session: AsyncSession, brand_id: UUID, room_id: UUID) -> str:
    """Rooms stand above tipping, so their row is read by name. Raises `NotFound`."""
    row = await session.execute(
        text("SELECT state FROM room WHERE id = :id AND brand_id = :brand"),
        {"id": room_id, "brand": brand_id},
    )
    state = row.scalar_one_or_none()
    if state is None:
        raise NotFound
    return str(state)


async def merge(session: AsyncSession, guest_id: UUID, member_id: UUID) -> None:
    """A guest's tips become the member's, so that a retry with the member's token finds them."""
    await session.execute(
        text(
            """
            UPDATE tip SET member_id = :member
            WHERE member_id = :guest
              AND NOT EXISTS (SELECT 1 FROM tip t WHERE t.member_id = :member AND t.key = tip.key)
            """
        ),
        {"guest": guest_id, "member": member_id},
    )


VERIFY = {
    "tips_equal_ledger": """
        SELECT t.id::text, j.id::text AS journal_id, t.amount_minor, j.booked_minor
        FROM tip t
        FULL JOIN (SELECT j.id, sum(e.amount_minor) FILTER (WHERE w.kind = 'tips')::bigint AS booked_minor
                   FROM journal j LEFT JOIN wallet_entry e ON e.journal_id = j.id
                   LEFT JOIN wallet w ON w.id = e.wallet_id
                   WHERE j.kind = 'tip' GROUP BY j.id) j ON j.id = t.journal_id
        WHERE t.id IS NULL OR t.amount_minor IS DISTINCT FROM j.booked_minor""",
}
"""Queries that list broken rows; an empty answer is the proof."""


async def verify(session: AsyncSession) -> Broken:
    """Every tipping invariant from the truth: check name → broken rows."""
    return await broken_rows(session, VERIFY)
