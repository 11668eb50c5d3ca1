"""Two brands, whatever there is in a brand, and everybody who may ask for it."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from PIL import Image
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

import server.reactions  # noqa: F401
from server.accounts import service as accounts
from server.accounts.models import Account, JoinRequest
from server.accounts.passwords import hash_password
from server.after_sale import service as after_sale
from server.after_sale.models import AfterSale
from server.after_sale.rules import Kind
from server.attribution import service as attribution
from server.attribution import shelf_codes
from server.attribution.models import Campaign, CreditDispute
from server.brands.models import Brand
from server.catalog import pictures
from server.catalog import service as catalog
from server.catalog.models import Product
from server.catalog.service import SkuDraft
from server.chat.models import Ban, ChatMessage, ModerationAct, Mute, Question, RoomModerator, Word
from server.conversations import service as conversations
from server.feeds import tokens as feed_tokens
from server.flash_sales import service as flash_sales
from server.flash_sales.models import Waiting
from server.flash_sales.service import NewSale, Offer
from server.kit.database import Database
from server.kit.ids import uuid7
from server.kit.jobs import service as jobs
from server.kit.jobs.models import JobRefusal
from server.kit.principal import STORE_STAFF, Principal, Role
from server.kit.settings import Settings
from server.members import addresses
from server.members.models import Member
from server.members.tokens import member_tokens
from server.orders import paying, placing, refunding
from server.orders.service import LineUnits
from server.payments import reconciling
from server.payments import service as payments
from server.payments.providers import Notice
from server.rooms.kinds import templates
from server.rooms.kinds.templates import Terms
from server.rooms.models import Room, ShelfItem
from server.stock.service import Taking
from server.stores.models import Region, Store
from server.tipping import service as tipping
from server.wallets import service as wallets
from server.wallets.rules import cash, of_member

PASSWORD = "a long enough password"
PRICE, UNITS = 7_351_917, 3
PRIVATE = {
    "buyer's name": "Qiaozhen Buyer",
    "buyer's phone": "13972648135",
    "buyer's address": "Zelkova Lane 77",
    "an order's amount": str(PRICE * UNITS),
    "a line of the chat": "Does the zebra glaze crackle?",
    "what is said in private": "A zither for the tea room?",
    "a word": "quixotry",
    "a job": "zephyr-list.csv",
    "a login": "ananda-",
    "who asks to join": "Zhu Asking",
    "an appeal": "zestful but overlooked",
}
"""Words of brand A's data that no public page shows."""
PUBLIC = {"brand": "Ananda House", "room": "Vesper show", "product": "Zisha teapot"}
"""And those that a public room shows."""


@dataclass(frozen=True)
class Actor:
    name: str
    token: str = ""
    principal: Principal | None = None
    login: str = ""


