"""What the worker does after a payment fact is committed: it talks to the outside.

Made with the settings at hand, so the worker registers them (`register`); the web role needs none of them.
"""

from __future__ import annotations

import httpx
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import utc_now
from server.kit.facts import after_commit
from server.kit.settings import Settings
from server.payments import service
from server.payments.facts import RefundRequested, SandboxDecided
from server.payments.models import Payment, Refund
from server.payments.providers import Notice, ProviderError, ProviderRefused
from server.payments.providers.sandbox import Sandbox


def register(settings: Settings, web: httpx.AsyncClient) -> None:
    """`web` reaches this installation's own web role."""

    @after_commit(SandboxDecided)
    async def send_notice(_: AsyncSession, fact: SandboxDecided) -> None:
        """The provider's side of the sandbox; a refusal that will not change (4xx) is not tried again."""
        notice = Notice(fact.event_id, fact.payment_id, fact.approved, fact.amount_minor)
        raw, headers = Sandbox(settings).signed(notice, utc_now())
        answer = await web.post("/api/payments/webhooks/sandbox", content=raw, headers=headers)
        if answer.status_code >= 500:
            raise ProviderError(f"our webhook answered {answer.status_code}")

    @after_commit(RefundRequested)
    async def send_refund(session: AsyncSession, fact: RefundRequested) -> None:
        refund = (await session.exec(select(Refund).where(Refund.id == fact.refund_id))).one()
        payment = (await session.exec(select(Payment).where(Payment.id == refund.payment_id))).one()
        failure = ""
        offered = service.provider_named(settings, payment.provider)  # switched off, the refund waits
        try:
            await offered.refund(payment.id, refund.id, refund.amount_minor)
        except ProviderRefused as error:
            failure = str(error)
        await service.settle_refund(session, refund.id, utc_now(), failure)
