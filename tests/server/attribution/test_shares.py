from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import event, text
from sqlalchemy.ext.asyncio import AsyncSession

from server.attribution import checks, credits, service
from server.attribution.splits import left
from server.orders.facts import OrderPaid

PAYS = {"guide_bp": 555, "store_bp": 333, "sharing_bp": [222, 111], "bonus_minor": 700}


async def shared(scene, shop, **policy):
    """An order whose buyer came by a link that two members shared on; the first is nearest to the buyer."""
    await scene.rules(**{**PAYS, **policy})
    scene.later(seconds=1)
    second, first, buyer = await shop.members(3)
    await scene.touch(second, await scene.invite(scene.guide))
    await scene.enter(second)
    await scene.touch(first, await scene.invite(second))
    await scene.enter(first)
    await scene.touch(buyer, await scene.invite(first))
    await scene.enter(buyer)
    return second, first, buyer, await scene.buy(buyer)


async def shares(scene, order_id):
    credit = await scene.credit(order_id)
    answer = await scene.get(scene.shop.owner, f"/api/credits/{credit.credit_id}")
    return {one["kind"]: one for one in answer.json()["shares"]}


async def nets(scene, order_id):
    return {kind: one["net_minor"] for kind, one in (await shares(scene, order_id)).items()}


async def test_guide_store_and_two_members_who_shared_get_their_parts_of_a_paid_order(scene, shop):
    second, first, _, order_id = await shared(scene, shop)
    found = await shares(scene, order_id)
    assert {kind: (one["amount_minor"], one["beneficiary_id"]) for kind, one in found.items()} == {
        "guide": (549, str(scene.guide.id)),
        "store": (329, str(shop.store_id)),
        "share_1": (219, str(first.id)),
        "share_2": (109, str(second.id)),
        "bonus": (700, str(scene.guide.id)),
    }
    assert found["share_1"]["name"] == first.name
    assert await scene.broken() == {}


async def test_the_bonus_is_given_once_a_member_also_when_two_orders_are_paid_at_once(scene, shop):
    await scene.rules(bonus_minor=500)
    scene.later(seconds=1)
    buyer = await shop.member()
    await scene.touch(buyer, await scene.invite(scene.guide))
    orders = [await scene.order(buyer) for _ in range(3)]
    await asyncio.gather(*(scene.pay(buyer, order_id) for order_id in orders))
    given = [await nets(scene, order_id) for order_id in orders]
    assert sorted(given, key=len) == [{}, {}, {"bonus": 500}]
    assert await nets(scene, await scene.buy(buyer)) == {}
    assert await scene.broken() == {}


async def test_who_bought_before_there_was_a_bonus_is_no_new_customer(scene, shop):
    buyer = await shop.member()
    await scene.touch(buyer, await scene.invite(scene.guide))
    await scene.buy(buyer)
    await scene.rules(bonus_minor=500)
    scene.later(seconds=1)
    assert await nets(scene, await scene.buy(buyer)) == {}


@pytest.mark.parametrize("parts", [[3333, 1, 6566], [9900], [1] * 5 + [9895]])
async def test_refunds_take_back_from_each_share_to_the_unit(scene, shop, parts):
    *_, order_id = await shared(scene, shop)
    whole = await shares(scene, order_id)
    net = 9900
    for part in parts:
        net -= part
        await scene.refund(order_id, part)
        expected = {kind: left(one["bp"], one["amount_minor"], 9900, net) for kind, one in whole.items()}
        assert await nets(scene, order_id) == expected
        assert await scene.broken() == {}
    assert set((await nets(scene, order_id)).values()) == {0}


async def test_refunds_at_once_leave_the_shares_of_what_is_left(scene, shop):
    *_, order_id = await shared(scene, shop)
    whole = await shares(scene, order_id)
    await asyncio.gather(*(scene.refund(order_id, 700) for _ in range(7)))
    expected = {kind: left(one["bp"], one["amount_minor"], 9900, 5000) for kind, one in whole.items()}
    assert await nets(scene, order_id) == expected
    assert await scene.broken() == {}


async def test_a_guest_who_shared_becomes_a_member_and_keeps_the_share(scene, shop):
    _, first, _, order_id = await shared(scene, shop)
    known = await shop.member("Known")
    async with shop.database.transaction() as session:
        await service.merge(session, first.id, known.id, scene.now)
    assert (await shares(scene, order_id))["share_1"]["beneficiary_id"] == str(known.id)


async def test_a_paid_order_costs_a_bounded_number_of_statements(scene, shop):
    """However long the chain and however many shares."""
    *_, buyer, _ = await shared(scene, shop)
    order_id = await scene.order(buyer)
    counted = 0

    def count(*_args):
        nonlocal counted
        counted += 1

    async with shop.database.transaction() as session:
        row = (await session.execute(text("SELECT * FROM orders WHERE id = :id"), {"id": order_id})).one()
        fact = OrderPaid(
            brand_id=shop.brand_id,
            order_id=order_id,
            number=row.number,
            member_id=row.member_id,
            name="",
            store_id=row.store_id,
            guide_id=row.guide_id,
            link_id=row.link_id,
            amount_minor=row.amount_minor,
            lines=[],
        )
        event.listen(shop.database.engine.sync_engine, "before_cursor_execute", count)
        try:
            await credits.earn(session, fact)
            await session.flush()
        finally:
            event.remove(shop.database.engine.sync_engine, "before_cursor_execute", count)
            await session.rollback()
    assert counted <= 9


@given(st.integers(1, 10**9), st.integers(1, 10_000), st.lists(st.integers(1, 10**9), max_size=6))
@settings(max_examples=50)
def test_what_is_taken_back_of_a_share_sums_to_the_whole_share(base, bp, parts):
    amount, held, net = left(bp, 0, base, base), 0, base
    for part in [*parts, base]:
        net = max(0, net - part)
        back = amount - left(bp, 0, base, net) - held
        assert back >= 0
        held += back
    assert held == amount


OF_ORDER = "credit_id = (SELECT id FROM credit WHERE order_id = :id)"


@pytest.mark.parametrize(
    ("broken", "found_by"),
    [
        (
            f"UPDATE credit_share SET amount_minor = amount_minor + 1 WHERE {OF_ORDER}",
            {"credit_shares_equal_their_rule"},
        ),
        (
            f"UPDATE credit_share SET reversed_minor = 1 WHERE kind = 'bonus' AND {OF_ORDER}",
            {"credit_shares_equal_their_rule"},
        ),
        (
            f"UPDATE credit_share SET beneficiary_id = gen_random_uuid() WHERE kind = 'guide' AND {OF_ORDER}",
            {"credit_shares_equal_their_rule"},
        ),
        (
            f"UPDATE credit_share SET bp = 9999, amount_minor = 9899 WHERE kind = 'guide' AND {OF_ORDER}",
            {"credit_shares_within_the_credit"},
        ),
        (
            "DELETE FROM new_customer_bonus WHERE order_id = :id",
            {"new_customer_bonus_for_its_order_alone"},
        ),
    ],
)
async def test_verify_finds_shares_that_do_not_follow_from_their_credit(scene, shop, broken, found_by):
    *_, order_id = await shared(scene, shop)
    async with shop.database.engine.connect() as connection:
        undone = await connection.begin()
        session = AsyncSession(connection)
        await session.execute(text(broken), {"id": order_id})
        found = {name for name, rows in (await checks.verify(session)).items() if rows}
        await undone.rollback()
    assert found == found_by
