from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from sqlalchemy import text

import server.wallets.reactions  # noqa: F401
from server.kit import facts
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.principal import Principal
from server.members.facts import MembersMerged
from server.tipping import reactions, service
from server.tipping.facts import GivenGift, TipGiven
from server.tipping.models import Gift
from server.tipping.routes import ROUTES
from server.wallets import service as wallets
from server.wallets.rules import cash, of_member
from server.wallets.service import InsufficientFunds
from tests.server.shop import Shop
from tests.server.wallets.serving import Served, waits_for_a_lock


@dataclass
class Stage:
    """A live room, a gift for 100 and a viewer."""

    shop: Shop
    served: Served
    gift: Gift

    async def viewer(self, balance_minor: int = 1000) -> Principal:
        viewer = await self.shop.member()
        async with self.shop.database.transaction() as session:
            entries = [
                (of_member(viewer.id), balance_minor),
                (cash(self.shop.brand_id), -balance_minor),
            ]
            await wallets.book(session, self.shop.brand_id, "seed", f"seed:{viewer.id}", entries)
        return viewer

    async def give(self, viewer: Principal, key: str, quantity: int = 1) -> service.Given:
        async with self.shop.database.transaction() as session:
            return await service.give(session, viewer, self.shop.room_id, self.gift.id, quantity, key)

    async def post(self, viewer: Principal, room_id=None, key: str | None = "k", **body):
        headers = {"Idempotency-Key": key} if key is not None else {}
        async with self.served.as_(viewer, **headers) as client:
            return await client.post(
                f"/api/rooms/{room_id or self.shop.room_id}/tips",
                json={"gift_id": str(self.gift.id), "quantity": 1, **body},
            )

    async def balance(self, viewer: Principal) -> int:
        async with self.shop.database.transaction() as session:
            return await wallets.balance(session, self.shop.brand_id, viewer.id)

    async def total(self) -> int:
        async with self.shop.database.transaction() as session:
            row = await session.execute(
                text("SELECT coalesce(sum(amount_minor), 0)::bigint FROM tip WHERE room_id = :id"),
                {"id": self.shop.room_id},
            )
            return row.scalar_one()

    async def nothing_is_broken(self) -> None:
        async with self.shop.database.transaction() as session:
            for checks in (wallets.verify, service.verify):
                assert {name: rows for name, rows in (await checks(session)).items() if rows} == {}


@pytest.fixture
async def stage(shop: Shop) -> Stage:
    async with shop.database.transaction() as session:
        gift = await service.create_gift(session, shop.brand_id, name="Rose", icon="🌹", price_minor=100)
        await service.create_gift(
            session, shop.brand_id, name="Rocket", icon="🚀", price_minor=9900, position=1
        )
    return Stage(shop, Served(shop.database, ROUTES), gift)


async def test_a_tip_takes_the_gifts_price_from_the_wallet(stage):
    viewer = await stage.viewer(1000)
    answer = await stage.post(viewer, quantity=3)
    assert answer.status_code == 201
    assert {k: v for k, v in answer.json().items() if k != "tip_id"} == {
        "amount_minor": 300,
        "balance_minor": 700,
    }
    assert (await stage.balance(viewer), await stage.total()) == (700, 300)
    await stage.nothing_is_broken()


async def test_the_same_key_gives_the_first_answer_again_whatever_came_between(stage):
    viewer = await stage.viewer(1000)
    first = await stage.post(viewer, key="a", quantity=2)
    await stage.post(viewer, key="b")
    again = await stage.post(viewer, key="a", quantity=2)
    assert (again.status_code, again.json()) == (201, first.json())
    assert await stage.balance(viewer) == 700


async def test_the_same_key_for_another_tip_is_refused(stage):
    viewer = await stage.viewer()
    await stage.post(viewer, key="a")
    answer = await stage.post(viewer, key="a", quantity=2)
    assert (answer.status_code, answer.json()["slug"]) == (422, "idempotency-key-reused")
    assert await stage.balance(viewer) == 900


