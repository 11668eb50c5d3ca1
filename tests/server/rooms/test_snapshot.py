from __future__ import annotations

import asyncio

import msgspec
import pytest

from live.events import RoomEvent, room_topic
from server.kit.ids import uuid7
from server.kit.problems import NotFound
from server.rooms import snapshot
from server.rooms.snapshot import FRESH_S, RoomViews
from server.tipping import service as tipping


class Assemblies:
    """Counts how often a room is assembled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        real = snapshot.assemble

        async def assemble(*args):
            self.count += 1
            return await real(*args)

        monkeypatch.setattr(snapshot, "assemble", assemble)


@pytest.fixture
def assemblies(monkeypatch) -> Assemblies:
    return Assemblies(monkeypatch)


@pytest.fixture
def now() -> list[float]:
    return [0.0]


@pytest.fixture
def views(stage, presence, broker, now) -> RoomViews:
    return RoomViews(stage.database, presence, broker, time=lambda: now[0])


async def test_a_crowd_that_comes_at_once_costs_one_assembly(stage, views, assemblies):
    await asyncio.gather(*(views.view(stage.room_id) for _ in range(100)))
    assert assemblies.count == 1


async def test_a_view_is_not_shared_after_the_room_heard_of_something(stage, views, broker, assemblies):
    await views.view(stage.room_id)
    await broker.append([RoomEvent(room_topic(stage.room_id), "room.state", {}, str(uuid7()))])
    await views.view(stage.room_id)
    assert assemblies.count == 2


async def test_counts_in_a_view_are_a_second_old_at_most(stage, views, presence, broker, now):
    assert (await views.view(stage.room_id)).here == 0
    await presence.enter(str(stage.room_id), "m1", {})
    await broker.count(room_topic(stage.room_id), likes=7)
    now[0] = FRESH_S + 0.1
    view = await views.view(stage.room_id)
    assert (view.here, view.likes) == (1, 7)


async def test_only_holds_are_the_viewers_own(stage, views):
    one, other = await stage.shop.members(2)
    order_id = await stage.order(one, 2)
    async with stage.session() as session:
        await tipping.create_gift(session, stage.shop.brand_id, name="Rose", icon="🌹", price_minor=100)
    mine = msgspec.json.decode(await views.snapshot(stage.room_id, one.id))
    theirs = msgspec.json.decode(await views.snapshot(stage.room_id, other.id))
    assert [(hold["order_id"], hold["quantity"]) for hold in mine.pop("holds")] == [(str(order_id), 2)]
    assert theirs.pop("holds") == []
    assert mine == theirs
    assert mine["gifts"][0]["icon"] == "🌹"


async def test_a_room_that_is_not_there_has_no_view(views):
    with pytest.raises(NotFound):
        await views.view(uuid7())


async def test_the_street_sees_the_room_while_the_broker_is_away(stage, presence, valkey_server):
    from live.broker.redis import RedisBroker

    valkey = valkey_server()
    broker = RedisBroker(valkey.url)
    valkey.kill()
    views = RoomViews(stage.database, presence, broker)
    view = await snapshot.without_broker(stage.database, views, stage.room_id)
    assert view.room.title == "Spring tea"
    await broker.aclose()
