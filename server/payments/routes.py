"""Providers' webhooks and the sandbox cashier."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import Clock
from server.kit.facts import record
from server.kit.ids import uuid7
from server.kit.problems import NotFound
from server.kit.settings import Settings
from server.payments import service
from server.payments.facts import SandboxDecided
from server.payments.models import Payment


class Received(msgspec.Struct):
    """`new` is false for a notice that was told before."""

    new: bool


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
    request: Request[Any, Any, Any], provider: str, session: AsyncSession, settings: Settings, clock: Clock
) -> Received:
    """A provider's notice. The signature is over the raw body."""
    offered = service.providers(settings)
    if provider not in offered:
        raise NotFound
    notice = offered[provider].read_notice(request.headers, await request.body(), clock())
    return Received(await service.receive(session, provider, notice, clock()))


def _must_have_sandbox(settings: Settings) -> None:
    if not settings.sandbox:
        raise NotFound


@get("/api/sandbox/payments/{payment_id:uuid}", tags=["sandbox"])
async def show_cashier(payment_id: UUID, session: AsyncSession, settings: Settings) -> CashierPage:
    """What the test cashier shows. The payment's unguessable id is the buyer's key to it, as with a real cashier."""
    _must_have_sandbox(settings)
    payment = await service.get(session, payment_id)
    return CashierPage(payment.id, payment.title, payment.amount_minor, payment.status, payment.return_url)


async def _decide(session: AsyncSession, settings: Settings, payment_id: UUID, approved: bool) -> Decided:
    _must_have_sandbox(settings)
    payment: Payment = await service.get(session, payment_id)
    if payment.status == "pending":
        await record(
            session,
            SandboxDecided(
                brand_id=payment.brand_id,
                payment_id=payment.id,
                event_id=f"evt_{uuid7().hex}",
                approved=approved,
                amount_minor=payment.amount_minor,
            ),
        )
    return Decided(payment.id, payment.status)


@post("/sandbox/payments/{payment_id:uuid}/approve", status_code=HTTP_202_ACCEPTED, tags=["sandbox"])
async def approve(payment_id: UUID, session: AsyncSession, settings: Settings) -> Decided:
    """Pay with test money; the signed notice follows. Pressed again after it was paid, nothing more happens."""
    return await _decide(session, settings, payment_id, approved=True)


@post("/sandbox/payments/{payment_id:uuid}/decline", status_code=HTTP_202_ACCEPTED, tags=["sandbox"])
async def decline(payment_id: UUID, session: AsyncSession, settings: Settings) -> Decided:
    return await _decide(session, settings, payment_id, approved=False)


ROUTES = [receive_notice, show_cashier, approve, decline]
