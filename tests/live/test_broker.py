"""The contract of `live.broker.Broker`, run on every layout that it has to hold on."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
import redis.asyncio
from structlog.testing import capture_logs

from live.broker import BrokerUnavailable
from live.broker.redis import RedisBroker
from live.events import Position
from tests.live.listening import Heard, append_again, fact, facts
from tests.live.servers import Site, lose_everything, written_through

TOPIC = "room:1"
STREAM = f"{{{TOPIC}}}:s"


@pytest.fixture
async def brokers(site: Site) -> AsyncIterator[Callable[..., RedisBroker]]:
    """Each call is another process's broker."""
    opened: list[RedisBroker] = []

    def make(**settings: Any) -> RedisBroker:
        opened.append(RedisBroker(site.url, **settings))
        return opened[-1]

    yield make
    for broker in opened:
        await broker.aclose()


@pytest.fixture
def broker(brokers: Callable[..., RedisBroker]) -> RedisBroker:
    return brokers()


async def test_positions_count_up_without_a_hole(broker: RedisBroker) -> None:
    first, second = await broker.append(facts(TOPIC, [1, 2]))
    (third,) = await broker.append([fact(TOPIC, 3)])
    assert [first.offset, second.offset, third.offset] == [1, 2, 3]
    assert first.epoch == second.epoch == third.epoch
    assert await broker.tail(TOPIC) == third


async def test_each_topic_counts_for_itself_and_answers_come_in_the_order_asked(broker: RedisBroker) -> None:
    events = [fact("room:1", 1), fact("member:9", 2), fact("room:1", 3), fact("store:4", 4)]
    positions = await broker.append(events)
    assert [position.offset for position in positions] == [1, 1, 2, 1]


async def test_same_id_again_answers_the_first_position_and_is_heard_once(broker: RedisBroker) -> None:
    heard = Heard()
    await broker.subscribe(TOPIC, heard)
    first = await broker.append(facts(TOPIC, [1, 2, 1]))
    again = await broker.append(facts(TOPIC, [2, 1, 3]))
    assert first[0] == first[2] == again[1]
    assert again[0] == first[1]
    await heard.until(lambda: len(heard.all) >= 3)
    assert heard.ids == ["fact-1", "fact-2", "fact-3"]
    assert [kept.id for kept in (await broker.since(TOPIC, Position(first[0].epoch, 0))).events] == heard.ids


async def test_the_same_id_on_another_topic_is_another_fact(broker: RedisBroker) -> None:
    one, other = await broker.append([fact("room:1", 1), fact("room:2", 1)])
    assert one.offset == other.offset == 1
    assert len((await broker.since("room:2", Position(other.epoch, 0))).events) == 1


async def test_processes_appending_at_once_share_one_numbering(brokers: Callable[..., RedisBroker]) -> None:
    writers, heard = [brokers() for _ in range(4)], Heard()
    await brokers().subscribe(TOPIC, heard)
    await asyncio.gather(
        *(writer.append([fact(TOPIC, f"{w}-{n}")]) for n in range(25) for w, writer in enumerate(writers))
    )
    await heard.until(lambda: len(heard.all) >= 100)
    assert [fact.position.offset for fact in heard.all] == list(range(1, 101))
    assert len(set(heard.ids)) == 100


async def test_a_topic_without_facts_has_a_position_to_come_back_to(broker: RedisBroker) -> None:
    before = await broker.tail(TOPIC)
    assert before.offset == 0
    assert await broker.tail(TOPIC) == before
    await broker.append(facts(TOPIC, [1, 2]))
    missed = await broker.since(TOPIC, before)
    assert not missed.gap
    assert [fact.id for fact in missed.events] == ["fact-1", "fact-2"]


async def test_since_gives_exactly_what_was_missed(broker: RedisBroker) -> None:
    positions = await broker.append(facts(TOPIC, range(1, 31)))
    missed = await broker.since(TOPIC, positions[9])
    assert [fact.position for fact in missed.events] == positions[10:]
    assert bytes(missed.events[0].data) == b'{"n":11}'
    assert missed.events[0].kind == "room.pinned"
    assert missed.tail == positions[-1]
    assert (await broker.since(TOPIC, positions[-1])).events == []
    assert [fact.position for fact in (await broker.since(TOPIC, positions[9], 5)).events] == positions[10:15]


