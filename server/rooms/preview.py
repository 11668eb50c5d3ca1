"""A room as a chat shows it when its link is shared: words for the page's head, and a card (1,200×630 PNG).

Of a room that not everybody may enter it says nothing but the brand.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Literal
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit import link_card
from server.kit.lettering import line
from server.kit.link_card import ACCENT, HEIGHT, MARGIN, MONEY, QUIET, SOFT, WIDTH, LinkCard
from server.kit.qr import PAPER

Language = Literal["zh-CN", "en"]
DRAWN = 1
"""Goes up when the drawing changes, so that copies kept elsewhere are asked for anew."""

STATES: dict[Language, dict[str, str]] = {
    "zh-CN": {
        "planned": "直播预告",
        "warming": "马上开播",
        "live": "直播中",
        "paused": "马上回来",
        "ended": "直播已结束",
    },
    "en": {
        "planned": "Coming up",
        "warming": "Starting soon",
        "live": "Live now",
        "paused": "Back in a moment",
        "ended": "The show is over",
    },
}
COLOURS = {"warming": MONEY, "live": ACCENT, "paused": MONEY}

_ROOM = text(
    """
    SELECT b.name AS brand, r.title, r.state, a.name AS host, p.image, coalesce(p.title, '') AS product
    FROM room r JOIN brand b ON b.id = r.brand_id LEFT JOIN account a ON a.id = r.host_id
    LEFT JOIN LATERAL (
        SELECT p.image, p.title FROM shelf_item i JOIN product p ON p.id = i.product_id
        WHERE i.room_id = r.id AND p.image IS NOT NULL
        ORDER BY array_position(r.pinned_ids, p.id), i.position LIMIT 1) p ON true
    WHERE r.id = :id AND r.audience = 'public'
    """
)
_BRAND = text("SELECT b.name AS brand FROM room r JOIN brand b ON b.id = r.brand_id WHERE r.id = :id")


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """`product` is what is pinned, or else the first on the shelf, of those with a picture, whose hash is `image`.
    Without a `title` the room is not for everybody."""

    brand: str
    title: str = ""
    state: str = ""
    host: str | None = None
    product: str = ""
    image: str | None = None
    language: Language = "zh-CN"

    @property
    def said(self) -> str:
        """How it stands."""
        return STATES[self.language].get(self.state, "")

    @property
    def etag(self) -> str:
        """Of the card; another one when it would look otherwise."""
        return f'"{hashlib.blake2b(msgspec.json.encode((DRAWN, self)), digest_size=12).hexdigest()}"'


async def of_room(session: AsyncSession, room_id: UUID, language: Language = "zh-CN") -> Preview | None:
    """None where there is no such room."""
    for asked in (_ROOM, _BRAND):
        if (row := (await session.execute(asked, {"id": room_id})).mappings().first()) is not None:
            return Preview(**row, language=language)
    return None


async def card(preview: Preview, photo: bytes | None) -> bytes:
    """PNG, drawn beside the event loop."""
    return await link_card.drawn(draw, preview, photo)


@lru_cache(maxsize=64)
def draw(preview: Preview, photo: bytes | None) -> bytes:
    if not preview.title:
        drawn = LinkCard("", "", None)
        line(drawn.pen, preview.brand, (WIDTH // 2, HEIGHT // 2), 96, PAPER, drawn.room, anchor="mm")
        return drawn.png()
    drawn = LinkCard(preview.brand, preview.title, photo, size=72)
    if preview.host:
        line(drawn.pen, preview.host, (MARGIN, drawn.below + 18), 44, SOFT, drawn.room)
    drawn.badge(preview.said, COLOURS.get(preview.state, QUIET))
    drawn.caption(preview.product)
    return drawn.png()
