from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from server.attribution import checks
from server.attribution.facts import CreditEarned, CreditReversed, DisputeDecided
from server.kit import facts
from server.kit.ids import uuid7
from server.kit.principal import Role
from tests.server.attribution.scene import Scene
from tests.server.shop import Shop

RATES = {"guide_bp": 500, "store_bp": 300, "bonus_minor": 100}


async def sold(scene, shop, guide=None, **policy):
    await scene.rules(**{**RATES, **policy})
    scene.later(seconds=1)
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(guide or scene.guide))
    return await scene.buy(viewer)


async def number_of(scene, order_id) -> str:
    async with scene.shop.database.transaction() as session:
        row = await session.execute(text("SELECT number FROM orders WHERE id = :id"), {"id": order_id})
        return str(row.scalar_one())


async def appealed(scene, order_id, who=None) -> str:
    body = {"order_number": await number_of(scene, order_id), "words": "I served her in the store"}
    answer = await scene.post(who or scene.other_guide, "/api/disputes", body)
    assert answer.status_code == 201, answer.text
    return answer.json()["dispute_id"]


async def decided(scene, dispute_id, by=None, **body):
    body = {"granted": True, "reason": "The till says so", **body}
    return await scene.post(by or scene.shop.owner, f"/api/disputes/{dispute_id}/decision", body)


async def detail(scene, credit_id, who=None) -> dict:
    return (await scene.get(who or scene.shop.owner, f"/api/credits/{credit_id}")).json()


async def test_a_granted_appeal_takes_the_credit_back_in_full_and_books_another(scene, shop):
    order_id = await sold(scene, shop)
    old = await scene.credit(order_id)
    answer = await decided(scene, await appealed(scene, order_id))
    assert (answer.status_code, answer.json()["decision"]["guide"]["name"]) == (200, "Guide Sun")
    new = await scene.credit(order_id)
    assert (new.rule, new.guide.name, new.store.name, new.net_minor) == (
        "decision",
        "Guide Sun",
        "Suzhou",
        9900,
    )
    was = await detail(scene, old.credit_id)
    assert (was["credit"]["standing"], was["credit"]["net_minor"]) == (False, 0)
    assert {one["net_minor"] for one in was["shares"]} == {0}
    assert (was["moved_to"]["guide"]["name"], was["moved_to"]["reason"]) == ("Guide Sun", "The till says so")
    now = await detail(scene, new.credit_id)
    assert {one["kind"]: (one["name"], one["net_minor"]) for one in now["shares"]} == {
        "guide": ("Guide Sun", 495),
        "store": ("Suzhou", 297),
        "bonus": ("Guide Sun", 100),
    }
    assert now["credit"]["why"]["decision"]["replaces"] == str(old.credit_id)
    assert await scene.broken() == {}


async def test_boards_and_lists_follow_the_credit(scene, shop):
    order_id = await sold(scene, shop)
    await decided(scene, await appealed(scene, order_id))
    lost = (await scene.get(shop.owner, f"/api/stores/{shop.store_id}/board")).json()
    won = (await scene.get(shop.owner, f"/api/stores/{scene.other_store_id}/board")).json()
    assert (lost["totals"]["orders"], lost["totals"]["net_minor"]) == (0, 0)
    assert (won["totals"]["orders"], won["totals"]["net_minor"]) == (1, 9900)
    assert (await scene.get(scene.guide, "/api/guide")).json()["totals"]["orders"] == 0
    page = (await scene.get(scene.other_guide, "/api/guide")).json()
    assert (page["totals"]["credited_minor"], [one["rule"] for one in page["credits"]]) == (
        9900,
        ["decision"],
    )


async def test_refunds_before_and_after_a_decision_are_taken_back_from_the_one_that_stands(scene, shop):
    order_id = await sold(scene, shop)
    for part in (1234, 66):
        await scene.refund(order_id, part)
    await decided(scene, await appealed(scene, order_id))
    new = await scene.credit(order_id)
    assert (new.amount_minor, new.reversed_minor) == (9900, 1300)
    assert [one["amount_minor"] for one in (await detail(scene, new.credit_id))["reversals"]] == [1234, 66]
    assert await scene.broken() == {}
    await scene.refund(order_id, 8600)
    assert (await scene.credit(order_id)).net_minor == 0
    assert {one["net_minor"] for one in (await detail(scene, new.credit_id))["shares"]} == {0}
    assert await scene.broken() == {}


async def test_a_second_appeal_can_move_it_again(scene, shop):
    order_id = await sold(scene, shop)
    await decided(scene, await appealed(scene, order_id))
    await decided(scene, await appealed(scene, order_id, scene.guide))
    assert (await scene.credit(order_id)).guide.name == "Guide Li"
    assert await scene.broken() == {}


