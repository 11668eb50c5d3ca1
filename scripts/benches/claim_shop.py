"""A shop for the claims bench: both servers, the schema, a brand with a room that is live, and buyers.

PostgreSQL and Valkey keep what they take as in production: synchronous_commit on, the AOF synced every second.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

from sqlalchemy import text
from sqlmodel import select

from scripts.benches.frame import child
from server.brands.models import Brand
from server.catalog.models import Product, Sku
from server.flash_sales import service as flash_sales
from server.flash_sales.service import NewSale, Offer
from server.kit.clock import utc_now
from server.kit.database import Database, migrate
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.kit.redis import connect
from server.members.models import Member
from server.members.tokens import member_tokens
from server.rooms.models import Room
from server.run.embedded import EmbeddedServers
from server.run.starting import CLI
from server.stock import service as stock
from server.stock.rules import Pool

PRICE_MINOR = 9900
STOCK = 1_000_000
"""Units of one sale: more than a bench can claim."""
SECRET = "5b" * 32

_BUYERS = text(
    "INSERT INTO member (id, brand_id, name, created_at) "
    "SELECT uuidv7(), :brand_id, 'Buyer ' || n, now() FROM generate_series(1, :count) n RETURNING id"
)

# As claims leave them: one statement makes a history that it would take minutes to claim.
_HISTORY = """
    WITH s AS (SELECT * FROM flash_sale WHERE id = :sale_id),
    l AS (SELECT * FROM flash_sale_line WHERE sale_id = :sale_id),
    who AS (SELECT array_agg(id) AS ids FROM member),
    made AS MATERIALIZED (
        SELECT n, uuidv7() AS id, uuidv7() AS hold_id, who.ids[1 + n % cardinality(who.ids)] AS member_id
        FROM generate_series(1, :count) n, who),
    ordered AS (
        INSERT INTO orders (id, brand_id, room_id, sale_id, member_id, hold_id, key, request_hash, number, status,
                            fulfilment, amount_minor, pay_by)
        SELECT m.id, s.brand_id, s.room_id, s.id, m.member_id, m.hold_id, 'h' || m.n || s.id, 'h', 'H' || m.id,
               'awaiting_payment', 'none', l.price_minor, now() + interval '1 day'
        FROM made m, s, l),
    lines AS (
        INSERT INTO order_line (id, order_id, sku_id, title, quantity, price_minor)
        SELECT uuidv7(), m.id, l.sku_id, l.title, 1, l.price_minor FROM made m, l),
    holds AS (INSERT INTO stock_hold (hold_id, balance_id, quantity, state)
              SELECT m.hold_id, l.balance_id, 1, 'held' FROM made m, l),
    entries AS (INSERT INTO stock_entry (balance_id, act, key, total, free, held, sold)
                SELECT l.balance_id, 'hold', m.hold_id, 0, -1, 1, 0 FROM made m, l),
    history AS (INSERT INTO order_event (id, order_id, kind, at, note)
                SELECT uuidv7(), m.id, 'held', now(), '' FROM made m),
    moved AS (UPDATE stock_balance b SET free = free - :count, held = held + :count FROM l WHERE b.id = l.balance_id)
    INSERT INTO flash_sale_buyer (sale_id, member_id, quantity)
    SELECT :sale_id, member_id, count(*) FROM made GROUP BY member_id