async def test_what_was_trimmed_is_a_gap_and_the_last_kept_fact_is_not(
    brokers: Callable[..., RedisBroker],
) -> None:
    broker = brokers(kept_facts=50)
    positions = await broker.append(facts(TOPIC, range(1, 81)))
    served = await broker.since(TOPIC, positions[-51])
    assert len(served.events) == 50
    assert not served.gap
    beyond = await broker.since(TOPIC, positions[-52])
    assert beyond.gap
    assert beyond.events == []
    assert beyond.tail == positions[-1]


async def test_facts_older_than_the_time_kept_are_a_gap(brokers: Callable[..., RedisBroker]) -> None:
    patient, hasty = brokers(), brokers(kept_ms=1)
    (first, _) = await patient.append(facts(TOPIC, [1, 2]))
    while not (await hasty.since(TOPIC, first)).gap:
        pass
    assert not (await patient.since(TOPIC, first)).gap


async def test_nobody_missed_anything_in_a_room_that_stayed_quiet(
    brokers: Callable[..., RedisBroker], site: Site
) -> None:
    broker = brokers()
    (last,) = await broker.append([fact(TOPIC, 1)])
    async with site.owner(STREAM) as client:
        await client.delete(STREAM)  # as the stream's expiry does
    missed = await broker.since(TOPIC, last)
    assert not missed.gap
    assert missed.events == []
    (after,) = await broker.append([fact(TOPIC, 2)])
    assert [fact.position for fact in (await broker.since(TOPIC, last)).events] == [after]


@pytest.mark.parametrize("asked", ["7-3", "0-0", "999999999999999-999999999999999"])
async def test_a_position_never_given_out_is_a_gap(broker: RedisBroker, asked: str) -> None:
    (last,) = await broker.append([fact(TOPIC, 1)])
    assert (await broker.since(TOPIC, Position.parse(asked))).gap
    assert (await broker.since(TOPIC, Position(last.epoch, 2))).gap
    unknown = await broker.since("room:unknown", Position.parse(asked))
    assert unknown.gap
    assert unknown.tail.offset == 0


async def test_a_listener_hears_facts_talk_and_totals_of_its_own_topic(
    brokers: Callable[..., RedisBroker],
) -> None:
    heard, other = Heard(), Heard()
    writer, reader = brokers(), brokers()
    start = await reader.subscribe(TOPIC, heard)
    await reader.subscribe("room:2", other)
    await writer.append(facts(TOPIC, [1, 2, 3]))
    await writer.say(TOPIC, [b'{"id":"a"}', b'{"id":"b"}'])
    await writer.count(TOPIC, likes=3)
    await writer.count(TOPIC, likes=4)
    await heard.until(lambda: heard.totals == {"likes": 7})
    assert [fact.position.offset for fact in heard.all] == [start.offset + n for n in (1, 2, 3)]
    assert heard.lines == [b'{"id":"a"}', b'{"id":"b"}']
    assert await writer.totals(TOPIC) == {"likes": 7}
    await writer.append([fact("room:2", 1)])
    await other.until(lambda: len(other.all) == 1)
    assert len(heard.all) == 3


async def test_facts_appended_while_subscribing_are_heard_once(brokers: Callable[..., RedisBroker]) -> None:
    writer, heard = brokers(), Heard()

    async def write() -> None:
        for n in range(200):
            await writer.append([fact(TOPIC, n)])

    writing = asyncio.create_task(write())
    start = await brokers().subscribe(TOPIC, heard)
    await writing
    await heard.until(lambda: bool(heard.all) and heard.all[-1].position.offset == 200)
    assert [fact.position.offset for fact in heard.all] == list(range(start.offset + 1, 201))


async def test_an_unsubscribed_topic_is_heard_no_more_and_can_be_heard_again(
    brokers: Callable[..., RedisBroker],
) -> None:
    broker, first, second = brokers(), Heard(), Heard()
    await broker.subscribe(TOPIC, first)
    with pytest.raises(ValueError, match="subscribed already"):
        await broker.subscribe(TOPIC, second)
    await broker.unsubscribe(TOPIC)
    await broker.unsubscribe(TOPIC)
    await broker.append([fact(TOPIC, 1)])
    await broker.subscribe(TOPIC, second)
    await broker.append([fact(TOPIC, 2)])
    await second.until(lambda: len(second.all) == 1)
    assert first.all == []
    assert second.ids == ["fact-2"]


