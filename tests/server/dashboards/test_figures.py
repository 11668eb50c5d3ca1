from __future__ import annotations

import asyncio
from datetime import timedelta

import msgspec
import pytest
from sqlalchemy import text

from live.room import End
from server.chat.models import ChatMessage
from server.dashboards import figures, recorder, screen, service
from server.dashboards.reactions import keep_report
from server.kit import latest as latest_answers
from server.kit.facts import kinds
from server.kit.ids import uuid7
from server.rooms import service as rooms
from server.rooms.models import Room
from tests.server.rooms.stage import NOON, Stage


async def comment(stage: Stage, at=NOON, *, deleted: bool = False) -> None:
    async with stage.session() as session:
        session.add(
            ChatMessage(
                brand_id=stage.shop.brand_id,
                room_id=stage.room_id,
                writer_id=uuid7(),
                name="Wang",
                role="member",
                ref=str(uuid7()),
                text="hm",
                at=at,
                deleted_at=at if deleted else None,
            )
        )


async def count(stage: Stage, watching: int = 0) -> service.RoomFigures:
    async with stage.session() as session:
        return await service.room_figures(session, stage.room_id, watching)


async def test_figures_count_what_happened_in_the_room(stage):
    brought, stranger, waiting = (
        await stage.shop.member("Brought", brought_by_guide=True),
        await stage.shop.member("Stranger"),
        await stage.shop.member("Waiting"),
    )
    await stage.pay(brought, 2, now=NOON)
    await stage.pay(stranger, now=NOON + timedelta(minutes=1, seconds=5))
    await stage.order(waiting, now=NOON)
    for at in (NOON, NOON + timedelta(minutes=1)):
        await comment(stage, at)
    await comment(stage, deleted=True)
    async with stage.session() as session:
        await recorder.write(session, {stage.room_id: 7}, NOON)

    found = await count(stage, watching=3)
    assert (found.watching, found.peak, found.visits, found.comments) == (3, 7, 1, 2)
    assert (found.orders_held, found.orders_paid, found.amount_minor) == (1, 2, 29700)
    assert [(store.name, store.amount_minor, store.orders) for store in found.stores] == [
        ("Hangzhou", 19800, 1)
    ]
    assert [(m.at, m.watching, m.comments, m.orders, m.amount_minor) for m in found.minutes] == [
        (NOON, 7, 1, 1, 19800),
        (NOON + timedelta(minutes=1), 0, 1, 1, 9900),
    ]


async def test_many_control_pages_cost_one_count_a_second(stage, monkeypatch):
    counted = []
    real = service.room_figures

    async def room_figures(*args, **more):
        counted.append(args)
        return await real(*args, **more)

    monkeypatch.setattr(service, "room_figures", room_figures)
    now = [0.0]
    latest = service.LatestFigures(stage.database, time=lambda: now[0])
    seen = await asyncio.gather(*(latest.of(stage.room_id, n) for n in range(20)))
    assert len(counted) == 1
    assert [one.watching for one in seen] == list(range(20))
    now[0] = latest_answers.FRESH_S + 0.1
    await latest.of(stage.room_id, 0)
    assert len(counted) == 2


async def test_counting_takes_a_tenth_of_the_time_at_most_however_long_it_takes(stage, monkeypatch):
    now, counted = [0.0], []
    real = service.room_figures

    async def room_figures(*args, **more):
        counted.append(now[0])
        now[0] += 0.5
        return await real(*args, **more)

    monkeypatch.setattr(service, "room_figures", room_figures)
    latest = service.LatestFigures(stage.database, time=lambda: now[0])
    while now[0] < 20:
        await latest.of(stage.room_id, 0)
        now[0] += 0.25
    assert len(counted) * 0.5 <= 20 / latest_answers.RESTS + 0.5
    assert counted[1] - counted[0] == pytest.approx(5, abs=0.5)


