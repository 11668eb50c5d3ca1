from __future__ import annotations

import asyncio

import msgspec
import pytest
from sqlalchemy import text

from server.attribution import entering
from server.kit.clock import utc_now
from server.kit.problems import NotFound
from server.rooms.visits import Visits
from tests.server.rooms.stage import Stage


async def visitors(stage: Stage) -> int:
    async with stage.session() as session:
        found = await session.execute(
            text("SELECT count(*) FROM visit WHERE room_id = :id"), {"id": stage.room_id}
        )
        return int(found.scalar_one())


@pytest.fixture
def batches(monkeypatch) -> list[int]:
    """How many came in each."""
    sizes: list[int] = []
    real = entering.enter_all

    async def enter_all(session, asked, now):
        sizes.append(len(asked))
        return await real(session, asked, now)

    monkeypatch.setattr("server.attribution.service.enter_all", enter_all)
    return sizes


async def test_a_crowd_that_comes_at_once_is_written_in_few_transactions(stage, batches):
    visits = Visits(stage.database, utc_now)
    members = await stage.shop.members(60)
    await asyncio.gather(*(visits.enter(stage.room_id, None, who) for who in members * 2))
    assert await visitors(stage) == 60
    assert len(batches) <= 3
    assert len(await stage.facts("viewer.entered")) == 60


async def test_two_processes_that_hear_of_the_same_crowd_write_each_once(stage):
    members = await stage.shop.members(40)
    first, second = Visits(stage.database, utc_now), Visits(stage.database, utc_now)
    await asyncio.gather(
        *(first.enter(stage.room_id, None, who) for who in members),
        *(second.enter(stage.room_id, None, who) for who in reversed(members)),
    )
    assert await visitors(stage) == 40
    assert len(await stage.facts("viewer.entered")) == 40


async def test_one_of_another_brand_keeps_nobody_else_out(stage):
    stranger = await (await Stage.set(stage.database)).shop.member()
    stranger = msgspec.structs.replace(stranger, brand_id=stage.shop.brand_id)
    members = await stage.shop.members(5)
    visits = Visits(stage.database, utc_now)
    asked = [visits.enter(stage.room_id, None, who) for who in (*members[:2], stranger, *members[2:])]
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    assert [isinstance(one, NotFound) for one in outcomes] == [False, False, True, False, False, False]
    assert await visitors(stage) == 5


async def test_one_that_cannot_be_written_spoils_its_batch_for_itself_alone(stage, monkeypatch):
    members = await stage.shop.members(4)
    real = entering.enter_all

    async def enter_all(session, asked, now):
        if any(one.member_id == members[1].id for one in asked):
            raise ValueError("cannot be told")
        return await real(session, asked, now)

    monkeypatch.setattr("server.attribution.service.enter_all", enter_all)
    visits = Visits(stage.database, utc_now)
    outcomes = await asyncio.gather(
        *(visits.enter(stage.room_id, None, who) for who in members), return_exceptions=True
    )
    assert [type(one) for one in outcomes] == [type(None), ValueError, type(None), type(None)]
    assert await visitors(stage) == 3
