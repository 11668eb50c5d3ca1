"""A sale's proof as a chat shows it when its link is shared: words for the page's head, and a picture (1,200×630 PNG).

The picture says what is settled: of a sale that still runs only how much it offers, so that neither the chats' copies
nor this server's grow old with each claim.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Literal
from uuid import UUID

import msgspec
from PIL import ImageDraw
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit import link_card
from server.kit.lettering import line, width_of
from server.kit.link_card import ACCENT, DONE, FOOT, MARGIN, MONEY, QUIET, WIDTH, LinkCard
from server.kit.money import shown_money
from server.kit.qr import PAPER

DRAWN = 1
"""Goes up when the drawing changes, so that copies kept elsewhere are asked for anew."""

Language = Literal["zh-CN", "en"]

WORDS: dict[str, dict[str, str]] = {
    "zh-CN": {
        "proof": "库存证明",
        "all": "{n} 件全部售出",
        "some": "售出 {sold} / {n} 件",
        "none": "共 {n} 件，没有售出",
        "running": "正在抢购，共 {n} 件",
        "scheduled": "还没开始，共 {n} 件",
        "oversold": "超卖 {n} 件",
        "held": "待付款 {n} 件",
        "later": "结束后看结果",
        "from": "{price} 起",
        "each": "件件有账，流水可查",
        "waits": "结束后这里公布每一件的去向",
    },
    "en": {
        "proof": "Stock proof",
        "all": "All {n} sold",
        "some": "{sold} of {n} sold",
        "none": "None of {n} sold",
        "running": "On sale now: {n} units",
        "scheduled": "Not open yet: {n} units",
        "oversold": "{n} oversold",
        "held": "{n} not paid yet",
        "later": "Result after the end",
        "from": "from {price}",
        "each": "Every unit is accounted for in the ledger",
        "waits": "After the end this shows where every unit went",
    },
}

_SALE = text(
    """
    SELECT b.name AS brand, s.title, s.state, l.price_minor, l.most_minor, l.was_minor, l.image,
           e.offered, e.held, e.sold, greatest(e.held + e.sold - e.offered, 0) AS oversold
    FROM flash_sale s JOIN brand b ON b.id = s.brand_id
    CROSS JOIN LATERAL (
        SELECT min(l.price_minor) AS price_minor, max(coalesce(l.then_minor, l.price_minor)) AS most_minor,
               CASE WHEN count(*) = 1 THEN max(l.was_minor) END AS was_minor,
               (array_agg(l.image ORDER BY l.position))[1] AS image
        FROM flash_sale_line l WHERE l.sale_id = s.id AND NOT l.gift) l
    CROSS JOIN LATERAL (
        SELECT coalesce(sum(a.offered), 0)::int AS offered, sum(b.held)::int AS held, sum(b.sold)::int AS sold
        FROM flash_sale_line l
        JOIN flash_sale_pool p ON p.sale_id = l.sale_id AND p.sku_id = l.sku_id
        JOIN stock_balance b ON b.id = p.balance_id
        CROSS JOIN LATERAL (
            SELECT sum(a.total) AS offered FROM stock_entry a
            WHERE a.balance_id = b.id AND a.act = 'allot' AND a.total > 0) a
        WHERE l.sale_id = s.id AND NOT l.gift) e
    WHERE s.id = :id
    """
)


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A sale in a few words. `price_minor` is its lowest, `most_minor` its highest; `image` the picture's hash."""

    brand: str
    title: str
    state: str
    price_minor: int
    most_minor: int
    was_minor: int | None
    image: str | None
    offered: int
    held: int
    sold: int
    oversold: int
    language: Language = "zh-CN"

    def say(self, key: str, **values: object) -> str:
        return WORDS[self.language][key].format(**values)

    @property
    def over(self) -> bool:
        return self.state == "closed"

    @property
    def heading(self) -> str:
        return f"{self.say('proof')} · {self.title}"

    @property
    def outcome(self) -> str:
        """What became of the units, where that is settled."""
        if not self.over:
            return self.say("running" if self.state == "open" else "scheduled", n=self.offered)
        if self.sold >= self.offered:
            return self.say("all", n=self.offered)
        return self.say("some" if self.sold else "none", n=self.offered, sold=self.sold)

    @property
    def description(self) -> str:
        parts = [self.outcome]
        if self.over and self.held:
            parts.append(self.say("held", n=self.held))
        if self.over or self.oversold:
            parts.append(self.say("oversold", n=self.oversold))
        parts.append(self.say("each" if self.over else "waits"))
        comma, end = ("，", "。") if self.language == "zh-CN" else (". ", ".")
        return comma.join(parts) + end

    @property
    def price(self) -> str:
        shown = shown_money(self.price_minor)
        return shown if self.most_minor == self.price_minor else self.say("from", price=shown)

    @property
    def was(self) -> str:
        return shown_money(self.was_minor) if self.was_minor and self.was_minor > self.most_minor else ""

    @property
    def etag(self) -> str:
        """Of the picture; another one when it would look otherwise."""
        return f'"{hashlib.blake2b(msgspec.json.encode((DRAWN, self)), digest_size=12).hexdigest()}"'


async def of_sale(session: AsyncSession, sale_id: UUID, language: Language = "zh-CN") -> Preview | None:
    """None where there is no such sale."""
    row = (await session.execute(_SALE, {"id": sale_id})).mappings().first()
    if row is None:
        return None
    preview = Preview(**row, language=language)
    return preview if preview.over else msgspec.structs.replace(preview, held=0, sold=0, oversold=0)


# The picture


async def picture(preview: Preview, product: bytes | None) -> bytes:
    """PNG. `product` is the product's picture, where it has one. Drawn beside the event loop, one at a time."""
    return await link_card.drawn(draw, preview, product)


@lru_cache(maxsize=64)
def draw(preview: Preview, product: bytes | None) -> bytes:
    card = LinkCard(preview.brand, preview.title or preview.say("proof"), product)
    pen, room = card.pen, card.room
    _price(pen, preview, card.below + 18, room)
    line(pen, preview.outcome, (MARGIN, 394), 76 if preview.over else 60, PAPER, room)
    said = preview.say("oversold", n=preview.oversold) if preview.over else preview.say("later")
    right = card.badge(said, ACCENT if preview.oversold else DONE if preview.over else QUIET)
    if preview.over and preview.held:
        beside = WIDTH - right - 300
        line(pen, preview.say("held", n=preview.held), (right + 24, FOOT), 32, MONEY, beside, anchor="lm")
    line(pen, preview.say("proof"), (WIDTH - MARGIN, FOOT), 32, QUIET, 260, anchor="rm")
    return card.png()


def _price(pen: ImageDraw.ImageDraw, preview: Preview, top: int, room: int) -> None:
    line(pen, preview.price, (MARGIN, top), 44, MONEY, room)
    if preview.was:
        left = MARGIN + width_of(preview.price, 44) + 20
        line(pen, preview.was, (left, top + 14), 30, QUIET, room)
        pen.line((left, top + 34, left + width_of(preview.was, 30), top + 34), QUIET, 3)
