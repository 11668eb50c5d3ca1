"""The outbox and its relay: every committed fact reaches its reactions and its topics, whatever is killed.

Lost nothing: the row is written in the fact's own transaction and marked only after everything downstream took it.
Nothing twice: each database reaction leaves a `fact_consumed` mark in its own transaction, and the broker drops event
ids that it has seen. One relay works at a time (a PostgreSQL advisory lock held by its connection: it dies with it).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import BigInteger, Column, ColumnElement, Identity, Index, or_, text, update
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
LONGEST_PAUSE_S = 5.0
KEEP = timedelta(days=7)

Publish = Callable[[Sequence[RoomEvent]], Awaitable[Any]]
Remember = Callable[[AsyncSession, Sequence[facts.Fact]], Awaitable[None]]


class OutboxRow(SQLModel, table=True):
    """`seq` orders facts; `reacted_at` is null until everybody reacted to it and the members' store has it,
    `relayed_at` until its topics heard of it, too (partial indexes: cost follows the backlog)."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_waiting", "seq", postgresql_where=text("relayed_at IS NULL")),
        Index(
            "ix_outbox_unreacted", "seq", postgresql_where=text("reacted_at IS NULL AND relayed_at IS NULL")
        ),
        Index("ix_outbox_relayed", "relayed_at", postgresql_where=text("relayed_at IS NOT NULL")),
    )

    seq: int | None = Field(default=None, sa_column=Column(BigInteger, Identity(), primary_key=True))
    fact_id: UUID = Field(unique=True)
    kind: str
    at: datetime = moment()
    body: dict[str, Any] = document()
    attempts: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    retry_at: datetime | None = moment(default=None, nullable=True)
    reacted_at: datetime | None = moment(default=None, nullable=True)
    relayed_at: datetime | None = moment(default=None, nullable=True)

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
    `remember` writes a batch of facts to the members' timelines (idempotent by fact id).

    A fact takes two steps, each marked by itself: everybody reacts, then its topics hear of it. While the broker is
    away the second waits, in order, and the first goes on. What fails (a reaction, an announcement, a memory) makes its
    own fact wait, which is passed by the others and tried again, with back-off, until it succeeds.
    """

    def __init__(self, database: Database, publish: Publish, remember: Remember) -> None:
        self._database = database
        self._publish = publish
        self._remember = remember
        self._kinds = facts.kinds()
        self._silence = 0.0  # seconds until the broker, which was away, is asked again
        self._ask_at = 0.0

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
                            moved = max(await self.react(), await self._publish_if_due())
                            pause = IDLE_S
                            if moved < BATCH:
                                await _wait(stop, pause)
                    finally:
                        await leader.invalidate()  # back in the pool, the connection would keep the lock
            except Exception as error:
                log_failure(log, "relay interrupted", error)
                pause = min(pause * 2, LONGEST_PAUSE_S)
                await _wait(stop, pause)

    async def _elected(self, leader: Any) -> bool:
        row = await leader.execute(text("SELECT pg_try_advisory_lock(:key)"), {"key": RELAY_LOCK})
        await leader.commit()  # the lock belongs to the connection, not to the transaction
        return bool(row.scalar_one())

    async def react(self) -> int:
        """The first step of one batch, oldest first; returns how many facts took it."""
        done: list[tuple[OutboxRow, facts.Fact]] = []
        for row in await self._waiting(col(OutboxRow.reacted_at).is_(None)):
            try:
                fact = self._decode(row)
                for name, reaction in facts.reactions_to(type(fact)).items():
                    async with self._database.transaction() as session:
                        if await _first_time(session, fact.fact_id, name):
                            await reaction(session, fact)
            except Exception:
                await self._postpone(row, "a reaction failed; the fact waits")
            else:
                done.append((row, fact))
        return await self._keep(done)

    async def _keep(self, done: Sequence[tuple[OutboxRow, facts.Fact]]) -> int:
        """In one transaction; when one of them spoils it, each in its own."""
        if not done:
            return 0
        try:
            async with self._database.transaction() as session:
                await self._remember(session, [fact for _, fact in done])
                await _mark(session, [row for row, _ in done], reacted_at=utc_now())
        except Exception:
            if len(done) > 1:
                return sum([await self._keep([one]) for one in done])
            await self._postpone(done[0][0], "a memory failed; the fact waits")
            return 0
        return len(done)

    async def publish(self) -> int:
        """The second step of one batch, in order; returns how many facts took it. Raises what `publish` raises."""
        events: list[RoomEvent] = []
        done: list[OutboxRow] = []
        for row in await self._waiting(col(OutboxRow.reacted_at).is_not(None)):
            try:
                events += facts.announcements(self._decode(row))
            except Exception:
                await self._postpone(row, "an announcement failed; the fact waits")
            else:
                done.append(row)
        if events:
            await self._publish(events)
        if done:
            async with self._database.transaction() as session:
                await _mark(session, done, relayed_at=utc_now())
        return len(done)

    async def _publish_if_due(self) -> int:
        if time.monotonic() < self._ask_at:
            return 0
        try:
            moved = await self.publish()
        except Exception as error:
            log_failure(log, "nothing was published", error)
            self._silence = min(max(self._silence * 2, IDLE_S), LONGEST_PAUSE_S)
            self._ask_at = time.monotonic() + self._silence
            return 0
        self._silence = 0.0
        return moved

    async def _waiting(self, step: ColumnElement[bool]) -> Sequence[OutboxRow]:
        async with self._database.transaction() as session:
            rows = await session.exec(
                select(OutboxRow)
                .where(
                    step,
                    col(OutboxRow.relayed_at).is_(None),
                    or_(col(OutboxRow.retry_at).is_(None), col(OutboxRow.retry_at) <= utc_now()),
                )
                .order_by(col(OutboxRow.seq))
                .limit(BATCH)
            )
            return rows.all()

    def _decode(self, row: OutboxRow) -> facts.Fact:
        """A kind that this version doesn't know waits like a failed one: a newer worker takes it."""
        kind = self._kinds.get(row.kind)
        if kind is None:
            raise LookupError(f"no fact is called {row.kind!r} here")
        return msgspec.convert(row.body, kind)

    async def _postpone(self, row: OutboxRow, why: str) -> None:
        """In an exception's handler. While PostgreSQL is away this raises, and the relay begins anew."""
        log.exception(why, kind=row.kind, fact_id=str(row.fact_id))
        delay = timedelta(seconds=min(2**row.attempts, 300))
        async with self._database.transaction() as session:
            await _mark(session, [row], attempts=row.attempts + 1, retry_at=utc_now() + delay)

    async def forget(self) -> None:
        """Drop what was relayed long ago, with its marks: those of a fact that still waits keep its reactions from
        being repeated, however old they are."""
        async with self._database.transaction() as session:
            await session.execute(
                text(
                    """
                    WITH gone AS (DELETE FROM outbox WHERE relayed_at < :before RETURNING fact_id)
                    DELETE FROM fact_consumed c USING gone WHERE c.fact_id = gone.fact_id
                    """
                ),
                {"before": utc_now() - KEEP},
            )


async def _mark(session: AsyncSession, rows: Sequence[OutboxRow], **values: object) -> None:
    chosen = col(OutboxRow.seq).in_([row.seq for row in rows])
    await session.execute(update(OutboxRow).where(chosen).values(**values))


async def _first_time(session: AsyncSession, fact_id: UUID, consumer: str) -> bool:
    mark = (
        pg_insert(FactConsumed)
        .values(fact_id=fact_id, consumer=consumer, at=utc_now())
        .on_conflict_do_nothing()
        .returning(col(FactConsumed.fact_id))
    )
    return (await session.execute(mark)).scalar_one_or_none() is not None


async def _wait(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
