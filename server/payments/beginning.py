"""A payment begins: its row first, then the provider is asked, outside any transaction."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import structlog
from litestar import Request
from sqlalchemy import ColumnElement, text, update
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.problems import Conflict, NotFound, Unavailable
from server.kit.settings import Settings
from server.payments import openids
from server.payments.models import Payment
from server.payments.providers import Providers, ProviderUnknown, offered
from server.payments.providers.port import (
    AlreadyPaid,
    Begun,
    Next,
    ProviderError,
    ProviderRefused,
    Redirect,
)
from server.payments.receiving import book_standing

log = structlog.get_logger()

PATIENCE_S = 15.0
"""For a provider's answer while a buyer waits."""
FIRST_LOOK = timedelta(seconds=60)
LONGEST = timedelta(hours=1)
"""How long a payment stays open whose order sets no time of its own."""

Scene = Literal["desktop", "phone", "wechat"]


class AlreadyDecided(Conflict):
    slug, title = "payment-decided", "This was paid or declined just now; look again"


class ProviderAway(Unavailable):
    slug, title = "provider-away", "The payment provider does not answer; try again in a moment"


class ProviderSaysNo(Conflict):
    """What it said is in the log, and for staff."""

    slug, title = (
        "provider-refused",
        "This way of paying does not work right now; choose another or try later",
    )


