from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from server.attribution import checks, credits
from server.attribution.facts import CreditEarned, CreditReversed
from server.attribution.rules import RULES_VERSION
from server.kit import facts
from server.kit.ids import uuid7
from server.kit.money import share
from server.kit.principal import Role
from server.orders.facts import OrderPaid, OrderRefunded
from tests.server.attribution.scene import Scene, heard
from tests.server.shop import Shop


async def brought(scene, shop):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(scene.guide))
    await scene.enter(viewer)
    return viewer


async def test_a_paid_order_credits_the_guide_who_brought_the_buyer(scene, shop):
    viewer = await brought(scene, shop)
    order_id = await scene.order(viewer)
    assert await scene.told("credit.earned") == []
    await scene.pay(viewer, order_id)
    credit = await scene.credit(order_id)
    assert (credit.store.name, credit.guide.name) == ("Hangzhou", "Guide Li")
    assert (credit.amount_minor, credit.reversed_minor, credit.net_minor) == (9900, 0, 9900)
    assert (credit.rule, credit.rule_version) == ("last-touch", RULES_VERSION)
    assert (credit.policy_version, credit.standing) == (0, True)
    (touch,) = credit.why["touches"]
    assert touch["outcome"] == "counted"
    assert (touch["counted"], touch["guide"]["name"], touch["inviter"]) == (True, "Guide Li", None)
    assert [one["kind"] for one in credit.why["chain"]] == ["guide"]
    assert credit.why["sums"] == {"order_minor": 9900, "credit_minor": 9900}
    assert await scene.broken() == {}


async def test_every_paid_order_has_a_credit_also_one_that_nobody_carried(scene, shop):
    viewer = await shop.member()
    await scene.enter(viewer)
    credit = await scene.credit(await scene.buy(viewer))
    assert (credit.rule, credit.store, credit.guide) == ("brand", None, None)
    assert await scene.broken() == {}


async def test_in_a_stores_own_room_the_store_is_credited(scene, shop):
    viewer = await shop.member()
    await scene.enter(viewer, room_store_id=scene.other_store_id)
    credit = await scene.credit(await scene.buy(viewer))
    assert (credit.rule, credit.store.name, credit.guide) == ("room-store", "Suzhou", None)


async def test_who_carried_the_buyer_at_the_claim_is_credited_whoever_came_later(scene, shop):
    viewer = await brought(scene, shop)
    order_id = await scene.order(viewer)
    scene.later(minutes=1)
    await scene.touch(viewer, await scene.invite(scene.other_guide))
    await scene.pay(viewer, order_id)
    credit = await scene.credit(order_id)
    assert credit.guide.name == "Guide Li"
    assert [(t["guide"]["name"], t["counted"]) for t in credit.why["touches"]] == [
        ("Guide Sun", False),
        ("Guide Li", True),
    ]


def paid_again(scene: Scene, order_id: UUID, member_id: UUID) -> OrderPaid:
    return OrderPaid(
        brand_id=scene.shop.brand_id,
        order_id=order_id,
        number="N",
        member_id=member_id,
        name="Wang",
        room_id=scene.shop.room_id,
        store_id=scene.shop.store_id,
        guide_id=scene.shop.guide_id,
        amount_minor=9900,
        lines=[],
    )


async def test_one_payment_told_ten_times_at_once_is_one_credit(scene, shop):
    order_id, member_id = uuid7(), (await shop.member()).id

    async def pay() -> None:
        async with shop.database.transaction() as session:
            await credits.earn(session, paid_again(scene, order_id, member_id))

    await asyncio.gather(*(pay() for _ in range(10)))
    assert len(await scene.told("credit.earned")) == 1
    async with shop.database.transaction() as session:
        deleted = await session.execute(text("DELETE FROM credit WHERE order_id = :id"), {"id": order_id})
        assert deleted.rowcount == 1  # an order of this test's own making, not to be found by others


