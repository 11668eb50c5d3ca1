"""A door whose database has no connection free in time: whoever stands there is asked to come again."""

from __future__ import annotations

import asyncio

from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from live.protocol import CloseCode
from server.rooms import doorkeeper
from tests.crowd.seats import NotLetIn, Seat
from tests.server.rooms.floor import open_floor

CROWD = 24
HELD_S = 2.0
COME_AGAIN = {str(int(CloseCode.UNAVAILABLE)), "HTTP/1.1 503 Service Unavailable"}


async def test_whoever_finds_no_room_at_the_database_is_asked_to_come_again(stage, redis_url, monkeypatch):
    monkeypatch.setattr("server.kit.database.PATIENCE_S", 0.3)
    async with open_floor(stage, redis_url) as floor:
        members = await stage.shop.members(CROWD)
        urls = [floor.address(f"/ws/rooms/{stage.room_id}?token={await floor.token(who)}") for who in members]
        async with stage.session() as session:
            await session.execute(text("LOCK TABLE room IN ACCESS EXCLUSIVE MODE"))
            coming = [asyncio.create_task(Seat(url).enter()) for url in urls]
            await asyncio.wait(coming, timeout=HELD_S)
        async with asyncio.timeout(20):
            came = await asyncio.gather(*coming, return_exceptions=True)
        assert {why for one in came if (why := sent_away(one)) is not None} <= COME_AGAIN


def sent_away(came: object) -> str | None:
    if isinstance(came, NotLetIn):
        return came.why
    if isinstance(came, BaseException):
        raise came
    return None


async def test_whoever_is_not_looked_up_on_arriving_is_asked_to_come_again(stage, redis_url, monkeypatch):
    asked = 0
    lookup = doorkeeper.standing.standings

    async def crowded(*arguments: object) -> object:
        nonlocal asked
        asked += 1
        if asked == 2:  # the first time is at the door, before the room is heard
            raise PoolTimeout
        return await lookup(*arguments)

    monkeypatch.setattr(doorkeeper.standing, "standings", crowded)
    async with open_floor(stage, redis_url) as floor:
        member = await stage.shop.member()
        seat = Seat(floor.address(f"/ws/rooms/{stage.room_id}?token={await floor.token(member)}"))
        await seat.enter()
        async with asyncio.timeout(3):
            await seat.gone.wait()
        assert seat.close_code == CloseCode.UNAVAILABLE
