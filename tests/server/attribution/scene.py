"""A room of headquarters, two stores with guides, and viewers who come, share and buy by the real roads."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text

import server.attribution.reactions
import server.orders.reactions
import server.stock.reactions  # noqa: F401
from live.events import RoomEvent
from server.accounts.models import Account
from server.attribution import bindings, credits, policies, service
from server.attribution.credits import CreditView
from server.attribution.entering import Entering
from server.attribution.models import Visit
from server.attribution.policies import NewPolicy
from server.attribution.policy import Policy
from server.attribution.routes import ROUTES
from server.kit import facts
from server.kit.clock import utc_now
from server.kit.facts import Fact
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.orders import paying, placing, refunding
from server.orders import service as orders
from server.orders.facts import OrderPaid
from server.payments import service as payments
from server.payments.providers import Notice
from server.rooms.models import Room
from server.stock.service import Taking
from server.stores.models import Store
from tests.server.shop import Shop
from tests.server.wallets.serving import Served


def heard(fact: Fact) -> list[RoomEvent]:
    """By people, of the fact itself: the room's feed hears of every visit, and its board that it changed."""
    events = facts.announcements(fact)
    return [one for one in events if not one.topic.startswith("feed:") and one.kind != "board.changed"]


@dataclass
class Scene:
    shop: Shop
    now: datetime = field(default_factory=utc_now)

    def __post_init__(self) -> None:
        self.served = Served(self.shop.database, ROUTES, clock=lambda: self.now)
        self.secret = self.served.settings.secret
        self.guide = self._staff(Role.GUIDE, self.shop.guide_id, self.shop.store_id, "Guide Li")

    @classmethod
    async def open(cls, shop: Shop) -> Scene:
        scene = cls(shop)
        scene.manager = await scene.hire(Role.MANAGER, shop.store_id, "Manager Zhou")
        scene.other_store_id = await scene.found("Suzhou", "SZ")
        scene.other_guide = await scene.hire(Role.GUIDE, scene.other_store_id, "Guide Sun")
        return scene

    def _staff(self, role: Role, account_id: UUID, store_id: UUID | None, name: str) -> Principal:
        return Principal(
            kind="staff", id=account_id, brand_id=self.shop.brand_id, role=role, name=name, store_id=store_id
        )

    async def found(self, name: str, code: str) -> UUID:
        store_id = uuid7()
        async with self.shop.database.transaction() as session:
            session.add(Store(id=store_id, brand_id=self.shop.brand_id, name=name, code=code))
        return store_id

    async def hire(self, role: Role, store_id: UUID | None, name: str) -> Principal:
        account_id = uuid7()
        async with self.shop.database.transaction() as session:
            session.add(
                Account(
                    id=account_id,
                    brand_id=self.shop.brand_id,
                    store_id=store_id,
                    login=account_id.hex,
                    name=name,
                    role=role.value,
                    password_hash="-",
                )
            )
        return self._staff(role, account_id, store_id, name)

    async def room(self, store_id: UUID | None = None, **more: Any) -> UUID:
        room_id = uuid7()
        async with self.shop.database.transaction() as session:
            session.add(
                Room(
                    id=room_id,
                    brand_id=self.shop.brand_id,
                    store_id=store_id,
                    title="Room",
                    state="live",
                    **more,
                )
            )
        return room_id

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)

    async def invite(self, who: Principal, channel: str = "", room_id: UUID | None = None) -> str:
        async with self.shop.database.transaction() as session:
            return await service.invite(
                session, self.secret, who, room_id or self.shop.room_id, channel, self.now
            )

    async def touch(self, who: Principal, code: str) -> service.TouchTaken:
        async with self.shop.database.transaction() as session:
            return await service.touch(session, self.secret, code, who.brand_id, who.id, self.now)

    async def enter(
        self, who: Principal, room_id: UUID | None = None, room_store_id: UUID | None = None
    ) -> Visit:
        async with self.shop.database.transaction() as session:
            asked = Entering(
                room_id=room_id or self.shop.room_id,
                member_id=who.id,
                brand_id=who.brand_id,
                room_store_id=room_store_id,
            )
            return await service.enter(session, asked, self.now)

    async def visit(self, who: Principal, room_id: UUID | None = None) -> Visit:
        async with self.shop.database.transaction() as session:
            visit = await session.get(Visit, (room_id or self.shop.room_id, who.id))
            assert visit is not None
            return visit

    async def order(self, who: Principal, quantity: int = 1) -> UUID:
        async with self.shop.database.transaction() as session:
            lines = [Taking(self.shop.sku_id, quantity)]
            placed = await placing.place(session, who, self.shop.room_id, lines, uuid7().hex, b"", self.now)
        return placed.order_id

    async def pay(self, who: Principal, order_id: UUID) -> None:
        async with self.shop.database.transaction() as session:
            payment = await paying.start_payment(
                session, self.served.settings, who, order_id, "sandbox", "/", self.now
            )
            notice = Notice(uuid7().hex, payment.id, True, payment.amount_minor)
            await payments.receive(session, "sandbox", notice, self.now)

    async def rules(self, **settings: Any) -> int:
        """Write the brand's next policy; its version."""
        async with self.shop.database.transaction() as session:
            held = await policies.current(session, self.shop.owner)
            new = NewPolicy(follows=held.version, policy=Policy(**settings))
            return (await policies.change(session, self.shop.owner, new, self.now)).version

    async def bind(self, order_id: UUID) -> None:
        """What the worker does when it hears that the order was paid."""
        (fact,) = [one for one in await self.facts(OrderPaid) if one.order_id == order_id]
        async with self.shop.database.transaction() as session:
            await bindings.by_order(session, fact)

    async def bound(self, who: Principal) -> bindings.Bindings:
        async with self.shop.database.transaction() as session:
            return await bindings.of_member(session, self.shop.owner, who.id, self.now)

    async def buy(self, who: Principal, quantity: int = 1) -> UUID:
        order_id = await self.order(who, quantity)
        await self.pay(who, order_id)
        return order_id

    async def refund(self, order_id: UUID, amount_minor: int) -> None:
        async with self.shop.database.transaction() as session:
            await refunding.refund(
                session, self.shop.owner, order_id, amount_minor, uuid7().hex, "", self.now
            )

    async def credit(self, order_id: UUID) -> CreditView:
        async with self.shop.database.transaction() as session:
            (credit,) = await credits.of_order(session, self.shop.owner, order_id)
            return credit

    async def told(self, kind: str) -> list[dict[str, Any]]:
        async with self.shop.database.transaction() as session:
            rows = await session.execute(
                text(
                    "SELECT body FROM outbox WHERE kind = :kind AND body->>'brand_id' = :brand ORDER BY seq"
                ),
                {"kind": kind, "brand": str(self.shop.brand_id)},
            )
            return list(rows.scalars())

    async def facts(self, kind: type[Any]) -> list[Any]:
        tag = kind.__struct_config__.tag
        return [msgspec.convert(body, kind) for body in await self.told(tag)]

    async def remembered(self, who: Principal, *kinds: type[Any]) -> list[tuple[str, Any]]:
        found = defaultdict(list)
        for kind in kinds:
            for fact in await self.facts(kind):
                for line in fact.remembered():
                    found[line.member_id].append((line.kind, line.data.get("step")))
        return found[who.id]

    async def broken(self) -> dict[str, list[dict[str, Any]]]:
        async with self.shop.database.transaction() as session:
            checks = [service.verify, orders.verify]
            return {name: rows for check in checks for name, rows in (await check(session)).items() if rows}

    async def get(self, who: Principal | None, path: str, **query: Any) -> Any:
        async with self.served.as_(who) as client:
            return await client.get(path, params=query)

    async def put(self, who: Principal | None, path: str, body: Any) -> Any:
        async with self.served.as_(who) as client:
            return await client.put(path, json=body)

    async def post(self, who: Principal | None, path: str, body: Any = None) -> Any:
        async with self.served.as_(who) as client:
            return await client.post(path, json=body)
