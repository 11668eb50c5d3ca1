"""Products, their variants (SKU) and pictures."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field, SQLModel

from server.kit.clock import utc_now
from server.kit.database import Row, minor, moment


class Product(Row, table=True):
    __tablename__ = "product"
    brand_id: UUID = Field(foreign_key="brand.id", index=True)
    title: str
    description: str = ""
    image: str | None = Field(default=None, foreign_key="picture.sha256")
    created_at: datetime = moment(default_factory=utc_now)


class Sku(Row, table=True):
    """`was_minor` is the struck-out price, where there is one."""

    __tablename__ = "sku"
    __table_args__ = (
        UniqueConstraint("brand_id", "code"),
        CheckConstraint("price_minor > 0", name="price"),
    )
    brand_id: UUID
    product_id: UUID = Field(foreign_key="product.id", index=True)
    code: str
    title: str = ""
    price_minor: int = minor()
    was_minor: int | None = minor(default=None, nullable=True)
    position: int = 0


class Picture(SQLModel, table=True):
    """A resized WebP by the hash of its bytes, so that it can be cached for ever."""

    __tablename__ = "picture"
    sha256: str = Field(primary_key=True)
    body: bytes
    created_at: datetime = moment(default_factory=utc_now)
