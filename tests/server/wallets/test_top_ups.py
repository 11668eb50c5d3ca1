from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text

from server.kit import facts
from server.kit.clock import utc_now
from server.kit.ids import uuid7
from server.members.facts import MembersMerged
from server.payments import service as payments
from server.payments.providers import Notice
from server.wallets import reactions, service
from server.wallets.facts import WalletMerged, WalletToppedUp
from server.wallets.routes import ROUTES
from server.wallets.rules import cash, of_member
from tests.server.wallets.serving import Served, waits_for_a_lock


@pytest.fixture
def served(database) -> Served:
    return Served(database, ROUTES)


async def start(served: Served, member, amount_minor: int = 5000, **more) -> UUID:
    async with served.as_(member) as client:
        answer = await client.post("/api/wallet/top-ups", json={"amount_minor": amount_minor, **more})
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["cashier_url"].endswith(f"/sandbox/payments/{body['payment_id']}")
    return UUID(body["payment_id"])


async def pay(database, payment_id: UUID, amount_minor: int = 5000, event_id: str | None = None) -> None:
    async with database.transaction() as session:
        notice = Notice(event_id or uuid7().hex, payment_id, True, amount_minor)
        await payments.receive(session, "sandbox", notice, utc_now())


async def wallet(served: Served, member) -> dict:
    async with served.as_(member) as client:
        return (await client.get("/api/wallet")).json()


async def told(shop, kind: str) -> list[dict]:
    async with shop.database.transaction() as session:
        rows = await session.execute(
            text("SELECT body FROM outbox WHERE kind = :kind AND body->>'brand_id' = :brand ORDER BY seq"),
            {"kind": kind, "brand": str(shop.brand_id)},
        )
        return list(rows.scalars())


async def nothing_is_broken(database) -> None:
    async with database.transaction() as session:
        assert {name: rows for name, rows in (await service.verify(session)).items() if rows} == {}


async def test_a_paid_top_up_is_in_the_wallet_and_its_owner_hears_of_it(shop, database, served):
    member = await shop.member()
    assert await wallet(served, member) == {"balance_minor": 0, "entries": []}
    payment_id = await start(served, member)
    assert (await wallet(served, member))["balance_minor"] == 0
    await pay(database, payment_id)
    page = await wallet(served, member)
    assert page["balance_minor"] == 5000
    assert [(entry["kind"], entry["amount_minor"]) for entry in page["entries"]] == [("top_up", 5000)]
    (fact,) = await told(shop, "wallet.topped_up")
    assert (fact["amount_minor"], fact["balance_minor"]) == (5000, 5000)
    await nothing_is_broken(database)


async def test_a_notice_told_many_times_at_once_fills_the_wallet_once(shop, database, served):
    member = await shop.member()
    payment_id = await start(served, member)
    await asyncio.gather(*(pay(database, payment_id, event_id=f"{payment_id}:{i % 3}") for i in range(12)))
    assert (await wallet(served, member))["balance_minor"] == 5000
    assert len(await told(shop, "wallet.topped_up")) == 1
    await nothing_is_broken(database)


async def test_a_retry_with_the_same_key_is_the_same_payment(shop, served):
    member = await shop.member()
    async with served.as_(member, **{"Idempotency-Key": "k"}) as client:
        first, again = [
            await client.post("/api/wallet/top-ups", json={"amount_minor": 100}) for _ in range(2)
        ]
    assert first.json() == again.json()
    assert await start(served, member, 100) != UUID(first.json()["payment_id"])


async def test_the_same_key_for_another_amount_is_refused(shop, served):
    member = await shop.member()
    async with served.as_(member, **{"Idempotency-Key": "k"}) as client:
        await client.post("/api/wallet/top-ups", json={"amount_minor": 100})
        answer = await client.post("/api/wallet/top-ups", json={"amount_minor": 5000})
    assert (answer.status_code, answer.json()["slug"]) == (422, "idempotency-key-reused")


async def test_money_in_a_wallet_that_nobody_paid_in_is_named(shop, database):
    async with database.session() as session:  # not committed: others look at this database too
        entries = [(of_member(uuid7()), 500), (cash(shop.brand_id), -500)]
        booked = await service.book(session, shop.brand_id, "top_up", f"top_up:{uuid7()}", entries)
        (row,) = (await service.verify(session))["wallet_top_ups_equal_payments"]
    assert (row["id"], row["journal_id"], row["booked_minor"]) == (None, str(booked.journal_id), 500)


