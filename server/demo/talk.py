"""What a customer of the demo's guide asked before the show."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import service as attribution
from server.catalog.models import Product
from server.conversations import service as conversations
from server.kit.principal import Principal, Role
from server.kit.settings import Settings
from server.members.models import Member

PRODUCT = "product"
SAID = (
    ("guide", "林姐，今晚八点春茶上新，您上次说想给爸爸带点茶，我给您留意着"),
    ("member", "太好了，老人家口味淡，喝哪款合适？"),
    ("guide", PRODUCT),
    ("guide", "这款不苦，头采的，回甘很明显。想先尝尝的话，湖滨店里可以试饮"),
    ("member", "那我直播里拍，能到店自提吗？周六下午过去"),
)


async def seed(session: AsyncSession, settings: Settings, guide: Principal, code: str, now: datetime) -> None:
    """The customer came by the guide's link (`code`); her last question waits for an answer."""
    came_at = now - timedelta(minutes=20)
    member = Member(brand_id=guide.brand_id, name="林女士")
    session.add(member)
    await session.flush()
    await attribution.touch(session, settings.secret, code, guide.brand_id, member.id, came_at)
    customer = Principal(
        kind="member", id=member.id, brand_id=guide.brand_id, role=Role.MEMBER, name=member.name
    )
    product = (
        await session.exec(
            select(Product).where(Product.brand_id == guide.brand_id).order_by(col(Product.id)).limit(1)
        )
    ).one()
    opened = await conversations.open_by_guide(session, guide, member.id, now)
    for number, (by, words) in enumerate(SAID, start=1):
        who = guide if by == "guide" else customer
        draft = (
            await conversations.product_draft(session, who, product.id)
            if words == PRODUCT
            else conversations.text_draft(words, None)
        )
        at = now - timedelta(minutes=3 * (len(SAID) - number))
        await conversations.write(session, who, opened, draft, f"demo-{number}", b"-", at)
        if number < len(SAID):
            for reader in (guide, customer):
                await conversations.read(session, reader, opened, number, at)