async def test_three_refunds_take_back_the_credit_to_the_minor_unit(scene, shop):
    order_id = await scene.buy(await brought(scene, shop))
    for part, taken_back in ((3333, 3333), (1, 3334), (6566, 9900)):
        await scene.refund(order_id, part)
        credit = await scene.credit(order_id)
        assert (credit.reversed_minor, credit.net_minor) == (taken_back, 9900 - taken_back)
        assert await scene.broken() == {}
    assert [fact.amount_minor for fact in await scene.facts(CreditReversed)] == [3333, 1, 6566]


async def test_refunds_at_once_take_back_each_its_share(scene, shop):
    order_id = await scene.buy(await brought(scene, shop))
    await asyncio.gather(*(scene.refund(order_id, 1100) for _ in range(9)))
    assert (await scene.credit(order_id)).net_minor == 0
    assert len(await scene.facts(CreditReversed)) == 9
    assert await scene.broken() == {}


def refund_of(scene: Scene, order_id: UUID, amount_minor: int, total_minor: int) -> OrderRefunded:
    return OrderRefunded(
        brand_id=scene.shop.brand_id,
        order_id=order_id,
        number="N",
        refund_id=uuid7(),
        member_id=uuid7(),
        name="Wang",
        key="refund",
        amount_minor=amount_minor,
        refunded_minor=total_minor,
        order_amount_minor=9900,
    )


async def reversed_by(scene: Scene, order_id: UUID, told: list[OrderRefunded]) -> tuple[int, int]:
    """What the credit and the sum of its reversals say; then all is undone, for the order was not refunded."""
    database = scene.shop.database

    async def reverse(fact: OrderRefunded) -> None:
        async with database.transaction() as session:
            await credits.reverse(session, fact)

    await asyncio.gather(*(reverse(fact) for fact in told))
    taken_back = (await scene.credit(order_id)).reversed_minor
    async with database.transaction() as session:
        undone = await session.execute(
            text(
                "DELETE FROM credit_reversal r USING credit c WHERE c.id = r.credit_id AND c.order_id = :id "
                "RETURNING r.amount_minor"
            ),
            {"id": order_id},
        )
        booked = sum(undone.scalars())
        await session.execute(
            text("UPDATE credit SET reversed_minor = 0 WHERE order_id = :id"), {"id": order_id}
        )
    return taken_back, booked


async def test_a_refund_told_five_times_at_once_takes_back_once(scene, shop):
    order_id = await scene.buy(await brought(scene, shop))
    told = [refund_of(scene, order_id, 4000, 4000)] * 5
    assert await reversed_by(scene, order_id, told) == (4000, 4000)


async def test_refunds_told_at_once_and_in_any_order_take_back_the_largest_total(scene, shop):
    order_id = await scene.buy(await brought(scene, shop))
    told = [refund_of(scene, order_id, 1100, 1100 * part) for part in (3, 1, 5, 2, 4)]
    assert await reversed_by(scene, order_id, told) == (5500, 5500)


async def test_money_back_for_an_order_that_was_never_paid_touches_no_credit(scene, shop):
    async with shop.database.transaction() as session:
        await facts.record(session, refund_of(scene, uuid7(), 4000, 0))
    assert await scene.told("credit.reversed") == []


@given(st.integers(1, 10**9), st.lists(st.integers(1, 10**9), min_size=1, max_size=6), st.integers(0, 10**9))
def test_shares_of_running_totals_always_sum_to_the_whole(credit_minor, parts, first):
    whole, running, taken = sum(parts), 0, 0
    for part in parts:
        running += part
        due = share(credit_minor, running, whole)
        assert 0 <= due - taken <= credit_minor
        taken = due
    assert taken == credit_minor


async def test_the_store_hears_of_the_credit_and_of_what_is_taken_back(scene, shop):
    order_id = await scene.buy(await brought(scene, shop))
    await scene.refund(order_id, 900)
    (earned,) = heard((await scene.facts(CreditEarned))[0])
    assert (earned.topic, earned.kind) == (f"store:{shop.store_id}", "credit.earned")
    assert (earned.data["order_id"], earned.data["amount_minor"]) == (str(order_id), 9900)
    assert earned.data["guide"] == {"account_id": str(shop.guide_id), "name": "Guide Li"}
    (taken_back,) = heard((await scene.facts(CreditReversed))[0])
    assert (taken_back.topic, taken_back.kind) == (f"store:{shop.store_id}", "credit.reversed")
    assert (taken_back.data["amount_minor"], taken_back.data["net_minor"]) == (900, 9000)


