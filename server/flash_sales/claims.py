"""Claims, gathered: while one batch commits, the next is asked at the gate; a batch leaves when the one before is back.

One `ClaimDesk` a web process. The gate refuses the crowd, and says why; the claim statement decides. What PostgreSQL
refuses is given back at the gate. A gate that was lost, or that claims had to pass by, is laid anew before it is asked
again; while Redis is down PostgreSQL decides alone.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import structlog

from server.flash_sales import rules
from server.flash_sales.gate import Code, Gate, GateAnswer, GateClaim, GateDown, NoGate
from server.kit.breaker import Breaker, LeftAlone
from server.kit.clock import Clock
from server.kit.database import engine_url, log_failure
from server.kit.idempotency import KeyReused
from server.kit.problems import Problem, Unavailable
from server.kit.redis import Redis
from server.orders.service import Placed, new_number

log = structlog.get_logger()

MAX_BATCH = 128
AHEAD = 2
"""Batches of one sale in PostgreSQL at once: while one commits, the next waits for the sale's lock there, so that no
time passes between them however busy this process is."""
MAX_WAITING = 20_000
"""Claims in line before one sale in one process; beyond it a claim is told to come again."""

Outcome = Placed | Problem
"""Of a claim. A refusal is an answer like another, not raised: a crowd gets few different ones, made once a batch."""

Lay = Callable[[UUID], Awaitable[None]]
"""Lays a sale's gate anew from the ledger. Raises `GateDown`."""


class Tap(msgspec.Struct, frozen=True):
    """What a buyer asks for. `units` count against the limit; `asked` is the hash of the request; `most_minor` is what
    the buyer was shown, and would pay at most."""

    member_id: UUID
    key: str
    asked: bytes
    units: int
    lines: tuple[tuple[UUID, int], ...]
    device: bytes | None = None
    most_minor: int | None = None

    @property
    def at_gate(self) -> GateClaim:
        return GateClaim(self.member_id, self.key, self.units, self.lines, self.device)


class Claim(msgspec.Struct, eq=False):
    """A tap that waits for its answer, by as many requests as brought it. `epoch` and `code` are what the gate said."""

    tap: Tap
    requests: list[asyncio.Future[Outcome]]
    epoch: str = ""
    code: Code | None = None

    def answer(self) -> asyncio.Future[Outcome]:
        """For one request. A client that goes away doesn't undo the claim: the order may be committed already."""
        request: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self.requests.append(request)
        return request

    def settle(self, outcome: Outcome) -> None:
        for request in self.requests:
            if not request.done():  # its client went away
                request.set_result(outcome)


