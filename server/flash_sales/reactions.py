"""What sales do about others' facts, and what the topics hear of sales."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, member_topic, room_topic
from server.flash_sales import selling, waiting
from server.flash_sales.facts import Promoted, SaleClosed, SaleOpened, SalePriced
from server.flash_sales.gate import Gate, GateClaim, GateDown
from server.kit.breaker import Breaker
from server.kit.clock import utc_now
from server.kit.facts import after_commit, announces, in_transaction
from server.kit.redis import Redis
from server.members.facts import MembersMerged
from server.orders.facts import OrderRefunded, OrdersReleased

_FEWER = text(
    """
    WITH ended AS MATERIALIZED (
        SELECT o.id, o.sale_id, o.member_id, o.device, sum(l.quantity) FILTER (WHERE NOT l.gift) AS units
        FROM orders o JOIN order_line l ON l.order_id = o.id
        WHERE o.id = ANY(CAST(:orders AS uuid[])) AND o.sale_id IS NOT NULL GROUP BY o.id),
    of_device AS (
        UPDATE flash_sale_device d SET quantity = d.quantity - e.units
        FROM (SELECT sale_id, device, sum(units) AS units FROM ended WHERE device IS NOT NULL GROUP BY 1, 2) e
        WHERE d.sale_id = e.sale_id AND d.device = e.device)
    UPDATE flash_sale_buyer b SET quantity = b.quantity - e.units, lapsed = b.lapsed + :lapsed * e.orders
    FROM (SELECT sale_id, member_id, sum(units) AS units, count(*)::int AS orders FROM ended GROUP BY 1, 2) e
    WHERE b.sale_id = e.sale_id AND b.member_id = e.member_id
    """
)


async def _may_buy_again(session: AsyncSession, orders: Iterable[UUID], *, lapsed: bool = False) -> None:
    await session.flush()
    await session.execute(_FEWER, {"orders": list(orders), "lapsed": int(lapsed)})


@in_transaction(OrdersReleased)
async def free_the_limit(session: AsyncSession, fact: OrdersReleased) -> None:
    """Whoever lets a hold lapse has less time for the next one."""
    if orders := [o.order_id for o in fact.orders if o.sale_id is not None]:
        await _may_buy_again(session, orders, lapsed=fact.reason == "expired")


@in_transaction(OrderRefunded)
async def free_the_limit_of_closed(session: AsyncSession, fact: OrderRefunded) -> None:
    if fact.closed and fact.sale_id is not None:
        await _may_buy_again(session, [fact.order_id])


@in_transaction(MembersMerged)
async def add_up_the_limit(session: AsyncSession, fact: MembersMerged) -> None:
    """What the guest bought counts for the member. Together they may be above the limit: then no more."""
    await session.execute(
        text(
            """
            WITH locked AS MATERIALIZED (  -- as whoever ends an order does: the order first, the limit after it
                SELECT id FROM orders WHERE member_id = :guest_id AND sale_id IS NOT NULL ORDER BY id FOR UPDATE),
            gone AS (DELETE FROM flash_sale_buyer
                     WHERE member_id = :guest_id AND (SELECT count(*) FROM locked) >= 0
                     RETURNING sale_id, quantity, lapsed)
            INSERT INTO flash_sale_buyer (sale_id, member_id, quantity, lapsed)
            SELECT sale_id, :member_id, quantity, lapsed FROM gone
            ON CONFLICT (sale_id, member_id) DO UPDATE SET
                quantity = flash_sale_buyer.quantity + excluded.quantity,
                lapsed = flash_sale_buyer.lapsed + excluded.lapsed
            """
        ),
        {"guest_id": fact.guest_id, "member_id": fact.member_id},
    )


@in_transaction(MembersMerged)
async def keep_the_place(session: AsyncSession, fact: MembersMerged) -> None:
    """The guest's place in a waitlist is the member's, the earlier one where both have one."""
    await session.execute(
        text(
            """
            WITH place AS (
                SELECT id, row_number() OVER (PARTITION BY sale_id ORDER BY id) AS nth FROM waiting
                WHERE member_id IN (:guest_id, :member_id) AND state = 'waiting')
            UPDATE waiting w SET state = 'left' FROM place p WHERE p.id = w.id AND p.nth > 1
            """
        ),
        {"guest_id": fact.guest_id, "member_id": fact.member_id},
    )
    await session.execute(
        text("UPDATE waiting SET member_id = :member_id WHERE member_id = :guest_id"),
        {"guest_id": fact.guest_id, "member_id": fact.member_id},
    )


@after_commit(OrdersReleased)
async def pass_on_units(session: AsyncSession, fact: OrdersReleased) -> None:
    """After the commit: orders end with their units locked, claims lock the sale before them."""
    await _pass_on(session, {order.sale_id for order in fact.orders if order.sale_id is not None})


@after_commit(OrderRefunded)
async def pass_on_units_of_refunded(session: AsyncSession, fact: OrderRefunded) -> None:
    if (fact.closed or fact.returned) and fact.sale_id is not None:
        await _pass_on(session, {fact.sale_id})


async def _pass_on(session: AsyncSession, sale_ids: set[UUID]) -> None:
    """To whoever waits; from a sale that is closed to headquarters."""
    for sale_id in sorted(sale_ids):
        await waiting.promote(session, sale_id, utc_now())
    await selling.take_rests(session, sale_ids)


def register(redis: Redis) -> None:
    """The worker's part: the gate follows what was committed, after the waitlist. One that is down holds nothing up:
    the watch lays it anew when it is back."""
    breaker = Breaker()

    async def tell(sale_id: UUID, act: Callable[[Gate], Awaitable[object]]) -> None:
        with suppress(GateDown):
            await breaker.ask(lambda: act(Gate(redis, sale_id)))

    async def give_back(sale_id: UUID, taken: Sequence[tuple[UUID, str]]) -> None:
        await tell(sale_id, lambda gate: gate.release(taken, ordered=True))

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

    @after_commit(Promoted)
    async def take_at_the_gate(_: AsyncSession, fact: Promoted) -> None:
        """What the waitlist took, the crowd can't."""
        taken = GateClaim(fact.member_id, fact.key, fact.units, fact.lines, fact.device)
        await tell(fact.sale_id, lambda gate: gate.book([taken]))


@announces(SalePriced)
def tell_of_price(fact: SalePriced) -> Iterator[RoomEvent]:
    yield fact.event(
        room_topic(fact.room_id),
        "sale.priced",
        sale_id=fact.sale_id,
        sku_id=fact.sku_id,
        title=fact.title,
        price_minor=fact.price_minor,
        was_minor=fact.was_minor,
    )


@announces(Promoted)
def tell_of_promotion(fact: Promoted) -> Iterator[RoomEvent]:
    yield fact.event(
        member_topic(fact.member_id),
        "waitlist.promoted",
        room_id=fact.room_id,
        sale_id=fact.sale_id,
        order_id=fact.order_id,
        title=fact.title,
        units=fact.units,
        amount_minor=fact.amount_minor,
        pay_by=fact.pay_by,
    )


@announces(SaleOpened)
def tell_of_opening(fact: SaleOpened) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "sale.opened", sale=fact.sale)


@announces(SaleClosed)
def tell_of_closing(fact: SaleClosed) -> Iterator[RoomEvent]:
    yield fact.event(room_topic(fact.room_id), "sale.closed", sale_id=fact.sale_id, reason=fact.reason)
