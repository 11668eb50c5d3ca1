from __future__ import annotations

from live.events import room_topic
from server.engagement.likes import service
from server.engagement.likes.rules import PER_SECOND, SAVED, Allowance, owed
from server.rooms.models import Room


def test_taps_count_up_to_what_thumbs_can_do():
    allowance = Allowance()
    assert allowance.spend(100, now=0.0) == SAVED
    assert allowance.spend(100, now=0.0) == 0
    assert allowance.spend(100, now=1.0) == PER_SECOND
    assert allowance.spend(3, now=100.0) == 3


def test_a_broker_that_lost_its_count_is_owed_the_difference():
    assert owed(kept=500, counted=20) == 480
    assert owed(kept=500, counted=600) == 0


async def likes_of(stage) -> int:
    async with stage.session() as session:
        return (await session.get(Room, stage.room_id)).likes


async def keep(stage, broker) -> None:
    async with stage.session() as session:
        await service.keep(session, broker)


async def test_likes_are_kept_and_a_lost_count_goes_on_from_what_was_kept(stage, broker, redis):
    topic = room_topic(stage.room_id)
    await broker.count(topic, likes=30)
    await keep(stage, broker)
    assert await likes_of(stage) == 30

    await redis.flushall()
    await broker.count(topic, likes=2)
    await keep(stage, broker)
    assert (await broker.totals(topic))["likes"] >= 30
    await broker.count(topic, likes=1)
    await keep(stage, broker)
    assert await likes_of(stage) >= 31


async def test_a_count_never_goes_back(stage):
    async with stage.session() as session:
        await service.write(session, {stage.room_id: 9})
        await service.write(session, {stage.room_id: 4})
    assert await likes_of(stage) == 9
