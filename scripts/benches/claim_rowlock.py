"""The usual way, as the claims bench's reference: one transaction a claim, SELECT … FOR UPDATE through the ORM, over
the product's own tables and rows, in a warm Litestar with the product's own pool of connections.

    python -m scripts.benches.claim_rowlock --listen-fd FD --ready-fd FD
"""

from __future__ import annotations

import argparse
import os
import socket
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import msgspec
import uvicorn
from litestar import Litestar, Request, post
from litestar.params import HeaderParameter
from litestar.response import Response
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.flash_sales.models import FlashSale, FlashSaleBuyer, FlashSaleLine
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.idempotency import request_hash
from server.kit.ids import uuid7
from server.kit.outbox import OutboxRow
from server.members import service as members
from server.orders.facts import HeldOrder, OrdersHeld
from server.orders.models import Order, OrderEvent, OrderLine
from server.orders.service import Placed, new_number
from server.stock.models import StockBalance, StockEntry, StockHold


class Ask(msgspec.Struct):
    quantity: int


@post("/api/rooms/{room_id:uuid}/flash-sales/{sale_id:uuid}/holds")
async def hold(
    request: Request[Any, Any, Any],
    room_id: UUID,
    sale_id: UUID,
    data: Ask,
    key: Annotated[str, HeaderParameter(name="Idempotency-Key")],
) -> Response[Placed]:
    database: Database = request.app.state.database
    token = request.headers["authorization"].removeprefix("Bearer ")
    buyer = await members.authenticate(database, request.app.state.secret, token, utc_now())
    assert buyer is not None
    async with database.transaction() as session:
        return Response(await _claim(session, room_id, sale_id, buyer.id, buyer.name, key, data.quantity))


async def _claim(
    session: AsyncSession, room_id: UUID, sale_id: UUID, member_id: UUID, name: str, key: str, quantity: int
) -> Placed:
    now = utc_now()
    sale = (await session.exec(select(FlashSale).where(FlashSale.id == sale_id).with_for_update())).one()
    asked = select(Order).where(Order.member_id == member_id, Order.key == key)
    if (order := (await session.exec(asked)).first()) is None:
        line = (await session.exec(select(FlashSaleLine).where(FlashSaleLine.sale_id == sale_id))).one()
        balance = (
            await session.exec(
                select(StockBalance).where(StockBalance.id == line.balance_id).with_for_update()
            )
        ).one()
        buyer = await session.get(FlashSaleBuyer, (sale_id, member_id))
        has = buyer.quantity if buyer is not None else 0
        assert sale.state == "open"
        assert has + quantity <= sale.limit_per_buyer
        assert balance.free >= quantity
        if buyer is None:
            session.add(FlashSaleBuyer(sale_id=sale_id, member_id=member_id, quantity=quantity))
        else:
            buyer.quantity += quantity
        balance.free -= quantity
        balance.held += quantity
        order = Order(
            brand_id=sale.brand_id,
            room_id=room_id,
            sale_id=sale_id,
            member_id=member_id,
            hold_id=uuid7(),
            key=key,
            request_hash=request_hash("hold", sale_id, quantity),
            number=new_number(now),
            amount_minor=line.price_minor * quantity,
            pay_by=now + timedelta(seconds=sale.hold_seconds),
        )
        session.add(order)
        await session.flush()
        session.add(
            OrderLine(
                order_id=order.id,
                sku_id=line.sku_id,
                title=line.title,
                quantity=quantity,
                price_minor=line.price_minor,
            )
        )
        session.add(OrderEvent(order_id=order.id, kind="held", at=now))
        session.add(StockHold(hold_id=order.hold_id, balance_id=balance.id, quantity=quantity))
        session.add(
            StockEntry(balance_id=balance.id, act="hold", key=order.hold_id, free=-quantity, held=quantity)
        )
        held = HeldOrder(
            order_id=order.id,
            hold_id=order.hold_id,
            member_id=member_id,
            number=order.number,
            name=name,
            title=line.title,
            quantity=quantity,
            amount_minor=order.amount_minor,
            pay_by=order.pay_by,
        )
        session.add(
            OutboxRow.of(OrdersHeld(brand_id=sale.brand_id, room_id=room_id, sale_id=sale_id, orders=[held]))
        )
    return Placed(order.hold_id, order.id, order.pay_by, order.amount_minor)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--listen-fd", type=int, required=True)
    parser.add_argument("--ready-fd", type=int, required=True)
    given = parser.parse_args()
    app = Litestar([hold], logging_config=None, openapi_config=None)
    app.state.database = Database(os.environ["SHOWFLOOR_DATABASE_URL"])
    app.state.secret = os.environ["SHOWFLOOR_SECRET"]
    config = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_config=None)
    server = uvicorn.Server(config)
    os.write(given.ready_fd, b"1")  # connections wait in the listener's queue until it serves
    os.close(given.ready_fd)
    server.run(sockets=[socket.socket(fileno=given.listen_fd)])


if __name__ == "__main__":
    main()
