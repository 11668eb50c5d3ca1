"""What a cluster adds to the broker's contract: servers that die, hand over and give slots away while facts pass."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any

import pytest

from live.broker import BrokerUnavailable
from live.broker.cluster import ClusterUrl
from live.broker.redis import RedisBroker
from live.events import room_topic
from live.hub import Hub
from live.presence import Presence
from live.protocol import Batch, Say
from tests.live.cluster import Node, ValkeyCluster
from tests.live.listening import Heard, append_again, fact, facts
from tests.live.rooms import ROOM, Phone, Shop

TOPIC = room_topic(ROOM)
TAG = f"{{{TOPIC}}}"
PACE_S = 0.005


@pytest.fixture
async def brokers(valkey_cluster: ValkeyCluster) -> AsyncIterator[Callable[[], RedisBroker]]:
    """Each call is another process's broker."""
    opened: list[RedisBroker] = []

    def make() -> RedisBroker:
        opened.append(RedisBroker(valkey_cluster.url))
        return opened[-1]

    yield make
    for broker in opened:
        await broker.aclose()


class Writer:
    """Appends facts at a steady rate, one after the other, each until it is taken."""

    def __init__(self, broker: RedisBroker, topic: str = TOPIC) -> None:
        self.broker = broker
        self.topic = topic
        self.acknowledged: list[str] = []
        self._writing = asyncio.create_task(self._write())

    async def _write(self) -> None:
        while True:
            event = fact(self.topic, len(self.acknowledged))
            await append_again(self.broker, [event])
            self.acknowledged.append(event.id)
            await asyncio.sleep(PACE_S)

    async def more(self, count: int) -> None:
        enough = len(self.acknowledged) + count
        async with asyncio.timeout(15):
            while len(self.acknowledged) < enough:
                await asyncio.sleep(PACE_S)

    async def stop(self) -> list[str]:
        self._writing.cancel()
        await asyncio.gather(self._writing, return_exceptions=True)
        await append_again(
            self.broker, [fact(self.topic, len(self.acknowledged))]
        )  # it may have been under way
        return [*self.acknowledged, f"fact-{len(self.acknowledged)}"]


# Where it is


@pytest.mark.parametrize(
    ("url", "nodes"),
    [
        ("redis+cluster://a:1,b:2", ["redis://a:1", "redis://b:2"]),
        ("redis+cluster://a", ["redis://a:6379"]),
        ("redis+cluster://a:1/0", ["redis://a:1"]),
        ("redis+cluster://u:p%40s@a:1,b:2", ["redis://u:p%40s@a:1", "redis://u:p%40s@b:2"]),
        ("redis+cluster://[::1]:1,[::2]", ["redis://[::1]:1", "redis://[::2]:6379"]),
        (
            "rediss+cluster://:p@a:1?ssl_ca_certs=/etc/ca.pem",
            ["rediss://:p@a:1?ssl_ca_certs=/etc/ca.pem"],
        ),
    ],
)
def test_the_url_names_some_nodes_and_what_holds_for_all(url: str, nodes: list[str]) -> None:
    parsed = ClusterUrl.parse(url)
    assert [parsed.of(seed) for seed in parsed.seeds] == nodes


@pytest.mark.parametrize("url", ["redis+cluster://", "redis+cluster://u:p@", "redis+cluster://a:1/2"])
def test_a_url_without_nodes_or_with_a_database_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a cluster"):
        RedisBroker(url)


async def test_one_of_the_named_nodes_is_enough(valkey_cluster: ValkeyCluster) -> None:
    broker = RedisBroker(f"redis+cluster://127.0.0.1:1,{valkey_cluster.nodes[0].name},127.0.0.1:2")
    assert (await broker.append([fact("room:1", 1), fact("room:2", 1), fact("room:3", 1)]))[2].offset == 1
    await broker.aclose()


async def test_a_cluster_that_is_away_is_unavailable_at_once() -> None:
    broker = RedisBroker("redis+cluster://127.0.0.1:1,127.0.0.1:2")
    async with asyncio.timeout(1):
        with pytest.raises(BrokerUnavailable, match="no node"):
            await broker.tail(TOPIC)
        with pytest.raises(BrokerUnavailable):
            await broker.subscribe(TOPIC, Heard())
    await broker.aclose()


async def test_one_node_s_url_says_how_the_cluster_s_is_written(valkey_cluster: ValkeyCluster) -> None:
    stranger = valkey_cluster.other_primary(valkey_cluster.owner(TAG))
    broker = RedisBroker(f"redis://{stranger.name}")
    with pytest.raises(BrokerUnavailable, match=r"redis\+cluster://"):
        await broker.tail(TOPIC)
    await broker.aclose()


