"""Orders over HTTP: the buyer's and the staff's."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post, put
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import Clock
from server.kit.idempotency import KeyHeader, request_hash, require_key
from server.kit.ids import uuid7
from server.kit.limits import LIMITED, Limiter, address_of
from server.kit.money import PositiveMinor
from server.kit.paging import Page
from server.kit.principal import Principal
from server.kit.problems import Forbidden, Invalid
from server.kit.settings import Settings
from server.members import limits
from server.orders import fulfilment, paying, placing, reading, refunding, releasing, views
from server.orders.placing import Placed
from server.orders.views import OrderView
from server.payments import service as payments
from server.stock.service import Taking

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Long = Annotated[str, msgspec.Meta(max_length=300)]
# Browsers read a backslash as a slash and drop tabs: "/\t/elsewhere" would leave this site.
OwnPath = Annotated[str, msgspec.Meta(max_length=500, pattern=r"^/(?:[!-.0-\[\]-~][!-~]*)?$")]
Quantity = Annotated[int, msgspec.Meta(ge=1, le=99)]


class Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`price_minor` is what the buyer was shown; when it is another now, the order is refused."""

    sku_id: UUID
    quantity: Quantity
    price_minor: PositiveMinor | None = None


class PlaceOrder(msgspec.Struct, forbid_unknown_fields=True):
    lines: Annotated[list[Line], msgspec.Meta(min_length=1, max_length=50)]


class StartPayment(msgspec.Struct, forbid_unknown_fields=True):
    provider: Short
    return_url: OwnPath = "/"


class Started(msgspec.Struct):
    payment_id: UUID
    cashier_url: str


class AskRefund(msgspec.Struct, forbid_unknown_fields=True):
    amount_minor: PositiveMinor
    reason: Long = ""


class RefundBooked(msgspec.Struct):
    refund_id: UUID
    order: OrderView


class Deliver(msgspec.Struct, forbid_unknown_fields=True, tag_field="method", tag="delivery"):
    name: Short
    phone: Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9 -]{5,20}$")]
    address: Annotated[str, msgspec.Meta(min_length=3, max_length=300)]
    note: Long = ""


class PickUp(msgspec.Struct, forbid_unknown_fields=True, tag_field="method", tag="pick_up"):
    store_id: UUID
    note: Long = ""


class Ship(msgspec.Struct, forbid_unknown_fields=True):
    carrier: Short
    tracking_number: Short


class Code(msgspec.Struct, forbid_unknown_fields=True):
    code: Annotated[str, msgspec.Meta(min_length=4, max_length=16)]


Status = Literal["awaiting_payment", "paid", "expired", "cancelled", "closed"]
Fulfilment = Literal["none", "to_ship", "shipped", "to_pick_up", "picked_up"]


@post("/api/rooms/{room_id:uuid}/orders", status_code=HTTP_201_CREATED, dependencies=LIMITED, tags=["orders"])
async def place(
    request: Request[Any, Any, Any],
    room_id: UUID,
    data: PlaceOrder,
    member: Principal,
    session: AsyncSession,
    settings: Settings,
    limiter: Limiter,
    clock: Clock,
    idempotency_key: KeyHeader = None,
) -> Placed:
    """Order ordinary products of the room's shelf. 409 `out-of-stock`, `price-changed`, `too-many-unpaid-orders`."""
    key = require_key(idempotency_key)
    await limiter.take("orders", address_of(request), limits.orders_per_minute(settings), 60)
    skus = [line.sku_id for line in data.lines]
    if len(set(skus)) < len(skus):
        raise Invalid(errors=[{"field": "lines", "message": "each sku_id once"}])
    lines = [Taking(line.sku_id, line.quantity) for line in data.lines]
    seen = {line.sku_id: line.price_minor for line in data.lines if line.price_minor is not None}
    asked = request_hash("order", room_id, data)
    return await placing.place(session, member, room_id, lines, key, asked, clock(), seen)


