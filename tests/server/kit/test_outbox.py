"""The relay on a real database, with a broker that comes and goes."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel.ext.asyncio.session import AsyncSession

from live.broker import BrokerUnavailable
from live.events import RoomEvent, room_topic
from server.kit import facts
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.facts import Fact, record
from server.kit.ids import uuid7
from server.kit.outbox import BATCH, KEEP, Relay


class BellRang(Fact, kw_only=True, frozen=True, tag="test.bell-rang"):
    room: int = 0
    number: int = 0
    tune: str = "plain"


class Tower:
    """What follows from a bell: a reaction in the database, a memory, an announcement; and the broker."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.relay = Relay(database, self.publish, self.remember)
        self.reacted: Counter[int] = Counter()
        self.remembered: list[int] = []
        self.heard: dict[str, list[int]] = defaultdict(list)
        self.broker_is_away = False
        self.spoils: Callable[[str, BellRang], bool] = lambda step, bell: False
        self.moved = asyncio.Event()

    async def ring(self, *bells: BellRang) -> None:
        async with self.database.transaction() as session:
            await record(session, *bells)

    async def react(self, _: AsyncSession, bell: BellRang) -> None:
        self._may_spoil("reaction", bell)
        self.reacted[bell.number] += 1
        self.moved.set()

    async def remember(self, _: AsyncSession, bells: Sequence[Any]) -> None:
        for bell in bells:
            self._may_spoil("memory", bell)
        self.remembered += [bell.number for bell in bells]

    def announce(self, bell: BellRang) -> list[RoomEvent]:
        self._may_spoil("announcement", bell)
        return [bell.event(room_topic(str(bell.room)), "bell", number=bell.number)]

    async def publish(self, events: Sequence[RoomEvent]) -> None:
        if self.broker_is_away:
            raise BrokerUnavailable
        for event in events:
            self.heard[event.topic].append(event.data["number"])
        self.moved.set()

    def _may_spoil(self, step: str, bell: BellRang) -> None:
        if self.spoils(step, bell):
            raise ValueError(f"a spoilt {step}")

    @asynccontextmanager
    async def relaying(self) -> AsyncIterator[None]:
        stop = asyncio.Event()
        running = asyncio.create_task(self.relay.run(stop))
        yield
        stop.set()
        await running

    async def until(self, true: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not true():
                self.moved.clear()
                await self.moved.wait()

    async def once_more(self) -> None:
        """What was put off is due now."""
        async with self.database.transaction() as session:
            await session.execute(text("UPDATE outbox SET retry_at = now() WHERE retry_at IS NOT NULL"))
        await self.relay.react()
        await self.relay.publish()


@pytest.fixture
async def tower(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Tower]:
    database = Database(database_url)
    tower = Tower(database)
    monkeypatch.setitem(facts._after_commit, BellRang, {"tower": tower.react})
    monkeypatch.setitem(facts._announcers, BellRang, [tower.announce])
    yield tower
    await database.close()


def bells(count: int, **more: Any) -> list[BellRang]:
    return [BellRang(brand_id=uuid7(), room=i % 3, number=i, **more) for i in range(count)]


async def test_reactions_go_on_while_the_broker_is_away_and_topics_hear_all_in_order_after_it(
    tower: Tower,
) -> None:
    count = 2 * BATCH + 200
    tower.broker_is_away = True
    await tower.ring(*bells(count))
    async with tower.relaying():
        await tower.until(lambda: len(tower.reacted) == count)
        assert not tower.heard
        tower.broker_is_away = False
        await tower.until(lambda: sum(map(len, tower.heard.values())) == count)
    assert set(tower.reacted.values()) == {1}
    assert {topic: list(range(i, count, 3)) for i, topic in enumerate(sorted(tower.heard))} == tower.heard


@pytest.mark.parametrize("step", ["reaction", "memory", "announcement"])
async def test_what_fails_makes_its_own_fact_wait_and_no_other(tower: Tower, step: str) -> None:
    tower.spoils = lambda failing, bell: failing == step and bell.number == 1
    await tower.ring(*bells(4))
    await tower.relay.react()
    await tower.relay.publish()
    assert tower.heard == {"room:0": [0, 3], "room:2": [2]}
    tower.spoils = lambda failing, bell: False
    await tower.once_more()
    assert tower.heard["room:1"] == [1]
    assert tower.reacted == Counter(range(4))
    assert sorted(tower.remembered) == [0, 1, 2, 3]


async def test_a_fact_that_still_waits_keeps_its_marks_however_old_they_are(tower: Tower) -> None:
    (relayed, waiting) = bells(2)
    await tower.ring(relayed, waiting)
    tower.spoils = lambda step, bell: step == "memory" and bell.number == waiting.number
    await tower.relay.react()
    await tower.relay.publish()
    async with tower.database.transaction() as session:
        long_ago = {"at": utc_now() - KEEP - timedelta(hours=1)}
        await session.execute(text("UPDATE fact_consumed SET at = :at"), long_ago)
        await session.execute(
            text("UPDATE outbox SET relayed_at = :at WHERE relayed_at IS NOT NULL"), long_ago
        )
    await tower.relay.forget()
    assert await _ids(tower.database, "outbox") == await _ids(tower.database, "fact_consumed")
    assert await _ids(tower.database, "outbox") == {waiting.fact_id}
    tower.spoils = lambda step, bell: False
    await tower.once_more()
    assert tower.reacted == {relayed.number: 1, waiting.number: 1}


async def _ids(database: Database, table: str) -> set[UUID]:
    async with database.transaction() as session:
        return set((await session.execute(text(f"SELECT fact_id FROM {table}"))).scalars())
