"""A chain's great show: 8,000 guides of 1,000 stores, 200,000 visits, 20,000 paid orders, some refunded or moved.

Boards are read and arrivals waited for meanwhile. Visits go through `Visits` as in a web process, orders and payments
through the services that the routes call; who is measured comes by WebSocket and is seen by WebSocket and HTTP.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import uvloop
from sqlalchemy import text
from websockets.asyncio.client import connect

from scripts.soaks.boards_chain import GUIDES_EACH, Chain, Customer
from scripts.soaks.premises import Premises, premises
from scripts.soaks.promises import Promises
from server.attribution import service as attribution
from server.attribution.service import Entering
from server.dashboards import service as dashboards
from server.kit.clock import utc_now
from server.kit.ids import uuid7
from server.orders import paying, placing, refunding
from server.orders import service as orders
from server.payments import service as payments
from server.payments.providers import Notice
from server.rooms.visits import Visits
from server.stock.service import Taking
from tests.server.rooms.stage import settings_for

WITHIN_S = (600, 3_600)
STORES, SHORT_STORES = 1_000, 100
VISITS, SHORT_VISITS = 200_000, 20_000
ORDERS, SHORT_ORDERS = 20_000, 1_000
REFUNDED = 10
"""One order of so many."""
COMPARED = 300
"""Visits written one by one, beside four times as many written together."""
BURST, EVERY_S = 500, 2.0
"""While it is measured, so many come at once, so often."""
PAYERS = 3
MEASURED, SHORT_MEASURED = 120, 30
AGAIN_S = (0.0, 0.35, 0.7, 1.05)
"""When a page reads after it was told that a board has changed."""
GOAL_S = 1.0
LOST_S = 15.0


def run(promises: Promises, short: bool) -> None:
    uvloop.run(soak(promises, short))


@dataclass
class Show:
    house: Premises
    chain: Chain
    promises: Promises
    rng: random.Random = field(default_factory=lambda: random.Random(20261122))
    bought: int = 0

    @property
    def room_id(self) -> UUID:
        return self.house.stage.room_id

    async def order(self, one: Customer) -> None:
        """Placed, paid, and now and then refunded in part."""
        database, sku_id = self.house.database, self.house.stage.shop.sku_id
        settings = settings_for(database, "redis://", sandbox=True)
        async with database.transaction() as session:
            lines = [Taking(sku_id, 1)]
            placed = await placing.place(session, one.who, self.room_id, lines, uuid7().hex, b"", utc_now())
        async with database.transaction() as session:
            payment = await paying.start_payment(
                session, settings, one.who, placed.order_id, "sandbox", "/", utc_now()
            )
            notice = Notice(uuid7().hex, payment.id, True, payment.amount_minor)
            await payments.receive(session, "sandbox", notice, utc_now())
        self.bought += 1
        if self.bought % REFUNDED == 0:
            async with database.transaction() as session:
                part = self.rng.randint(1, payment.amount_minor)
                owner = self.house.stage.owner
                await refunding.refund(session, owner, placed.order_id, part, uuid7().hex, "", utc_now())


async def soak(promises: Promises, short: bool) -> None:
    stores = SHORT_STORES if short else STORES
    visits, sold = (SHORT_VISITS, SHORT_ORDERS) if short else (VISITS, ORDERS)
    measured = SHORT_MEASURED if short else MEASURED
    async with premises() as house:
        came = visits + COMPARED * 5 + measured * 2
        chain = await Chain.made(house.stage, house.database, house.secret, stores, came, sold * 2)
        promises.say(f"boards: {stores * GUIDES_EACH:,} guides of {stores:,} stores, {came:,} customers")
        show = Show(house, chain, promises)
        crowd = list(chain.customers)
        show.rng.shuffle(crowd)
        take = iter(crowd)
        await _compared(show, [next(take) for _ in range(COMPARED * 5)])
        await _filled(show, [next(take) for _ in range(visits * 4 // 5)], sold * 4 // 5)
        await _until_told(house)
        samples = [next(take) for _ in range(measured * 2)]
        await _measured(show, samples, list(take), sold - show.bought)
        await _until_told(house)
        await _looked_at(show)
        await _verified(show)


async def _compared(show: Show, crowd: Sequence[Customer]) -> None:
    """Entries a second, one transaction each and four at the same time as they were before; and gathered."""
    alone, together = crowd[:COMPARED], crowd[COMPARED:]
    places = asyncio.Semaphore(4)

    async def enter(one: Customer) -> None:
        asked = Entering(room_id=show.room_id, member_id=one.who.id, brand_id=one.who.brand_id)
        async with places, show.house.database.transaction() as session:
            await attribution.enter(session, asked, utc_now())

    before = await _rate(alone, enter)
    doors = Visits(show.house.database, utc_now)
    after = await _rate(together, lambda one: doors.enter(show.room_id, None, one.who))
    show.promises.say(
        f"boards: {before:,.0f} entries/s one by one, {after:,.0f} gathered: {after / before:.1f} times as many"
    )


async def _rate(crowd: Sequence[Customer], enter: Callable[[Customer], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await asyncio.gather(*(enter(one) for one in crowd))
    return len(crowd) / (time.perf_counter() - began)


async def _filled(show: Show, crowd: Sequence[Customer], sold: int) -> None:
    """As fast as it goes."""
    doors, began = Visits(show.house.database, utc_now), time.perf_counter()
    for some in _in_thousands(crowd):
        await asyncio.gather(*(doors.enter(show.room_id, None, one.who) for one in some))
    entered = time.perf_counter()
    show.promises.say(f"boards: {len(crowd):,} visits at {len(crowd) / (entered - began):,.0f}/s")
    await _bought(show, show.rng.sample(crowd, sold))
    show.promises.say(f"boards: {sold:,} orders at {sold / (time.perf_counter() - entered):,.0f}/s")


def _in_thousands(crowd: Sequence[Customer]) -> Iterator[Sequence[Customer]]:
    return (crowd[start : start + 2_000] for start in range(0, len(crowd), 2_000))


async def _bought(show: Show, buyers: Sequence[Customer]) -> None:
    waiting = iter(buyers)

    async def pay() -> None:
        for one in waiting:
            await show.order(one)

    await asyncio.gather(*(pay() for _ in range(PAYERS)))


async def _until_told(house: Premises) -> None:
    """Until the worker has told of all that happened."""
    while True:
        async with house.database.transaction() as session:
            row = await session.execute(text("SELECT count(*) FROM outbox WHERE relayed_at IS NULL"))
            if not row.scalar_one():
                return
        await asyncio.sleep(0.5)


async def _measured(show: Show, samples: Sequence[Customer], crowd: Sequence[Customer], sold: int) -> None:
    half = len(samples) // 2
    stop = asyncio.Event()
    load = [
        asyncio.create_task(_bursts(show, crowd, stop)),
        asyncio.create_task(_steadily(show, show.rng.sample(crowd, min(sold, len(crowd))), stop)),
        *(asyncio.create_task(_reading(show, stop)) for _ in range(4)),
    ]
    try:
        arrived, paid = await asyncio.gather(_arrivals(show, samples[:half]), _payments(show, samples[half:]))
    finally:
        stop.set()
        left = await asyncio.gather(*load)
    show.promises.say(
        f"boards: meanwhile {left[0]:,} visits, {left[1]:,} orders, {sum(left[2:]):,} boards read"
    )
    doors = Visits(show.house.database, utc_now)
    for some in _in_thousands(crowd[left[0] :]):
        await asyncio.gather(*(doors.enter(show.room_id, None, one.who) for one in some))
    await _bought(show, show.rng.sample(crowd, max(0, sold - left[1])))
    _told(show.promises, "a guide's page shows an arrival within a second", arrived)
    _told(show.promises, "a board shows a payment within a second", paid)


def _told(promises: Promises, promise: str, took: list[float]) -> None:
    took.sort()
    p50, p95 = took[len(took) // 2], took[len(took) * 95 // 100]
    promises.say(f"boards: {promise}: p50 {p50 * 1000:.0f} ms, p95 {p95 * 1000:.0f} ms of {len(took)}")
    promises.count(f"{promise} (p95)", 1, p95 > GOAL_S, f"{p95:.2f} s")
    promises.count("whoever waited was told", len(took), sum(one >= LOST_S for one in took))


async def _bursts(show: Show, crowd: Sequence[Customer], stop: asyncio.Event) -> int:
    doors, done = Visits(show.house.database, utc_now), 0
    while not stop.is_set() and done < len(crowd):
        some = crowd[done : done + BURST]
        await asyncio.gather(*(doors.enter(show.room_id, None, one.who) for one in some))
        done += len(some)
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), EVERY_S)
    return done


async def _steadily(show: Show, buyers: Sequence[Customer], stop: asyncio.Event) -> int:
    done = 0
    while not stop.is_set() and done < len(buyers):
        await show.order(buyers[done])
        done += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.1)
    return done


async def _reading(show: Show, stop: asyncio.Event) -> int:
    """A board page that is looked at: a page of a hundred rows twice a second."""
    headers, done = await _owner(show), 0
    while not stop.is_set():
        by, sort = (
            show.rng.choice(["guides", "stores", "regions"]),
            show.rng.choice(["amount", "visits", "orders"]),
        )
        answer = await _board(show, headers, by=by, sort=sort, limit=100)
        assert answer["totals"]["visits"] > 0
        done += 1
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 0.5)
    return done


async def _owner(show: Show) -> dict[str, str]:
    token, _ = await show.chain.staff_token(show.house.stage.owner.id)
    return {"Authorization": f"Bearer {token}"}


async def _board(show: Show, headers: dict[str, str], **query: Any) -> dict[str, Any]:
    path = f"/api/rooms/{show.room_id}/board"
    answer = await show.house.http.get(path, params=query, headers=headers, timeout=httpx.Timeout(30))
    found: dict[str, Any] = answer.raise_for_status().json()
    return found


async def _arrivals(show: Show, samples: Sequence[Customer]) -> list[float]:
    """From a viewer's hello to their guide's page hearing of them."""
    tokens = await show.chain.member_tokens(samples)
    took = []
    for one, token in zip(samples, tokens, strict=True):
        guide_token, store_id = await show.chain.staff_token(one.guide_id)
        base = show.house.base_url.replace("http", "ws", 1)
        async with connect(f"{base}/ws/stores/{store_id}?token={guide_token}") as page:
            await page.send('{"type": "hello", "v": 1}')
            await page.recv()
            async with connect(f"{base}/ws/rooms/{show.room_id}?token={token}") as viewer:
                began = time.perf_counter()
                await viewer.send('{"type": "hello", "v": 1}')
                took.append(await _heard(page, str(one.who.id), began))
    return took


async def _heard(page: Any, member_id: str, began: float) -> float:
    with suppress(TimeoutError):
        async with asyncio.timeout(LOST_S):
            async for frame in page:
                facts = json.loads(frame).get("facts", ())
                if any(
                    fact["kind"] == "arrival" and fact["data"]["member_id"] == member_id for fact in facts
                ):
                    return time.perf_counter() - began
    return LOST_S


class Page:
    """A board page that is open: told that the board changed it reads at once and again within a second, and every five
    seconds anyway. It looks for one guide."""

    def __init__(self, show: Show, headers: dict[str, str]) -> None:
        self._show, self._headers = show, headers
        self._reads: list[asyncio.Task[None]] = []
        self._name, self._guide_id = "", ""
        self._orders = 0
        self._read = asyncio.Condition()

    async def listen(self, socket: Any) -> None:
        async for frame in socket:
            if any(fact["kind"] == "board.changed" for fact in json.loads(frame).get("facts", ())):
                for task in self._reads:
                    task.cancel()
                self._reads = [asyncio.create_task(self._look(after_s)) for after_s in AGAIN_S]

    async def _look(self, after_s: float) -> None:
        await asyncio.sleep(after_s)
        board = await _board(self._show, self._headers, by="guides", named=self._name, limit=200)
        for row in board["items"]:
            if row["id"] == self._guide_id:
                self._orders = row["figures"]["orders"]
        async with self._read:
            self._read.notify_all()

    async def anyway(self) -> None:
        while True:
            await asyncio.sleep(5)
            await self._look(0)

    def follow(self, name: str, guide_id: UUID) -> None:
        self._name, self._guide_id, self._orders = name, str(guide_id), 0

    async def shows(self, orders: int) -> float:
        """How long it took from now on."""
        began = time.perf_counter()
        with suppress(TimeoutError):
            async with asyncio.timeout(LOST_S), self._read:
                await self._read.wait_for(lambda: self._orders >= orders)
                return time.perf_counter() - began
        return LOST_S


async def _payments(show: Show, samples: Sequence[Customer]) -> list[float]:
    """From the payment's commit to an open page that counts it."""
    headers, took = await _owner(show), []
    token = headers["Authorization"].removeprefix("Bearer ")
    doors, page = Visits(show.house.database, utc_now), Page(show, headers)
    async with connect(f"{show.house.room_url}?token={token}&view=control") as socket:
        await socket.send('{"type": "hello", "v": 1}')
        beside = [asyncio.create_task(page.listen(socket)), asyncio.create_task(page.anyway())]
        for one in samples:
            await doors.enter(show.room_id, None, one.who)
            page.follow(await _name(show, one.guide_id), one.guide_id)
            await asyncio.sleep(show.rng.random())  # at any moment of a second
            before = await _orders(show, one.guide_id)
            await show.order(one)
            took.append(await page.shows(before + 1))
        for task in beside:
            task.cancel()
    return took