@dataclass
class World:
    """`things` are ids by the names of path parameters and fields, `open_ids` those that a public room shows anyway."""

    settings: Settings
    things: dict[str, str] = field(default_factory=dict)
    here: dict[str, Actor] = field(default_factory=dict)
    elsewhere: dict[str, Actor] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    open_ids: set[str] = field(default_factory=set)
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    @classmethod
    async def made(cls, database: Database, settings: Settings) -> World:
        world = cls(settings)
        async with database.transaction() as session:
            await world._make(session)
        return world

    async def _make(self, session: AsyncSession) -> None:
        hashed = await hash_password(PASSWORD)
        a, b = Brand(name=PUBLIC["brand"]), Brand(name="Bodhi House")
        session.add_all([a, b])
        await session.flush()
        first, second, there = (
            Store(brand_id=brand.id, name=name, code=name)
            for brand, name in ((a, "Lakeside"), (a, "Riverside"), (b, "Hillside"))
        )
        region = Region(brand_id=a.id, name="Zhejiang East")
        session.add_all([first, second, there, region])
        await session.flush()
        first.region_id = region.id
        asking = JoinRequest(
            brand_id=a.id, store_id=first.id, phone="+8613911112222", name=PRIVATE["who asks to join"]
        )
        session.add(asking)
        self.things |= {"brand_id": str(a.id), "store_id": str(first.id), "region_id": str(region.id)}
        self.things["request_id"] = str(asking.id)
        await self._hire(session, a, first, second, hashed)
        for role in sorted(set(Role) - {Role.MEMBER}):
            at = there if role in STORE_STAFF else None
            self.elsewhere[role] = await self._staff(session, b, role, role, at, hashed, "bodhi")
        self.elsewhere["viewer"] = await self._viewer(session, b, "viewer", "Bodhi Viewer")
        self.here["nobody"] = Actor("nobody")
        await self._room_elsewhere(session, b)
        await self._sell(session, a)
        await self._order(session)
        await self._talk(session, a)
        await self._confide(session)
        await self._keep(session, a)

    def principal(self, name: str) -> Principal:
        found = self.here[name].principal
        assert found is not None
        return found

    def uuid(self, name: str) -> UUID:
        return UUID(self.things[name])

    # Who

    async def _hire(self, session: AsyncSession, a: Brand, first: Store, second: Store, hashed: str) -> None:
        for role in sorted(set(Role) - {Role.MEMBER}):
            at = first if role in STORE_STAFF else None
            self.here[role] = await self._staff(session, a, role, role, at, hashed, "ananda")
        for name, role, at in (
            ("colleague", Role.GUIDE, first),
            ("other_manager", Role.MANAGER, second),
            ("other_guide", Role.GUIDE, second),
        ):
            self.here[name] = await self._staff(session, a, name, role, at, hashed, "ananda")
        clerk = await self._staff(session, a, "clerk", Role.GUIDE, first, hashed, "ananda")
        self.things["account_id"] = str(clerk.principal.id) if clerk.principal else ""
        self.things["guide_id"] = str(self.principal("guide").id)
        self.here["buyer"] = await self._viewer(
            session, a, "buyer", PRIVATE["buyer's name"], "+86" + PRIVATE["buyer's phone"]
        )
        self.here["viewer"] = await self._viewer(session, a, "viewer", "Somebody Else")
        self.things["member_id"] = str(self.principal("buyer").id)

    async def _staff(
        self,
        session: AsyncSession,
        brand: Brand,
        name: str,
        role: Role,
        at: Store | None,
        hashed: str,
        of: str,
    ) -> Actor:
        by_phone = name == "other_guide"
        account = Account(
            brand_id=brand.id,
            store_id=at.id if at else None,
            login=None if by_phone else f"{of}-{name}",
            phone="+8613955556666" if by_phone else None,
            name=f"{of} {name}",
            role=role.value,
            password_hash=None if by_phone else hashed,
        )
        session.add(account)
        await session.flush()
        token = await accounts.issue_session(session, account, self.now, timedelta(hours=1))
        return Actor(name, token, accounts.principal_of(account), account.login or "")

    async def _viewer(
        self, session: AsyncSession, brand: Brand, name: str, called: str, phone: str | None = None
    ) -> Actor:
        member = Member(brand_id=brand.id, name=called, phone=phone)
        session.add(member)
        await session.flush()
        token = member_tokens(self.settings.secret).issue(member, self.now)
        who = Principal(kind="member", id=member.id, brand_id=brand.id, role=Role.MEMBER, name=called)
        return Actor(name, token, who)

    # What

    async def _room_elsewhere(self, session: AsyncSession, b: Brand) -> None:
        cup = [SkuDraft(title="", price_minor=500, stock=9)]
        product = await catalog.create_product(session, b.id, "Bodhi cup", cup)
        room = Room(brand_id=b.id, title="Bodhi show", state="live")
        session.add(room)
        await session.flush()
        session.add(ShelfItem(room_id=room.id, product_id=product.id, position=0))

    async def _sell(self, session: AsyncSession, a: Brand) -> None:
        product = await self._product(session, a, PUBLIC["product"])
        another = await self._product(session, a, "Zisha caddy")
        room = Room(
            brand_id=a.id,
            title=PUBLIC["room"],
            state="live",
            host_id=self.principal("host").id,
            started_at=self.now,
        )
        planned = Room(brand_id=a.id, title="Vesper show, tomorrow")
        session.add_all([room, planned])
        await session.flush()
        session.add(ShelfItem(room_id=room.id, product_id=product.id, position=0))
        await session.flush()
        sku = (await catalog.skus_of(session, [product.id]))[0]
        gift = await tipping.create_gift(session, a.id, name="Rose", icon="rose", price_minor=100)
        self.things |= {
            "product_id": str(product.id),
            "another_product_id": str(another.id),
            "room_id": str(room.id),
            "template": str(room.id),
            "planned_room_id": str(planned.id),
            "sku_id": str(sku.id),
            "gift_id": str(gift.id),
            "name": f"{product.image}.webp",
        }
        for name, kind in (("sale_id", "flash_price"), ("dropping_sale_id", "price_drop")):
            new = NewSale(
                offers=[Offer(sku.id, PRICE, 20)], kind=kind, limit_per_buyer=9, duration_seconds=3600
            )
            sale = await flash_sales.create(session, self.principal("owner"), room.id, new)
            await flash_sales.open_sale(session, sale, self.now)
            self.things[name] = str(sale.id)
        buyer, lines = self.principal("buyer"), [[str(sku.id), 1]]
        session.add(Waiting(sale_id=self.uuid("sale_id"), member_id=buyer.id, lines=lines, units=1))

    async def _product(self, session: AsyncSession, a: Brand, title: str) -> Product:
        product = await catalog.create_product(
            session, a.id, title, [SkuDraft(title="", price_minor=PRICE, stock=500)], "From Yixing"
        )
        await catalog.set_picture(session, product, *await pictures.prepare(self.png(title)))
        return product

    @staticmethod
    def png(of: str) -> bytes:
        out = io.BytesIO()
        Image.new("RGB", (32, 32), (len(of) * 7 % 255, 80, 80)).save(out, format="PNG")
        return out.getvalue()

    async def _order(self, session: AsyncSession) -> None:
        buyer, room_id, secret = self.principal("buyer"), self.uuid("room_id"), self.settings.secret
        code = await attribution.invite(session, secret, self.principal("guide"), room_id, "", self.now)
        await attribution.touch(session, secret, code, buyer.brand_id, buyer.id, self.now)
        shelf = await shelf_codes.make(
            session, secret, self.principal("guide"), self.uuid("store_id"), self.uuid("product_id"), self.now
        )
        draft = addresses.Draft(
            "Buyer Home",
            PRIVATE["buyer's phone"],
            "Zhejiang",
            "Hangzhou",
            "",
            PRIVATE["buyer's address"],
            True,
        )
        address = await addresses.add(session, buyer.id, draft, self.now)
        self.things |= {"code": code, "shelf_code": shelf, "address_id": str(address.id)}
        await self._wallet(session, buyer)
        for name in ("order_id", "asked_order_id", "sent_order_id", "agreed_order_id", "waiting_order_id"):
            await self._paid(session, buyer, name)
        await self._set(
            session,
            "waiting_order_id",
            f"fulfilment = 'to_pick_up', pick_up_code = '73519172', delivery = jsonb_build_object("
            f"'method', 'pick_up', 'store_id', '{self.things['store_id']}', 'store_name', 'Lakeside', "
            "'store_address', '')",
        )
        for name in ("sent_order_id", "agreed_order_id"):
            await self._set(session, name, "fulfilment = 'shipped'")
        to = json.dumps({"method": "delivery", **address.label(), "note": ""})
        await self._set(session, "order_id", f"fulfilment = 'to_ship', delivery = '{to}'")
        self.things["unpaid_order_id"] = str(await self._placed(session, buyer))
        unpaid = await paying.start_payment(
            session, self.settings, buyer, self.uuid("unpaid_order_id"), "sandbox", "/", self.now
        )
        self.things["payment_id"] = str(unpaid.id)
        await self._cases(session, buyer)
        await self._appeal(session, self.principal("colleague"))
        await refunding.refund(
            session, self.principal("owner"), self.uuid("order_id"), 1000, uuid7().hex, "a crack", self.now
        )
        failed = "UPDATE refund SET status = 'failed', failure = 'no money', check_at = NULL RETURNING id"
        self.things["refund_id"] = str((await session.execute(text(failed))).scalar_one())

    async def _appeal(self, session: AsyncSession, by: Principal) -> None:
        order_id = self.uuid("order_id")
        credit = text("SELECT id FROM credit WHERE order_id = :id")
        self.things["credit_id"] = str((await session.execute(credit, {"id": order_id})).scalar_one())
        dispute = CreditDispute(
            brand_id=by.brand_id,
            order_id=order_id,
            by_id=by.id,
            store_id=by.store_id,
            words=PRIVATE["an appeal"],
        )
        session.add(dispute)
        await session.flush()
        self.things["dispute_id"] = str(dispute.id)
        campaign = Campaign(brand_id=by.brand_id, name="Zenith week")
        session.add(campaign)
        await session.flush()
        self.things["campaign_id"] = str(campaign.id)

    async def _wallet(self, session: AsyncSession, buyer: Principal) -> None:
        entries = [(of_member(buyer.id), 100_000), (cash(buyer.brand_id), -100_000)]
        await wallets.book(session, buyer.brand_id, "seed", "seed", entries)

    async def _placed(self, session: AsyncSession, buyer: Principal) -> UUID:
        taking = [Taking(self.uuid("sku_id"), UNITS)]
        placed = await placing.place(
            session, buyer, self.uuid("room_id"), taking, uuid7().hex, b"-", self.now, note="by the back door"
        )
        return placed.order_id

    async def _paid(self, session: AsyncSession, buyer: Principal, name: str) -> None:
        order_id = await self._placed(session, buyer)
        payment = await paying.start_payment(
            session, self.settings, buyer, order_id, "sandbox", "/", self.now
        )
        notice = Notice(str(uuid7()), payment.id, True, payment.amount_minor)
        await payments.receive(session, "sandbox", notice, self.now)
        self.things[name] = str(order_id)
        asked = text(
            "SELECT l.id, o.number FROM orders o JOIN order_line l ON l.order_id = o.id WHERE o.id = :id"
        )
        line_id, number = (await session.execute(asked, {"id": order_id})).one()
        self.things[name.replace("order_id", "line_id")] = str(line_id)
        self.things[name.replace("order_id", "number")] = number

    async def _set(self, session: AsyncSession, order: str, what: str) -> None:
        await session.execute(text(f"UPDATE orders SET {what} WHERE id = :id"), {"id": self.uuid(order)})

    async def _cases(self, session: AsyncSession, buyer: Principal) -> None:
        for case, order, kind in (
            ("case_id", "asked_order_id", Kind.REFUND_ONLY),
            ("returned_case_id", "sent_order_id", Kind.RETURN_REFUND),
            ("agreed_case_id", "agreed_order_id", Kind.RETURN_REFUND),
        ):
            line = LineUnits(self.uuid(order.replace("order_id", "line_id")), 1)
            asked = after_sale.Asked(kind, "damaged", "It leaks", [], [line], None)
            case_id = await after_sale.ask(
                session, buyer, self.uuid(order), asked, uuid7().hex, b"-", self.now
            )
            self.things[case] = str(case_id)
        agreed = await session.get_one(AfterSale, self.uuid("agreed_case_id"))
        agreed.state = "agreed"

    async def _talk(self, session: AsyncSession, a: Brand) -> None:
        room_id, buyer, owner = self.uuid("room_id"), self.principal("buyer"), self.principal("owner")
        shown, waiting, deleted = (
            ChatMessage(
                brand_id=a.id,
                room_id=room_id,
                writer_id=buyer.id,
                name=buyer.name,
                role="member",
                ref=ref,
                text=PRIVATE["a line of the chat"],
                state="waiting" if ref == "waiting" else "shown",
                deleted_at=self.now if ref == "deleted" else None,
                deleted_by=owner.id if ref == "deleted" else None,
            )
            for ref in ("shown", "waiting", "deleted")
        )
        session.add_all([shown, waiting, deleted])
        await session.flush()
        act = ModerationAct(
            brand_id=a.id, room_id=room_id, actor_id=owner.id, act="delete", target_id=deleted.id
        )
        word = Word(
            brand_id=a.id, pattern=PRIVATE["a word"], effect="refuse", by_sound=False, created_by=owner.id
        )
        troubled = Member(brand_id=a.id, name="Zhao Loud")
        session.add_all([act, word, troubled])
        await session.flush()
        session.add_all(
            [
                Question(
                    message_id=shown.id, room_id=room_id, kind="material", alike=b"-" * 16, group_id=shown.id
                ),
                Mute(
                    room_id=room_id, member_id=troubled.id, until=self.now + timedelta(hours=1), by=owner.id
                ),
                Ban(
                    brand_id=a.id, room_id=room_id, member_id=troubled.id, reason="Zhao is loud", by=owner.id
                ),
                RoomModerator(room_id=room_id, member_id=troubled.id, by=owner.id),
            ]
        )
        self.things |= {
            "message_id": str(shown.id),
            "waiting_message_id": str(waiting.id),
            "deleted_message_id": str(deleted.id),
            "reply_to": str(shown.id),
            "act_id": str(act.id),
            "word_id": str(word.id),
            "troubled_id": str(troubled.id),
        }

    async def _confide(self, session: AsyncSession) -> None:
        buyer, now = self.principal("buyer"), self.now
        conversation_id = await conversations.open_by_member(session, buyer, now)
        for draft in (
            conversations.text_draft(PRIVATE["what is said in private"], None),
            conversations.picture_draft(*await pictures.shrink(self.png("a zither"))),
        ):
            line = await conversations.write(session, buyer, conversation_id, draft, uuid7().hex, b"-", now)
        self.things |= {"conversation_id": str(conversation_id), "picture_number": str(line.number)}

    async def _keep(self, session: AsyncSession, a: Brand) -> None:
        owner, room_id = self.principal("owner"), self.uuid("room_id")
        job = await jobs.start(
            session, owner, "catalog.import", upload=b"title,price\n", name=PRIVATE["a job"]
        )
        await session.flush()
        session.add(JobRefusal(job_id=job.id, row=2, column="title", message="no title"))
        _, token = await feed_tokens.issue(session, room_id, owner.id, "a wall", 3, self.now)
        yesterday = (self.now - timedelta(days=1)).date()
        kept, _ = await reconciling.keep(
            session, a.id, "sandbox", yesterday, b"-", [], fetched=False, made_by=owner.id, now=self.now
        )
        template = await templates.create(session, self.principal("manager"), Terms(name="Ours alone"))
        self.things |= {
            "template_id": str(template.id),
            "session_template_id": str(template.id),
            "job_id": str(job.id),
            "token_id": str(token.id),
            "reconciliation_id": str(kept.id),
        }
