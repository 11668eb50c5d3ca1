"""A small shop to test in: one brand, one store with a guide, a room that is live, products on its shelf."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

from server.accounts.models import Account
from server.attribution.models import Visit
from server.brands.models import Brand
from server.catalog.models import Product, Sku
from server.flash_sales import service as flash_sales
from server.flash_sales.service import NewSale, Offer
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.members.models import Member
from server.rooms.models import Room, ShelfItem
from server.stock import service as stock
from server.stock.rules import Pool
from server.stores.models import Store


@dataclass
class Shop:
    database: Database
    brand_id: UUID = field(default_factory=uuid7)
    store_id: UUID = field(default_factory=uuid7)
    guide_id: UUID = field(default_factory=uuid7)
    room_id: UUID = field(default_factory=uuid7)
    product_id: UUID = field(default_factory=uuid7)
    sku_id: UUID = field(default_factory=uuid7)

    @property
    def owner(self) -> Principal:
        return Principal(kind="staff", id=uuid7(), brand_id=self.brand_id, role=Role.OWNER, name="Owner")

    @classmethod
    async def open(cls, database: Database, *, stock_units: int = 1000) -> Shop:
        shop = cls(database)
        async with database.transaction() as session:
            session.add(Brand(id=shop.brand_id, name="Tea House"))
            await session.flush()
            session.add(Store(id=shop.store_id, brand_id=shop.brand_id, name="Hangzhou", code="HZ"))
            session.add(Room(id=shop.room_id, brand_id=shop.brand_id, title="Spring tea", state="live"))
            session.add(Product(id=shop.product_id, brand_id=shop.brand_id, title="Longjing"))
            await session.flush()
            session.add(
                Account(
                    id=shop.guide_id,
                    brand_id=shop.brand_id,
                    store_id=shop.store_id,
                    login=f"guide-{shop.guide_id}",
                    name="Guide Li",
                    role="guide",
                    password_hash="-",
                )
            )
            session.add(
                Sku(
                    id=shop.sku_id,
                    brand_id=shop.brand_id,
                    product_id=shop.product_id,
                    code="LJ",
                    price_minor=9900,
                )
            )
            session.add(ShelfItem(room_id=shop.room_id, product_id=shop.product_id, position=0))
            await session.flush()
            await stock.adjust(
                session, shop.brand_id, shop.sku_id, Pool.HEADQUARTERS, shop.brand_id, stock_units, uuid7()
            )
        return shop

    async def member(self, name: str = "Wang", *, brought_by_guide: bool = False) -> Principal:
        return (await self.members(1, name, brought_by_guide=brought_by_guide))[0]

    async def members(
        self, count: int, name: str = "Wang", *, brought_by_guide: bool = False
    ) -> list[Principal]:
        rows = [Member(brand_id=self.brand_id, name=f"{name} {i}") for i in range(count)]
        async with self.database.transaction() as session:
            session.add_all(rows)
            await session.flush()
            if brought_by_guide:
                session.add_all(
                    Visit(
                        room_id=self.room_id,
                        member_id=row.id,
                        brand_id=self.brand_id,
                        store_id=self.store_id,
                        guide_id=self.guide_id,
                        is_new=True,
                    )
                    for row in rows
                )
        return [
            Principal(kind="member", id=row.id, brand_id=self.brand_id, role=Role.MEMBER, name=row.name)
            for row in rows
        ]

    def new_sale(
        self, units: int, *, limit: int = 1, hold_seconds: int = 300, price_minor: int = 2990
    ) -> NewSale:
        return NewSale(
            offers=[Offer(self.sku_id, price_minor, units)],
            limit_per_buyer=limit,
            hold_seconds=hold_seconds,
            duration_seconds=3600,
        )

    async def sale(
        self,
        units: int,
        *,
        limit: int = 1,
        hold_seconds: int = 300,
        price_minor: int = 2990,
        now: datetime | None = None,
    ) -> UUID:
        """An open sale."""
        async with self.database.transaction() as session:
            new = self.new_sale(units, limit=limit, hold_seconds=hold_seconds, price_minor=price_minor)
            sale = await flash_sales.create(session, self.owner, self.room_id, new)
            await flash_sales.open_sale(session, sale, now or datetime.now(UTC))
        return sale.id
