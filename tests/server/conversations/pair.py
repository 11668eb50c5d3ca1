"""A guide, a customer whom they brought, and those who have no part in what the two say."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from PIL import Image
from sqlalchemy import text

import server.conversations.reactions  # noqa: F401
from server.conversations import service
from server.conversations.facts import LineWritten
from server.conversations.routes import ROUTES
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.kit.redis import Redis
from server.members import phones
from server.members import service as members
from tests.server.attribution.scene import Scene
from tests.server.shop import Shop
from tests.server.wallets.serving import Served


@dataclass
class Pair(Scene):
    redis: Redis | None = None
    id: UUID = field(init=False)
    member: Principal = field(init=False)
    manager: Principal = field(init=False)
    colleague: Principal = field(init=False)
    other_guide: Principal = field(init=False)
    other_manager: Principal = field(init=False)
    other_store_id: UUID = field(init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.served = Served(self.shop.database, ROUTES, clock=lambda: self.now, redis=self.redis)

    @classmethod
    async def met(cls, database: Database, redis: Redis) -> Pair:
        shop = await Shop.open(database)
        pair = cls(shop, redis=redis)
        pair.manager = await pair.hire(Role.MANAGER, shop.store_id, "Manager Zhou")
        pair.colleague = await pair.hire(Role.GUIDE, shop.store_id, "Guide Qian")
        pair.other_store_id = await pair.found("Suzhou", "SZ")
        pair.other_guide = await pair.hire(Role.GUIDE, pair.other_store_id, "Guide Sun")
        pair.other_manager = await pair.hire(Role.MANAGER, pair.other_store_id, "Manager He")
        pair.member = await shop.member()
        await pair.bring(pair.member)
        opened = await pair.open(pair.guide, pair.member)
        assert opened.status_code == 200, opened.text
        pair.id = UUID(opened.json()["conversation_id"])
        return pair

    async def bring(self, who: Principal, guide: Principal | None = None) -> None:
        """Through the guide's link, into a room of its own."""
        code = await self.invite(guide or self.guide, room_id=await self.room())
        await self.touch(who, code)

    async def open(self, who: Principal, member: Principal | None = None) -> Any:
        return await self.post(who, "/api/conversations", {"member_id": str(member.id)} if member else {})

    def at(self, part: str = "", of: UUID | None = None) -> str:
        return f"/api/conversations/{of or self.id}{part}"

    async def say(
        self,
        who: Principal,
        words: str = "Hello",
        *,
        key: str | None = None,
        of: UUID | None = None,
        **body: Any,
    ) -> Any:
        async with self.served.as_(who) as client:
            return await client.post(
                self.at("/lines", of),
                json=body or {"text": words},
                headers={"Idempotency-Key": key or uuid7().hex},
            )

    async def send_picture(self, who: Principal, picture: bytes, key: str | None = None) -> Any:
        async with self.served.as_(who) as client:
            return await client.post(
                self.at("/pictures"), content=picture, headers={"Idempotency-Key": key or uuid7().hex}
            )

    async def lines(self, who: Principal, of: UUID | None = None, **query: Any) -> Any:
        answer = await self.get(who, self.at("/lines", of), **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def listed(self, who: Principal, **query: Any) -> Any:
        answer = await self.get(who, "/api/conversations", **query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def delete(self, who: Principal, path: str) -> Any:
        async with self.served.as_(who) as client:
            return await client.delete(path)

    async def bind_to(self, guide: Principal | None, member: Principal) -> None:
        from server.attribution import bindings
        from server.attribution.bindings import BindByHand

        async with self.shop.database.transaction() as session:
            asked = BindByHand(guide_id=guide.id if guide else None, note="by hand")
            await bindings.by_hand(session, self.shop.owner, member.id, asked, self.now)

    async def dismiss(self, guide: Principal) -> None:
        async with self.shop.database.transaction() as session:
            await session.execute(
                text("UPDATE account SET disabled_at = :now WHERE id = :id"),
                {"now": self.now, "id": guide.id},
            )

    async def prove_phone(self, guest: Principal, phone: str) -> Principal:
        """The guest is the member with that number from now on."""
        async with self.shop.database.transaction() as session:
            settled = await phones.settle(session, self.shop.brand_id, phone, guest.id)
        return msgspec.structs.replace(guest, id=settled.member.id)

    async def remember(self) -> None:
        """What the relay does with what was said."""
        told = await self.facts(LineWritten)
        async with self.shop.database.transaction() as session:
            await members.remember(session, told)

    async def timeline(self) -> list[dict[str, Any]]:
        async with self.shop.database.transaction() as session:
            rows = await session.execute(
                text(
                    "SELECT at, data, store_id FROM timeline_entry WHERE member_id = :id AND kind = 'conversation' "
                    "ORDER BY id DESC"
                ),
                {"id": self.member.id},
            )
            return [dict(row) for row in rows.mappings()]

    async def broken_here(self) -> dict[str, list[dict[str, Any]]]:
        """Of this test's conversations: the database is shared."""
        async with self.shop.database.transaction() as session:
            found = await session.execute(
                text("SELECT id::text FROM conversation WHERE brand_id = :id"), {"id": self.shop.brand_id}
            )
            own = set(found.scalars())
            return {
                name: rows
                for name, all_rows in (await service.verify(session)).items()
                if (rows := [row for row in all_rows if row["id"] in own])
            }

    def tomorrow(self) -> None:
        self.now += timedelta(days=1)


def photo(colour: str = "green", size: tuple[int, int] = (3000, 2000)) -> bytes:
    """A JPEG that says where it was taken."""
    out, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = "at home, 30.2741 N"
    Image.new("RGB", size, colour).save(out, format="JPEG", exif=exif)
    return out.getvalue()