async def test_headquarters_may_give_it_to_a_third_or_to_a_store_alone(scene, shop):
    third = await scene.hire(Role.GUIDE, shop.store_id, "Guide Wu")
    one, two = await sold(scene, shop), await sold(scene, shop)
    assert (await decided(scene, await appealed(scene, one), guide_id=str(third.id))).status_code == 200
    assert (await scene.credit(one)).guide.name == "Guide Wu"
    await decided(scene, await appealed(scene, two), store_id=str(scene.other_store_id))
    credit = await scene.credit(two)
    assert (credit.store.name, credit.guide) == ("Suzhou", None)
    assert await scene.broken() == {}


async def test_a_refused_appeal_changes_nothing_and_says_why(scene, shop):
    order_id = await sold(scene, shop)
    old = await scene.credit(order_id)
    answer = await decided(scene, await appealed(scene, order_id), granted=False, reason="No such visit")
    assert answer.json()["decision"]["granted"] is False
    assert (await scene.credit(order_id)).credit_id == old.credit_id
    (own,) = (await scene.get(scene.other_guide, "/api/disputes", state="all")).json()["items"]
    assert own["decision"]["reason"] == "No such visit"
    assert await scene.broken() == {}


async def test_a_guide_appeals_also_about_an_own_credit_that_is_wrong(scene, shop):
    order_id = await sold(scene, shop)
    credit = await scene.credit(order_id)
    body = {"credit_id": str(credit.credit_id), "words": "Not mine"}
    assert (await scene.post(scene.other_guide, "/api/disputes", body)).status_code == 404
    answer = await scene.post(scene.guide, "/api/disputes", body)
    assert (answer.status_code, answer.json()["credit"]["guide"]["name"]) == (201, "Guide Li")
    assert (await decided(scene, answer.json()["dispute_id"])).json()["slug"] == "same-carrier"


async def test_who_asks_by_number_learns_nothing_of_the_order(scene, shop):
    order_id = await sold(scene, shop)
    dispute_id = await appealed(scene, order_id)
    (own,) = (await scene.get(scene.other_guide, "/api/disputes")).json()["items"]
    assert (own["dispute_id"], own["credit"]) == (dispute_id, None)


async def test_one_open_appeal_an_order_and_guide(scene, shop):
    order_id = await sold(scene, shop)
    await appealed(scene, order_id)
    body = {"order_number": await number_of(scene, order_id), "words": "Again"}
    again = await scene.post(scene.other_guide, "/api/disputes", body)
    assert (again.status_code, again.json()["slug"]) == (409, "dispute-open")


async def test_what_is_wrong_with_an_appeal_is_said(scene, shop):
    order_id = await sold(scene, shop)
    number = await number_of(scene, order_id)
    other = await Shop.open(shop.database)
    unpaid = await scene.order(await shop.member())
    for who, body, status in (
        (scene.guide, {"order_number": "NOWHERE", "words": "x"}, 404),
        (scene.guide, {"order_number": await number_of(scene, unpaid), "words": "x"}, 404),
        (scene.guide, {"words": "x"}, 422),
        (scene.guide, {"order_number": number, "credit_id": str(uuid7()), "words": "x"}, 422),
        (scene.guide, {"order_number": number, "words": "  "}, 422),
        (scene.guide, {"order_number": number, "words": ""}, 422),
        (shop.owner, {"order_number": number, "words": "x"}, 403),
        (await shop.member(), {"order_number": number, "words": "x"}, 403),
        (None, {"order_number": number, "words": "x"}, 401),
        (Scene(other).guide, {"order_number": number, "words": "x"}, 404),
    ):
        assert (await scene.post(who, "/api/disputes", body)).status_code == status, (who, body)


async def test_owner_and_operator_decide_once_and_nobody_else(scene, shop):
    dispute_id = await appealed(scene, await sold(scene, shop))
    finance = await scene.hire(Role.FINANCE, None, "Finance")
    other = await Shop.open(shop.database)
    for staff, status in ((finance, 403), (scene.manager, 403), (scene.other_guide, 403), (other.owner, 404)):
        assert (await decided(scene, dispute_id, staff)).status_code == status
    assert (await decided(scene, dispute_id, reason=" ")).status_code == 422
    assert (await decided(scene, dispute_id, guide_id=str(other.guide_id))).status_code == 404
    operator = await scene.hire(Role.OPERATOR, None, "Operator")
    assert (await decided(scene, dispute_id, operator)).status_code == 200
    again = await decided(scene, dispute_id, granted=False)
    assert (again.status_code, again.json()["slug"]) == (409, "dispute-decided")


async def test_headquarters_see_and_count_the_open_ones_a_manager_the_stores_a_guide_the_own(scene, shop):
    first, second = await sold(scene, shop), await sold(scene, shop)
    await decided(scene, await appealed(scene, first))
    waiting = await appealed(scene, second)
    own = await appealed(scene, second, scene.guide)

    async def seen(who, **query):
        answer = (await scene.get(who, "/api/disputes", **query)).json()
        return [one["dispute_id"] for one in answer["items"]], answer["open"]

    assert await seen(shop.owner) == ([own, waiting], 2)
    assert len((await seen(shop.owner, state="all"))[0]) == 3
    assert await seen(scene.manager) == ([own], 1)
    assert await seen(scene.guide) == ([own], 1)
    assert (await seen(scene.other_guide, state="all"))[1] == 1
    host = await scene.hire(Role.HOST, None, "Host")
    assert (await scene.get(host, "/api/disputes")).status_code == 403


