from __future__ import annotations

from sqlalchemy import text

from server.attribution import service as attribution
from server.attribution.service import Entering
from server.kit.clock import utc_now
from server.kit.principal import Role
from server.rooms.present import HereNow, Whose, present
from tests.server.rooms.stage import Stage


async def come(stage: Stage, presence, *members) -> None:
    async with stage.session() as session:
        asked = [Entering(room_id=stage.room_id, member_id=who.id, brand_id=who.brand_id) for who in members]
        await attribution.enter_all(session, asked, utc_now())
    for who in members:
        await presence.enter(str(stage.room_id), str(who.id), {"name": who.name})


async def of(stage: Stage, presence, guide=None):
    whose = Whose(stage.shop.brand_id, stage.shop.store_id, guide and guide.id)
    async with stage.session() as session:
        return await present(session, HereNow(presence), whose)


async def names(stage: Stage, presence, guide=None) -> list[str]:
    return [one.name for one in (await of(stage, presence, guide)).items]


async def test_a_guide_sees_the_own_customers_who_are_here_newest_first(stage, presence):
    guide = stage.staff[Role.GUIDE]
    first, second, away = await stage.shop.members(3, brought_by_guide=True)
    await come(stage, presence, first)
    await come(stage, presence, second, await stage.shop.member("Stranger"))
    assert await names(stage, presence, guide) == [second.name, first.name]
    colleague = await stage.hire(Role.GUIDE, store_id=stage.shop.store_id)
    assert await names(stage, presence, colleague) == []
    assert await names(stage, presence) == [second.name, first.name]  # the store's
    assert away.name not in await names(stage, presence)


async def test_who_leaves_is_not_here_any_more_and_who_comes_back_is(stage, presence):
    (member,) = await stage.shop.members(1, brought_by_guide=True)
    await come(stage, presence, member)
    presence._left(str(stage.room_id), str(member.id))
    while await presence.here(str(stage.room_id)):
        pass
    assert (await of(stage, presence)).count == 0
    await presence.enter(str(stage.room_id), str(member.id), {})
    assert (await of(stage, presence)).count == 1


async def test_a_customer_is_told_with_what_they_buy_most(stage, presence):
    (member,) = await stage.shop.members(1, brought_by_guide=True)
    await stage.pay(member, 2)
    await come(stage, presence, member)
    (one,) = (await of(stage, presence)).items
    assert (one.orders, one.amount_minor, one.tags, one.favourite) == (1, 19800, ["buyer"], "Longjing")


async def test_of_a_room_that_is_over_nobody_is_here(stage, presence):
    (member,) = await stage.shop.members(1, brought_by_guide=True)
    await come(stage, presence, member)
    async with stage.session() as session:
        await session.execute(text("UPDATE room SET state = 'ended' WHERE id = :id"), {"id": stage.room_id})
    assert (await of(stage, presence)).count == 0
