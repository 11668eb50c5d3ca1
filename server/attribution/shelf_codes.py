"""Codes at products on a store's shelf: whoever scans one comes to the product, and the store is credited."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import codes, inviting
from server.attribution.models import InvitationLink
from server.attribution.rules import StoreName
from server.catalog import service as catalog
from server.kit.principal import HEADQUARTERS, Principal, Role
from server.kit.problems import Forbidden, NotFound
from server.orders import service as orders
from server.orders.service import Carried, Placed, PlaceOrder
from server.stock import service as stock
from server.stock.rules import Pool
from server.stores import service as stores

SHELF = "shelf"
"""The channel of these links, and of the room links that they lead on to."""

MAKES_CODES = HEADQUARTERS - {Role.FINANCE, Role.READ_ONLY} | {Role.MANAGER, Role.GUIDE}


class ShelfSku(msgspec.Struct):
    sku_id: UUID
    title: str
    price_minor: int
    was_minor: int | None
    free: int


class ShelfProduct(msgspec.Struct):
    """What anyone who holds the code may see. `free` is what can be had from the store or headquarters."""

    product_id: UUID
    title: str
    description: str
    image: str | None
    brand_id: UUID
    brand: str
    store: StoreName
    skus: list[ShelfSku]


async def make(
    session: AsyncSession, secret: str, staff: Principal, store_id: UUID, product_id: UUID, now: datetime
) -> str:
    """The code of a product on this store's shelf; asked again it is the same. Raises `Forbidden`, `NotFound`,
    `Invalid` (422: a closed store)."""
    if staff.role not in MAKES_CODES:
        raise Forbidden
    if not staff.is_headquarters and staff.store_id != store_id:
        raise NotFound
    await stores.of_brand(session, staff.brand_id, store_id)
    await stores.open_store(session, staff.brand_id, store_id)
    await catalog.get(session, staff.brand_id, product_id)
    link = InvitationLink(
        brand_id=staff.brand_id,
        code="",
        store_id=store_id,
        product_id=product_id,
        channel=SHELF,
        created_at=now,
    )
    return await inviting.keep(session, secret, link)


async def show(session: AsyncSession, secret: str, code: str) -> ShelfProduct:
    """Raises `NotFound`."""
    link = await _link(session, secret, code)
    product = await catalog.get(session, link.brand_id, _given(link.product_id))
    skus = await catalog.skus_of(session, [product.id])
    pools = [(Pool.STORE, _given(link.store_id)), (Pool.HEADQUARTERS, link.brand_id)]
    free = [await stock.free(session, [sku.id for sku in skus], [pool]) for pool in pools]
    store = await stores.of_brand(session, link.brand_id, _given(link.store_id))
    brand = text("SELECT name FROM brand WHERE id = :id")
    return ShelfProduct(
        product_id=product.id,
        title=product.title,
        description=product.description,
        image=catalog.image_url(product.image),
        brand_id=link.brand_id,
        brand=(await session.execute(brand, {"id": link.brand_id})).scalar_one(),
        store=StoreName(store.id, store.name),
        skus=[
            ShelfSku(sku.id, sku.title, sku.price_minor, sku.was_minor, max(of[sku.id] for of in free))
            for sku in skus
        ],
    )


# A room that everybody may enter, is on and shows the product: the store's own before headquarters'.
_SHOWING = text(
    """
    SELECT r.id FROM room r JOIN shelf_item i ON i.room_id = r.id
    WHERE i.product_id = :product_id AND r.brand_id = :brand_id AND r.audience = 'public'
      AND r.state IN ('warming', 'live', 'paused') AND (r.store_id IS NULL OR r.store_id = :store_id)
      AND room_reaches(r.id, :store_id)
    ORDER BY r.store_id IS NULL, r.state = 'live' DESC, r.id DESC LIMIT 1
    """
)


async def opened(session: AsyncSession, secret: str, code: str, now: datetime) -> str:
    """The path that the code leads to: the product in a room that is on, by the store's own link into it, else the
    product's own page. Raises `NotFound`."""
    link = await _link(session, secret, code)
    values = {"product_id": link.product_id, "brand_id": link.brand_id, "store_id": link.store_id}
    room_id = (await session.execute(_SHOWING, values)).scalar()
    if room_id is None:
        return f"/p/{link.product_id}?i={code}"
    into = InvitationLink(
        brand_id=link.brand_id,
        code="",
        room_id=room_id,
        store_id=link.store_id,
        channel=SHELF,
        created_at=now,
    )
    return f"/live/{room_id}?i={await inviting.keep(session, secret, into)}&p={link.product_id}"


async def order(
    session: AsyncSession,
    secret: str,
    member: Principal,
    code: str,
    asked: PlaceOrder,
    key: str,
    request_hash: bytes,
    now: datetime,
) -> Placed:
    """An order of the code's product without a room, credited to its store. Raises `NotFound`, and what
    `orders.place_at_shelf` raises."""
    link = await _link(session, secret, code)
    if link.brand_id != member.brand_id:
        raise NotFound
    return await orders.place_at_shelf(
        session,
        member,
        _given(link.product_id),
        Carried(link.store_id, None, link.id),
        asked.takings(),
        key,
        request_hash,
        now,
        asked.seen(),
        asked.note,
    )


async def _link(session: AsyncSession, secret: str, code: str) -> InvitationLink:
    """Raises `NotFound`; for a forged code without touching the database."""
    if not codes.genuine(secret, code):
        raise NotFound
    link = (await session.exec(select(InvitationLink).where(InvitationLink.code == code))).first()
    if link is None or link.product_id is None:
        raise NotFound
    return link


def _given(id_: UUID | None) -> UUID:
    assert id_ is not None
    return id_
