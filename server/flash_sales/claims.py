"""Claims, gathered: while one batch commits, the next is asked at the gate; a batch leaves when the one before is back.

One `ClaimDesk` a web process. The gate refuses the crowd; the claim statement decides. What PostgreSQL refuses is given
back at the gate. With the gate lost or down, PostgreSQL decides alone; one that was down is asked again after a while.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from server.flash_sales import rules
from server.flash_sales.gate import Code, Gate, GateClaim, GateDown, NoGate
from server.kit.breaker import Breaker, LeftAlone
from server.kit.clock import Clock
from server.kit.database import engine_url, log_failure
from server.kit.idempotency import KeyReused
from server.kit.problems import Problem, Unavailable
from server.kit.redis import Redis
from server.orders.service import Placed, new_number

log = structlog.get_logger()

MAX_BATCH = 256
MAX_WAITING = 20_000
"""Claims in line before one sale in one process; beyond it a claim is told to come again."""


class Claim(msgspec.Struct, eq=False):
    """One buyer's tap, waiting for its answer."""

    member_id: UUID
    key: str
    asked: bytes
    lines: list[tuple[UUID, int]]
    answer: asyncio.Future[Placed]
    epoch: str = ""
    code: Code | None = None
    has: int = 0

    @property
    def at_gate(self) -> GateClaim:
        return GateClaim(self.member_id, self.key, self.lines)

    def settle(self, outcome: Placed | Problem) -> None:
        if self.answer.done():
            return
        if isinstance(outcome, Problem):
            self.answer.set_exception(outcome)
        else:
            self.answer.set_result(outcome)


def _retrieved(answer: asyncio.Future[Placed]) -> None:
    """A refusal that nobody waits for any more is no error."""
    if not answer.cancelled():
        answer.exception()


