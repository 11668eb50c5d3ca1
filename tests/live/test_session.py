"""A visitor's connection, from hello to the end, on a real broker."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from live.broker.redis import RedisBroker
from live.channel import Pace
from live.events import RoomEvent, member_topic, room_topic
from live.hub import Hub
from live.limits import Limits
from live.presence import Presence
from live.protocol import Ack, Batch, CloseCode, Hello, Like, Ping, Pong, ProblemFrame, Say, Welcome
from tests.live.rooms import ROOM, Phone, Shop
from tests.live.servers import lose_everything, written_through


@pytest.fixture
async def broker(redis_url: str) -> AsyncIterator[RedisBroker]:
    broker = RedisBroker(redis_url)
    yield broker
    await broker.aclose()


@pytest.fixture
async def hub(broker: RedisBroker) -> AsyncIterator[Hub]:
    hub = Hub(broker)
    yield hub
    await hub.stop()


@pytest.fixture
def shop(broker: RedisBroker) -> Shop:
    return Shop(broker)


@pytest.fixture
def phone(hub: Hub, shop: Shop) -> Callable[..., Phone]:
    return lambda member="ann", at=hub: Phone(at, shop, member)


# Hello


async def test_hello_is_answered_with_a_snapshot_and_a_position_to_come_back_to(
    phone: Callable[..., Phone], shop: Shop
) -> None:
    await shop.happen(3)
    welcome = await phone().hello()
    assert welcome.v == 1
    assert welcome.you["member_id"] == "ann"
    assert welcome.snapshot == {"n": 3}
    assert welcome.resumed == {"room": False, "me": False}
    assert welcome.positions["room"].endswith("-3")
    assert welcome.positions["me"].endswith("-0")


async def test_three_visitors_get_the_same_bytes(phone: Callable[..., Phone], shop: Shop) -> None:
    phones = [phone(member) for member in ("ann", "bob", "cai")]
    for visitor in phones:
        await visitor.hello()
    entered = [len(visitor.texts) for visitor in phones]
    for n in range(10):
        await shop.happen(2)
        await shop.broker.say(room_topic(ROOM), [b'{"kind":"chat.said","id":"%d"}' % n])
    for visitor in phones:
        await visitor.reach(20)
    heard = [visitor.texts[start:] for visitor, start in zip(phones, entered, strict=True)]
    assert heard[0] == heard[1] == heard[2]


async def test_what_is_for_one_member_reaches_that_member_only(
    phone: Callable[..., Phone], shop: Shop
) -> None:
    ann, bob = phone("ann"), phone("bob")
    await ann.hello()
    await bob.hello()
    await shop.relay([RoomEvent(member_topic("ann"), "order.paid", {"order_id": "o1"}, "paid-o1")])
    frame = await ann.hear(Batch)
    assert frame.topic == "me"
    await shop.happen()
    assert (await bob.hear(Batch)).topic == "room"
    assert all('"topic":"me"' not in text for text in bob.texts)


async def test_no_hello_within_its_time_closes_for_a_new_try(
    broker: RedisBroker, phone: Callable[..., Phone]
) -> None:
    hub = Hub(broker, limits=Limits(hello_within_s=0.1))
    assert (await phone("ann", hub).closed()).code == CloseCode.HELLO_TIMEOUT
    await hub.stop()


async def test_anything_before_hello_is_named_and_closes(phone: Callable[..., Phone]) -> None:
    for first, slug, code in (
        (Ping(), "wrong-order", CloseCode.HELLO_FIRST),
        ("nonsense", "malformed-frame", CloseCode.HELLO_FIRST),
        (b"\x00\x01", "binary-frame", CloseCode.BINARY),
        ("x" * 20_000, "frame-too-large", CloseCode.TOO_LARGE),
        (Hello(2), "unsupported-version", CloseCode.UNSUPPORTED_VERSION),
    ):
        visitor = phone()
        visitor.write(first)
        assert (await visitor.hear(ProblemFrame)).problem["slug"] == slug
        assert (await visitor.closed()).code == code
        await visitor.served


async def test_a_refused_visitor_is_told_why_and_not_to_try_again(phone: Callable[..., Phone]) -> None:
    visitor = phone()
    visitor.write(Hello(1, invite="EXPIRED"))
    assert (await visitor.hear(ProblemFrame)).problem["slug"] == "gone"
    assert (await visitor.closed()).code == CloseCode.NOT_ALLOWED


# Talking


async def test_a_line_is_acknowledged_with_itself_and_heard_by_all(phone: Callable[..., Phone]) -> None:
    ann, bob = phone("ann"), phone("bob")
    await ann.hello()
    await bob.hello()
    ann.write(Say("c1", "多少钱？"))
    ack = await ann.hear(Ack)
    assert (ack.ref, ack.id) == ("c1", "ann-c1")
    heard = await bob.hear(Batch, lambda frame: bool(frame.talk))
    assert [bytes(line) for line in heard.talk] == [bytes(ack.line)]  # type: ignore[arg-type]


async def test_own_lines_show_to_their_writer_in_a_room_where_all_talk_is_sampled_out(
    broker: RedisBroker, shop: Shop, phone: Callable[..., Phone]
) -> None:
    hub = Hub(broker, pace=Pace(talk_per_s=0.001))
    other = phone("bob", hub)
    await other.hello()
    ann = phone("ann", hub)
    await ann.hello()
    ann.write(Say("c1", "can you see me"))
    assert json.loads(bytes((await ann.hear(Ack)).line))["text"] == "can you see me"  # type: ignore[arg-type]
    await shop.happen()
    await other.reach(1)
    assert not any("can you see me" in text for text in other.texts)
    await hub.stop()


async def test_newcomers_are_shown_the_last_lines_once(phone: Callable[..., Phone]) -> None:
    ann = phone("ann")
    await ann.hello()
    for n in range(3):
        ann.write(Say(f"c{n}", f"line {n}"))
        await ann.hear(Ack)
    bob = phone("bob")
    shown = list((await bob.hello()).talk)
    ann.write(Say("c9", "line 9"))
    while len(shown) < 4:
        shown.extend((await bob.hear(Batch)).talk)
    assert [json.loads(bytes(line))["text"] for line in shown] == ["line 0", "line 1", "line 2", "line 9"]


async def test_a_refused_line_and_a_failing_shop_are_problems_with_the_lines_ref(
    phone: Callable[..., Phone],
) -> None:
    ann = phone()
    await ann.hello()
    ann.write(Say("c1", "a bad word"))
    refused = await ann.hear(ProblemFrame)
    assert (refused.ref, refused.problem["slug"]) == ("c1", "refused")
    ann.write(Say("c2", "a bug"))
    failed = await ann.hear(ProblemFrame)
    assert (failed.ref, failed.problem["status"]) == ("c2", 500)
    ann.write(Ping())
    await ann.hear(Pong)


async def test_likes_reach_the_room_as_a_total(phone: Callable[..., Phone], hub: Hub, shop: Shop) -> None:
    ann = phone()
    await ann.hello()
    ann.write(Like(3))
    ann.write(Ping())
    await ann.hear(Pong)
    assert shop.likes == 3
    for _ in range(4):
        hub.like(room_topic(ROOM), 5)
    assert (await ann.hear(Batch, lambda frame: frame.likes == 20)).facts == []


async def test_the_room_is_told_how_many_members_are_here(
    broker: RedisBroker, redis_url: str, shop: Shop
) -> None:
    presence = Presence(redis_url, "p1", linger_s=0)
    hub = Hub(broker, presence)
    ann, twice, bob = Phone(hub, shop, "ann"), Phone(hub, shop, "ann"), Phone(hub, shop, "bob")
    for visitor in (ann, twice, bob):
        await visitor.hello()
    await ann.hear(Batch, lambda frame: frame.here == 2)
    await bob.hang_up()
    await ann.hear(Batch, lambda frame: frame.here == 1)
    await hub.stop()
    await presence.aclose()


# Bad frames


async def test_a_bad_frame_is_named_and_the_connection_goes_on(phone: Callable[..., Phone]) -> None:
    ann = phone()
    await ann.hello()
    for frame, slug in (
        ("{", "malformed-frame"),
        ('{"type":"dance"}', "unknown-type"),
        ('{"type":"say","ref":"c1"}', "invalid-frame"),
        ('{"type":"hello","v":1}', "wrong-order"),
    ):
        ann.write(frame)
        assert (await ann.hear(ProblemFrame)).problem["slug"] == slug
    ann.write(Ping())
    await ann.hear(Pong)


async def test_too_many_frames_are_named_and_a_flood_is_closed(phone: Callable[..., Phone]) -> None:
    ann = phone()
    await ann.hello()
    for _ in range(100):
        ann.write(Ping())
    assert (await ann.hear(ProblemFrame)).problem["slug"] == "too-many-frames"
    assert (await ann.closed()).code == CloseCode.FLOODING


async def test_two_thousand_random_frames_end_in_problems_or_clean_closes(
    broker: RedisBroker, shop: Shop, phone: Callable[..., Phone]
) -> None:
    hub = Hub(broker, limits=Limits(frames_per_s=10_000, frames_at_once=10_000, bad_frames=200))
    rng = random.Random(11)
    sent, codes = 0, set()
    while sent < 2000:
        ann = phone("ann", hub)
        if rng.random() < 0.9:
            await ann.hello()
        for _ in range(rng.randint(1, 120)):
            ann.write(fuzzed(rng))
            sent += 1
        ann.write(Ping())
        try:
            await ann.hear(Pong)
            await ann.hang_up()
        except Exception as error:
            codes.add(getattr(error, "code", error))
            await ann.served
    assert codes <= {
        CloseCode.BINARY,
        CloseCode.TOO_LARGE,
        CloseCode.HELLO_FIRST,
        CloseCode.UNSUPPORTED_VERSION,
    }
    assert len(codes) >= 3
    assert not hub.sessions
    await hub.stop()


def fuzzed(rng: random.Random) -> str | bytes:
    frames = [
        '{"type":"hello","v":1,"positions":{"room":"1-1"}}',
        '{"type":"say","ref":"c1","text":"hello"}',
        '{"type":"like","count":3}',
        '{"type":"ping"}',
    ]
    text = rng.choice(frames)
    match rng.randrange(8):
        case 0:
            return bytes(rng.randrange(256) for _ in range(rng.randrange(50))) if rng.random() < 0.1 else ""
        case 1:
            return text[: rng.randrange(len(text))]
        case 2:
            at = rng.randrange(len(text))
            return text[:at] + chr(rng.randrange(0x10FFFF)) + text[at + 1 :]
        case 3:
            return text.replace('"', rng.choice(["'", "", '""', "\x00"]), rng.randrange(4))
        case 4:
            return json.dumps(
                {"type": rng.choice(["say", "like", "hello"]), "ref": [1], "count": -1, "v": "1"}
            )
        case 5:
            return "[" * rng.randrange(20_000) if rng.random() < 0.3 else "{" * rng.randrange(200)
        case 6:
            return (
                '{"type":"say","ref":"c","text":"'
                + rng.choice(["\ud800", "\\ud800", "\\u0000", "💥" * 2100])
                + '"}'
            )
        case _:
            return text


# Coming back


async def test_a_visitor_who_comes_back_gets_exactly_what_was_missed(
    phone: Callable[..., Phone], shop: Shop
) -> None:
    ann = phone()
    await ann.hello()
    await shop.happen(5)
    await ann.reach(5)
    await ann.hang_up()
    await shop.happen(1500)
    back = phone()
    back.state, back.positions = ann.state, dict(ann.positions)
    welcome = await back.hello(ann.positions)
    assert welcome.snapshot is None
    assert welcome.resumed == {"room": True, "me": True}
    await shop.happen(5)
    await back.reach(1510)
    assert back.numbers == list(range(6, 1511))
    assert shop.snapshots == 1


async def test_a_visitor_away_for_too_long_gets_a_snapshot(broker: RedisBroker, redis_url: str) -> None:
    short = RedisBroker(redis_url, kept_facts=20)
    hub, shop = Hub(short), Shop(short)
    ann = Phone(hub, shop, "ann")
    await ann.hello()
    await ann.hang_up()
    await shop.happen(50)
    back = Phone(hub, shop, "ann")
    welcome = await back.hello(ann.positions)
    assert welcome.snapshot == {"n": 50}
    assert welcome.resumed == {"room": False, "me": True}
    await shop.happen(3)
    await back.reach(53)
    assert back.numbers == [51, 52, 53]
    await hub.stop()
    await short.aclose()


@pytest.mark.parametrize("asked", ["", "nonsense", "99999999999999-1", "-1--1", "1-1"])
async def test_a_position_that_makes_no_sense_is_answered_with_a_snapshot(
    phone: Callable[..., Phone], asked: str
) -> None:
    welcome = await phone().hello({"room": asked, "weather": "1-1"})
    assert welcome.resumed == {"room": False, "me": False}
    assert welcome.snapshot == {"n": 0}


async def test_facts_that_happen_while_entering_are_heard_once(
    phone: Callable[..., Phone], shop: Shop
) -> None:
    stop = asyncio.Event()

    async def busy() -> None:
        while not stop.is_set():
            await shop.happen(3)

    async def during_the_snapshot() -> None:
        await shop.happen(7)

    shop.before_snapshot = during_the_snapshot
    making = asyncio.create_task(busy())
    visitors: list[Phone] = []
    for n in range(20):
        visitors.append(phone(f"m{n}"))
        await visitors[-1].hello()
    stop.set()
    await making
    for visitor in visitors:
        await visitor.reach(shop.committed)
        assert visitor.numbers == list(range(shop.committed - len(visitor.numbers) + 1, shop.committed + 1))


async def test_a_whole_room_that_reconnects_under_load_loses_and_doubles_nothing(
    phone: Callable[..., Phone], shop: Shop
) -> None:
    stop = asyncio.Event()

    async def busy() -> None:
        while not stop.is_set():
            await shop.happen(2)
            await asyncio.sleep(0.002)

    crowd = [phone(f"m{n}") for n in range(40)]
    for visitor in crowd:
        await visitor.hello()
    making = asyncio.create_task(busy())
    for _ in range(3):
        await asyncio.gather(*(visitor.hang_up() for visitor in crowd))
        back = []
        for visitor in crowd:
            again = phone(visitor.member)
            again.state, again.positions = visitor.state, dict(visitor.positions)
            back.append(again)
        for welcome in await asyncio.gather(*(again.hello(again.positions) for again in back)):
            assert welcome.snapshot is None
        crowd = back
    stop.set()
    await making
    for visitor in crowd:
        await visitor.reach(shop.committed)


async def test_a_client_that_is_ahead_of_this_process_waits_for_it(
    broker: RedisBroker, shop: Shop, phone: Callable[..., Phone]
) -> None:
    slow_hub = Hub(broker, pace=Pace(quickest_s=0.4, slowest_s=0.4))
    keeper = phone("keeper", slow_hub)
    await keeper.hello()
    await shop.happen()  # sent at once
    await keeper.reach(1)
    await shop.happen(3)  # waits for the tick
    (epoch, _, _) = keeper.positions["room"].partition("-")
    ahead = phone("ahead", slow_hub)
    ahead.state, ahead.positions["room"] = 3, f"{epoch}-3"
    welcome = await ahead.hello({"room": f"{epoch}-3"})
    assert welcome.resumed["room"]
    await shop.happen()
    await ahead.reach(5)
    assert ahead.numbers == [4, 5]
    await slow_hub.stop()


# Slow ones


async def test_a_client_that_does_not_read_is_closed_and_stalls_nobody(
    phone: Callable[..., Phone], hub: Hub, shop: Shop
) -> None:
    stalled, quick = phone("stalled"), phone("quick")
    await stalled.hello()
    await quick.hello()
    stalled.reading.clear()
    shout = b'{"kind":"chat.said","id":"%d","text":"' + b"a" * 4000 + b'"}'
    for n in range(40):
        await shop.broker.say(room_topic(ROOM), [shout % n])
        await shop.happen()
        await quick.reach(n + 1)
    await stalled.served
    assert hub.stats.closed_slow == 1
    assert len(hub.sessions) == 1


async def test_a_connection_in_which_nothing_moves_is_cut_even_if_little_waits(
    phone: Callable[..., Phone], hub: Hub, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.wire.STUCK_S", 0.2)
    monkeypatch.setattr("live.hub.SWEEP_S", 0.1)
    stalled = phone()
    await stalled.hello()
    stalled.reading.clear()
    await shop.happen()
    await stalled.served
    assert hub.stats.closed_slow == 1


async def test_a_slow_client_that_reads_again_learns_that_it_should_come_back(
    phone: Callable[..., Phone], hub: Hub, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.wire.BUFFER", 1000)
    ann = phone()
    await ann.hello()
    ann.reading.clear()
    while not hub.stats.closed_slow:
        await shop.happen(10)
    ann.reading.set()
    assert (await ann.closed()).code == CloseCode.SLOW
    back = phone()
    back.state, back.positions = ann.state, dict(ann.positions)
    assert (await back.hello(ann.positions)).snapshot is None
    await back.reach(shop.committed)


# The end


async def test_a_draining_process_sends_everybody_elsewhere_at_different_moments(
    phone: Callable[..., Phone], hub: Hub, shop: Shop
) -> None:
    crowd = [phone(f"m{n}") for n in range(5)]
    for visitor in crowd:
        await visitor.hello()
    await hub.stop()
    reasons = [await visitor.closed() for visitor in crowd]
    assert {closed.code for closed in reasons} == {CloseCode.GOING_AWAY}
    hints = [int(closed.reason.removeprefix("going-away;retry_ms=")) for closed in reasons]
    assert all(100 <= hint <= 2000 for hint in hints)
    await asyncio.gather(*(visitor.served for visitor in crowd))
    assert sorted(shop.left) == [f"m{n}" for n in range(5)]
    late = phone("late")
    assert (await late.closed()).code == CloseCode.GOING_AWAY


async def test_who_hangs_up_leaves_nothing_behind(phone: Callable[..., Phone], hub: Hub, shop: Shop) -> None:
    before = len(asyncio.all_tasks())
    for n in range(10):
        visitor = phone(f"m{n}")
        await visitor.hello()
        await visitor.hang_up()
    assert not hub.sessions
    assert len(shop.left) == 10
    await asyncio.sleep(0)
    assert len(asyncio.all_tasks()) <= before + 3  # the sweep, the broker's line, a topic that lingers


# Two processes, and a broker that dies


async def test_two_processes_share_one_room(redis_url: str) -> None:
    first, second = RedisBroker(redis_url), RedisBroker(redis_url)
    shop = Shop(first)
    hubs = [Hub(first), Hub(second)]
    ann, bob = Phone(hubs[0], shop, "ann"), Phone(hubs[1], shop, "bob")
    await ann.hello()
    await bob.hello()
    ann.write(Say("c1", "hello"))
    heard = await bob.hear(Batch, lambda frame: bool(frame.talk))
    assert b"hello" in bytes(heard.talk[0])
    await shop.happen(30)
    await ann.reach(30)
    await bob.reach(30)
    assert ann.positions["room"] == bob.positions["room"]
    await bob.hang_up()
    await shop.happen(10)
    moved = Phone(hubs[0], shop, "bob")
    moved.state, moved.positions = bob.state, dict(bob.positions)
    assert (await moved.hello(bob.positions)).snapshot is None
    await moved.reach(40)
    assert moved.numbers == list(range(31, 41))
    for hub in hubs:
        await hub.stop()
    await first.aclose()
    await second.aclose()


@pytest.mark.parametrize("kept", [True, False], ids=["log kept", "everything lost"])
async def test_a_killed_valkey_costs_a_snapshot_at_most(valkey_server: Callable[[], Any], kept: bool) -> None:
    server = written_through(valkey_server())
    broker = RedisBroker(server.url)
    hub, shop = Hub(broker), Shop(broker)
    crowd = [Phone(hub, shop, f"m{n}") for n in range(5)]
    for visitor in crowd:
        await visitor.hello()
    await shop.happen(20)
    for visitor in crowd:
        await visitor.reach(20)
    server.kill() if kept else lose_everything(server)
    late = asyncio.create_task(shop.happen(5))  # committed while the broker is down
    early = Phone(hub, shop, "early")
    entering = asyncio.create_task(early.hello())
    await asyncio.to_thread(server.start)
    await late
    await entering
    await shop.happen(5)
    for visitor in [*crowd, early]:
        await visitor.reach(30)
        assert visitor.state == 30
    again = [text for visitor in crowd for text in visitor.texts[1:] if '"welcome"' in text]
    assert len(again) == (0 if kept else 5)
    if kept:
        assert [visitor.numbers for visitor in crowd] == [list(range(1, 31))] * 5
    await hub.stop()
    await broker.aclose()


async def test_entering_while_the_broker_is_away_is_put_off(
    valkey_server: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.broker.subscriber.SUBSCRIBE_WITHIN_S", 0.3)
    server = valkey_server()
    broker = RedisBroker(server.url)
    hub, shop = Hub(broker), Shop(broker)
    server.kill()
    ann = Phone(hub, shop, "ann")
    ann.write(Hello(1))
    closed = await ann.closed()
    assert closed.code == CloseCode.UNAVAILABLE
    assert "retry_ms=" in closed.reason
    await asyncio.to_thread(server.start)
    assert isinstance(await Phone(hub, shop, "ann").hello(), Welcome)
    await hub.stop()
    await broker.aclose()


# Who may stay


async def test_who_is_expelled_is_closed_for_good_on_every_process_and_nobody_else(
    phone: Callable[..., Phone], broker: RedisBroker, redis_url: str, shop: Shop
) -> None:
    elsewhere = RedisBroker(redis_url)
    other = Hub(elsewhere)
    bob, bobs_tablet, ann = phone("bob"), phone("bob", other), phone("ann", other)
    for one in (bob, bobs_tablet, ann):
        await one.hello()
    await broker.append([RoomEvent(room_topic(ROOM), "member.expelled", {"member_ids": ["bob"]}, "ban-1")])
    assert {(await one.closed()).code for one in (bob, bobs_tablet)} == {CloseCode.BANNED}
    await shop.happen()
    await ann.reach(1)
    await other.stop()
    await elsewhere.aclose()


async def test_a_ban_that_came_while_somebody_entered_still_ends_their_connection(
    phone: Callable[..., Phone], shop: Shop
) -> None:
    shop.banned.add("bob")
    bob = phone("bob")
    await bob.hello()
    assert (await bob.hear(ProblemFrame)).problem["slug"] == "banned"
    assert (await bob.closed()).code == CloseCode.BANNED


async def test_whoever_may_listen_no_more_is_closed_when_asked_again(
    phone: Callable[..., Phone], shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.hub.SWEEP_S", 0.05)
    monkeypatch.setattr("live.session.RECHECK_S", 0.1)
    ann, bob = phone("ann"), phone("bob")
    await ann.hello()
    await bob.hello()
    shop.dismissed.add("bob")
    assert (await bob.closed()).code == CloseCode.NOT_ALLOWED
    await shop.happen()
    await ann.reach(1)


@pytest.mark.parametrize("how", ["audience", "gap"])
async def test_everybody_is_asked_again_when_the_room_takes_others_or_facts_were_lost(
    phone: Callable[..., Phone], hub: Hub, shop: Shop, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr("live.hub.SWEEP_S", 0.05)
    shop.recheck = False
    ann, bob = phone("ann"), phone("bob")
    await ann.hello()
    await bob.hello()
    shop.dismissed.add("bob")
    topic = room_topic(ROOM)
    if how == "audience":
        await shop.broker.append([RoomEvent(topic, "room.audience", {"audience": "members"}, "narrower")])
    else:
        hub.gap(topic, await shop.broker.tail(topic))
    assert (await bob.closed()).code == CloseCode.NOT_ALLOWED
    await shop.happen()
    await ann.reach(ann.state + 1)


async def test_who_was_let_in_stays_while_nobody_can_be_asked(
    phone: Callable[..., Phone], hub: Hub, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.hub.SWEEP_S", 0.02)
    monkeypatch.setattr("live.session.RECHECK_S", 0.05)
    bob = phone("bob")
    await bob.hello()
    shop.away = True
    await asyncio.sleep(0.3)
    await shop.happen()
    await bob.reach(1)
    shop.dismissed.add("bob")
    shop.away = False
    assert (await bob.closed()).code == CloseCode.NOT_ALLOWED
