"""What sales do about others' facts, and what the topics hear of sales."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, room_topic
from server.flash_sales import service
from server.flash_sales.facts import SaleClosed, SaleOpened
from server.flash_sales.gate import Gate, GateDown
from server.kit.breaker import Breaker
from server.kit.facts import after_commit, announces, in_transaction
from server.kit.redis import Redis
from server.members.facts import MembersMerged
from server.orders.facts import OrderRefunded, OrdersReleased

_FEWER = text(
    """
    UPDATE flash_sale_buyer b SET quantity = b.quantity - d.quantity
    FROM (SELECT sale_id, member_id, sum(quantity) AS quantity
          FROM unnest(CAST(:sales AS uuid[]), CAST(:members AS uuid[]), CAST(:quantities AS int[]))
               AS t(sale_id, member_id, quantity) GROUP BY sale_id, member_id) d
    WHERE b.sale_id = d.sale_id AND b.member_id = d.member_id
    """
)


async def _may_buy_again(session: AsyncSession, rows: Iterable[tuple[UUID, UUID, int]]) -> None:
    columns = list(zip(*rows, strict=True))
    if columns:
        await session.execute(
            _FEWER,
            {"sales": list(columns[0]), "members": list(columns[1]), "quantities": list(columns[2])},
        )


@in_transaction(OrdersReleased)
async def free_the_limit(session: AsyncSession, fact: OrdersReleased) -> None:
    await _may_buy_again(
        session, [(o.sale_id, o.member_id, o.quantity) for o in fact.orders if o.sale_id is not None]
    )


@in_transaction(OrderRefunded)
async def free_the_limit_of_closed(session: AsyncSession, fact: OrderRefunded) -> None:
    if fact.closed and fact.sale_id is not None:
        quantity = await session.execute(
            text("SELECT sum(quantity)::int FROM order_line WHERE order_id = :id"), {"id": fact.order_id}
        )
        await _may_buy_again(session, [(fact.sale_id, fact.member_id, quantity.scalar_one())])


@in_transaction(MembersMerged)
async def add_up_the_limit(session: AsyncSession, fact: MembersMerged) -> None:
    """What the guest bought counts for the member. Together they may be above the limit: then no more."""
    await session.execute(
        text(
            """
            WITH locked AS MATERIALIZED (  -- as whoever ends an order does: the order first, the limit after it
                SELECT id FROM orders WHERE member_id = :guest_id AND sale_id IS NOT NULL ORDER BY id FOR UPDATE),
            gone AS (DELETE FROM flash_sale_buyer
                     WHERE member_id = :guest_id AND (SELECT count(*) FROM locked) >= 0 RETURNING sale_id, quantity)
            INSERT INTO flash_sale_buyer (sale_id, member_id, quantity)
            SELECT sale_id, :member_id, quantity FROM gone
            ON CONFLICT (sale_id, member_id) DO UPDATE SET quantity = flash_sale_buyer.quantity + excluded.quantity
            """
        ),
        {"guest_id": fact.guest_id, "member_id": fact.member_id},
    )


@after_commit(OrdersReleased)
async def take_rests(session: AsyncSession, fact: OrdersReleased) -> None:
    """After the commit: orders end with their units locked, claims lock the sale before them."""
    await service.take_rests(session, {order.sale_id for order in fact.orders if order.sale_id is not None})


@after_commit(OrderRefunded)
async def take_rests_of_refunded(session: AsyncSession, fact: OrderRefunded) -> None:
    if fact.closed and fact.sale_id is not None:
        await service.take_rests(session, [fact.sale_id])


def register(redis: Redis) -> None:
    """The worker's part: the gate follows what was committed. One that is down holds nothing up: the watch lays it anew
    when it is back."""
    breaker = Breaker()

    async def give_back(sale_id: UUID, taken: Sequence[tuple[UUID, str]]) -> None:
        with suppress(GateDown):
            await breaker.ask(lambda: Gate(redis, sale_id).release(taken))

    @after_commit(OrdersReleased)
    async def give_back_at_the_gate(_: AsyncSession, fact: OrdersReleased) -> None:
        by_sale: dict[UUID, list[tuple[UUID, str]]] = {}
        for order in fact.orders:
            if order.sale_id is not None:
                by_sale.setdefault(order.sale_id, []).append((order.member_id, order.key))
        for sale_id, taken in by_sale.items():
            await give_back(sale_id, taken)

    @after_commit(OrderRefunded)
    async def give_back_refunded(_: AsyncSession, fact: OrderRefunded) -> None:
        if fact.closed and fact.sale_id is not None:
            await give_back(fact.sale_id, [(fact.member_id, fact.key)])


@announces(SaleOpened)
def tell_of_opening(fact: SaleOpened) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "sale.opened", sale=fact.sale)


@announces(SaleClosed)
def tell_of_closing(fact: SaleClosed) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "sale.closed", sale_id=fact.sale_id, reason=fact.reason)