class ClaimDesk:
    """Takes claims for all sales of this process. `start` opens its own few connections (prepared statements)."""

    def __init__(
        self,
        database_url: str,
        redis: Redis,
        clock: Clock,
        lost_gate: Callable[[UUID], None],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        url = engine_url(database_url).set(drivername="postgresql")
        self._dsn = url.render_as_string(hide_password=False)
        self._redis = redis
        self._clock = clock
        self._lost_gate = lost_gate
        self._breaker = Breaker(monotonic)
        self._lines: dict[UUID, _SaleLine] = {}
        self._pool: asyncpg.Pool[Any] | None = None

    async def start(self) -> None:
        # No connection yet: a web process may start while PostgreSQL is away, answer 503, and go on when it is back.
        self._pool = await asyncpg.create_pool(self._dsn, min_size=0, max_size=4)

    async def stop(self) -> None:
        if self._pool:
            await self._pool.close()

    async def claim(
        self, sale_id: UUID, member_id: UUID, key: str, asked: bytes, lines: Sequence[tuple[UUID, int]]
    ) -> Placed:
        """The hold, committed with its order. Raises the problems of `rules.refusal`, `KeyReused`, `Unavailable`."""
        assert self._pool is not None
        line = self._lines.get(sale_id)
        if line is None:
            gate = Gate(self._redis, sale_id)
            line = _SaleLine(sale_id, self._pool, gate, self._breaker, self._clock, self._lost_gate)
            self._lines[sale_id] = line
        try:
            return await line.join(member_id, key, asked, list(lines))
        finally:
            if line.idle:
                self._lines.pop(sale_id, None)


class _SaleLine:
    """The line before one sale: a batch at the gate, a batch in PostgreSQL, the rest waiting."""

    def __init__(
        self,
        sale_id: UUID,
        pool: asyncpg.Pool[Any],
        gate: Gate,
        breaker: Breaker,
        clock: Clock,
        lost_gate: Callable[[UUID], None],
    ) -> None:
        self._sale_id = sale_id
        self._pool = pool
        self._gate = gate
        self._breaker = breaker
        self._clock = clock
        self._lost_gate = lost_gate
        self._waiting: list[Claim] = []
        self._under_way: dict[tuple[UUID, str], Claim] = {}
        self._worker: asyncio.Task[None] | None = None
        self._passed_by = False  # claims went without the gate while it was down; it is to hear of them

    @property
    def idle(self) -> bool:
        return not self._under_way and not self._passed_by and (self._worker is None or self._worker.done())

    async def join(self, member_id: UUID, key: str, asked: bytes, lines: list[tuple[UUID, int]]) -> Placed:
        claim = self._under_way.get((member_id, key))
        if claim is not None:  # the same tap again while the first is under way
            if claim.asked != asked:
                raise KeyReused
            return await asyncio.shield(claim.answer)
        if len(self._waiting) >= MAX_WAITING:
            raise Unavailable("Very many people are trying; tap again in a moment", retry_after_s=1)
        claim = Claim(member_id, key, asked, lines, asyncio.get_running_loop().create_future())
        claim.answer.add_done_callback(_retrieved)
        self._under_way[member_id, key] = claim
        self._waiting.append(claim)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        # A client that goes away doesn't undo its claim: the order may be committed already.
        return await asyncio.shield(claim.answer)

    async def _work(self) -> None:
        await asyncio.sleep(0)  # let the taps of this moment arrive together
        committing: asyncio.Task[None] | None = None
        try:
            while self._waiting or committing:
                admitted: list[Claim] = []
                if self._waiting:
                    batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                    admitted = await self._admit(batch)
                if committing:
                    await committing
                committing = asyncio.create_task(self._commit(admitted)) if admitted else None
        finally:
            if committing:
                await committing

    async def _admit(self, batch: list[Claim]) -> list[Claim]:
        """Ask the gate; refusals are answered from the truth in one read. Returns who goes on to PostgreSQL."""
        try:
            answer = await self._breaker.ask(lambda: self._gate.claim([claim.at_gate for claim in batch]))
        except NoGate:
            log.warning("claims go without the gate", sale_id=str(self._sale_id), why="not laid")
            self._lost_gate(self._sale_id)
            return batch
        except GateDown as error:
            if not isinstance(error, LeftAlone):
                log.warning("claims go without the gate", sale_id=str(self._sale_id), why=str(error))
            self._passed_by = True
            return batch
        except Exception:
            log.exception("the gate failed", sale_id=str(self._sale_id))
            return batch
        if self._passed_by:
            self._passed_by = False
            self._lost_gate(self._sale_id)
        admitted: list[Claim] = []
        refused: list[Claim] = []
        for claim, code, has in zip(batch, answer.codes, answer.has, strict=True):
            claim.epoch, claim.code, claim.has = answer.epoch, code, has
            (admitted if code > 0 else refused).append(claim)
        if refused:
            await self._refuse(refused, answer.left)
        return admitted

    async def _commit(self, batch: list[Claim]) -> None:
        try:
            rows = await self._order(batch)
            refused = await self._answer(batch, rows)
            if refused and len(refused) < len(batch):
                # The statement refuses by running totals; without the accepted ones before them, some may fit.
                rows = await self._order(refused)
                refused = await self._answer(refused, rows)
            if refused:
                await self._give_back(refused)
                await self._refuse(refused)
        except Exception as error:
            # A dying server shows in many ways. Whatever it was, the line goes on for those behind.
            log_failure(log, "a batch of claims failed", error, sale_id=str(self._sale_id), claims=len(batch))
            # Whether it was committed is not known, so nothing is given back; the same key finds out.
            for claim in batch:
                self._finish(claim, Unavailable("Please tap again", retry_after_s=1))

    async def _order(self, batch: list[Claim]) -> dict[int, asyncpg.Record]:
        now = self._clock()
        lines = [(i, sku, quantity) for i, claim in enumerate(batch) for sku, quantity in claim.lines]
        rows = await self._pool.fetch(
            "SELECT * FROM claim_batch($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            self._sale_id,
            list(range(len(batch))),
            [claim.member_id for claim in batch],
            [claim.key for claim in batch],
            [claim.asked for claim in batch],
            [new_number(now) for _ in batch],
            [line[0] for line in lines],
            [line[1] for line in lines],
            [line[2] for line in lines],
        )
        return {row["claim"]: row for row in rows}

    async def _answer(self, batch: list[Claim], rows: dict[int, asyncpg.Record]) -> list[Claim]:
        """Answer those with a row; returns those without."""
        left, old = [], []
        for i, claim in enumerate(batch):
            row = rows.get(i)
            if row is None:
                left.append(claim)
                continue
            if not row["fresh"] and claim.code is Code.TAKEN:
                old.append(claim)  # the gate had forgotten this key and took units for it again
            if row["same_request"]:
                placed = Placed(row["hold_id"], row["order_id"], row["pay_by"], row["amount_minor"])
                self._finish(claim, placed)
            else:
                self._finish(claim, KeyReused())
        if old:
            await self._give_back(old)
        return left

    async def _give_back(self, claims: list[Claim]) -> None:
        by_epoch: dict[str, list[tuple[UUID, str]]] = {}
        for claim in claims:
            if claim.code is Code.TAKEN:
                by_epoch.setdefault(claim.epoch, []).append((claim.member_id, claim.key))
        for epoch, taken in by_epoch.items():
            try:
                await self._breaker.ask(partial(self._gate.release, taken, epoch))
            except GateDown:
                self._passed_by = True

    async def _refuse(self, claims: list[Claim], left: Mapping[UUID, int] | None = None) -> None:
        """Say why, from the truth; and find orders whose key the gate no longer knows. `left` is what the gate had:
        it knows of claims that are being committed just now, so its word on stock and limit goes first."""
        try:
            sale, has, earlier = await self._truth(claims)
        except Exception as error:
            log_failure(log, "refusals could not be explained", error, sale_id=str(self._sale_id))
            for claim in claims:
                self._finish(claim, Unavailable("Please tap again", retry_after_s=1))
            return
        if sale and left is not None:
            sale = msgspec.structs.replace(sale, free={s: left.get(s, free) for s, free in sale.free.items()})
        now = self._clock()
        for claim in claims:
            order = earlier.get((claim.member_id, claim.key))
            if order is not None:
                same = order["request_hash"] == claim.asked
                placed = Placed(order["hold_id"], order["id"], order["pay_by"], order["amount_minor"])
                self._finish(claim, placed if same else KeyReused())
                continue
            why = rules.refusal(sale, claim.lines, max(has.get(claim.member_id, 0), claim.has), now)
            # Nothing is wrong any more: a unit came back, or the gate is behind. The next tap will see.
            self._finish(claim, why or Unavailable("Just changed; tap again", retry_after_s=1))
            if why is None and claim.code is Code.NOT_OPEN:
                self._lost_gate(self._sale_id)

    async def _truth(
        self, claims: list[Claim]
    ) -> tuple[rules.SaleState | None, dict[UUID, int], dict[tuple[UUID, str], asyncpg.Record]]:
        members = list({claim.member_id for claim in claims})
        async with self._pool.acquire() as connection:
            sale = await connection.fetchrow(
                "SELECT state, opens_at, ends_at, limit_per_buyer FROM flash_sale WHERE id = $1",
                self._sale_id,
            )
            free = await connection.fetch(
                "SELECT l.sku_id, b.free FROM flash_sale_line l JOIN stock_balance b ON b.id = l.balance_id "
                "WHERE l.sale_id = $1",
                self._sale_id,
            )
            has = await connection.fetch(
                "SELECT member_id, quantity FROM flash_sale_buyer WHERE sale_id = $1 AND member_id = ANY($2)",
                self._sale_id,
                members,
            )
            earlier = await connection.fetch(
                "SELECT o.member_id, o.key, o.id, o.hold_id, o.pay_by, o.amount_minor, o.request_hash "
                "FROM unnest($1::uuid[], $2::text[]) AS c(member_id, key) "
                "JOIN orders o ON o.member_id = c.member_id AND o.key = c.key",
                [claim.member_id for claim in claims],
                [claim.key for claim in claims],
            )
        state = None
        if sale is not None:
            state = rules.SaleState(
                state=sale["state"],
                opens_at=sale["opens_at"],
                ends_at=sale["ends_at"],
                limit_per_buyer=sale["limit_per_buyer"],
                free={row["sku_id"]: row["free"] for row in free},
            )
        return (
            state,
            {row["member_id"]: row["quantity"] for row in has},
            {(row["member_id"], row["key"]): row for row in earlier},
        )

    def _finish(self, claim: Claim, outcome: Placed | Problem) -> None:
        self._under_way.pop((claim.member_id, claim.key), None)
        claim.settle(outcome)