async def test_a_server_that_forgot_the_scripts_is_told_them_again(
    valkey_cluster: ValkeyCluster, brokers: Callable[[], RedisBroker]
) -> None:
    broker = brokers()
    await broker.append([fact(TOPIC, 1)])
    valkey_cluster.owner(TAG).client.script_flush()
    assert (await broker.append([fact(TOPIC, 2)]))[0].offset == 2


# Servers that die


async def test_acknowledged_facts_are_heard_once_in_order_and_members_stay_through_a_killed_primary(
    valkey_cluster: ValkeyCluster, brokers: Callable[[], RedisBroker]
) -> None:
    doomed, _ = valkey_cluster.pair()
    near = next(valkey_cluster.topics_on(doomed))
    far = next(valkey_cluster.topics_on(valkey_cluster.other_primary(doomed)))
    reader, heard, elsewhere = brokers(), Heard(), Heard()
    presence, room = Presence(valkey_cluster.url, "p1", lease_s=1.0, linger_s=0), near.removeprefix("room:")
    await presence.enter(room, "ann", {})
    await reader.subscribe(near, heard)
    await reader.subscribe(far, elsewhere)
    writer, untouched = Writer(brokers(), near), Writer(brokers(), far)
    await writer.more(50)
    doomed.kill()
    await untouched.more(50)
    await writer.more(50)
    written = await writer.stop()
    await heard.until(lambda: written[-1] in heard.ids)
    assert_heard_in_order(heard, written)
    written = await untouched.stop()
    await elsewhere.until(lambda: written[-1] in elsewhere.ids)
    assert elsewhere.ids == written
    assert elsewhere.gaps == []
    await present(presence, room, "ann")
    await presence.aclose()


async def test_facts_that_died_with_a_primary_are_a_gap_and_come_again_under_new_numbers(
    valkey_cluster: ValkeyCluster, brokers: Callable[[], RedisBroker]
) -> None:
    hanging, replica = valkey_cluster.pair()
    kept, orphaned = islice(valkey_cluster.topics_on(hanging), 2)
    writer, dying, heard, other = brokers(), brokers(), Heard(), Heard()
    await writer.subscribe(kept, heard)
    await writer.subscribe(orphaned, other)
    await writer.append(facts(kept, range(5)))
    await dying.append(facts(orphaned, range(5)))
    hanging.ask("WAIT", 1, 1000)
    with cut_off(replica, hanging):
        lost = (await writer.append(facts(kept, range(5, 10))))[-1]
        await dying.append(facts(orphaned, range(5, 10)))
        await heard.until(lambda: len(heard.all) == 10)
        await other.until(lambda: len(other.all) == 10)
    await heard.until(lambda: bool(heard.gaps))
    await other.until(lambda: bool(other.gaps))
    await append_again(writer, [fact(kept, 10)])
    await append_again(writer, [fact(orphaned, 10)])  # who wrote the others is gone as well
    await heard.until(lambda: heard.ids[-1] == "fact-10")
    await other.until(lambda: other.ids[-1] == "fact-10")
    hanging.signal(signal.SIGCONT)
    assert heard.ids == [f"fact-{n}" for n in (*range(10), *range(5, 11))]
    assert other.ids == [f"fact-{n}" for n in range(11)]
    assert heard.all[10].position.epoch > lost.epoch
    assert len({fact.position for fact in heard.all}) == len(heard.all)


# Topics that move


async def test_a_topic_follows_its_slot_to_another_server(
    valkey_cluster: ValkeyCluster, brokers: Callable[[], RedisBroker]
) -> None:
    heard, source = Heard(), valkey_cluster.owner(TAG)
    await brokers().subscribe(TOPIC, heard)
    writer, presence = Writer(brokers()), Presence(valkey_cluster.url, "p1", linger_s=0)
    await presence.enter(ROOM, "ann", {})
    for target in (valkey_cluster.other_primary(source), source):
        await writer.more(20)
        await asyncio.to_thread(valkey_cluster.move_slot, TAG, target)
        assert valkey_cluster.owner(TAG) is target
        await writer.more(20)
        await talk_passes(heard, writer)
        assert channels_of(target) == [f"{TAG}:s".encode()]
        assert await presence.enter(ROOM, "bob", {}) is (target is not source)
    written = await writer.stop()
    await heard.until(lambda: written[-1] in heard.ids)
    assert_heard_in_order(heard, written)
    await presence.aclose()


async def test_a_topic_follows_a_primary_that_hands_over_in_silence(
    valkey_cluster: ValkeyCluster, brokers: Callable[[], RedisBroker]
) -> None:
    before, after = valkey_cluster.pair()
    topic, heard = next(valkey_cluster.topics_on(before)), Heard()
    await brokers().subscribe(topic, heard)
    writer = Writer(brokers(), topic)
    await writer.more(20)
    await asyncio.to_thread(after.take_over)
    await writer.more(20)
    written = await writer.stop()
    await heard.until(lambda: written[-1] in heard.ids)
    async with asyncio.timeout(20):
        while channels_of(after) != [f"{{{topic}}}:s".encode()] or channels_of(before):
            await asyncio.sleep(0.02)
    await talk_passes(heard, writer)
    assert_heard_in_order(heard, written)


