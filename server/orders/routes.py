"""Orders over HTTP: the buyer's and the staff's."""

from __future__ import annotations

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post, put
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit import qr
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.idempotency import KeyHeader, request_hash, require_key
from server.kit.ids import uuid7
from server.kit.limits import LIMITED, Limiter, address_of
from server.kit.money import PositiveMinor
from server.kit.paging import Page
from server.kit.paths import OwnPath
from server.kit.principal import Principal
from server.kit.problems import Forbidden, NotFound
from server.kit.settings import Settings
from server.members import limits
from server.orders import (
    extending,
    fulfilment,
    paying,
    placing,
    pricing,
    reading,
    refunding,
    releasing,
    views,
)
from server.orders.bodies import PlaceOrder, Quantity
from server.orders.extending import WaitingHold
from server.orders.fulfilment import PickUpAt
from server.orders.placing import Placed
from server.orders.pricing import Basket, Wanted
from server.orders.reading import Filter
from server.orders.refunding import LineUnits
from server.orders.staff_routes import FILTERED
from server.orders.staff_routes import ROUTES as STAFF_ROUTES
from server.orders.views import OrderView
from server.payments import service as payments
from server.payments.providers import Providers

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Long = Annotated[str, msgspec.Meta(max_length=300)]


class MoreTime(msgspec.Struct, forbid_unknown_fields=True):
    seconds: Annotated[int, msgspec.Meta(ge=10, le=600)]


class StartPayment(payments.HowToPay, kw_only=True):
    provider: Short
    return_url: OwnPath = "/"


class RefundLine(msgspec.Struct, forbid_unknown_fields=True):
    line_id: UUID
    quantity: Quantity


class AskRefund(msgspec.Struct, forbid_unknown_fields=True):
    """An amount, or units of lines (then the amount is their price, unless a smaller one is given). `goods_back`: what
    had left the shop is back and can be sold again."""

    amount_minor: PositiveMinor | None = None
    lines: Annotated[list[RefundLine], msgspec.Meta(max_length=50)] = []
    goods_back: bool = False
    reason: Long = ""


class RefundBooked(msgspec.Struct):
    refund_id: UUID
    order: OrderView


class Deliver(msgspec.Struct, forbid_unknown_fields=True, tag_field="method", tag="delivery"):
    name: Short
    phone: Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9 -]{5,20}$")]
    address: Annotated[str, msgspec.Meta(min_length=3, max_length=300)]
    note: Long = ""


class OfBook(msgspec.Struct, forbid_unknown_fields=True, tag_field="method", tag="address"):
    """An address of the caller's book; the order keeps a copy."""

    address_id: UUID
    note: Long = ""


class PickUp(msgspec.Struct, forbid_unknown_fields=True, tag_field="method", tag="pick_up"):
    store_id: UUID
    note: Long = ""


class Ship(msgspec.Struct, forbid_unknown_fields=True):
    carrier: Short
    tracking_number: Short


class Code(msgspec.Struct, forbid_unknown_fields=True):
    code: Annotated[str, msgspec.Meta(min_length=4, max_length=16)]


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
    asked = request_hash("order", room_id, data)
    return await placing.place(
        session, member, room_id, data.takings(), key, asked, clock(), data.seen(), data.note
    )


@post("/api/rooms/{room_id:uuid}/baskets", status_code=HTTP_200_OK, tags=["orders"])
async def price_basket(room_id: UUID, data: PlaceOrder, member: Principal, session: AsyncSession) -> Basket:
    """What an order of these lines would cost now, and line by line what stands in its way. Nothing is held."""
    seen = data.seen()
    wanted = [Wanted(line.sku_id, line.quantity, seen.get(line.sku_id)) for line in data.takings()]
    return await pricing.basket(session, member, room_id, wanted)