async def test_the_report_keeps_the_audience_and_follows_the_money(stage):
    member = await stage.shop.member(brought_by_guide=True)
    order_id = await stage.pay(member, now=NOON)
    async with stage.session() as session:
        await recorder.write(session, {stage.room_id: 7}, NOON)
        with pytest.raises(service.NotEnded):
            await service.report(session, await session.get(Room, stage.room_id))
    async with stage.session() as session:
        await rooms.direct(session, stage.host, stage.room_id, End(), NOON + timedelta(minutes=5))
    ended = msgspec.convert((await stage.facts("room.state"))[-1], kinds()["room.state"])
    async with stage.session() as session:
        await keep_report(session, ended)

    await comment(stage, NOON + timedelta(hours=1))  # too late to count
    async with stage.session() as session:
        await session.execute(
            text(
                "UPDATE orders SET paid_minor = 9900, refunded_minor = 1000, goods_refunded_minor = 900 WHERE id = :id"
            ),
            {"id": order_id},
        )
    async with stage.session() as session:
        report = await service.report(session, await session.get(Room, stage.room_id))
    assert (report.peak, report.comments, report.visits) == (7, 0, 1)
    assert (report.orders_paid, report.amount_minor, report.refunded_minor) == (1, 9900, 900)
    assert [(one.title, one.quantity) for one in report.products] == [("Longjing", 1)]
    assert [(one.name, one.store, one.amount_minor) for one in report.guides] == [
        ("Guide Li", "Hangzhou", 9900)
    ]
    assert report.ended_at == NOON + timedelta(minutes=5)


async def test_a_report_can_be_had_before_it_was_kept(stage):
    room_id = await stage.room(state="ended")
    async with stage.session() as session:
        assert (await service.report(session, await session.get(Room, room_id))).orders_paid == 0


async def test_the_most_of_a_minute_and_of_all_is_kept(stage):
    async with stage.session() as session:
        for second, watching in ((1, 5), (20, 9), (40, 2)):
            await recorder.write(session, {stage.room_id: watching}, NOON + timedelta(seconds=second))
        await recorder.write(session, {stage.room_id: 1}, NOON + timedelta(minutes=1))
    async with stage.session() as session:
        minutes = await figures.minutes(session, stage.room_id)
        room = await session.get(Room, stage.room_id)
    assert [minute.watching for minute in minutes] == [9, 1]
    assert room.peak_watching == 9


async def test_the_recorder_asks_presence_for_open_rooms(own_database, presence):
    stage = await Stage.set(own_database)
    closed = await stage.room(state="planned")
    for member in ("m1", "m2"):
        await presence.enter(str(stage.room_id), member, {})
    await presence.enter(str(closed), "m1", {})
    stop = asyncio.Event()
    recording = asyncio.create_task(recorder.record_minutes(own_database, presence, stop))
    async with asyncio.timeout(20):
        while True:
            async with stage.session() as session:
                rows = (await session.execute(text("SELECT room_id, watching FROM room_minute"))).all()
            if rows:
                break
    stop.set()
    await recording
    assert rows == [(stage.room_id, 2)]


async def test_the_wall_shows_the_brands_day_and_no_other_brands(stage, presence):
    other = await Stage.set(stage.database)
    await other.pay(await other.shop.member(), now=NOON)
    brought, stranger = (
        await stage.shop.member("Brought", brought_by_guide=True),
        await stage.shop.member("Zhao"),
    )
    await stage.pay(brought, 2, now=NOON)
    await stage.pay(stranger, now=NOON + timedelta(seconds=1))
    await stage.pay(stranger, now=NOON - timedelta(days=1))
    await presence.enter(str(stage.room_id), "m1", {})
    async with stage.session() as session:
        wall = await screen.today(session, presence, stage.shop.brand_id, NOON - timedelta(hours=4))
    assert (wall.amount_minor, wall.orders, wall.watching) == (29700, 2, 1)
    assert [(store.name, store.amount_minor) for store in wall.stores] == [("Hangzhou", 19800)]
    assert [(sold.name, sold.title, sold.quantity, sold.store) for sold in wall.ticker] == [
        ("Z**", "Longjing", 1, None),
        ("B**", "Longjing", 2, "Hangzhou"),
    ]
    assert [(room.title, room.watching) for room in wall.rooms] == [("Spring tea", 1)]
