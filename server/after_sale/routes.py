"""Cases over HTTP: the buyer's and the staff's."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import msgspec
from litestar import get, post
from litestar.params import Parameter, QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.after_sale import service, views
from server.after_sale.rules import Kind
from server.after_sale.views import CaseView
from server.catalog import pictures
from server.catalog import service as catalog
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.idempotency import KeyHeader, request_hash, require_key
from server.kit.limits import LIMITED, Limiter
from server.kit.money import PositiveMinor
from server.kit.paging import Page
from server.kit.principal import Principal
from server.orders import service as orders
from server.orders.service import LineUnits

MOST_PICTURES = 3
PICTURES_AN_HOUR = 30

Short = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
Words = Annotated[str, msgspec.Meta(max_length=500)]
Why = Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
Picture = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
Reason = Literal[
    "not_wanted", "wrong_item", "damaged", "quality", "not_as_described", "not_received", "other"
]
Listed = Literal["open", "asked", "agreed", "sent_back", "refunded", "refused", "withdrawn", "lapsed"]


class CaseUnits(msgspec.Struct, forbid_unknown_fields=True):
    line_id: UUID
    quantity: Annotated[int, msgspec.Meta(ge=1, le=99)]


class AskCase(msgspec.Struct, forbid_unknown_fields=True):
    """What it is about (`lines`) and how much of it (`amount_minor`, or the lines' price); a return needs lines.
    `pictures` were uploaded before."""

    kind: Kind
    reason: Reason
    words: Words = ""
    pictures: Annotated[list[Picture], msgspec.Meta(max_length=MOST_PICTURES)] = []
    lines: Annotated[list[CaseUnits], msgspec.Meta(max_length=50)] = []
    amount_minor: PositiveMinor | None = None


class ReturnTo(msgspec.Struct, forbid_unknown_fields=True):
    name: Short
    phone: Annotated[str, msgspec.Meta(pattern=r"^\+?[0-9 -]{5,20}$")]
    address: Annotated[str, msgspec.Meta(min_length=3, max_length=300)]


class ReturnParcel(msgspec.Struct, forbid_unknown_fields=True):
    carrier: Short
    tracking_number: Short


class Refuse(msgspec.Struct, forbid_unknown_fields=True):
    reason: Why


class Grant(msgspec.Struct, forbid_unknown_fields=True):
    """`amount_minor` is the case's unless a smaller one is given. `goods_back`: what came back can be sold again."""

    amount_minor: PositiveMinor | None = None
    goods_back: bool = False


class PictureKept(msgspec.Struct):
    picture: str
    url: str


class Cases(msgspec.Struct):
    items: list[CaseView]


@post(
    "/api/orders/{order_id:uuid}/after-sale-pictures",
    status_code=HTTP_201_CREATED,
    dependencies=LIMITED,
    request_max_body_size=pictures.MOST_BYTES,
    tags=["after-sale"],
)
async def upload_picture(
    order_id: UUID,
    body: bytes,
    member: Principal,
    session: AsyncSession,
    database: Database,
    limiter: Limiter,
) -> PictureKept:
    """A picture for a case of the caller's own order: the file itself as the body, at most 10 MB."""
    await limiter.take("after-sale-pictures", str(member.id), PICTURES_AN_HOUR, 3600)
    async with database.transaction() as first:  # no connection waits while the picture is read
        await orders.own(first, member, order_id)
    sha256, webp = await pictures.prepare(body)
    await catalog.keep_picture(session, sha256, webp)
    return PictureKept(sha256, catalog.image_url(sha256) or "")


@post("/api/orders/{order_id:uuid}/after-sales", status_code=HTTP_201_CREATED, tags=["after-sale"])
async def ask(
    order_id: UUID,
    data: AskCase,
    member: Principal,
    session: AsyncSession,
    clock: Clock,
    idempotency_key: KeyHeader = None,
) -> CaseView:
    """Ask for the money of a paid order back. 409 `case-open`, `nothing-to-refund`, `too-many-units`."""
    key = require_key(idempotency_key)
    asked = service.Asked(
        kind=data.kind,
        reason=data.reason,
        words=data.words,
        pictures=data.pictures,
        lines=[LineUnits(line.line_id, line.quantity) for line in data.lines],
        amount_minor=data.amount_minor,
    )
    hashed = request_hash("after-sale", order_id, data)
    case_id = await service.ask(session, member, order_id, asked, key, hashed, clock())
    return await views.show(session, member, case_id)


@get("/api/orders/{order_id:uuid}/after-sales", tags=["after-sale"])
async def of_order(order_id: UUID, principal: Principal, session: AsyncSession) -> Cases:
    """The order's cases, newest first."""
    return Cases(await views.of_order(session, principal, order_id))


@get("/api/after-sales", tags=["after-sale"])
async def listing(
    staff: Principal,
    session: AsyncSession,
    step: Annotated[Listed | None, QueryParameter(name="state")] = None,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[CaseView]:
    """Of the brand, or of a manager's store; newest first."""
    return await views.listing(session, staff, step, cursor)


@get("/api/after-sales/{case_id:uuid}", tags=["after-sale"])
async def show(case_id: UUID, principal: Principal, session: AsyncSession) -> CaseView:
    return await views.show(session, principal, case_id)


@post("/api/after-sales/{case_id:uuid}/withdraw", status_code=HTTP_200_OK, tags=["after-sale"])
async def withdraw(case_id: UUID, member: Principal, session: AsyncSession, clock: Clock) -> CaseView:
    """By the buyer, until the goods are on their way back."""
    await service.withdraw(session, member, case_id, clock())
    return await views.show(session, member, case_id)


@post("/api/after-sales/{case_id:uuid}/parcel", status_code=HTTP_200_OK, tags=["after-sale"])
async def send_back(
    case_id: UUID, data: ReturnParcel, member: Principal, session: AsyncSession, clock: Clock
) -> CaseView:
    """The buyer's parcel with the goods."""
    await service.send_back(session, member, case_id, data.carrier, data.tracking_number, clock())
    return await views.show(session, member, case_id)


@post("/api/after-sales/{case_id:uuid}/agree", status_code=HTTP_200_OK, tags=["after-sale"])
async def agree(
    case_id: UUID, data: ReturnTo, staff: Principal, session: AsyncSession, clock: Clock
) -> CaseView:
    """The goods may come back, to this address."""
    await service.agree(session, staff, case_id, msgspec.to_builtins(data), clock())
    return await views.show(session, staff, case_id)


@post("/api/after-sales/{case_id:uuid}/refuse", status_code=HTTP_200_OK, tags=["after-sale"])
async def refuse(
    case_id: UUID, data: Refuse, staff: Principal, session: AsyncSession, clock: Clock
) -> CaseView:
    """With a reason that the buyer reads."""
    await service.refuse(session, staff, case_id, data.reason, clock())
    return await views.show(session, staff, case_id)


@post("/api/after-sales/{case_id:uuid}/refund", status_code=HTTP_200_OK, tags=["after-sale"])
async def refund(
    case_id: UUID, data: Grant, staff: Principal, session: AsyncSession, clock: Clock
) -> CaseView:
    """Grant money alone, or confirm that the goods of a return came: the money goes back. 409 `wrong-step`,
    `refund-too-large`."""
    await service.refund(session, staff, case_id, data.amount_minor, goods_back=data.goods_back, now=clock())
    return await views.show(session, staff, case_id)


ROUTES = [upload_picture, ask, of_order, listing, show, withdraw, send_back, agree, refuse, refund]
