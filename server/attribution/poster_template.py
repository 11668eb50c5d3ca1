"""How a brand's posters look, and what the poster of one link shows."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import inviting
from server.attribution.campaigns import Colour, Picture
from server.attribution.models import PosterTemplate
from server.attribution.poster import Goods, PosterPictures, PosterText
from server.brands.names import wrong
from server.catalog import service as catalog
from server.kit.money import shown_money

Language = Annotated[str, msgspec.Meta(pattern="^(zh-CN|en)$")]


class Template(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`logo` and `background` are hashes of kept pictures (`POST /api/pictures`), shown at `/images/{hash}.webp`."""

    colour: Colour | None = None
    logo: Picture | None = None
    background: Picture | None = None


async def get(session: AsyncSession, brand_id: UUID) -> Template:
    kept = await session.get(PosterTemplate, brand_id)
    if kept is None:
        return Template()
    return Template(colour=kept.colour, logo=kept.logo, background=kept.background)


async def put(session: AsyncSession, brand_id: UUID, template: Template) -> Template:
    """Raises `Invalid` (422) for a picture that was never sent."""
    for field in ("logo", "background"):
        picture = getattr(template, field)
        if picture and await catalog.missing_pictures(session, [picture]):
            raise wrong(field, "No such picture was sent")
    await session.merge(PosterTemplate(brand_id=brand_id, **msgspec.structs.asdict(template)))
    await session.flush()
    return template


# The product's price is that of the room's flash sale that is open, else that of the next one, else the product's own.
_SHOWN = text(
    """
    SELECT l.brand_id, r.state, g.face, t.logo, coalesce(c.colour, t.colour) AS colour,
           coalesce(c.background, t.background) AS background,
           p.title AS product, p.image, sale.price_minor AS sale_minor, own.price_minor
    FROM invitation_link l
    LEFT JOIN room r ON r.id = l.room_id
    LEFT JOIN account g ON g.id = l.guide_id AND g.disabled_at IS NULL AND l.member_id IS NULL
    LEFT JOIN campaign c ON c.id = l.campaign_id AND (c.ends_at IS NULL OR c.ends_at > :now)
    LEFT JOIN poster_template t ON t.brand_id = l.brand_id
    LEFT JOIN product p ON p.id = c.product_id
    LEFT JOIN LATERAL (SELECT min(price_minor) AS price_minor FROM sku WHERE product_id = p.id) own ON true
    LEFT JOIN LATERAL (
        SELECT f.price_minor FROM flash_sale_line f JOIN flash_sale s ON s.id = f.sale_id
        WHERE f.product_id = p.id AND NOT f.gift AND s.room_id = l.room_id AND s.state IN ('open', 'scheduled')
        ORDER BY s.state = 'open' DESC, f.price_minor LIMIT 1) sale ON true
    WHERE l.code = :code
    """
)


async def of_link(
    session: AsyncSession, secret: str, code: str, url: str, language: str, now: datetime
) -> PosterText:
    """Raises `NotFound`. Template and product of a campaign that is over are shown no more."""
    shown = await inviting.show(session, secret, code, now)
    row = (await session.execute(_SHOWN, {"code": code, "now": now})).one()
    price = row.sale_minor or row.price_minor
    return PosterText(
        url=url,
        brand=shown.brand,
        title=shown.title,
        inviter=shown.inviter,
        store=shown.store.name if shown.store else shown.brand,
        language=language,
        state=row.state or "",
        colour=row.colour,
        logo=row.logo,
        background=row.background,
        face=row.face,
        goods=Goods(row.product, row.image, shown_money(price), row.sale_minor is not None)
        if price
        else None,
    )


async def sample(
    session: AsyncSession, brand_id: UUID, template: Template, product_id: UUID | None, language: str
) -> PosterText:
    """A poster as it would look, with the brand's name and words of no link."""
    brand = text(
        """
        SELECT b.name, (SELECT title FROM room WHERE brand_id = b.id ORDER BY id DESC LIMIT 1),
               (SELECT s.name FROM store s WHERE s.brand_id = b.id ORDER BY s.id LIMIT 1)
        FROM brand b WHERE b.id = :id
        """
    )
    name, title, store = (await session.execute(brand, {"id": brand_id})).one()
    goods = None
    if product_id is not None:
        product = await catalog.get(session, brand_id, product_id)
        price = min(sku.price_minor for sku in await catalog.skus_of(session, [product.id]))
        goods = Goods(product.title, product.image, shown_money(price), True)
    return PosterText(
        url="https://showfloor.example/i/ABCDEFGHJKMNPQ",
        brand=name,
        title=title or name,
        inviter="王小美" if language == "zh-CN" else "Mei Wang",
        store=store or name,
        language=language,
        goods=goods,
        colour=template.colour,
        logo=template.logo,
        background=template.background,
    )


async def pictures_of(session: AsyncSession, words: PosterText) -> PosterPictures:
    async def kept(sha256: str | None) -> bytes | None:
        return await catalog.picture(session, sha256) if sha256 else None

    return PosterPictures(
        logo=await kept(words.logo),
        background=await kept(words.background),
        face=await kept(words.face),
        goods=await kept(words.goods.image if words.goods else None),
    )