async def test_calls_find_keys_that_are_under_way_or_say_that_they_can_not(
    valkey_cluster: ValkeyCluster, brokers: Callable[[], RedisBroker]
) -> None:
    broker, source = brokers(), valkey_cluster.owner(TAG)
    here, there = (Presence(valkey_cluster.url, name, linger_s=0) for name in ("p1", "p2"))
    await broker.say(TOPIC, [b'{"id":"a"}'])
    (last,) = await broker.append([fact(TOPIC, 1)])
    await here.enter(ROOM, "ann", {})
    await there.enter(ROOM, "bob", {})
    assert await here.count(ROOM) == 2
    with valkey_cluster.moving_slot(TAG, valkey_cluster.other_primary(source)) as move:
        move(f"{TAG}:talk", f"{TAG}:meta", f"{TAG}:m:p2", f"{TAG}:w:p2")
        assert await broker.recent_talk(TOPIC) == [b'{"id":"a"}']
        assert await broker.tail(TOPIC) == last
        with pytest.raises(BrokerUnavailable):  # some of its keys are here, some there
            await broker.append([fact(TOPIC, 2)])
        with pytest.raises(BrokerUnavailable):  # those that it finds on its way are there
            await here.here(ROOM)
        assert await here.count(ROOM) == 2
        assert await here.enter(ROOM, "cai", {}) is False
    assert (await broker.append([fact(TOPIC, 2)]))[0].epoch > last.epoch
    assert [fact.id for fact in (await broker.since(TOPIC, last)).events] == ["fact-2"]
    assert {"ann", "bob"} <= (await there.here(ROOM)).keys()
    for presence in (here, there):
        await presence.aclose()


# A room


async def test_a_room_of_two_processes_lives_on_a_cluster(
    valkey_cluster: ValkeyCluster, brokers: Callable[[], RedisBroker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("live.hub.SWEEP_S", 0.1)
    first, second = brokers(), brokers()
    presences = [Presence(valkey_cluster.url, f"p{n}", linger_s=0) for n in range(2)]
    hubs = [Hub(broker, presence) for broker, presence in zip((first, second), presences, strict=True)]
    shop = Shop(first)
    ann, bob = Phone(hubs[0], shop, "ann"), Phone(hubs[1], shop, "bob")
    await ann.hello()
    await bob.hello()
    await ann.hear(Batch, lambda frame: frame.here == 2)
    ann.write(Say("c1", "hello"))
    assert b"hello" in bytes((await bob.hear(Batch, lambda frame: bool(frame.talk))).talk[0])
    hubs[1].like(TOPIC, 7)
    await ann.hear(Batch, lambda frame: frame.likes == 7)
    await shop.happen(30)
    for visitor in (ann, bob):
        await visitor.reach(30)
        assert visitor.numbers == list(range(1, 31))
    await bob.hang_up()
    await ann.hear(Batch, lambda frame: frame.here == 1)
    for hub, presence in zip(hubs, presences, strict=True):
        await hub.stop()
        await presence.aclose()


def assert_heard_in_order(heard: Heard, written: list[str]) -> None:
    """Each once and in order; or again only after a gap was told, and then in a newer epoch."""
    if not heard.gaps:
        assert heard.ids == written
        return
    firsts = list(dict.fromkeys(heard.ids))
    assert [n for n in written if n in firsts] == firsts
    assert heard.all[-1].position.epoch > heard.all[0].position.epoch
    positions = [fact.position for fact in heard.all]
    assert positions == sorted(set(positions))


async def talk_passes(heard: Heard, writer: Writer) -> None:
    """Talk is never filled in: whoever hears it is subscribed where it is said."""
    async with asyncio.timeout(20):
        line = b'{"n":%d}' % len(heard.lines)
        while line not in heard.lines:
            await writer.broker.say(writer.topic, [line])
            await asyncio.sleep(0.02)


async def present(presence: Presence, room: str, member: str) -> None:
    """By the next renewal of the lease at the latest."""
    async with asyncio.timeout(20):
        while list(await presence.here(room)) != [member] or await presence.count(room) != 1:
            await asyncio.sleep(0.02)


def channels_of(node: Node) -> list[Any]:
    return list(node.ask("PUBSUB", "SHARDCHANNELS"))


@contextmanager
def cut_off(replica: Node, primary: Node) -> Iterator[None]:
    """The replica gets nothing of what the primary acknowledges meanwhile; then the primary hangs."""
    replica.signal(signal.SIGSTOP)
    primary.client.client_kill_filter(_type="replica")
    yield
    primary.signal(signal.SIGSTOP)
    replica.signal(signal.SIGCONT)