@get("/api/orders", tags=["orders"])
async def listing(
    principal: Principal,
    session: AsyncSession,
    status: Status | None = None,
    fulfilment: Fulfilment | None = None,
    room_id: UUID | None = None,
    q: Annotated[str | None, Parameter(max_length=64)] = None,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[OrderView]:
    """A member's own; for staff those of their store or brand. Newest first."""
    return await reading.listing(
        session, principal, status=status, fulfilment=fulfilment, room_id=room_id, query=q, cursor=cursor
    )


@get("/api/orders/{order_id:uuid}", tags=["orders"])
async def show(order_id: UUID, principal: Principal, session: AsyncSession) -> OrderView:
    return await reading.show(session, principal, order_id)


@post("/api/orders/{order_id:uuid}/cancel", status_code=HTTP_200_OK, tags=["orders"])
async def cancel(order_id: UUID, principal: Principal, session: AsyncSession, clock: Clock) -> OrderView:
    await releasing.cancel(session, principal, order_id, clock())
    return await reading.show(session, principal, order_id)


@post("/api/orders/{order_id:uuid}/payments", status_code=HTTP_201_CREATED, tags=["orders"])
async def start_payment(
    order_id: UUID,
    data: StartPayment,
    member: Principal,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
) -> Started:
    """`return_url` is a path of this site where the cashier sends the buyer back to."""
    payment = await paying.start_payment(
        session, settings, member, order_id, data.provider, data.return_url, clock()
    )
    return Started(payment.id, payments.cashier_url(settings, payment))


@post("/api/orders/{order_id:uuid}/refunds", status_code=HTTP_201_CREATED, tags=["orders"])
async def refund(
    order_id: UUID,
    data: AskRefund,
    staff: Principal,
    session: AsyncSession,
    clock: Clock,
    idempotency_key: KeyHeader = None,
) -> RefundBooked:
    """Send money back. With an Idempotency-Key a retry books nothing more."""
    key = require_key(idempotency_key) if idempotency_key else uuid7().hex
    refund_id = await refunding.refund(session, staff, order_id, data.amount_minor, key, data.reason, clock())
    return RefundBooked(refund_id, await reading.show(session, staff, order_id))


@put("/api/orders/{order_id:uuid}/delivery", tags=["orders"])
async def set_delivery(
    order_id: UUID, data: Deliver | PickUp, member: Principal, session: AsyncSession
) -> OrderView:
    """`{"method": "delivery", …}` to an address or `{"method": "pick_up", "store_id"}`."""
    await fulfilment.set_delivery(session, member, order_id, msgspec.to_builtins(data))
    return await reading.show(session, member, order_id)


@post("/api/orders/{order_id:uuid}/shipments", status_code=HTTP_201_CREATED, tags=["orders"])
async def ship(
    order_id: UUID, data: Ship, staff: Principal, session: AsyncSession, clock: Clock
) -> OrderView:
    await fulfilment.ship(session, staff, order_id, data.carrier, data.tracking_number, clock())
    return await reading.show(session, staff, order_id)


@post("/api/orders/{order_id:uuid}/pick-ups", status_code=HTTP_201_CREATED, tags=["orders"])
async def pick_up(
    order_id: UUID, data: Code, staff: Principal, session: AsyncSession, clock: Clock
) -> OrderView:
    await fulfilment.pick_up(session, staff, order_id, data.code, clock())
    return await reading.show(session, staff, order_id)


class PickedUp(msgspec.Struct):
    order_id: UUID
    number: str
    lines: list[Any]


@post("/api/stores/{store_id:uuid}/pick-ups", status_code=HTTP_201_CREATED, tags=["orders"])
async def pick_up_by_code(
    store_id: UUID, data: Code, staff: Principal, session: AsyncSession, clock: Clock
) -> PickedUp:
    """The code typed at the counter of a store."""
    if not (staff.is_headquarters or staff.store_id == store_id):
        raise Forbidden
    order_id = await fulfilment.pick_up_by_code(session, staff, store_id, data.code, clock())
    view = (await views.load(session, staff, [order_id]))[0]
    return PickedUp(view.order_id, view.number, list(view.lines))


ROUTES = [
    place,
    listing,
    show,
    cancel,
    start_payment,
    refund,
    set_delivery,
    ship,
    pick_up,
    pick_up_by_code,
]
