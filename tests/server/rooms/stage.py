"""A shop with its staff, and what happens in its room, for tests on a real database."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import server.reactions  # noqa: F401
from server.accounts.models import Account
from server.brands.models import Brand
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.principal import STORE_STAFF, Principal, Role
from server.kit.settings import Settings
from server.orders import paying, placing
from server.rooms.models import Room
from server.stock.service import Taking
from server.stores.models import Store
from tests.server.shop import Shop

NOON = datetime(2025, 6, 1, 4, tzinfo=UTC)


@dataclass
class Stage:
    database: Database
    shop: Shop
    staff: dict[Role, Principal] = field(default_factory=dict)

    @classmethod
    async def set(cls, database: Database) -> Stage:
        stage = cls(database, await Shop.open(database))
        for role in set(Role) - {Role.MEMBER, Role.GUIDE}:
            store_id = stage.shop.store_id if role in STORE_STAFF else None
            stage.staff[role] = await stage.hire(role, store_id=store_id)
        stage.staff[Role.GUIDE] = Principal(
            kind="staff",
            id=stage.shop.guide_id,
            brand_id=stage.shop.brand_id,
            role=Role.GUIDE,
            name="Guide Li",
            store_id=stage.shop.store_id,
        )
        return stage

    @property
    def owner(self) -> Principal:
        return self.staff[Role.OWNER]

    @property
    def host(self) -> Principal:
        return self.staff[Role.HOST]

    @property
    def room_id(self) -> UUID:
        return self.shop.room_id

    async def hire(
        self, role: Role, *, store_id: UUID | None = None, brand_id: UUID | None = None, name: str = ""
    ) -> Principal:
        account = Account(
            brand_id=brand_id or self.shop.brand_id,
            store_id=store_id,
            login=f"{role}-{uuid7()}",
            name=name or role.value.title(),
            role=role.value,
            password_hash="-",
        )
        async with self.database.transaction() as session:
            session.add(account)
        return Principal(
            kind="staff",
            id=account.id,
            brand_id=account.brand_id,
            role=role,
            name=account.name,
            store_id=store_id,
        )

    async def other_brand_owner(self) -> Principal:
        brand = Brand(name="Other House")
        async with self.database.transaction() as session:
            session.add(brand)
        return await self.hire(Role.OWNER, brand_id=brand.id)

    async def store(self, name: str = "Suzhou") -> UUID:
        store = Store(brand_id=self.shop.brand_id, name=name, code=name)
        async with self.database.transaction() as session:
            session.add(store)
        return store.id

    async def room(
        self, *, state: str = "planned", audience: str = "public", store_id: UUID | None = None
    ) -> UUID:
        room = Room(
            brand_id=self.shop.brand_id, title="Autumn tea", state=state, audience=audience, store_id=store_id
        )
        async with self.database.transaction() as session:
            session.add(room)
        return room.id

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        async with self.database.transaction() as session:
            yield session

    async def facts(self, kind: str) -> list[dict[str, Any]]:
        """Bodies of the recorded facts of one kind, oldest first."""
        async with self.database.transaction() as session:
            rows = await session.execute(
                text(
                    "SELECT body FROM outbox WHERE kind = :kind AND body->>'brand_id' = :brand ORDER BY seq"
                ),
                {"kind": kind, "brand": str(self.shop.brand_id)},
            )
            return list(rows.scalars())

    async def order(self, member: Principal, quantity: int = 1, *, now: datetime | None = None) -> UUID:
        """An order of the shop's tea in its room, waiting for its payment."""
        async with self.database.transaction() as session:
            placed = await placing.place(
                session,
                member,
                self.room_id,
                [Taking(self.shop.sku_id, quantity)],
                str(uuid7()),
                b"-",
                now or datetime.now(UTC),
            )
        return placed.order_id

    async def pay(self, member: Principal, quantity: int = 1, *, now: datetime | None = None) -> UUID:
        order_id = await self.order(member, quantity, now=now)
        async with self.database.transaction() as session:
            await paying.book_payment(session, order_id, 9900 * quantity, now or datetime.now(UTC))
        return order_id


def settings_for(database: Database, redis_url: str, **more: Any) -> Settings:
    return Settings(
        **{
            "database_url": database.url,
            "redis_url": redis_url,
            "data": Path("/nowhere"),
            "secret": "ab" * 32,
            "base_url": "http://127.0.0.1",
            **more,
        }
    )