async def test_newcomers_are_shown_the_last_fifty_lines_less_those_taken_back(broker: RedisBroker) -> None:
    for n in range(60):
        await broker.say(TOPIC, [b'{"id":"%d","text":"a \\"quoted\\" one"}' % n])
    await broker.unsay(TOPIC, "58")
    lines = await broker.recent_talk(TOPIC)
    assert len(lines) == 49
    assert lines[0].startswith(b'{"id":"10"')
    assert lines[-1].startswith(b'{"id":"59"')
    assert not any(line.startswith(b'{"id":"58"') for line in lines)
    assert await broker.recent_talk("room:silent") == []
    with pytest.raises(ValueError, match="one line"):
        await broker.say(TOPIC, [b'{\n"id":"x"}'])


async def test_a_line_without_an_id_is_heard_and_forgotten(broker: RedisBroker) -> None:
    heard = Heard()
    await broker.subscribe(TOPIC, heard)
    lines = [b'{"kind":"viewer.joined","name":"my \\"id\\": 7"}', b'{"id":"1","text":"hello"}']
    await broker.say(TOPIC, lines)
    await heard.until(lambda: heard.lines == lines)
    assert await broker.recent_talk(TOPIC) == lines[1:]


async def test_a_listener_that_fails_stops_nobody_else(brokers: Callable[..., RedisBroker]) -> None:
    class Failing(Heard):
        def facts(self, topic: str, facts: object) -> None:
            raise RuntimeError("a bug in a listener")

    broker, heard = brokers(), Heard()
    await broker.subscribe("room:2", Failing())
    await broker.subscribe(TOPIC, heard)
    await broker.append([fact("room:2", 1), fact(TOPIC, 1)])
    await heard.until(lambda: heard.ids == ["fact-1"])


async def test_facts_published_while_the_connection_is_cut_are_filled_in(
    brokers: Callable[..., RedisBroker], site: Site
) -> None:
    reader, writer, heard = brokers(), brokers(), Heard()
    await reader.subscribe(TOPIC, heard)
    await writer.append([fact(TOPIC, 0)])
    async with site.owner(STREAM) as client:
        for n in range(1, 6):
            await client.client_kill_filter(_type="pubsub")
            await writer.append(facts(TOPIC, range(n * 10, n * 10 + 10)))
    await heard.until(lambda: len(heard.all) == 51)
    assert [fact.position.offset for fact in heard.all] == list(range(1, 52))
    assert heard.gaps == []


async def test_a_hole_in_what_came_live_is_filled_from_the_stream(
    brokers: Callable[..., RedisBroker], site: Site
) -> None:
    broker, heard = brokers(), Heard()
    start = await broker.subscribe(TOPIC, heard)
    async with site.owner(STREAM) as client:
        await broker.append([fact(TOPIC, 1)])
        await heard.until(lambda: len(heard.all) == 1)
        await client.spublish(STREAM, f"f{start.epoch}-1\n{{}}")  # heard before: dropped
        body = b'{"kind":"k","data":{},"id":"unheard"}'
        await client.xadd(STREAM, {"b": body, "t": "9999999999999"}, id=f"{start.epoch}-2")
        await client.hset(f"{{{TOPIC}}}:meta", "offset", "2")
        await broker.append([fact(TOPIC, 3)])
    await heard.until(lambda: len(heard.all) == 3)
    assert heard.ids == ["fact-1", "unheard", "fact-3"]


# Servers that die


@pytest.fixture
async def mortal(valkey_server: Callable[[], Any]) -> AsyncIterator[tuple[Any, RedisBroker]]:
    server = written_through(valkey_server())
    broker = RedisBroker(server.url)
    yield server, broker
    await broker.aclose()


async def test_a_dead_server_is_unavailable_and_back_without_any_help(
    mortal: tuple[Any, RedisBroker],
) -> None:
    server, broker = mortal
    heard = Heard()
    await broker.subscribe(TOPIC, heard)
    await broker.append([fact(TOPIC, 1)])
    await heard.until(lambda: len(heard.all) == 1)
    server.kill()
    for call in (broker.append([fact(TOPIC, 2)]), broker.say(TOPIC, [b"{}"]), broker.tail(TOPIC)):
        with pytest.raises(BrokerUnavailable):
            await call
    await asyncio.to_thread(server.start)
    (second,) = await append_again(broker, [fact(TOPIC, 2)])
    await heard.until(lambda: heard.ids == ["fact-1", "fact-2"])
    assert heard.gaps == []  # the log kept the first fact, so nothing was lost
    assert second.epoch > heard.all[0].position.epoch
    assert [fact.id for fact in (await broker.since(TOPIC, heard.all[0].position)).events] == ["fact-2"]


