"""The outbox and its relay: every committed fact reaches its reactions and its topics, whatever is killed.

Lost nothing: the row is written in the fact's own transaction and marked only after everything downstream took it.
Nothing twice: each database reaction leaves a `fact_consumed` mark in its own transaction, and the broker drops event
ids that it has seen. One relay works at a time (a PostgreSQL advisory lock held by its connection: it dies with it).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import BigInteger, Column, DateTime, Identity, Index, or_, text, update
from sqlalchemy.dialects.postgresql import insert as pg_insert
from sqlmodel import Field, SQLModel, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent
from server.kit import facts
from server.kit.clock import utc_now
from server.kit.database import Database, document, log_failure, moment

log = structlog.get_logger()

RELAY_LOCK = 0x5F0C_0001
BATCH = 500
IDLE_S = 0.05
KEEP = timedelta(days=7)

Publish = Callable[[Sequence[RoomEvent]], Awaitable[Any]]
Remember = Callable[[AsyncSession, Sequence[facts.Fact]], Awaitable[None]]


class OutboxRow(SQLModel, table=True):
    """`seq` orders facts; `relayed_at` is null until everybody took it (partial index: cost follows the backlog)."""

    __tablename__ = "outbox"
    __table_args__ = (Index("ix_outbox_waiting", "seq", postgresql_where=text("relayed_at IS NULL")),)

    seq: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    fact_id: UUID = Field(unique=True)
    kind: str
    at: datetime = moment()
    body: dict[str, Any] = document()
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    retry_at: datetime | None = moment(default=None, nullable=True)
    relayed_at: datetime | None = Field(
        default=None, sa_column=Column(DateTime(timezone=True), nullable=True)
    )

    @classmethod
    def of(cls, fact: facts.Fact) -> Self:
        tag = type(fact).__struct_config__.tag
        return cls(fact_id=fact.fact_id, kind=str(tag), at=fact.at, body=msgspec.to_builtins(fact))


class FactConsumed(SQLModel, table=True):
    __tablename__ = "fact_consumed"
    fact_id: UUID = Field(primary_key=True)
    consumer: str = Field(primary_key=True)
    at: datetime = moment(default_factory=utc_now)


class Relay:
    """Runs in the worker. `publish` appends room events to the broker and raises when it can't be reached;
    `remember` writes a batch of facts to the members' timelines (idempotent by fact id)."""

    def __init__(self, database: Database, publish: Publish, remember: Remember) -> None:
        self._database = database
        self._publish = publish
        self._remember = remember
        self._kinds = facts.kinds()

    async def run(self, stop: asyncio.Event) -> None:
        pause = IDLE_S
        while not stop.is_set():
            try:
                async with self._database.engine.connect() as leader:
                    if not await self._elected(leader):
                        await _wait(stop, 1.0)
                        continue
                    try:
                        while not stop.is_set():
                            await leader.execute(text("SELECT 1"))  # the lock is as alive as its connection
                            await leader.commit()
                            moved = await self.once()
                            pause = IDLE_S
                            if moved < BATCH:
                                await _wait(stop, pause)
                    finally:
                        await leader.invalidate()  # back in the pool, the connection would keep the lock
            except Exception as error:
                log_failure(log, "relay interrupted", error)
                pause = min(pause * 2, 5.0)
                await _wait(stop, pause)

    async def _elected(self, leader: Any) -> bool:
        row = await leader.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": RELAY_LOCK})
        await leader.commit()  # the lock belongs to the connection, not to the transaction
        return bool(row.scalar_one())

    async def once(self) -> int:
        """Relay one batch in order; returns how many facts were taken.

        A fact whose reaction fails waits (back-off) and is passed by the others; it is retried until it succeeds.
        """
        async with self._database.transaction() as session:
            waiting = (
                await session.exec(
                    select(OutboxRow)
                    .where(
                        col(OutboxRow.relayed_at).is_(None),
                        or_(col(OutboxRow.retry_at).is_(None), col(OutboxRow.retry_at) <= utc_now()),
                    )
                    .order_by(col(OutboxRow.seq))
                    .limit(BATCH)
                )
            ).all()
        done: list[int] = []
        taken: list[facts.Fact] = []
        for row in waiting:
            try:
                fact = self._decode(row)
                await self._react(fact)
                taken.append(fact)
            except Exception:
                log.exception("a reaction failed; the fact waits", kind=row.kind, fact_id=str(row.fact_id))
                await self._postpone(row)
            else:
                done.append(row.seq or 0)
        if events := [event for fact in taken for event in facts.announcements(fact)]:
            await self._publish(events)
        if done:
            async with self._database.transaction() as session:
                await self._remember(session, taken)
                await session.execute(
                    update(OutboxRow).where(col(OutboxRow.seq).in_(done)).values(relayed_at=utc_now())
                )
        return len(done)

    def _decode(self, row: OutboxRow) -> facts.Fact:
        """A kind that this version doesn't know waits like a failed one: a newer worker takes it."""
        kind = self._kinds.get(row.kind)
        if kind is None:
            raise LookupError(f"no fact is called {row.kind!r} here")
        return msgspec.convert(row.body, kind)

    async def _react(self, fact: facts.Fact) -> None:
        for name, reaction in facts.reactions_to(type(fact)).items():
            async with self._database.transaction() as session:
                if await _first_time(session, fact.fact_id, name):
                    await reaction(session, fact)

    async def _postpone(self, row: OutboxRow) -> None:
        delay = timedelta(seconds=min(2**row.attempts, 300))
        async with self._database.transaction() as session:
            await session.execute(
                update(OutboxRow)
                .where(col(OutboxRow.seq) == row.seq)
                .values(attempts=row.attempts + 1, retry_at=utc_now() + delay)
            )

    async def forget(self) -> None:
        """Drop what was relayed long ago; called by the sweeper."""
        async with self._database.transaction() as session:
            before = {"before": utc_now() - KEEP}
            await session.execute(text("DELETE FROM outbox WHERE relayed_at < :before"), before)
            await session.execute(text("DELETE FROM fact_consumed WHERE at < :before"), before)


async def _first_time(session: AsyncSession, fact_id: UUID, consumer: str) -> bool:
    mark = (
        pg_insert(FactConsumed)
        .values(fact_id=fact_id, consumer=consumer, at=utc_now())
        .on_conflict_do_nothing()
    )
    return (await session.execute(mark)).rowcount == 1  # type: ignore[attr-defined,no-any-return]


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
