"""Stock: every act is one statement that changes the balance and writes the ledger together.

Nothing here reads a balance, computes, and writes it back. The constraints of `stock_balance` are the last word: what
would take a pool below zero fails the statement.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.checks import Broken, broken_rows
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.problems import Problem
from server.stock.rules import Pool


class OutOfStock(Problem):
    """`left` is how many units could still be had; with several SKUs, of those in `lines` (SKU → units)."""

    status, slug, title = 409, "out-of-stock", "There are not enough units left"


class Taking(msgspec.Struct, frozen=True):
    sku_id: UUID
    quantity: int


class Units(msgspec.Struct, frozen=True):
    sku_id: UUID
    total: int
    free: int
    held: int
    sold: int


_BALANCE = text(
    """
    INSERT INTO stock_balance (id, brand_id, sku_id, pool, pool_id, total, free, held, sold)
    VALUES (uuidv7(), :brand_id, :sku_id, :pool, :pool_id, 0, 0, 0, 0)
    ON CONFLICT (sku_id, pool, pool_id) DO UPDATE SET pool = excluded.pool
    RETURNING id
    """
)


async def balance_of(session: AsyncSession, brand_id: UUID, sku_id: UUID, pool: Pool, pool_id: UUID) -> UUID:
    """The id of the balance row, made empty where there was none."""
    row = await session.execute(
        _BALANCE, {"brand_id": brand_id, "sku_id": sku_id, "pool": pool.value, "pool_id": pool_id}
    )
    return row.scalar_one()  # type: ignore[no-any-return]


_ADJUST = text(
    """
    WITH entry AS (
        INSERT INTO stock_entry (balance_id, act, key, total, free, held, sold)
        VALUES (:balance_id, :act, :key, :delta, :delta, 0, 0)
        ON CONFLICT (balance_id, act, key) DO NOTHING RETURNING balance_id)
    UPDATE stock_balance SET total = total + :delta, free = free + :delta
    WHERE id IN (SELECT balance_id FROM entry)
    """
)


_BOOKED = text("SELECT total FROM stock_entry WHERE balance_id = :balance_id AND act = :act AND key = :key")


async def adjust(
    session: AsyncSession,
    brand_id: UUID,
    sku_id: UUID,
    pool: Pool | str,
    pool_id: UUID,
    delta: int,
    key: UUID,
    act: str = "adjust",
) -> None:
    """Add (or take away) free units of a pool. The same key books once. Raises `OutOfStock` (409) below zero,
    `KeyReused` (422) when the key booked another number of units."""
    balance_id = await balance_of(session, brand_id, sku_id, Pool(pool), pool_id)
    entry = {"balance_id": balance_id, "act": act, "key": key}
    try:
        async with session.begin_nested():
            moved = await session.execute(_ADJUST, {**entry, "delta": delta})
        if not moved.rowcount:  # type: ignore[attr-defined]
            booked = await session.execute(_BOOKED, entry)
            if booked.scalar_one() != delta:
                raise KeyReused
    except IntegrityError as error:
        left = await session.execute(
            text("SELECT free FROM stock_balance WHERE id = :id"), {"id": balance_id}
        )
        raise OutOfStock(left=left.scalar_one(), sku_id=str(sku_id)) from error


_FIRST = text(
    """
    WITH balances AS (
        INSERT INTO stock_balance (id, brand_id, sku_id, pool, pool_id, total, free, held, sold)
        SELECT uuidv7(), :brand_id, f.sku_id, :pool, :pool_id, f.quantity, f.quantity, 0, 0
        FROM unnest(CAST(:skus AS uuid[]), CAST(:quantities AS int[])) AS f(sku_id, quantity)
        RETURNING id, total)
    INSERT INTO stock_entry (balance_id, act, key, total, free, held, sold)
    SELECT id, 'adjust', :key, total, total, 0, 0 FROM balances
    """
)


async def book_first(
    session: AsyncSession, brand_id: UUID, pool: Pool, pool_id: UUID, lines: Sequence[Taking], key: UUID
) -> None:
    """The first units of SKUs that this pool never had, all in one statement."""
    if lines:
        await session.execute(
            _FIRST,
            {
                "brand_id": brand_id,
                "pool": pool.value,
                "pool_id": pool_id,
                "skus": [line.sku_id for line in lines],
                "quantities": [line.quantity for line in lines],
                "key": key,
            },
        )


async def move(
    session: AsyncSession,
    brand_id: UUID,
    sku_id: UUID,
    source: tuple[Pool, UUID],
    target: tuple[Pool, UUID],
    quantity: int,
    key: UUID,
) -> None:
    """Allot free units from one pool to another, all or nothing; the same key between the same pools books once.
    Raises `OutOfStock` (409), `KeyReused` (422)."""
    if quantity == 0:
        return
    await adjust(session, brand_id, sku_id, source[0], source[1], -quantity, key, act="allot")
    await adjust(session, brand_id, sku_id, target[0], target[1], quantity, key, act="allot")


_HOLD = text(
    """
    WITH asked AS (
        SELECT sku_id, sum(quantity)::int AS quantity
        FROM unnest(CAST(:skus AS uuid[]), CAST(:quantities AS int[])) AS l(sku_id, quantity) GROUP BY sku_id),
    locked AS MATERIALIZED (
        SELECT b.id, a.quantity FROM stock_balance b JOIN asked a ON a.sku_id = b.sku_id
        WHERE b.pool = :pool AND b.pool_id = :pool_id ORDER BY b.id FOR NO KEY UPDATE OF b),
    moved AS (
        UPDATE stock_balance b SET free = b.free - l.quantity, held = b.held + l.quantity
        FROM locked l WHERE b.id = l.id AND b.free >= l.quantity
        RETURNING b.id, l.quantity),
    holds AS (
        INSERT INTO stock_hold (hold_id, balance_id, quantity, state)
        SELECT :hold_id, id, quantity, 'held' FROM moved),
    entries AS (
        INSERT INTO stock_entry (balance_id, act, key, total, free, held, sold)
        SELECT id, 'hold', :hold_id, 0, -quantity, quantity, 0 FROM moved)
    SELECT (SELECT count(*) FROM asked) = (SELECT count(*) FROM moved)
    """
)


async def hold(
    session: AsyncSession, pool: Pool, pool_id: UUID, lines: Sequence[Taking], hold_id: UUID
) -> bool:
    """Hold all lines from one pool, or none of them (then `False`)."""
    savepoint = await session.begin_nested()
    whole = await session.execute(
        _HOLD,
        {
            "skus": [line.sku_id for line in lines],
            "quantities": [line.quantity for line in lines],
            "pool": pool.value,
            "pool_id": pool_id,
            "hold_id": hold_id,
        },
    )
    if whole.scalar_one():
        await savepoint.commit()
        return True
    await savepoint.rollback()
    return False


_FINISH = text(
    """
    WITH done AS (
        UPDATE stock_hold SET state = :state
        WHERE hold_id = ANY(CAST(:holds AS uuid[])) AND state = 'held' RETURNING hold_id, balance_id, quantity),
    entries AS (
        INSERT INTO stock_entry (balance_id, act, key, total, free, held, sold)
        SELECT balance_id, :act, hold_id, 0, :free * quantity, -quantity, :sold * quantity FROM done),
    locked AS MATERIALIZED (
        SELECT id FROM stock_balance WHERE id IN (SELECT balance_id FROM done) ORDER BY id FOR NO KEY UPDATE),
    moved AS (
        UPDATE stock_balance b
        SET held = held - d.quantity, free = free + :free * d.quantity, sold = sold + :sold * d.quantity
        FROM (SELECT l.id, sum(d.quantity)::int AS quantity
              FROM done d JOIN locked l ON l.id = d.balance_id GROUP BY l.id) d
        WHERE b.id = d.id)
    SELECT DISTINCT hold_id FROM done
    """
)
_SELL = {"act": "sell", "state": "sold", "free": 0, "sold": 1}
_RELEASE = {"act": "release", "state": "released", "free": 1, "sold": 0}


async def sell(session: AsyncSession, hold_ids: Sequence[UUID]) -> set[UUID]:
    """Held units become sold. Returns the holds that changed, not those that were sold or released before."""
    rows = await session.execute(_FINISH, {"holds": list(hold_ids), **_SELL})
    return set(rows.scalars())


async def release(session: AsyncSession, hold_ids: Sequence[UUID]) -> set[UUID]:
    """Held units become free again. Returns the holds that changed."""
    rows = await session.execute(_FINISH, {"holds": list(hold_ids), **_RELEASE})
    return set(rows.scalars())


async def free(
    session: AsyncSession, sku_ids: Sequence[UUID], pools: Sequence[tuple[Pool, UUID]]
) -> dict[UUID, int]:
    """Free units of each SKU, summed over the pools given; 0 where there is no balance."""
    rows = await session.execute(
        text(
            """
            SELECT b.sku_id, sum(b.free)::int FROM stock_balance b
            WHERE b.sku_id = ANY(CAST(:skus AS uuid[]))
              AND (b.pool, b.pool_id) IN (
                  SELECT p.pool, p.pool_id
                  FROM unnest(CAST(:pools AS text[]), CAST(:pool_ids AS uuid[])) AS p(pool, pool_id))
            GROUP BY b.sku_id
            """
        ),
        {
            "skus": list(sku_ids),
            "pools": [pool.value for pool, _ in pools],
            "pool_ids": [pool_id for _, pool_id in pools],
        },
    )
    found = {row[0]: row[1] for row in rows}
    return {sku_id: found.get(sku_id, 0) for sku_id in sku_ids}


async def units(session: AsyncSession, pool: Pool, pool_ids: Sequence[UUID]) -> dict[UUID, list[Units]]:
    """What each pool has of each SKU, by pool id."""
    rows = await session.execute(
        text(
            """
            SELECT pool_id, sku_id, total, free, held, sold FROM stock_balance
            WHERE pool = :pool AND pool_id = ANY(CAST(:ids AS uuid[])) ORDER BY sku_id
            """
        ),
        {"pool": pool.value, "ids": list(pool_ids)},
    )
    found: dict[UUID, list[Units]] = {pool_id: [] for pool_id in pool_ids}
    for pool_id, *counts in rows:
        found[pool_id].append(Units(*counts))
    return found


_LOCK_POOL = text(
    "SELECT 1 FROM stock_balance WHERE pool = :pool AND pool_id = :pool_id ORDER BY id FOR NO KEY UPDATE"
)


async def empty_out(
    session: AsyncSession, brand_id: UUID, source: tuple[Pool, UUID], target: tuple[Pool, UUID]
) -> None:
    """Move whatever is free in one pool to another: what a closed sale, or a room that ended, leaves goes back."""
    await session.execute(_LOCK_POOL, {"pool": source[0].value, "pool_id": source[1]})
    for unit in (await units(session, source[0], [source[1]]))[source[1]]:
        await move(session, brand_id, unit.sku_id, source, target, unit.free, uuid7())


VERIFY = {
    "stock_adds_up": """
        SELECT id::text, sku_id::text, pool, total, free, held, sold FROM stock_balance
        WHERE total <> free + held + sold OR free < 0 OR held < 0 OR sold < 0""",
    "stock_balance_equals_ledger": """
        SELECT b.id::text, b.total, b.free, b.held, b.sold, e.total AS ledger_total, e.free AS ledger_free,
               e.held AS ledger_held, e.sold AS ledger_sold
        FROM stock_balance b LEFT JOIN (
            SELECT balance_id, sum(total) AS total, sum(free) AS free, sum(held) AS held, sum(sold) AS sold
            FROM stock_entry GROUP BY balance_id) e ON e.balance_id = b.id
        WHERE (b.total, b.free, b.held, b.sold) IS DISTINCT FROM
              (coalesce(e.total, 0), coalesce(e.free, 0), coalesce(e.held, 0), coalesce(e.sold, 0))""",
    "stock_holds_equal_balance": """
        SELECT b.id::text, b.held, b.sold, h.held AS holds_held, h.sold AS holds_sold
        FROM stock_balance b LEFT JOIN (
            SELECT balance_id, sum(quantity) FILTER (WHERE state = 'held') AS held,
                   sum(quantity - returned) FILTER (WHERE state = 'sold') AS sold
            FROM stock_hold GROUP BY balance_id) h ON h.balance_id = b.id
        WHERE (b.held, b.sold) IS DISTINCT FROM (coalesce(h.held, 0), coalesce(h.sold, 0))""",
    "stock_allotments_cancel_out": """
        SELECT key::text, sum(total)::bigint AS total, count(*) AS entries
        FROM stock_entry WHERE act = 'allot' GROUP BY key HAVING sum(total) <> 0""",
}
"""Queries that list broken rows; an empty answer is the proof."""


class Ledger(msgspec.Struct, frozen=True):
    """The whole ledger in a few numbers. `oversold` counts units that pools are below zero by; `sha256` is over all
    entries in order, so that whoever kept an earlier one can tell whether what was written then was changed."""

    entries: int
    total: int
    free: int
    held: int
    sold: int
    oversold: int
    sha256: str


_PARTS = text(
    """
    SELECT count(*) AS entries, encode(sha256(string_agg(line, E'\\n' ORDER BY seq)::bytea), 'hex') AS sha256
    FROM (SELECT seq, concat_ws(' ', seq, balance_id, act, key, total, free, held, sold) AS line FROM stock_entry) e
    GROUP BY seq / 10000 ORDER BY seq / 10000
    """
)
_BALANCES = text(
    """
    SELECT coalesce(sum(total), 0)::bigint AS total, coalesce(sum(free), 0)::bigint AS free,
           coalesce(sum(held), 0)::bigint AS held, coalesce(sum(sold), 0)::bigint AS sold,
           coalesce(sum(greatest(-free, 0)), 0)::bigint AS oversold
    FROM stock_balance
    """
)


async def ledger(session: AsyncSession) -> Ledger:
    """As it is at this moment."""
    parts = (await session.execute(_PARTS)).all()
    whole = sha256("".join(part.sha256 for part in parts).encode()).hexdigest()
    balances = (await session.execute(_BALANCES)).mappings().one()
    return Ledger(entries=sum(part.entries for part in parts), sha256=whole, **balances)


async def verify(session: AsyncSession) -> Broken:
    """Every stock invariant from the truth: check name → broken rows."""
    return await broken_rows(session, VERIFY)