class ClaimDesk:
    """Takes claims for all sales of this process. `start` opens its own few connections (prepared statements)."""

    def __init__(
        self,
        database_url: str,
        redis: Redis,
        clock: Clock,
        lay: Lay,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        url = engine_url(database_url).set(drivername="postgresql")
        self._dsn = url.render_as_string(hide_password=False)
        self._redis = redis
        self._clock = clock
        self._lay = lay
        self._breaker = Breaker(monotonic)
        self._lines: dict[UUID, _SaleLine] = {}
        self._pool: asyncpg.Pool[Any] | None = None

    async def start(self) -> None:
        # No connection yet: a web process may start while PostgreSQL is away, answer 503, and go on when it is back.
        self._pool = await asyncpg.create_pool(self._dsn, min_size=0, max_size=4)

    async def stop(self) -> None:
        if self._pool:
            await self._pool.close()

    async def claim(self, sale_id: UUID, tap: Tap) -> Outcome:
        """The hold, committed with its order; or why there is none: a problem of `rules.refusal`, `KeyReused`,
        `Unavailable`."""
        assert self._pool is not None
        line = self._lines.get(sale_id)
        if line is None:
            gate = Gate(self._redis, sale_id)
            line = _SaleLine(sale_id, self._pool, gate, self._breaker, self._clock, self._lay)
            self._lines[sale_id] = line
        try:
            return await line.join(tap)
        finally:
            if line.idle:
                self._lines.pop(sale_id, None)


class _SaleLine:
    """The line before one sale: a batch at the gate, a batch in PostgreSQL, the rest waiting."""

    def __init__(
        self, sale_id: UUID, pool: asyncpg.Pool[Any], gate: Gate, breaker: Breaker, clock: Clock, lay: Lay
    ) -> None:
        self._sale_id = sale_id
        self._pool = pool
        self._gate = gate
        self._breaker = breaker
        self._clock = clock
        self._lay = lay
        self._waiting: list[Claim] = []
        self._under_way: dict[tuple[UUID, str], Claim] = {}
        self._worker: asyncio.Task[None] | None = None
        self._passed_by = False  # claims went without the gate while it was down; it is to hear of them

    @property
    def idle(self) -> bool:
        return not self._under_way and not self._passed_by and (self._worker is None or self._worker.done())

    async def join(self, tap: Tap) -> Outcome:
        claim = self._under_way.get((tap.member_id, tap.key))
        if claim is not None:  # the same tap again while the first is under way
            if claim.tap.asked != tap.asked:
                return KeyReused()
            return await claim.answer()
        if len(self._waiting) >= MAX_WAITING:
            return Unavailable("Very many people are trying; tap again in a moment", retry_after_s=1)
        claim = Claim(tap, [])
        self._under_way[tap.member_id, tap.key] = claim
        self._waiting.append(claim)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.create_task(self._work())
        return await claim.answer()

    async def _work(self) -> None:
        try:
            await asyncio.sleep(0)  # let the taps of this moment arrive together
            await self._serve()
        except Exception as error:  # nobody is left waiting, whatever is wrong here
            log_failure(log, "the line of a sale failed", error, sale_id=str(self._sale_id))
            self._waiting.clear()
            for claim in list(self._under_way.values()):
                self._finish(claim, Unavailable("Please tap again", retry_after_s=1))

    async def _serve(self) -> None:
        committing: deque[asyncio.Task[_Written]] = deque()
        while self._waiting or committing:
            if self._waiting:
                batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
                if admitted := await self._admit(batch):
                    committing.append(asyncio.create_task(self._commit(admitted)))
                    await asyncio.sleep(0)  # its statement is on its way before anything else is done
            if len(committing) == AHEAD or (committing and not self._waiting):
                await self._answer(await committing.popleft())

    # At the gate

    async def _admit(self, batch: list[Claim]) -> list[Claim]:
        """Who goes on to PostgreSQL. The others are refused by what the gate knows."""
        try:
            answer = await self._breaker.ask(lambda: self._ask([claim.tap.at_gate for claim in batch]))
        except GateDown as error:
            if not isinstance(error, LeftAlone):
                log.warning("claims go without the gate", sale_id=str(self._sale_id), why=str(error))
            self._passed_by = True
            return batch
        except Exception as error:
            log_failure(log, "the gate failed", error, sale_id=str(self._sale_id))
            return batch
        admitted: list[Claim] = []
        refusals: dict[object, Problem] = {}
        sale, now = _at_gate(answer), self._clock()
        for claim, code, has in zip(batch, answer.codes, answer.has, strict=True):
            claim.epoch, claim.code = answer.epoch, code
            if code > 0:
                admitted.append(claim)
                continue
            alike = (code, claim.tap.lines, has if code is Code.LIMIT else 0)
            if (why := refusals.get(alike)) is None:
                why = refusals[alike] = _refusal(sale, claim.tap, has, now)
            self._finish(claim, why)
        return admitted

    async def _ask(self, claims: Sequence[GateClaim]) -> GateAnswer:
        if self._passed_by:
            await self._lay(self._sale_id)
            self._passed_by = False
        try:
            return await self._gate.claim(claims)
        except NoGate:
            log.warning("a gate is laid anew", sale_id=str(self._sale_id), why="it was lost")
            await self._lay(self._sale_id)
            return await self._gate.claim(claims)

    async def _give_back(self, claims: Sequence[Claim], *, ordered: bool) -> None:
        by_epoch: dict[str, list[tuple[UUID, str]]] = {}
        for claim in claims:
            if claim.code is Code.TAKEN:
                by_epoch.setdefault(claim.epoch, []).append((claim.tap.member_id, claim.tap.key))
        for epoch, taken in by_epoch.items():
            try:
                await self._breaker.ask(partial(self._gate.release, taken, epoch, ordered=ordered))
            except GateDown:
                self._passed_by = True

    # In PostgreSQL

    async def _commit(self, batch: list[Claim]) -> _Written:
        """Wakes nobody: the next batch's statement is to leave first."""
        try:
            rows = await self._order(batch)
            without = [claim for claim in batch if claim not in rows]
            if without and rows:
                # The statement refuses by running totals; without the accepted ones before them, some may fit.
                rows |= await self._order(without)
            return _Written(batch, rows)
        except Exception as error:
            # A dying server shows in many ways. Whatever it was, the line goes on for those behind.
            log_failure(log, "a batch of claims failed", error, sale_id=str(self._sale_id), claims=len(batch))
            return _Written(batch, None)

    async def _order(self, batch: list[Claim]) -> dict[Claim, asyncpg.Record]:
        now = self._clock()
        taps = [claim.tap for claim in batch]
        lines = [(i, sku, quantity) for i, tap in enumerate(taps) for sku, quantity in tap.lines]
        rows = await self._pool.fetch(
            "SELECT * FROM claim_batch($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
            self._sale_id,
            list(range(len(batch))),
            [tap.member_id for tap in taps],
            [tap.device for tap in taps],
            [tap.key for tap in taps],
            [tap.asked for tap in taps],
            [new_number(now) for _ in batch],
            [tap.most_minor for tap in taps],
            [line[0] for line in lines],
            [line[1] for line in lines],
            [line[2] for line in lines],
        )
        return {batch[row["claim"]]: row for row in rows}

    async def _answer(self, written: _Written) -> None:
        if written.rows is None:
            # Whether it was committed is not known, so nothing is given back; the same key finds out.
            for claim in written.batch:
                self._finish(claim, Unavailable("Please tap again", retry_after_s=1))
            return
        old, without = [], []
        for claim in written.batch:
            row = written.rows.get(claim)
            if row is None:
                without.append(claim)
                continue
            if not row["fresh"] and claim.code is Code.TAKEN:
                old.append(claim)  # the gate had forgotten this key and took units for it again
            if row["same_request"]:
                self._finish(
                    claim, Placed(row["hold_id"], row["order_id"], row["pay_by"], row["amount_minor"])
                )
            else:
                self._finish(claim, KeyReused())
        if old:
            await self._give_back(old, ordered=True)
        if without:
            await self._give_back(without, ordered=False)
            await self._explain(without)

    async def _explain(self, claims: Sequence[Claim]) -> None:
        """Say why PostgreSQL refused, from the truth."""
        members = list({claim.tap.member_id for claim in claims})
        devices = list({claim.tap.device for claim in claims if claim.tap.device})
        try:
            async with self._pool.acquire() as connection:
                row = await connection.fetchval(_SALE, self._sale_id)
                has = dict(await connection.fetch(_HAS, self._sale_id, members))
                has |= dict(await connection.fetch(_DEVICE_HAS, self._sale_id, devices))
        except Exception as error:
            log_failure(log, "refusals could not be explained", error, sale_id=str(self._sale_id))
            for claim in claims:
                self._finish(claim, Unavailable("Please tap again", retry_after_s=1))
            return
        sale, now = msgspec.json.decode(row, type=rules.SaleState) if row else None, self._clock()
        for claim in claims:
            tap = claim.tap
            self._finish(
                claim, _refusal(sale, tap, max(has.get(tap.member_id, 0), has.get(tap.device, 0)), now)
            )

    def _finish(self, claim: Claim, outcome: Outcome) -> None:
        self._under_way.pop((claim.tap.member_id, claim.tap.key), None)
        claim.settle(outcome)


class _Written(msgspec.Struct):
    """A batch and the rows of those that have an order; None where it is not known."""

    batch: list[Claim]
    rows: dict[Claim, asyncpg.Record] | None


def _refusal(sale: rules.SaleState | None, tap: Tap, has: int, now: datetime) -> Problem:
    why = rules.refusal(sale, tap.units, tap.lines, has, tap.most_minor, now)
    # Nothing is wrong any more: a unit came back meanwhile. The next tap will see.
    return why or Unavailable("Just changed; tap again", retry_after_s=1)


def _at_gate(answer: GateAnswer) -> rules.SaleState:
    return rules.SaleState(
        state=answer.state,
        opens_at=_moment(answer.opens_ms),
        ends_at=_moment(answer.ends_ms),
        limit_per_buyer=answer.limit,
        free=answer.left,
    )


def _moment(ms: int) -> datetime | None:
    return datetime.fromtimestamp(ms / 1000, UTC) if ms else None


_SALE = """
    WITH pool AS (
        SELECT p.sku_id, sum(b.free) AS free, sum(b.held + b.sold) AS gone, count(p.store_id) > 0 AS quotas
        FROM flash_sale_pool p JOIN stock_balance b ON b.id = p.balance_id WHERE p.sale_id = $1 GROUP BY p.sku_id)
    SELECT jsonb_build_object(
        'state', s.state, 'opens_at', s.opens_at, 'ends_at', s.ends_at, 'limit_per_buyer', s.limit_per_buyer,
        'quotas', bool_or(p.quotas), 'free', jsonb_object_agg(p.sku_id, p.free),
        'prices', jsonb_object_agg(
            p.sku_id, CASE WHEN p.gone >= l.first_units THEN l.then_minor ELSE l.price_minor END),
        'firsts', coalesce(jsonb_object_agg(p.sku_id, jsonb_build_array(l.first_units - p.gone, l.then_minor))
                           FILTER (WHERE l.first_units IS NOT NULL), '{}'))
    FROM flash_sale s JOIN flash_sale_line l ON l.sale_id = s.id JOIN pool p ON p.sku_id = l.sku_id
    WHERE s.id = $1 GROUP BY s.id
"""
_HAS = "SELECT member_id, quantity FROM flash_sale_buyer WHERE sale_id = $1 AND member_id = ANY($2)"
_DEVICE_HAS = "SELECT device, quantity FROM flash_sale_device WHERE sale_id = $1 AND device = ANY($2)"