"""
_OVER = "UPDATE flash_sale SET state = 'closed', ends_at = now() - interval '2 hours' WHERE id = :sale_id"


class Shop:
    def __init__(self, servers: EmbeddedServers) -> None:
        self.servers = servers
        self.brand_id, self.room_id, self._product_id, self.sku_id = uuid7(), uuid7(), uuid7(), uuid7()
        self._owner = Principal(
            kind="staff", id=uuid7(), brand_id=self.brand_id, role=Role.OWNER, name="Owner"
        )

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "SHOWFLOOR_DATABASE_URL": self.servers.database_url,
            "SHOWFLOOR_REDIS_URL": self.servers.redis_url,
            "SHOWFLOOR_SECRET": SECRET,
            "SHOWFLOOR_DATA": str(self.servers.folder.root),
        }

    def furnish(self) -> None:
        migrate(self.servers.database_url)
        asyncio.run(self._furnish())

    async def _furnish(self) -> None:
        database = Database(self.servers.database_url)
        async with database.transaction() as session:
            session.add(Brand(id=self.brand_id, name="Tea House"))
            await session.flush()
            session.add_all(
                [
                    Product(id=self._product_id, brand_id=self.brand_id, title="Longjing"),
                    Room(id=self.room_id, brand_id=self.brand_id, title="Tea", state="live"),
                ]
            )
        await database.close()
        await self._furnish_sku(self.sku_id, "LJ")

    async def _furnish_sku(self, sku_id: UUID, code: str) -> None:
        database = Database(self.servers.database_url)
        async with database.transaction() as session:
            about = {"brand_id": self.brand_id, "product_id": self._product_id, "code": code}
            session.add(Sku(id=sku_id, price_minor=PRICE_MINOR, **about))
            await session.flush()
            headquarters = (Pool.HEADQUARTERS, self.brand_id)
            await stock.adjust(session, self.brand_id, sku_id, *headquarters, 100 * STOCK, uuid7())
        await database.close()

    def sale(self, units: int = STOCK) -> UUID:
        """An open one without a limit to speak of, laid at the gate."""
        return self.open_sale([Offer(self.sku_id, PRICE_MINOR, units)], limit=STOCK)

    def open_sale(self, offers: Sequence[Offer], *, limit: int, kind: str = "flash_price") -> UUID:
        new = NewSale(
            offers=offers, kind=kind, limit_per_buyer=limit, hold_seconds=3600, duration_seconds=7 * 86400
        )
        return asyncio.run(self._sale(new))

    async def _sale(self, new: NewSale) -> UUID:
        database, redis = Database(self.servers.database_url), connect(self.servers.redis_url)
        async with database.transaction() as session:
            sale = await flash_sales.create(session, self._owner, self.room_id, new)
            await flash_sales.open_sale(session, sale, utc_now())
        await flash_sales.lay_gate(database, redis, sale.id)
        await redis.aclose()
        await database.close()
        return sale.id

    def lay(self, sale_id: UUID) -> None:
        """Its gate, anew: something went by it."""

        async def lay() -> None:
            database, redis = Database(self.servers.database_url), connect(self.servers.redis_url)
            await flash_sales.lay_gate(database, redis, sale_id)
            await redis.aclose()
            await database.close()

        asyncio.run(lay())

    def another_sku(self) -> UUID:
        sku_id = uuid7()
        asyncio.run(self._furnish_sku(sku_id, "TIN"))
        return sku_id

    def buyers(self, count: int) -> list[str]:
        """Their tokens."""
        return asyncio.run(self._buyers(count))

    async def _buyers(self, count: int) -> list[str]:
        database, tokens, now = Database(self.servers.database_url), member_tokens(SECRET), utc_now()
        async with database.transaction() as session:
            await session.execute(_BUYERS, {"brand_id": self.brand_id, "count": count})
            members = (await session.exec(select(Member).where(Member.brand_id == self.brand_id))).all()
        await database.close()
        return [tokens.issue(member, now) for member in members[-count:]]

    def grow(self, orders: int) -> None:
        """Until there are so many orders, each with what belongs to it, of sales that are over."""
        have = self._orders()
        if have < orders:
            sale_id = self.sale(orders - have)
            self.query(_HISTORY, sale_id=sale_id, count=orders - have)
            self.query(_OVER, sale_id=sale_id)
        self.query("ANALYZE")

    def _orders(self) -> int:
        return int(str(self.query("SELECT count(*) FROM orders")[0][0]))

    def query(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        async def ask() -> list[tuple[object, ...]]:
            database = Database(self.servers.database_url)
            async with database.transaction() as session:
                answer = await session.execute(text(statement), values)
                rows = [tuple(row) for row in answer] if answer.returns_rows else []  # type: ignore[attr-defined]
            await database.close()
            return rows

        return asyncio.run(ask())

    @contextmanager
    def serving(self, core: int, *command: str) -> Iterator[tuple[int, int]]:
        """The web process, or another that takes `--listen-fd` and `--ready-fd`, alone on a core: its port and pid."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        reading, writing = os.pipe()
        fds = (listener.fileno(), writing)
        arguments = ("--listen-fd", str(fds[0]), "--ready-fd", str(fds[1]))
        program = command or (*CLI, "web")
        options = {"env": self.environment, "pass_fds": fds, "stderr": sys.stderr}
        with child(*program, *arguments, core=core, **options) as process:
            os.close(writing)
            if not os.read(reading, 1):
                raise SystemExit(f"{program} did not start")
            yield listener.getsockname()[1], process.pid
        os.close(reading)
        listener.close()


@contextmanager
def shop() -> Iterator[Shop]:
    """Furnished; its servers share this process's core."""
    folder = Path(tempfile.mkdtemp(prefix="showfloor-bench-", dir="/tmp"))
    servers = EmbeddedServers(folder)
    try:
        servers.start()
        made = Shop(servers)
        made.furnish()
        yield made
    finally:
        servers.stop()
        shutil.rmtree(folder, ignore_errors=True)


ONE = b'{"quantity":1}'


def claims(
    room_id: UUID, sale_id: UUID, taps: Iterable[tuple[str, str]], body: bytes = ONE
) -> Iterator[bytes]:
    """Their requests; a tap is a buyer's token and a key."""
    path = f"/api/rooms/{room_id}/flash-sales/{sale_id}/holds"
    for token, key in taps:
        head = (
            f"POST {path} HTTP/1.1\r\nHost: shop\r\nAuthorization: Bearer {token}\r\n"
            f"Idempotency-Key: {key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        yield head.encode() + body


def prepared(requests: Iterable[bytes], path: Path) -> Path:
    """As `claim_client.c` reads them."""
    with path.open("wb") as file:
        for request in requests:
            file.write(struct.pack("<I", len(request)) + request)
    return path


def must_verify(made: Shop) -> None:
    """Or exits: figures of a shop that doesn't add up are none."""
    done = subprocess.run(
        [*CLI, "verify", "--json"], env=made.environment, stdout=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise SystemExit(f"the shop doesn't add up: {done.stdout.decode()[-2000:]}")