async def test_two_viewers_may_use_the_same_key(stage):
    one, other = await stage.viewer(), await stage.viewer()
    assert (await stage.give(one, "a")).tip_id != (await stage.give(other, "a")).tip_id


async def test_a_tip_without_a_key_is_refused_before_anything_is_taken(stage):
    viewer = await stage.viewer()
    answer = await stage.post(viewer, key=None)
    assert (answer.status_code, answer.json()["slug"]) == (422, "idempotency-key-required")
    assert await stage.balance(viewer) == 1000


async def test_fifty_tips_at_once_on_money_for_ten_give_exactly_ten(stage):
    viewer = await stage.viewer(1000)
    outcomes = await asyncio.gather(*(stage.give(viewer, f"k{i}") for i in range(50)), return_exceptions=True)
    given = [one for one in outcomes if isinstance(one, service.Given)]
    assert len(given) == 10
    assert all(isinstance(one, InsufficientFunds) for one in outcomes if one not in given)
    assert sorted(one.balance_minor for one in given) == list(range(0, 1000, 100))
    assert (await stage.balance(viewer), await stage.total()) == (0, 1000)
    await stage.nothing_is_broken()


async def test_one_tip_sent_twenty_times_at_once_is_given_once(stage):
    viewer = await stage.viewer(1000)
    given = await asyncio.gather(*(stage.give(viewer, "k") for _ in range(20)))
    assert len(set(given)) == 1
    assert await stage.balance(viewer) == 900
    await stage.nothing_is_broken()


async def test_one_key_for_two_tips_at_once_gives_one_of_them(stage):
    viewer = await stage.viewer(1000)
    outcomes = await asyncio.gather(
        *(stage.give(viewer, "k", quantity) for quantity in (1, 2)), return_exceptions=True
    )
    assert sum(isinstance(one, service.Given) for one in outcomes) == 1
    assert sum(isinstance(one, KeyReused) for one in outcomes) == 1
    await stage.nothing_is_broken()


async def test_the_wallet_says_what_it_has_when_it_is_short(stage):
    viewer = await stage.viewer(50)
    answer = await stage.post(viewer)
    assert (answer.status_code, answer.json()["slug"]) == (409, "insufficient-funds")
    assert answer.json()["balance_minor"] == 50


@pytest.mark.parametrize("state", ["planned", "warming", "ended"])
async def test_only_a_room_that_is_live_takes_tips(stage, state):
    viewer = await stage.viewer()
    async with stage.shop.database.transaction() as session:
        await session.execute(
            text("UPDATE room SET state = :state WHERE id = :id"), {"state": state, "id": stage.shop.room_id}
        )
    answer = await stage.post(viewer)
    assert (answer.status_code, answer.json()["slug"]) == (409, "room-not-live")
    assert await stage.balance(viewer) == 1000


async def test_another_brands_room_and_gift_are_not_there(stage):
    viewer = await stage.viewer()
    other = await Shop.open(stage.shop.database)
    async with stage.shop.database.transaction() as session:
        gift = await service.create_gift(session, other.brand_id, name="Rose", icon="🌹", price_minor=1)
    assert (await stage.post(viewer, room_id=other.room_id)).status_code == 404
    assert (await stage.post(viewer, gift_id=str(gift.id))).status_code == 404
    assert (await stage.post(viewer, gift_id=str(uuid7()))).status_code == 404
    assert await stage.balance(viewer) == 1000


@pytest.mark.parametrize("quantity", [0, -1, 1000, "two", 1.5])
async def test_a_quantity_out_of_bounds_is_refused(stage, quantity):
    answer = await stage.post(await stage.viewer(), quantity=quantity)
    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid")


async def test_staff_give_no_tips(stage):
    assert (await stage.post(stage.shop.owner)).status_code == 403