@get("/api/orders", dependencies=FILTERED, tags=["orders"])
async def listing(
    principal: Principal,
    session: AsyncSession,
    asked: Filter,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[OrderView]:
    """A member's own; for staff those of their store or brand. Newest first."""
    return await reading.listing(session, principal, asked, cursor)


@get("/api/orders/{order_id:uuid}", tags=["orders"])
async def show(order_id: UUID, principal: Principal, session: AsyncSession) -> OrderView:
    return await reading.show(session, principal, order_id)


@post("/api/orders/{order_id:uuid}/cancel", status_code=HTTP_200_OK, tags=["orders"])
async def cancel(order_id: UUID, principal: Principal, session: AsyncSession, clock: Clock) -> OrderView:
    await releasing.cancel(session, principal, order_id, clock())
    return await reading.show(session, principal, order_id)


@post("/api/orders/{order_id:uuid}/extensions", status_code=HTTP_201_CREATED, tags=["orders"])
async def extend(
    order_id: UUID,
    data: MoreTime,
    staff: Principal,
    session: AsyncSession,
    clock: Clock,
    idempotency_key: KeyHeader = None,
) -> WaitingHold:
    """Give a buyer who has not paid yet more time, by whoever may run sales in the room. With the same Idempotency-Key
    nothing more is added. 409 `wrong-status` (`reason`: hold-paid, hold-lapsed, hold-cancelled), or `hold-long-enough`
    beyond half an hour from now, with what could be added (`most_seconds`)."""
    return await extending.extend(
        session, staff, order_id, data.seconds, require_key(idempotency_key), clock()
    )


@post("/api/orders/{order_id:uuid}/payments", status_code=HTTP_201_CREATED, tags=["orders"])
async def start_payment(
    request: Request[Any, Any, Any],
    order_id: UUID,
    data: StartPayment,
    member: Principal,
    database: Database,
    providers: Providers,
    settings: Settings,
    clock: Clock,
) -> payments.Started:
    """`return_url` is a path of this site where the cashier sends the buyer back to. Asked again while it is not
    decided, it is the same payment."""
    async with database.transaction() as session:  # committed before the provider is asked
        payment = await paying.start_payment(
            session,
            settings,
            member,
            order_id,
            data.provider,
            data.return_url,
            clock(),
            data.scene,
            data.payer(request),
        )
    return await payments.begin(database, providers, settings, payment)


@post("/api/orders/{order_id:uuid}/refunds", status_code=HTTP_201_CREATED, tags=["orders"])
async def refund(
    order_id: UUID,
    data: AskRefund,
    staff: Principal,
    session: AsyncSession,
    clock: Clock,
    idempotency_key: KeyHeader = None,
) -> RefundBooked:
    """Send money back. With an Idempotency-Key a retry books nothing more. 409 `refund-too-large`,
    `too-many-units`."""
    key = require_key(idempotency_key) if idempotency_key else uuid7().hex
    lines = [LineUnits(line.line_id, line.quantity) for line in data.lines]
    refund_id = await refunding.refund(
        session,
        staff,
        order_id,
        data.amount_minor,
        key,
        data.reason,
        clock(),
        lines=lines,
        goods_back=data.goods_back,
    )
    return RefundBooked(refund_id, await reading.show(session, staff, order_id))


@get("/api/orders/{order_id:uuid}/pick-up-stores", tags=["orders"])
async def pick_up_at(order_id: UUID, member: Principal, session: AsyncSession) -> Page[PickUpAt]:
    """Where this order can be picked up, the store that carries it first; nowhere, if that one hands over nothing."""
    return Page(list(await fulfilment.pick_up_at(session, member, order_id)), None)


@put("/api/orders/{order_id:uuid}/delivery", tags=["orders"])
async def set_delivery(
    order_id: UUID, data: Deliver | OfBook | PickUp, member: Principal, session: AsyncSession, clock: Clock
) -> OrderView:
    """`{"method": "delivery", …}`, `{"method": "address", "address_id"}` of the caller's book, or
    `{"method": "pick_up", "store_id"}`."""
    await fulfilment.set_delivery(session, member, order_id, msgspec.to_builtins(data), clock())
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


@get("/api/orders/{order_id:uuid}/pick-up-code.svg", media_type="image/svg+xml", tags=["orders"])
async def pick_up_code(order_id: UUID, member: Principal, session: AsyncSession) -> Response[bytes]:
    """The buyer's own code, for the store's camera or hand scanner."""
    order = await reading.own(session, member, order_id)
    if order.pick_up_code is None:
        raise NotFound
    return Response(qr.svg(order.pick_up_code), media_type="image/svg+xml; charset=utf-8")


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
    price_basket,
    listing,
    show,
    cancel,
    extend,
    start_payment,
    refund,
    pick_up_at,
    set_delivery,
    ship,
    pick_up,
    pick_up_code,
    pick_up_by_code,
    *STAFF_ROUTES,
]