async def test_a_payment_that_is_in_no_wallet_is_named(shop, database, served):
    payment_id = await start(served, await shop.member())
    async with database.session() as session:
        await session.execute(
            text("UPDATE payment SET status = 'succeeded' WHERE id = :id"), {"id": payment_id}
        )
        (row,) = (await service.verify(session))["wallet_top_ups_equal_payments"]
    assert (row["id"], row["amount_minor"], row["booked_minor"]) == (str(payment_id), 5000, None)


async def test_a_guests_money_follows_into_the_member_it_turned_out_to_be(shop, database, served):
    guest, member = await shop.members(2)
    for who in (guest, member):
        await pay(database, await start(served, who))
    async with database.transaction() as session:
        await facts.record(
            session, MembersMerged(brand_id=shop.brand_id, guest_id=guest.id, member_id=member.id)
        )
    assert (await wallet(served, guest))["balance_minor"] == 0
    assert (await wallet(served, member))["balance_minor"] == 10000
    (fact,) = await told(shop, "wallet.merged")
    assert (fact["amount_minor"], fact["balance_minor"]) == (5000, 10000)
    await nothing_is_broken(database)


async def test_a_guests_payment_that_succeeds_after_the_merge_is_the_members(shop, database, served):
    guest, member = await shop.members(2)
    payment_id = await start(served, guest)
    async with database.transaction() as session:
        await session.execute(
            text("UPDATE member SET merged_into = :member WHERE id = :guest"),
            {"member": member.id, "guest": guest.id},
        )
    await pay(database, payment_id)
    assert (await wallet(served, member))["balance_minor"] == 5000
    assert (await told(shop, "wallet.topped_up"))[0]["member_id"] == str(member.id)
    await nothing_is_broken(database)


async def test_money_that_comes_while_the_merge_runs_is_not_left_with_the_guest(shop, database, served):
    guest, member = await shop.members(2)
    payment_id = await start(served, guest)
    async with database.transaction() as session:
        await session.execute(text("SELECT 1 FROM member WHERE id = :guest FOR UPDATE"), {"guest": guest.id})
        late = asyncio.create_task(pay(database, payment_id))
        while not await waits_for_a_lock(database):
            await asyncio.sleep(0.01)
        await session.execute(
            text("UPDATE member SET merged_into = :member WHERE id = :guest"),
            {"member": member.id, "guest": guest.id},
        )
        merged = MembersMerged(brand_id=shop.brand_id, guest_id=guest.id, member_id=member.id)
        await reactions.move_guest_money(session, merged)
    await late
    assert (await wallet(served, guest))["balance_minor"] == 0
    assert (await wallet(served, member))["balance_minor"] == 5000


@pytest.mark.parametrize("amount", [0, -1, 5_000_001, 1.5, "much", None])
async def test_an_amount_out_of_bounds_is_refused(shop, served, amount):
    async with served.as_(await shop.member()) as client:
        answer = await client.post("/api/wallet/top-ups", json={"amount_minor": amount})
    assert (answer.status_code, answer.json()["slug"]) == (422, "invalid")


async def test_the_cashier_sends_back_to_the_room_that_the_viewer_came_from(shop, database, served):
    payment_id = await start(served, await shop.member(), room_id=str(shop.room_id))
    async with database.transaction() as session:
        assert (await payments.get(session, payment_id)).return_url == f"/live/{shop.room_id}"


@pytest.mark.parametrize(
    ("asked", "kept"),
    [
        ("/live/1?wallet", "/live/1?wallet"),
        ("https://elsewhere.example", "/"),
        ("//elsewhere.example", "/"),
        ("/\\elsewhere.example", "/"),
        ("/\t/elsewhere.example", "/"),
        ("", "/"),
    ],
)
async def test_the_cashier_sends_back_to_this_site_only(shop, database, served, asked, kept):
    payment_id = await start(served, await shop.member(), return_url=asked)
    async with database.transaction() as session:
        assert (await payments.get(session, payment_id)).return_url == kept


async def test_only_a_viewer_has_a_wallet(shop, served):
    async with served.as_(None) as client:
        assert (await client.get("/api/wallet")).status_code == 401
    async with served.as_(shop.owner) as client:
        assert (await client.get("/api/wallet")).status_code == 403


def test_the_owner_hears_the_new_balance_on_the_own_topic():
    brand_id, member_id = uuid7(), uuid7()
    for fact in (
        WalletToppedUp(
            brand_id=brand_id, member_id=member_id, payment_id=uuid7(), amount_minor=1, balance_minor=7
        ),
        WalletMerged(
            brand_id=brand_id, member_id=member_id, guest_id=uuid7(), amount_minor=1, balance_minor=7
        ),
    ):
        (event,) = facts.announcements(fact)
        assert (event.topic, event.kind, event.data) == (
            f"member:{member_id}",
            "wallet.changed",
            {"balance_minor": 7},
        )
        assert event.id == str(fact.fact_id)
