"""The boards against what they count, whatever happens at once."""

from __future__ import annotations

import asyncio
import random

from sqlalchemy import text

from server.attribution import disputes, service
from server.attribution.disputes import Appeal, Decide
from server.attribution.facts import ViewerEntered
from server.attribution.service import Entering
from server.kit import facts
from server.kit.principal import Role


async def line(shop, guide_id) -> tuple[int, ...]:
    async with shop.database.transaction() as session:
        rows = await session.execute(
            text(
                """
                SELECT visits, new_members, orders, amount_minor, reversed_minor FROM board_line
                WHERE room_id = :room AND guide_id IS NOT DISTINCT FROM CAST(:guide AS uuid)
                """
            ),
            {"room": shop.room_id, "guide": guide_id},
        )
        found = rows.first()
        return tuple(found) if found else (0,) * 5


async def come(scene, shop, guide):
    viewer = await shop.member()
    await scene.touch(viewer, await scene.invite(guide))
    return viewer


async def move(scene, order_id, guide) -> None:
    """By an appeal that headquarters grant."""
    async with scene.shop.database.transaction() as session:
        row = await session.execute(text("SELECT number FROM orders WHERE id = :id"), {"id": order_id})
        appeal = Appeal(words="mine", order_number=row.scalar_one())
        dispute = await disputes.appeal(session, guide, appeal, scene.now)
    async with scene.shop.database.transaction() as session:
        granted = Decide(granted=True, reason="so it is")
        await disputes.decide(session, scene.shop.owner, dispute.dispute_id, granted, scene.now)


async def merge(scene, guest, member) -> None:
    async with scene.shop.database.transaction() as session:
        ids = {"guest": guest.id, "member": member.id}
        await session.execute(
            text("SELECT id FROM member WHERE id IN (:guest, :member) ORDER BY id FOR UPDATE"), ids
        )
        await session.execute(text("UPDATE orders SET member_id = :member WHERE member_id = :guest"), ids)
        await service.merge(session, guest.id, member.id, scene.now)
        await session.execute(text("UPDATE member SET merged_into = :member WHERE id = :guest"), ids)


async def test_a_line_counts_what_a_guide_brought(scene, shop):
    viewer = await come(scene, shop, scene.guide)
    order_id = await scene.buy(viewer, quantity=2)
    await scene.buy(viewer)
    await scene.refund(order_id, 900)
    assert await line(shop, shop.guide_id) == (1, 1, 2, 29700, 900)


async def test_another_guides_link_takes_the_visit_along(scene, shop):
    viewer = await come(scene, shop, scene.guide)
    scene.later(minutes=20)
    await scene.touch(viewer, await scene.invite(scene.other_guide))
    assert await line(shop, shop.guide_id) == (0, 0, 0, 0, 0)
    assert await line(shop, scene.other_guide.id) == (1, 1, 0, 0, 0)


async def test_a_credit_that_is_moved_moves_the_figures_with_what_was_refunded(scene, shop):
    order_id = await scene.buy(await come(scene, shop, scene.guide), quantity=2)
    await scene.refund(order_id, 800)
    await move(scene, order_id, scene.other_guide)
    assert await line(shop, shop.guide_id) == (1, 1, 0, 0, 0)
    assert await line(shop, scene.other_guide.id) == (0, 0, 1, 19800, 800)
    assert await scene.broken() == {}


async def test_a_guest_who_was_a_member_all_along_is_one_visit_and_new_once(scene, shop):
    member, guest = await come(scene, shop, scene.guide), await come(scene, shop, scene.other_guide)
    elsewhere = await scene.room()
    await scene.enter(guest, elsewhere)
    await merge(scene, guest, member)
    assert (await line(shop, shop.guide_id))[:2] == (0, 0)  # the other's link was opened last
    assert (await line(shop, scene.other_guide.id))[:2] == (1, 1)
    assert await scene.broken() == {}


async def test_what_is_undone_is_not_counted(scene, shop):
    who = await shop.member()
    async with shop.database.session() as session:
        asked = Entering(room_id=shop.room_id, member_id=who.id, brand_id=who.brand_id)
        await service.enter(session, asked, scene.now)
        await session.rollback()
    assert await line(shop, None) == (0, 0, 0, 0, 0)
    assert await scene.broken() == {}


async def test_boards_equal_their_ledgers_after_everything_at_once(scene, shop):
    """Visits in batches that share their members, payments, refunds, appeals both ways and merges, in one room."""
    rng = random.Random(7)
    guides = [scene.guide, scene.other_guide, await scene.hire(Role.GUIDE, shop.store_id, "Guide Wu")]
    buyers = [await come(scene, shop, rng.choice(guides)) for _ in range(8)]
    sold = [await scene.buy(one, quantity=rng.randint(1, 3)) for one in buyers]
    waiting = [(one, await scene.order(one)) for one in buyers]
    crowd = await shop.members(60)
    guests = await shop.members(4)
    for guest in guests:
        await scene.touch(guest, await scene.invite(rng.choice(guides)))

    async def enter(people) -> None:
        async with shop.database.transaction() as session:
            asked = [
                Entering(room_id=shop.room_id, member_id=who.id, brand_id=who.brand_id) for who in people
            ]
            await service.enter_all(session, asked, scene.now)

    work = [enter(rng.sample(crowd, 25)) for _ in range(6)]
    work += [scene.pay(who, order_id) for who, order_id in waiting]
    work += [scene.refund(order_id, rng.randint(1, 9000)) for order_id in sold]
    work += [merge(scene, guest, buyer) for guest, buyer in zip(guests, buyers, strict=False)]
    credited = [(await scene.credit(order_id)).guide.account_id for order_id in sold]
    work += [
        move(scene, order_id, next(guide for guide in guides if guide.id != was))
        for order_id, was in zip(sold, credited, strict=True)
    ]
    rng.shuffle(work)
    await asyncio.gather(*work)
    assert await scene.broken() == {}
    async with shop.database.transaction() as session:
        left = await session.execute(text("SELECT count(*) FROM board_change"))
        assert left.scalar_one() == 0


async def test_the_board_is_told_of_once_a_second(scene, shop):
    viewers = await shop.members(3)
    for viewer in viewers:
        await scene.enter(viewer)
    scene.later(seconds=1)
    await scene.enter(await shop.member())
    told = {
        (event.topic, event.id)
        for fact in await scene.facts(ViewerEntered)
        for event in facts.announcements(fact)
        if event.kind == "board.changed"
    }  # the broker takes an id once
    assert {topic for topic, _ in told} == {f"control:{shop.room_id}"}
    assert len(told) == 2


async def test_verify_finds_a_line_that_is_wrong_and_a_member_who_is_new_twice(scene, shop):
    await scene.buy(await come(scene, shop, scene.guide))
    async with shop.database.session() as session:
        room = {"id": shop.room_id}
        wrong = "UPDATE board_line SET amount_minor = amount_minor + 1 WHERE room_id = :id"
        await session.execute(text(wrong), room)
        await session.execute(text("UPDATE visit SET is_new = false WHERE room_id = :id"), room)
        found = {name for name, rows in (await service.verify(session)).items() if rows}
        await session.rollback()
    assert found == {
        "board_lines_equal_visits_and_credits",
        "boards_equal_ledger",
        "members_new_once",
    }