async def test_a_credit_without_a_store_is_announced_to_nobody(scene, shop):
    await scene.buy(await shop.member())
    (fact,) = await scene.facts(CreditEarned)
    assert heard(fact) == []


async def test_the_member_who_invited_remembers_what_came_of_it(scene, shop):
    a, b = await shop.members(2)
    await scene.touch(a, await scene.invite(scene.guide))
    await scene.enter(a)
    await scene.touch(b, await scene.invite(a))
    await scene.enter(b)
    await scene.refund(await scene.buy(b), 100)
    assert await scene.remembered(a, CreditEarned, CreditReversed) == [
        ("invitation", "earned"),
        ("invitation", "reversed"),
    ]
    assert await scene.remembered(b, CreditEarned, CreditReversed) == []


# Who may see a credit


async def test_a_credit_is_seen_by_headquarters_the_stores_manager_and_the_guide_alone(scene, shop):
    order_id = await scene.buy(await brought(scene, shop))
    path = f"/api/orders/{order_id}/credits"
    finance = await scene.hire(Role.FINANCE, None, "Finance")
    for staff in (shop.owner, finance, scene.manager, scene.guide):
        answer = await scene.get(staff, path)
        assert answer.status_code == 200
        (item,) = answer.json()["items"]
        assert item["order_id"] == str(order_id)
        assert item["why"]["touches"][0]["counted"] is True
    colleague = await scene.hire(Role.GUIDE, shop.store_id, "Guide Wu")
    other_manager = await scene.hire(Role.MANAGER, scene.other_store_id, "Manager Qian")
    host = await scene.hire(Role.HOST, None, "Host")
    other_brand = await Shop.open(shop.database)
    for staff in (colleague, scene.other_guide, other_manager, host, other_brand.owner):
        assert (await scene.get(staff, path)).status_code == 404
    assert (await scene.get(await shop.member(), path)).status_code == 403
    assert (await scene.get(None, path)).status_code == 401
    assert (await scene.get(shop.owner, f"/api/orders/{uuid7()}/credits")).status_code == 404


async def test_an_order_that_waits_for_its_payment_has_no_credit_yet(scene, shop):
    order_id = await scene.order(await brought(scene, shop))
    answer = await scene.get(scene.manager, f"/api/orders/{order_id}/credits")
    assert (answer.status_code, answer.json()) == (200, {"items": []})


# Checking


@pytest.mark.parametrize(
    ("broken", "found_by"),
    [
        (
            "DELETE FROM credit WHERE order_id = :id",
            {"credit_one_for_each_paid_order", "board_totals_equal_orders", "boards_equal_ledger"},
        ),
        (
            "UPDATE credit SET amount_minor = amount_minor + 1 WHERE order_id = :id",
            {"credit_one_for_each_paid_order", "board_totals_equal_orders", "boards_equal_ledger"},
        ),
        (
            "UPDATE credit SET reversed_minor = 1 WHERE order_id = :id",
            {"credit_reversals_equal_refunds", "board_totals_equal_orders", "boards_equal_ledger"},
        ),
        (
            "UPDATE credit SET guide_id = NULL WHERE order_id = :id",
            {"credit_one_for_each_paid_order", "board_totals_equal_orders"},
        ),
        (
            "UPDATE orders SET status = 'awaiting_payment', paid_at = NULL WHERE id = :id",
            {"credit_one_for_each_paid_order", "board_totals_equal_orders", "boards_equal_ledger"},
        ),
    ],
)
async def test_verify_finds_a_credit_that_does_not_agree_with_its_order(scene, shop, broken, found_by):
    order_id = await scene.buy(await brought(scene, shop))
    async with shop.database.engine.connect() as connection, connection.begin() as undone:
        session = AsyncSession(connection)
        await session.execute(text(broken), {"id": order_id})
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))  # the boards follow, as at a commit
        assert {name for name, rows in (await checks.verify(session)).items() if rows} == found_by
        await undone.rollback()
