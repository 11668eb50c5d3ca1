"""The demo shop: made once for a data folder, looked up again at every later start, its keys written to `demo.json`.

Passwords follow from the installation's secret, so that a second start knows them without keeping them.
"""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

import server.reactions  # noqa: F401  a fact recorded here finds its in-transaction reactions
from live import room as stage
from server.accounts import service as accounts
from server.accounts.models import Account
from server.accounts.service import NewAccount
from server.attribution import service as attribution
from server.brands import service as brands
from server.carrying import service as carrying
from server.carrying.models import Carrying
from server.carrying.service import SetCarrying
from server.catalog import service as catalog
from server.catalog.models import Product, Sku
from server.catalog.service import SkuDraft
from server.demo import pictures, talk
from server.demo.goods import GOODS
from server.flash_sales import service as flash_sales
from server.flash_sales.models import FlashSale
from server.flash_sales.service import NewSale, Offer
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.kit.settings import Settings
from server.kit.tokens import sign
from server.members.models import Member
from server.members.rules import phone
from server.members.tokens import member_tokens
from server.rooms import furnishing, media, shelf
from server.rooms import service as rooms
from server.rooms.kinds import templates
from server.rooms.kinds.templates import Terms
from server.rooms.models import Room
from server.rooms.rules import Audience
from server.stock import service as stock
from server.stock.rules import Pool
from server.stores import service as stores
from server.stores.models import Store
from server.tipping.models import Gift

TOKEN_TTL = timedelta(days=30)
SALE_TITLE = "开播福利"
SALE_STOCK = 100
MORE_STOCK = 800
"""Comes in when headquarters has no more for a sale: the demo runs for weeks."""
SALE_FOR = timedelta(hours=24)
GREETING = "欢迎来到湖滨店，想试喝、想看实物都可以来店里找我们"
PICK_UP_NOTE = "一楼服务台，每天 10:00–21:00"
VIEWER_PHONE = "13800000000"
"""As it is typed; kept as `rules.phone` has it."""

STAFF = (
    # role in demo.json, login, name, role, store
    ("owner", "owner", "周总", Role.OWNER, None),
    ("operator", "operator", "小陈（中控）", Role.OPERATOR, None),
    ("host", "host", "主播安安", Role.HOST, None),
    ("manager", "manager", "许店长", Role.MANAGER, "first"),
    ("guide", "guide", "导购小李", Role.GUIDE, "first"),
    ("other_manager", "other-manager", "何店长", Role.MANAGER, "second"),
    ("other_guide", "other-guide", "导购小赵", Role.GUIDE, "second"),
    ("distributor", "distributor", "经销商老吴", Role.DISTRIBUTOR, None),
)


def password_of(settings: Settings, login: str) -> str:
    return f"demo-{sign(settings.secret.encode(), f'demo:{login}'.encode(), 5).hex()}"


async def seed(settings: Settings) -> None:
    """Make the demo shop where there is none, put its room on air, and write `DATA/demo.json` (mode 0600)."""
    database = Database(settings.database_url, pool=2)
    now = utc_now()
    try:
        async with database.transaction() as session:
            if (await session.exec(select(Account).where(Account.login == "owner"))).first() is None:
                await _make(session, settings, now)
        async with database.transaction() as session:
            keys = await _keys(session, settings, now)
    finally:
        await database.close()
    _write(settings, keys)


async def _make(session: AsyncSession, settings: Settings, now: datetime) -> None:
    brand = await brands.create(session, "山间集")
    first = await stores.create(
        session, brand.id, "杭州湖滨店", code="HZ01", region="华东", address="杭州市上城区湖滨路 18 号"
    )
    second = await stores.create(
        session, brand.id, "上海静安店", code="SH01", region="华东", address="上海市静安区南京西路 688 号"
    )
    at = {"first": first.id, "second": second.id, None: None}
    for _, login, name, role, store in STAFF:
        await _hire(session, settings, brand.id, login, name, role, at[store])
    other = await brands.create(session, "海边集")
    await _hire(session, settings, other.id, "other-brand-owner", "海边集老板", Role.OWNER, None)
    owner = await _principal(session, "owner")
    host = await _principal(session, "host")
    room = await rooms.create(
        session, host, title="春茶上新 · 总部直播间", audience=Audience.PUBLIC, demo=True
    )
    goods = []
    for good in GOODS:
        product = await catalog.create_product(
            session,
            brand.id,
            good.title,
            [SkuDraft(title=title, price_minor=price, stock=stock) for title, price, stock in good.variants],
            good.description,
        )
        drawn = pictures.product(good.shape, good.backdrop, good.body, good.accent)
        await catalog.picture_product(session, product, drawn)
        await furnishing.put_on_shelf(session, owner, room.id, product.id)
        goods.append(product.id)
    await templates.create(
        session, owner, Terms(name="门店日播", title="{门店} · {日期}上新", product_ids=goods)
    )
    session.add(Member(brand_id=brand.id, name="王女士", phone=phone(VIEWER_PHONE)))
    guide = await _principal(session, "guide")
    code = await attribution.invite(session, settings.secret, guide, room.id, "", now)
    await talk.seed(session, settings, guide, code, now)


async def _room_on_air(session: AsyncSession, brand_id: UUID, host: Principal, now: datetime) -> Room:
    """The demo's room; when the last was ended, a new one with the same shelf."""
    demos = select(Room).where(Room.brand_id == brand_id, Room.demo).order_by(col(Room.id).desc())
    room = (await session.exec(demos.limit(1))).one()
    if room.state == "ended":
        room = await rooms.create(
            session, host, title=room.title, audience=Audience.PUBLIC, template=room.id, demo=True
        )
    if room.state == "paused":  # the end of an earlier run
        return await rooms.direct(session, host, room.id, stage.Resume(), now)
    room = await rooms.direct(session, host, room.id, stage.Start(), now)
    if not room.pinned_ids and (cards := await shelf.cards(session, room)):
        await furnishing.pin(session, host, room.id, cards[0].product_id, now)
    return room