async def test_why_a_credit_is_whose_is_told_to_whom_it_concerns(scene, shop):
    order_id = await sold(scene, shop)
    path = f"/api/credits/{(await scene.credit(order_id)).credit_id}"
    colleague = await scene.hire(Role.GUIDE, shop.store_id, "Guide Wu")
    other = await Shop.open(shop.database)
    for staff, status in (
        (shop.owner, 200),
        (scene.manager, 200),
        (scene.guide, 200),
        (colleague, 404),
        (scene.other_guide, 404),
        (other.owner, 404),
        (await scene.hire(Role.HOST, None, "Host"), 404),
        (await shop.member(), 403),
        (None, 401),
    ):
        assert (await scene.get(staff, path)).status_code == status, staff
    assert (await scene.get(shop.owner, f"/api/credits/{uuid7()}")).status_code == 404
    told = await detail(scene, path.rsplit("/", 1)[1], scene.guide)
    assert (told["policy"]["guide_bp"], told["credit"]["rule"]) == (500, "last-touch")
    assert told["credit"]["why"]["touches"][0]["outcome"] == "counted"
    assert told["number"] == await number_of(scene, order_id)


async def test_both_stores_hear_of_a_moved_credit(scene, shop):
    order_id = await sold(scene, shop)
    await decided(scene, await appealed(scene, order_id))
    (decision,) = await scene.facts(DisputeDecided)
    stores = {f"store:{shop.store_id}", f"store:{scene.other_store_id}"}
    assert {event.topic for event in facts.announcements(decision)} == stores
    (back,) = await scene.facts(CreditReversed)
    assert (back.refund_id, back.net_minor, back.guide.name) == (None, 0, "Guide Li")
    assert [one.rule for one in await scene.facts(CreditEarned)] == ["last-touch", "decision"]


# Races


@pytest.mark.parametrize("parts", [[900], [9900], [1000, 2000, 3000]])
async def test_a_refund_against_a_decision_is_taken_back_whichever_comes_first(scene, shop, parts):
    order_id = await sold(scene, shop)
    dispute_id = await appealed(scene, order_id)
    await asyncio.gather(decided(scene, dispute_id), *(scene.refund(order_id, part) for part in parts))
    credit = await scene.credit(order_id)
    assert (credit.guide.name, credit.net_minor) == ("Guide Sun", 9900 - sum(parts))
    assert await scene.broken() == {}


async def test_of_two_decisions_at_once_one_counts(scene, shop):
    dispute_id = await appealed(scene, await sold(scene, shop))
    answers = await asyncio.gather(
        *(decided(scene, dispute_id, granted=granted) for granted in (True, False, True, False))
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    assert await scene.broken() == {}


async def test_two_appeals_about_one_order_granted_at_once_leave_one_credit(scene, shop):
    order_id = await sold(scene, shop)
    third = await scene.hire(Role.GUIDE, shop.store_id, "Guide Wu")
    disputes = [await appealed(scene, order_id, who) for who in (scene.other_guide, third)]
    answers = await asyncio.gather(*(decided(scene, one) for one in disputes))
    assert [answer.status_code for answer in answers] == [200, 200]
    assert (await scene.credit(order_id)).guide.name in ("Guide Sun", "Guide Wu")
    assert await scene.broken() == {}


@pytest.mark.parametrize(
    ("broken", "found_by"),
    [
        (
            "UPDATE credit SET guide_id = NULL WHERE order_id = :id AND superseded_at IS NULL",
            {
                "credit_one_for_each_paid_order",
                "credit_moved_once_for_each_granted_dispute",
                "credit_shares_equal_their_rule",
                "board_totals_equal_orders",
            },
        ),
        (
            "UPDATE credit SET reversed_minor = 0 WHERE order_id = :id AND superseded_at IS NOT NULL",
            {"credit_reversals_equal_refunds", "credit_shares_equal_their_rule"},
        ),
        (
            "UPDATE dispute_decision SET granted = false WHERE dispute_id IN "
            "(SELECT id FROM credit_dispute WHERE order_id = :id)",
            {
                "credit_one_for_each_paid_order",
                "credit_moved_once_for_each_granted_dispute",
                "board_totals_equal_orders",
            },
        ),
    ],
)
async def test_verify_finds_a_moved_credit_that_no_decision_explains(scene, shop, broken, found_by):
    order_id = await sold(scene, shop)
    await decided(scene, await appealed(scene, order_id))
    async with shop.database.engine.connect() as connection:
        undone = await connection.begin()
        session = AsyncSession(connection)
        await session.execute(text(broken), {"id": order_id})
        await session.execute(text("SET CONSTRAINTS ALL IMMEDIATE"))
        found = {name for name, rows in (await checks.verify(session)).items() if rows}
        await undone.rollback()
    assert found == found_by
