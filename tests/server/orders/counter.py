"""A shop's counter: orders that were paid, and who asks about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import col, select

import server.reactions  # noqa: F401
from server.after_sale import service as after_sale
from server.after_sale.routes import ROUTES as AFTER_SALE
from server.attribution import checks as attribution
from server.catalog.models import Product, Sku
from server.kit.clock import utc_now
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.kit.redis import Redis
from server.members.routes import ROUTES as MEMBERS
from server.orders import checks, fulfilment, paying, placing, reading
from server.orders.models import OrderLine
from server.orders.routes import ROUTES as ORDERS
from server.orders.views import OrderView
from server.payments import service as payments
from server.payments.models import Payment, PaymentEvent
from server.rooms.models import ShelfItem
from server.stock import service as stock
from server.stock.rules import Pool
from server.stock.service import Taking
from tests.server.shop import Shop
from tests.server.wallets.serving import Served

HOME = {"method": "delivery", "name": "Wang", "phone": "13900000001", "address": "Lake Road 1", "note": ""}


@dataclass
class Counter:
    """`tea` costs 99.00, `cup` 20.00."""

    shop: Shop
    tea: UUID
    cup: UUID

    @classmethod
    async def open(cls, shop: Shop, redis: Redis, *, cups: int = 100) -> Counter:
        product, cup = uuid7(), uuid7()
        async with shop.database.transaction() as session:
            session.add(Product(id=product, brand_id=shop.brand_id, title="Cup"))
            await session.flush()
            session.add(Sku(id=cup, brand_id=shop.brand_id, product_id=product, code="CUP", price_minor=2000))
            session.add(ShelfItem(room_id=shop.room_id, product_id=product, position=1))
            await session.flush()
            await stock.adjust(session, shop.brand_id, cup, Pool.HEADQUARTERS, shop.brand_id, cups, uuid7())
        counter = cls(shop, shop.sku_id, cup)
        counter.served = Served(shop.database, [*ORDERS, *AFTER_SALE, *MEMBERS], redis=redis)
        return counter

    def staff(self, role: Role, store_id: UUID | None = None) -> Principal:
        return msgspec.structs.replace(self.shop.owner, role=role, store_id=store_id)

    async def call(self, who: Principal | None, method: str, path: str, **request: Any) -> Any:
        """The answer of one request."""
        async with self.served.as_(who) as client:
            return await client.request(method, path, **request)

    async def order(self, member: Principal, lines: Sequence[tuple[UUID, int]], note: str = "") -> UUID:
        async with self.shop.database.transaction() as session:
            takings = [Taking(sku, quantity) for sku, quantity in lines]
            placed = await placing.place(
                session, member, self.shop.room_id, takings, uuid7().hex, b"", utc_now(), note=note
            )
        return placed.order_id

    async def bought(
        self,
        member: Principal,
        lines: Sequence[tuple[UUID, int]] = (),
        where: dict[str, Any] | None = HOME,
        note: str = "",
    ) -> UUID:
        """A paid order: of one tea, to be shipped, if nothing else is said."""
        order_id = await self.order(member, lines or [(self.tea, 1)], note)
        if where:
            async with self.shop.database.transaction() as session:
                await fulfilment.set_delivery(session, member, order_id, where, utc_now())
        await self.pay(member, order_id)
        return order_id

    async def pay(self, member: Principal, order_id: UUID) -> None:
        amount = (await self.seen(member, order_id)).amount_minor
        async with self.shop.database.transaction() as session:
            payment_id = uuid7()
            session.add(
                Payment(
                    id=payment_id,
                    brand_id=self.shop.brand_id,
                    member_id=member.id,
                    payable="order",
                    payable_id=order_id,
                    provider="sandbox",
                    title="tea",
                    return_url="/",
                    amount_minor=amount,
                    status="succeeded",
                    succeeded_at=utc_now(),
                )
            )
            await session.flush()
            told = {"provider": "sandbox", "event_id": uuid7().hex, "kind": "succeeded", "body": {}}
            session.add(PaymentEvent(payment_id=payment_id, **told))
            await paying.book_payment(session, order_id, amount, utc_now())

    async def ship(self, order_id: UUID, number: str = "SF1") -> None:
        async with self.shop.database.transaction() as session:
            await fulfilment.ship(session, self.shop.owner, order_id, "SF", number, utc_now())

    async def seen(self, who: Principal, order_id: UUID) -> OrderView:
        async with self.shop.database.transaction() as session:
            return await reading.show(session, who, order_id)

    async def line(self, order_id: UUID, sku_id: UUID) -> OrderLine:
        async with self.shop.database.transaction() as session:
            asked = select(OrderLine).where(OrderLine.order_id == order_id, OrderLine.sku_id == sku_id)
            return (await session.exec(asked.order_by(col(OrderLine.id)))).one()

    async def free(self, sku_id: UUID) -> int:
        async with self.shop.database.transaction() as session:
            pools = [(Pool.HEADQUARTERS, self.shop.brand_id)]
            return (await stock.free(session, [sku_id], pools))[sku_id]

    async def books_are_right(self) -> None:
        async with self.shop.database.transaction() as session:
            for verify in (
                stock.verify,
                checks.verify,
                payments.verify,
                attribution.verify,
                after_sale.verify,
            ):
                broken = {name: rows for name, rows in (await verify(session)).items() if rows}
                assert not broken, broken