async def _hire(
    session: AsyncSession,
    settings: Settings,
    brand_id: UUID,
    login: str,
    name: str,
    role: Role,
    store_id: UUID | None,
) -> None:
    new = NewAccount(
        login=login, name=name, password=password_of(settings, login), role=role, store_id=store_id
    )
    await accounts.create_account(session, brand_id, new)


async def _principal(session: AsyncSession, login: str) -> Principal:
    account = (await session.exec(select(Account).where(Account.login == login))).one()
    return accounts.principal_of(account)


async def _keys(session: AsyncSession, settings: Settings, now: datetime) -> dict[str, Any]:
    owner, host = await _principal(session, "owner"), await _principal(session, "host")
    room = await _room_on_air(session, owner.brand_id, host, now)
    product = (
        await session.exec(select(Product).where(Product.brand_id == owner.brand_id).order_by(Product.id))  # type: ignore[arg-type]
    ).first()
    assert product is not None
    stores_by_code = {
        store.code: store
        for store in (await session.exec(select(Store).where(Store.brand_id == owner.brand_id))).all()
    }
    await _carry(session, room, stores_by_code["HZ01"], now)
    gift = (await session.exec(select(Gift).where(Gift.brand_id == owner.brand_id, Gift.position == 0))).one()
    guide = await _principal(session, "guide")
    code = await attribution.invite(session, settings.secret, guide, room.id, "", now)
    base, socket = settings.base_url, settings.base_url.replace("http", "ws", 1)
    return {
        "base_url": base,
        "accounts": await _accounts(session, settings, owner.brand_id, now),
        "room_id": room.id,
        "store_id": stores_by_code["HZ01"].id,
        "other_store_id": stores_by_code["SH01"].id,
        "whip_url": f"{base}/whip/{room.id}",
        "whip_token": media.whip_token(settings, room.id, host.id, now, TOKEN_TTL),
        "whep_url": f"{base}/whep/{room.id}",
        "whep_token": media.whep_token(settings, room.id, now, TOKEN_TTL),
        "ws_url": f"{socket}/ws/rooms/{room.id}",
        "invite_url": f"{base}/i/{code}",
        "flash_sale_id": await _sale(session, owner, room.id, product.id, now),
        "product_id": product.id,
        "gift_id": gift.id,
    }


async def _carry(session: AsyncSession, room: Room, store: Store, now: datetime) -> None:
    """The first store makes the room its own, once."""
    if await session.get(Carrying, (room.id, store.id)) is not None:
        return
    order = [card.product_id for card in await shelf.cards(session, room)]
    own = SetCarrying(
        GREETING, pick_up_note=PICK_UP_NOTE, shelf_order=list(dict.fromkeys([*order[:1], *order[-1:]]))
    )
    await carrying.change(session, await _principal(session, "manager"), store.id, room.id, own, now)


async def _accounts(
    session: AsyncSession, settings: Settings, brand_id: UUID, now: datetime
) -> dict[str, dict[str, str]]:
    found = {}
    for role, login in [*((row[0], row[1]) for row in STAFF), ("other_brand_owner", "other-brand-owner")]:
        account = (await session.exec(select(Account).where(Account.login == login))).first()
        if account is None:  # a folder from before there was this one
            continue
        found[role] = {
            "login": login,
            "password": password_of(settings, login),
            "token": await accounts.issue_session(session, account, now, TOKEN_TTL),
        }
    viewer = (
        await session.exec(
            select(Member).where(Member.brand_id == brand_id, Member.phone == phone(VIEWER_PHONE))
        )
    ).one()
    token = member_tokens(settings.secret).issue(viewer, now)
    found["viewer"] = {"login": VIEWER_PHONE, "password": "", "token": token}
    return found


async def _sale(
    session: AsyncSession, owner: Principal, room_id: UUID, product_id: UUID, now: datetime
) -> UUID:
    """The sale that the demo's own buyers leave alone; a new one when the last is over or nearly so."""
    running = await session.exec(
        select(FlashSale).where(
            FlashSale.room_id == room_id, FlashSale.title == SALE_TITLE, FlashSale.state == "open"
        )
    )
    for sale in running.all():
        if sale.ends_at and sale.ends_at > now + timedelta(hours=1):
            return sale.id
    sku_id = (
        await session.exec(select(Sku.id).where(Sku.product_id == product_id).order_by(Sku.position))  # type: ignore[arg-type]
    ).first()
    assert sku_id is not None
    at_headquarters = (Pool.HEADQUARTERS, owner.brand_id)
    if (await stock.free(session, [sku_id], [at_headquarters]))[sku_id] < SALE_STOCK:
        await stock.adjust(session, owner.brand_id, sku_id, *at_headquarters, MORE_STOCK, uuid7())
    new = NewSale(
        offers=[Offer(sku_id, 9_900, SALE_STOCK)],
        title=SALE_TITLE,
        duration_seconds=int(SALE_FOR.total_seconds()),
    )
    sale = await flash_sales.create(session, owner, room_id, new)
    await flash_sales.open_sale(session, sale, now)
    return sale.id


def _write(settings: Settings, keys: dict[str, Any]) -> None:
    """Whole or not at all: readers wait for this file."""
    path = settings.data / "demo.json"
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(keys)))
    fresh.replace(path)
