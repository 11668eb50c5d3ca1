"""The worker's rounds at the providers: refunds are sent, payments whose notice never came are asked about, payments
that nobody waits for are closed.

Each provider has a lane of its own, and in it a few calls at once, each outside any transaction: one that hangs delays
neither facts nor another provider. What is taken is due again later (twice as late each time), whatever becomes of the
process that took it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any

import structlog
from sqlalchemy import text
from sqlmodel import col, select

from server.kit.clock import Clock
from server.kit.database import Database, log_failure
from server.kit.problems import Problem
from server.payments.models import Payment, Refund
from server.payments.providers import Provider, ProviderError, ProviderRefused, Providers
from server.payments.providers.port import Returned
from server.payments.receiving import book_standing
from server.payments.refunds import settle

log = structlog.get_logger()

AT_ONCE = 8
"""Calls of each kind at one provider."""
PAUSE_S = 0.5
PATIENCE_S = 20.0

_TAKE_PAYMENTS = text(
    """
    UPDATE payment p SET
        status = CASE WHEN due.over THEN 'closing' ELSE p.status END,
        checks = CASE WHEN due.over THEN 1 ELSE p.checks + 1 END,
        check_at = CASE
            WHEN due.over THEN :now + interval '30 s'
            WHEN p.status = 'closing' THEN :now + interval '30 s' * 2 ^ least(p.checks, 7)
            ELSE least(:now + interval '60 s' * 2 ^ least(p.checks, 6),
                       greatest(p.expires_at, :now + interval '5 s')) END
    FROM (SELECT id, status = 'pending' AND expires_at <= :now AS over FROM payment
          WHERE provider = :provider AND check_at <= :now
          ORDER BY check_at LIMIT :room FOR UPDATE SKIP LOCKED) due
    WHERE p.id = due.id RETURNING p.id
    """
)

_TAKE_REFUNDS = text(
    """
    UPDATE refund r SET checks = r.checks + 1, check_at = :now + interval '30 s' * 2 ^ least(r.checks, 7)
    FROM (SELECT r.id FROM refund r JOIN payment p ON p.id = r.payment_id AND p.provider = :provider
          WHERE r.check_at <= :now ORDER BY r.check_at LIMIT :room FOR UPDATE OF r SKIP LOCKED) due
    WHERE r.id = due.id RETURNING r.id
    """
)


class Rounds:
    def __init__(self, database: Database, providers: Providers, clock: Clock) -> None:
        self._database, self._providers, self._clock = database, providers, clock

    async def run(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as lanes:
            for provider in self._providers:
                lanes.create_task(self._lane(provider, self.due_payments, self.look_after, stop))
                lanes.create_task(self._lane(provider, self.due_refunds, self.send_back, stop))

    async def once(self) -> None:
        """All that is due now, and wait for the answers."""
        for provider in self._providers:
            for payment in await self.due_payments(provider, 100):
                await self.look_after(provider, payment)
            for payment, refund in await self.due_refunds(provider, 100):
                await self.send_back(provider, (payment, refund))

    async def _lane(
        self,
        provider: Provider,
        take: Callable[[Provider, int], Awaitable[Sequence[Any]]],
        act: Callable[[Provider, Any], Coroutine[Any, Any, None]],
        stop: asyncio.Event,
    ) -> None:
        under_way: set[asyncio.Task[None]] = set()
        try:
            while not stop.is_set():
                try:
                    room = AT_ONCE - len(under_way)
                    for one in await take(provider, room) if room else ():
                        task = asyncio.create_task(act(provider, one))
                        under_way.add(task)
                        task.add_done_callback(under_way.discard)
                except Exception as error:
                    log_failure(log, "no round at a provider", error, provider=provider.name)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), PAUSE_S)
        finally:
            for task in under_way:
                task.cancel()
            await asyncio.gather(*under_way, return_exceptions=True)

    async def due_payments(self, provider: Provider, room: int) -> Sequence[Payment]:
        """Taken, and due again later. One whose time is over is to be closed from now on."""
        values = {"provider": provider.name, "now": self._clock(), "room": room}
        async with self._database.transaction() as session:
            ids = (await session.execute(_TAKE_PAYMENTS, values)).scalars().all()
            return (await session.exec(select(Payment).where(col(Payment.id).in_(ids)))).all() if ids else []

    async def look_after(self, provider: Provider, payment: Payment) -> None:
        ask = provider.close if payment.status == "closing" else provider.look
        with self._logged("a payment waits for its provider", provider, payment_id=str(payment.id)):
            async with asyncio.timeout(PATIENCE_S):
                standing = await ask(payment)
            await book_standing(self._database, payment, standing)

    async def due_refunds(self, provider: Provider, room: int) -> Sequence[tuple[Payment, Refund]]:
        values = {"provider": provider.name, "now": self._clock(), "room": room}
        async with self._database.transaction() as session:
            ids = (await session.execute(_TAKE_REFUNDS, values)).scalars().all()
            if not ids:
                return []
            rows = await session.exec(
                select(Payment, Refund)
                .join(Refund, col(Refund.payment_id) == col(Payment.id))
                .where(col(Refund.id).in_(ids))
            )
            return [(payment, refund) for payment, refund in rows]

    async def send_back(self, provider: Provider, one: tuple[Payment, Refund]) -> None:
        payment, refund = one
        with self._logged("a refund waits for its provider", provider, refund_id=str(refund.id)):
            try:
                async with asyncio.timeout(PATIENCE_S):
                    returned = await provider.refund(payment, refund)
            except ProviderRefused as error:
                log.error(
                    "a refund was refused", provider=provider.name, refund_id=str(refund.id), why=str(error)
                )
                returned = Returned("failed", failure=str(error)[:500])
            async with self._database.transaction() as session:
                await settle(session, refund.id, returned, self._clock())

    @contextlib.contextmanager
    def _logged(self, event: str, provider: Provider, **about: str) -> Any:
        """It is due again; nothing is lost by an error here."""
        try:
            yield
        except (ProviderError, TimeoutError, Problem) as error:
            log.warning(event, provider=provider.name, why=str(error) or "no answer in time", **about)
        except Exception as error:
            log_failure(log, event, error, provider=provider.name, **about)