async def _name(show: Show, guide_id: UUID) -> str:
    async with show.house.database.transaction() as session:
        row = await session.execute(text("SELECT name FROM account WHERE id = :id"), {"id": guide_id})
        return str(row.scalar_one())


async def _orders(show: Show, guide_id: UUID) -> int:
    async with show.house.database.transaction() as session:
        row = await session.execute(
            text(
                "SELECT coalesce(sum(orders), 0) FROM board_line WHERE room_id = :room AND guide_id = :guide"
            ),
            {"room": show.room_id, "guide": guide_id},
        )
        return int(row.scalar_one())


async def _looked_at(show: Show) -> None:
    """What a read costs when all of it is there."""
    headers, took = await _owner(show), []
    for _ in range(40):
        began = time.perf_counter()
        await _board(show, headers, by="guides", limit=100)
        took.append(time.perf_counter() - began)
        await asyncio.sleep(0.1)
    took.sort()
    show.promises.say(
        f"boards: a read takes {took[len(took) // 2] * 1000:.0f} ms (p50), {took[-2] * 1000:.0f} ms (p95)"
    )


async def _verified(show: Show) -> None:
    broken: dict[str, list[Any]] = {}
    async with show.house.database.transaction() as session:
        for verify in (attribution.verify, orders.verify, dashboards.verify):
            broken |= {name: rows[:3] for name, rows in (await verify(session)).items() if rows}
    show.promises.count("boards equal their ledgers", 1, bool(broken), broken)
    show.promises.count("nothing alarms", 1, bool(show.house.alarms()), show.house.alarms()[:3])