async def test_gifts_are_shown_to_viewers_and_staff_of_the_brand_alone(stage):
    other = await Shop.open(stage.shop.database)
    for who in (await stage.viewer(), stage.shop.owner):
        async with stage.served.as_(who) as client:
            items = (await client.get("/api/gifts")).json()["items"]
        assert [(gift["name"], gift["icon"], gift["price_minor"]) for gift in items] == [
            ("Rose", "🌹", 100),
            ("Rocket", "🚀", 9900),
        ]
    async with stage.served.as_(other.owner) as client:
        assert (await client.get("/api/gifts")).json() == {"items": []}
    async with stage.served.as_(None) as client:
        assert (await client.get("/api/gifts")).status_code == 401


async def test_a_retry_after_signing_in_finds_the_guests_tip(stage):
    guest, member = await stage.viewer(1000), await stage.shop.member()
    first = await stage.give(guest, "k")
    async with stage.shop.database.transaction() as session:
        await facts.record(
            session, MembersMerged(brand_id=stage.shop.brand_id, guest_id=guest.id, member_id=member.id)
        )
    assert await stage.give(member, "k") == first
    assert await stage.balance(member) == 900
    await stage.nothing_is_broken()


async def test_a_tip_while_its_giver_signs_in_waits_and_is_paid_by_the_member(stage):
    """Both need the giver's row and the wallets; taken in two orders they would wait for each other for ever."""
    guest, member = await stage.viewer(1000), await stage.viewer(1000)
    database = stage.shop.database
    async with database.transaction() as session:
        await session.execute(text("SELECT 1 FROM member WHERE id = :id FOR UPDATE"), {"id": guest.id})
        tip = asyncio.create_task(stage.give(guest, "k"))
        while not await waits_for_a_lock(database):
            await asyncio.sleep(0.01)
        await session.execute(
            text("UPDATE member SET merged_into = :member WHERE id = :guest"),
            {"member": member.id, "guest": guest.id},
        )
        await facts.record(
            session, MembersMerged(brand_id=stage.shop.brand_id, guest_id=guest.id, member_id=member.id)
        )
    assert (await tip).balance_minor == 1900
    assert (await stage.balance(guest), await stage.balance(member)) == (0, 1900)
    await stage.nothing_is_broken()


async def test_a_tip_that_was_booked_and_is_not_there_is_named_and_the_other_way_round(stage):
    given = await stage.give(await stage.viewer(), "k")
    for statement in ("DELETE FROM tip WHERE id = :id", "UPDATE tip SET amount_minor = 7 WHERE id = :id"):
        async with (
            stage.shop.database.session() as session
        ):  # not committed: others look at this database too
            journal = await session.execute(
                text("SELECT journal_id::text FROM tip WHERE id = :id"), {"id": given.tip_id}
            )
            journal_id = journal.scalar_one()
            await session.execute(text(statement), {"id": given.tip_id})
            (row,) = (await service.verify(session))["tips_equal_ledger"]
        assert (row["journal_id"], row["booked_minor"]) == (journal_id, 100)


async def test_a_gift_without_a_price_is_not_made(stage):
    async with stage.shop.database.transaction() as session:
        with pytest.raises(ValueError, match="price"):
            await service.create_gift(session, stage.shop.brand_id, name="Air", icon="💨", price_minor=0)


def test_the_room_hears_of_the_tip_and_the_giver_of_the_balance():
    fact = TipGiven(
        brand_id=uuid7(),
        tip_id=uuid7(),
        room_id=uuid7(),
        member_id=uuid7(),
        name="Wang",
        gift_id=uuid7(),
        gift=GivenGift("Rose", "🌹"),
        quantity=2,
        amount_minor=200,
        balance_minor=800,
    )
    public, own = reactions.tell_tip(fact)
    assert (public.topic, public.kind) == (f"room:{fact.room_id}", "tip.given")
    assert public.data == {
        "tip_id": str(fact.tip_id),
        "name": "Wang",
        "gift": {"name": "Rose", "icon": "🌹"},
        "quantity": 2,
        "amount_minor": 200,
    }
    assert (own.topic, own.kind, own.data) == (
        f"member:{fact.member_id}",
        "wallet.changed",
        {"balance_minor": 800},
    )
    (line,) = fact.remembered()
    assert (line.kind, line.member_id, line.room_id) == ("tip", fact.member_id, fact.room_id)
