"""Gifts and tips."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import msgspec
from litestar import get, post
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.idempotency import KeyHeader, require_key
from server.kit.principal import Principal
from server.tipping import service
from server.tipping.rules import MAX_QUANTITY


class GiftOut(msgspec.Struct):
    gift_id: UUID
    name: str
    icon: str
    price_minor: int


class Gifts(msgspec.Struct):
    items: list[GiftOut]


class TipAsked(msgspec.Struct, forbid_unknown_fields=True):
    gift_id: UUID
    quantity: Annotated[int, msgspec.Meta(ge=1, le=MAX_QUANTITY)] = 1


@get("/api/gifts", tags=["tips"])
async def list_gifts(principal: Principal, session: AsyncSession) -> Gifts:
    """The gifts of the caller's brand, in their order."""
    return Gifts(
        [
            GiftOut(gift.id, gift.name, gift.icon, gift.price_minor)
            for gift in await service.gifts(session, principal.brand_id)
        ]
    )


@post("/api/rooms/{room_id:uuid}/tips", tags=["tips"])
async def give_tip(
    room_id: UUID,
    data: TipAsked,
    member: Principal,
    session: AsyncSession,
    idempotency_key: KeyHeader = None,
) -> service.Given:
    """Tip the host from the wallet. Send an `Idempotency-Key`: a retry with it gives the first answer again."""
    key = require_key(idempotency_key)
    return await service.give(session, member, room_id, data.gift_id, data.quantity, key)


ROUTES = [list_gifts, give_tip]