class HowToPay(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Where the buyer pays: on a desktop, a phone, or within WeChat. There WeChat Pay needs the buyer's `openid`: this
    one, or else the one that WeChat told us."""

    scene: Scene = "desktop"
    openid: Annotated[str, msgspec.Meta(max_length=128)] = ""

    def payer(self, request: Request[Any, Any, Any]) -> dict[str, Any]:
        """What a provider may ask about them."""
        return {"ip": request.client.host if request.client else "", "openid": self.openid}


class Started(msgspec.Struct):
    """`cashier_url` is where the buyer goes on, whatever the provider; `next` is the same for clients of their own:
    an address, what a QR code holds, or what an app is to be given."""

    payment_id: UUID
    cashier_url: str
    provider: str
    next: Next


async def create(
    session: AsyncSession,
    settings: Settings,
    *,
    brand_id: UUID,
    member_id: UUID,
    payable: str,
    payable_id: UUID,
    provider: str,
    amount_minor: int,
    title: str,
    return_url: str,
    expires_at: datetime | None = None,
    scene: Scene = "desktop",
    payer: dict[str, Any] | None = None,
    once: bool = False,
) -> Payment:
    """The pending payment for this thing by this provider where the buyer is: one at a time, whoever asks at once.
    One that the provider ends before `expires_at`, because the buyer was given more time since it began, or that began
    for another `openid`, is let go and a new one takes its place. With `once`, whatever payment there was for this
    thing is the answer, paid or not.

    Raises `ProviderUnknown`, `OpenidNeeded` (422) for a payment within WeChat.
    """
    if provider not in offered(settings):
        raise ProviderUnknown(providers=sorted(offered(settings)))
    payer = payer or {}
    if scene == "wechat" and provider == "wechat_pay" and not payer.get("openid"):
        payer = {**payer, "openid": await openids.known(session, settings, member_id)}
    await session.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"), {"key": f"payment:{payable_id}"}
    )
    known = select(Payment).where(Payment.payable == payable, Payment.payable_id == payable_id)
    if not once:
        known = known.where(Payment.provider == provider, Payment.scene == scene, Payment.status == "pending")
    now = utc_now()
    found = (await session.exec(known.order_by(col(Payment.id)))).first()
    if found and (once or not await _superseded(session, found, payer, expires_at)):
        return found
    payment = Payment(
        id=uuid7(),
        brand_id=brand_id,
        member_id=member_id,
        payable=payable,
        payable_id=payable_id,
        provider=provider,
        amount_minor=amount_minor,
        title=title,
        return_url=return_url,
        scene=scene,
        payer=payer,
        created_at=now,
        expires_at=expires_at or now + LONGEST,
    )
    payment.check_at = min(now + FIRST_LOOK, payment.expires_at or now)
    session.add(payment)
    await session.flush()
    return payment


async def _superseded(
    session: AsyncSession, payment: Payment, payer: dict[str, Any], expires_at: datetime | None
) -> bool:
    """Whether its provider ends it before then or takes it from another buyer, and it was let go for that. One that
    somebody decides at this moment is left to them."""
    ends_at = payment.ends_at_provider
    too_short = bool(ends_at and expires_at and ends_at < expires_at)
    of_another = payment.payer.get("openid", "") != payer.get("openid", "")
    return (too_short or of_another) and await _let_go(session, Payment.id == payment.id)


async def extend(session: AsyncSession, payable: str, payable_id: UUID, until: datetime) -> None:
    """What is paid for waits longer, and so do its payments that are open. What the provider was told of the time stays
    as it was there. A payment that somebody decides at this moment is left to them."""
    still_open = _still_open(Payment.payable == payable, Payment.payable_id == payable_id)
    await session.execute(
        update(Payment)
        .where(col(Payment.id).in_(still_open), col(Payment.expires_at) < until)
        .values(expires_at=until)
    )


async def begin(database: Database, providers: Providers, settings: Settings, payment: Payment) -> Started:
    """Ask the provider for the buyer's way on. Asked again, the first answer holds as long as it can be used; a payment
    that is over is answered as it was.

    Raises `AlreadyDecided`, `ProviderSaysNo` (409), `ProviderAway` (503), `ProviderUnknown` (422).
    """
    if _can_go_on(payment):
        return _started(settings, payment)
    provider = providers[payment.provider]
    try:
        async with asyncio.timeout(PATIENCE_S):
            begun = await provider.begin(payment)
    except AlreadyPaid:
        await book_standing(database, payment, await provider.look(payment))
        raise AlreadyDecided from None
    except ProviderRefused as error:
        log.error("a payment was refused", provider=provider.name, payment_id=str(payment.id), why=str(error))
        async with database.transaction() as session:
            await _give_up(session, payment.id)
        raise ProviderSaysNo from None
    except (ProviderError, TimeoutError) as error:
        log.warning("a provider is away", provider=provider.name, why=str(error) or "no answer in time")
        raise ProviderAway(retry_after_s=2) from None
    payment.begun, payment.provider_ref = _kept(begun), begun.ref or None
    async with database.transaction() as session:
        await session.execute(
            update(Payment)
            .where(col(Payment.id) == payment.id)
            .values(begun=payment.begun, provider_ref=payment.provider_ref)
        )
    return _started(settings, payment)


def _kept(begun: Begun) -> dict[str, Any]:
    until = utc_now() + timedelta(seconds=begun.good_for_s) if begun.good_for_s else None
    return {
        "next": msgspec.to_builtins(begun.next),
        "until": until and until.isoformat(),
        "ends_at": begun.ends_at and begun.ends_at.isoformat(),
    }


def _can_go_on(payment: Payment) -> bool:
    if payment.begun is None:
        return payment.status != "pending"
    until = payment.begun["until"]
    return payment.status != "pending" or until is None or datetime.fromisoformat(until) > utc_now()


def _started(settings: Settings, payment: Payment) -> Started:
    ours = f"{settings.base_url}/pay/{payment.id}"
    onward: Next = msgspec.convert(payment.begun["next"], Next) if payment.begun else Redirect(ours)
    url = onward.url if isinstance(onward, Redirect) and payment.status == "pending" else ours
    return Started(payment.id, url, payment.provider, onward)


async def _give_up(session: AsyncSession, payment_id: UUID) -> None:
    """It never began: nobody waits for its end, so nobody is told."""
    await session.execute(
        update(Payment)
        .where(col(Payment.id) == payment_id, col(Payment.status) == "pending")
        .values(status="failed", check_at=None)
    )


async def withdraw(session: AsyncSession, payable: str, payable_ids: list[UUID]) -> None:
    """Nobody waits for money for these things any more; the worker closes at the provider what is still open there.
    A payment that somebody decides at this moment is left to them."""
    await _let_go(session, Payment.payable == payable, col(Payment.payable_id).in_(payable_ids))


async def _let_go(session: AsyncSession, *which: ColumnElement[bool] | bool) -> bool:
    still_open = _still_open(*which)
    gone = await session.execute(
        update(Payment)
        .where(col(Payment.id).in_(still_open))
        .values(status="closing", check_at=utc_now(), checks=0)
        .execution_options(synchronize_session=False)
    )
    return bool(gone.rowcount)  # type: ignore[attr-defined]


def _still_open(*which: ColumnElement[bool] | bool) -> SelectOfScalar[UUID]:
    return select(Payment.id).where(*which, Payment.status == "pending").with_for_update(skip_locked=True)


async def get(session: AsyncSession, payment_id: UUID) -> Payment:
    """Raises `NotFound`."""
    payment = await session.get(Payment, payment_id)
    if payment is None:
        raise NotFound
    return payment
