"""Payments over HTTP: providers' webhooks, the buyer's look at a payment, refunds for staff, the sandbox cashier."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit import qr
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.paging import Page
from server.kit.principal import HEADQUARTERS, Principal, Role, allow
from server.kit.problems import NotFound
from server.kit.settings import Settings
from server.members import service as members
from server.payments import refunds, service
from server.payments.openid_routes import ROUTES as OPENIDS
from server.payments.providers import Providers, within_wechat
from server.payments.providers.port import Next, QrCode
from server.payments.providers.sandbox import Rehearsal, Sandbox
from server.payments.reconciliation_routes import ROUTES as RECONCILIATIONS

KEEPS_MONEY = [allow(Role.OWNER, Role.OPERATOR, Role.FINANCE)]


class Received(msgspec.Struct):
    """`new` is false for a notice that was told before, or of nothing that is followed here."""

    new: bool


class Offer(msgspec.Struct, omit_defaults=True):
    """`within_wechat` is said where it is false: our pages can't use this one in WeChat's own browser."""

    name: str
    within_wechat: bool = True


class Offers(msgspec.Struct):
    """Ways to pay here, the first one to be suggested."""

    items: list[Offer]


class PaymentView(msgspec.Struct):
    """`status`: pending, succeeded, failed, closing, closed. `next` is the buyer's way on while it is pending; `qr_svg`
    is its QR code drawn, where it has one."""

    payment_id: UUID
    provider: str
    title: str
    amount_minor: int
    status: str
    return_url: str
    expires_at: datetime | None
    next: Next | None
    qr_svg: str | None


class CashierPage(msgspec.Struct):
    payment_id: UUID
    title: str
    amount_minor: int
    status: str
    return_url: str


class Decided(msgspec.Struct):
    payment_id: UUID
    status: str


@post("/api/payments/webhooks/{provider:str}", status_code=HTTP_200_OK, tags=["payments"])
async def receive_notice(
    request: Request[Any, Any, Any], provider: str, session: AsyncSession, providers: Providers, clock: Clock
) -> Received:
    """A provider's notice. The signature is over the raw body."""
    if provider not in providers:
        raise NotFound
    headers = {name.lower(): value for name, value in request.headers.items()}
    notice = providers[provider].read_notice(headers, await request.body(), clock())
    return Received(notice is not None and await service.receive(session, provider, notice, clock()))


@get("/api/payments/providers", tags=["payments"])
async def list_providers(settings: Settings) -> Offers:
    return Offers([Offer(name, within_wechat(settings, name)) for name in service.offered(settings)])


@get("/api/payments/{payment_id:uuid}", tags=["payments"])
async def show(payment_id: UUID, member: Principal, session: AsyncSession) -> PaymentView:
    """The caller's own payment."""
    payment = await service.get(session, payment_id)
    if await members.present_id(session, payment.member_id) != member.id:
        raise NotFound
    begun = payment.begun if payment.status == "pending" else None
    onward: Next | None = msgspec.convert(begun["next"], Next) if begun else None
    return PaymentView(
        payment_id=payment.id,
        provider=payment.provider,
        title=payment.title,
        amount_minor=payment.amount_minor,
        status=payment.status,
        return_url=payment.return_url,
        expires_at=min(filter(None, (payment.expires_at, payment.ends_at_provider)), default=None),
        next=onward,
        qr_svg=qr.svg(onward.content).decode() if isinstance(onward, QrCode) else None,
    )


@get("/api/payments/refunds", guards=[allow(*HEADQUARTERS)], tags=["payments"])
async def list_refunds(
    staff: Principal,
    session: AsyncSession,
    status: refunds.Status | None = None,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[refunds.RefundView]:
    """Newest first; without a status those that wait or were refused."""
    return await refunds.listing(session, staff, status, cursor)


@post(
    "/api/payments/refunds/{refund_id:uuid}/retry",
    guards=KEEPS_MONEY,
    status_code=HTTP_202_ACCEPTED,
    tags=["payments"],
)
async def retry_refund(refund_id: UUID, staff: Principal, session: AsyncSession) -> refunds.RefundView:
    """Send a refused refund once more; the worker does it, and the list says what came of it."""
    return await refunds.retry(session, staff, refund_id)


def _must_have_sandbox(settings: Settings) -> None:
    if not settings.sandbox:
        raise NotFound


@get("/api/sandbox/payments/{payment_id:uuid}", tags=["sandbox"])
async def show_cashier(payment_id: UUID, session: AsyncSession, settings: Settings) -> CashierPage:
    """What the test cashier shows. The payment's unguessable id is the buyer's key to it, as with a real cashier."""
    _must_have_sandbox(settings)
    payment = await service.get(session, payment_id)
    return CashierPage(payment.id, payment.title, payment.amount_minor, payment.status, payment.return_url)


async def _decide(
    session: AsyncSession,
    database: Database,
    settings: Settings,
    payment_id: UUID,
    approved: bool,
    how: Rehearsal,
) -> Decided:
    _must_have_sandbox(settings)
    payment = await service.get(session, payment_id)
    if payment.provider != Sandbox.name:
        raise NotFound
    if payment.status not in {"succeeded", "failed"}:
        await Sandbox(settings, database).decide(session, payment, approved, how)
    return Decided(payment.id, payment.status)


@post("/sandbox/payments/{payment_id:uuid}/approve", status_code=HTTP_202_ACCEPTED, tags=["sandbox"])
async def approve(
    payment_id: UUID,
    session: AsyncSession,
    database: Database,
    settings: Settings,
    delay_s: Annotated[int, Parameter(ge=0, le=600)] = 0,
    copies: Annotated[int, Parameter(ge=1, le=5)] = 1,
    silent: bool = False,
    failure_after: bool = False,
    refunds: Literal["prompt", "slow", "refuses"] = "prompt",
) -> Decided:
    """Pay with test money; the signed notice follows: after `delay_s` seconds, `copies` times, or never (`silent`).
    `failure_after`: word of an earlier failure comes after the success. `refunds`: how this payment's are taken later.
    Pressed again after it was paid, nothing more happens."""
    how = Rehearsal(delay_s, copies, silent, failure_after, refunds)
    return await _decide(session, database, settings, payment_id, True, how)


@post("/sandbox/payments/{payment_id:uuid}/decline", status_code=HTTP_202_ACCEPTED, tags=["sandbox"])
async def decline(
    payment_id: UUID,
    session: AsyncSession,
    database: Database,
    settings: Settings,
    delay_s: Annotated[int, Parameter(ge=0, le=600)] = 0,
    copies: Annotated[int, Parameter(ge=1, le=5)] = 1,
    silent: bool = False,
) -> Decided:
    return await _decide(session, database, settings, payment_id, False, Rehearsal(delay_s, copies, silent))


ROUTES = [
    receive_notice,
    list_providers,
    show,
    list_refunds,
    retry_refund,
    show_cashier,
    approve,
    decline,
    *RECONCILIATIONS,
    *OPENIDS,
]
