"""A chain of shops with their guides, and the customers whom they have invited: made by hand, to be driven for real."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from server.accounts import service as accounts
from server.accounts.models import Account
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.members.models import Member
from server.members.tokens import member_tokens
from server.stock import service as stock
from server.stock.rules import Pool
from tests.server.rooms.stage import Stage

GUIDES_EACH = 8
STORES_EACH = 50
"""Stores of a region."""

_CHAIN = (
    """
    INSERT INTO region (id, brand_id, name, created_at)
    SELECT uuidv7(), :brand, 'Region ' || n, now() FROM generate_series(1, :regions) n
    """,
    """
    INSERT INTO store (id, brand_id, name, code, region_id, address, created_at)
    SELECT uuidv7(), :brand, 'Store ' || n, 'S' || n,
           (SELECT id FROM region WHERE brand_id = :brand AND name = 'Region ' || (1 + n % :regions)), '', now()
    FROM generate_series(1, :stores) n
    """,
    """
    INSERT INTO account (id, brand_id, store_id, login, name, role, password_hash, created_at)
    SELECT uuidv7(), :brand, s.id, s.code || '-' || n, 'Guide ' || n || ' of ' || s.name, 'guide', '-', now()
    FROM store s CROSS JOIN generate_series(1, :guides_each) n WHERE s.brand_id = :brand AND s.code LIKE 'S%'
    """,
    """
    INSERT INTO invitation_link (id, brand_id, code, room_id, store_id, guide_id, channel, created_at)
    SELECT uuidv7(), :brand, 'soak-' || a.id, :room, a.store_id, a.id, '', now()
    FROM account a WHERE a.brand_id = :brand AND a.login LIKE 'S%'
    """,
)
_CUSTOMERS = """
    WITH links AS (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM invitation_link
                   WHERE brand_id = :brand AND code LIKE 'soak-%'),
    invited AS (INSERT INTO member (id, brand_id, name, created_at)
                SELECT uuidv7(), :brand, 'Customer ' || n, now() FROM generate_series(1, :count) n RETURNING id),
    placed AS (SELECT id, (row_number() OVER () - 1) % (SELECT count(*) FROM links) AS place FROM invited)
    INSERT INTO touch (id, brand_id, link_id, member_id, at, until)
    SELECT uuidv7(), :brand, l.id, p.id, now(), now() + interval '7 days' FROM placed p JOIN links l USING (place)
    RETURNING member_id, link_id
"""


@dataclass(frozen=True)
class Customer:
    who: Principal
    guide_id: UUID


@dataclass
class Chain:
    """`customers` have a touch of their guide's link into the room and were never in one."""

    stage: Stage
    database: Database
    secret: str
    customers: list[Customer]

    @classmethod
    async def made(
        cls, stage: Stage, database: Database, secret: str, stores: int, customers: int, units: int
    ) -> Chain:
        shop = stage.shop
        values = {
            "brand": shop.brand_id,
            "room": shop.room_id,
            "stores": stores,
            "regions": max(1, stores // STORES_EACH),
            "guides_each": GUIDES_EACH,
        }
        async with database.transaction() as session:
            for statement in _CHAIN:
                used = {name: value for name, value in values.items() if f":{name}" in statement}
                await session.execute(text(statement), used)
            guides = await session.execute(
                text("SELECT id, guide_id FROM invitation_link WHERE brand_id = :brand"),
                {"brand": shop.brand_id},
            )
            guide_of = {row.id: row.guide_id for row in guides}
            invited = await session.execute(text(_CUSTOMERS), {"brand": shop.brand_id, "count": customers})
            made = [Customer(_member(shop.brand_id, row.member_id), guide_of[row.link_id]) for row in invited]
            await stock.adjust(
                session, shop.brand_id, shop.sku_id, Pool.HEADQUARTERS, shop.brand_id, units, uuid7()
            )
        async with database.engine.connect() as connection:
            for table in ("member", "touch", "invitation_link", "account", "store"):
                await connection.execute(text(f"ANALYZE {table}"))
            await connection.commit()
        return cls(stage, database, secret, made)

    async def member_tokens(self, customers: Sequence[Customer]) -> list[str]:
        tokens, now = member_tokens(self.secret), datetime.now(UTC)
        found = []
        async with self.database.transaction() as session:
            for one in customers:
                member = await session.get(Member, one.who.id)
                assert member is not None
                found.append(tokens.issue(member, now))
        return found

    async def staff_token(self, account_id: UUID) -> tuple[str, UUID | None]:
        """And the store."""
        async with self.database.transaction() as session:
            account = await session.get(Account, account_id)
            assert account is not None
            token = await accounts.issue_session(session, account, datetime.now(UTC), timedelta(hours=2))
            return token, account.store_id


def _member(brand_id: UUID, member_id: UUID) -> Principal:
    return Principal(kind="member", id=member_id, brand_id=brand_id, role=Role.MEMBER, name="Customer")