async def test_a_server_that_hangs_is_noticed_and_heard_again_when_it_wakes(
    mortal: tuple[Any, RedisBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.broker.subscriber.QUIET_S", 0.1)
    monkeypatch.setattr("live.broker.subscriber.ANSWER_S", 0.1)
    server, broker = mortal
    heard = Heard()
    await broker.subscribe(TOPIC, heard)
    with capture_logs() as logs:
        os.kill(server.pid, signal.SIGSTOP)
        async with asyncio.timeout(10):
            while not any(entry["event"] == "subscription connection lost" for entry in logs):
                await asyncio.sleep(0.01)
        os.kill(server.pid, signal.SIGCONT)
        await append_again(broker, [fact(TOPIC, 1)])
        await heard.until(lambda: heard.ids == ["fact-1"])


async def test_facts_lost_with_the_server_are_a_gap_and_their_numbers_are_not_used_again(
    mortal: tuple[Any, RedisBroker],
) -> None:
    server, broker = mortal
    heard = Heard()
    await broker.subscribe(TOPIC, heard)
    (lost,) = await broker.append([fact(TOPIC, 1)])
    await broker.count(TOPIC, likes=500)
    await heard.until(lambda: heard.totals == {"likes": 500})
    lose_everything(server)
    await asyncio.to_thread(server.start)
    await heard.until(lambda: len(heard.gaps) == 1)
    (after,) = await append_again(broker, [fact(TOPIC, 2)])
    await heard.until(lambda: heard.ids[-1] == "fact-2")
    assert after.epoch == heard.gaps[0].epoch > lost.epoch
    assert (await broker.since(TOPIC, lost)).gap
    await broker.count(TOPIC, likes=1)
    await heard.until(lambda: heard.totals["likes"] != 500)
    assert heard.totals == {"likes": 501}


async def test_facts_acknowledged_and_then_lost_come_again_before_newer_ones(
    mortal: tuple[Any, RedisBroker],
) -> None:
    server, broker = mortal
    await broker.append(facts(TOPIC, range(250)))
    lose_everything(server)
    await asyncio.to_thread(server.start)
    before = await broker.tail(TOPIC)
    again = await append_again(broker, [fact(TOPIC, 250), fact(TOPIC, 7)])
    kept = (await broker.since(TOPIC, before)).events
    assert [fact.id for fact in kept] == [f"fact-{n}" for n in range(251)]
    assert again == [kept[250].position, kept[7].position]


async def test_facts_that_were_lost_come_again_although_another_process_appended_first(
    mortal: tuple[Any, RedisBroker],
) -> None:
    server, broker = mortal
    await broker.append(facts(TOPIC, [1, 2, 3]))
    lose_everything(server)
    await asyncio.to_thread(server.start)
    other = RedisBroker(server.url)
    before = await other.tail(TOPIC)
    await append_again(other, [fact(TOPIC, "other")])
    await append_again(broker, [fact(TOPIC, 4)])
    kept = (await other.since(TOPIC, before)).events
    assert [fact.id for fact in kept] == ["fact-other", "fact-1", "fact-2", "fact-3", "fact-4"]
    await other.aclose()


async def test_a_position_at_the_end_of_the_old_epoch_is_still_good_when_nothing_was_lost(
    mortal: tuple[Any, RedisBroker],
) -> None:
    server, broker = mortal
    (last,) = await broker.append([fact(TOPIC, 1)])
    server.kill()
    await asyncio.to_thread(server.start)
    async with redis.asyncio.from_url(server.url) as client:
        await client.delete(STREAM)  # the old epoch's facts expired
    await append_again(broker, [fact(TOPIC, 2)])
    missed = await broker.since(TOPIC, last)
    assert not missed.gap
    assert [fact.id for fact in missed.events] == ["fact-2"]


async def test_everything_appended_through_three_crashes_is_heard_once_in_order(
    mortal: tuple[Any, RedisBroker],
) -> None:
    server, broker = mortal
    heard, written = Heard(), 0
    await broker.subscribe(TOPIC, heard)

    async def write() -> None:
        nonlocal written
        for n in range(300):
            await append_again(broker, [fact(TOPIC, n)])
            written = n + 1

    writing = asyncio.create_task(write())
    for crash in (50, 120, 200):
        while written < crash:
            await asyncio.sleep(0.001)
        server.kill()
        await asyncio.to_thread(server.start)
    await writing
    await heard.until(lambda: "fact-299" in heard.ids)
    assert heard.gaps == []
    assert heard.ids == [f"fact-{n}" for n in range(300)]
