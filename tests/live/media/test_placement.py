from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from live.media.placement import NodeState, Placement, wished
from tests.live.servers import Site


def node(*rooms: str, playing: tuple[str, ...] = (), viewers: int = 0, draining: bool = False) -> NodeState:
    return NodeState(rooms={*rooms, *playing}, playing=playing, viewers=viewers, draining=draining)


def test_a_new_room_goes_where_the_fewest_watch():
    assert wished("r", {"a": node(viewers=9), "b": node(viewers=3), "c": node(viewers=5)}) == "b"


def test_of_equal_nodes_rooms_are_spread_and_everybody_picks_the_same():
    nodes = {name: node() for name in "abc"}
    picks = [wished(f"room {number}", nodes) for number in range(300)]
    assert picks == [wished(f"room {number}", dict(reversed(nodes.items()))) for number in range(300)]
    assert all(60 < picks.count(name) < 140 for name in nodes)


def test_the_hosts_node_comes_before_one_with_viewers_only():
    assert wished("r", {"a": node("r"), "b": node(playing=("r",), viewers=900), "c": node()}) == "b"


def test_a_draining_node_keeps_its_rooms_and_takes_no_other():
    nodes = {"a": node("r", draining=True), "b": node(viewers=50)}
    assert wished("r", nodes) == "a"
    assert wished("other", nodes) == "b"
    assert wished("other", {"a": node(draining=True)}) is None


@asynccontextmanager
async def placements(url: str, count: int = 2) -> AsyncIterator[list[Placement]]:
    made = [Placement(url) for _ in range(count)]
    try:
        yield made
    finally:
        for placement in made:
            await placement.aclose()


async def test_who_asks_first_decides_also_for_those_who_see_other_loads(site: Site):
    async with placements(site.url) as (one, two):
        assert await one.place("r", {"a": node(), "b": node(viewers=1)}) == "a"
        assert await two.place("r", {"a": node(viewers=5), "b": node(viewers=1)}) == "a"


async def test_a_room_moves_when_its_node_is_gone_and_stays_there(site: Site):
    async with placements(site.url) as (one, two):
        assert await one.place("r", {"a": node(), "b": node(viewers=1)}) == "a"
        assert await one.place("r", {"b": node(viewers=1)}) == "b"
        assert await two.place("r", {"a": node(), "b": node(viewers=1)}) == "b"


async def test_a_room_that_left_a_draining_node_begins_on_another(site: Site):
    async with placements(site.url, 1) as (one,):
        assert await one.place("r", {"a": node(), "b": node(viewers=1)}) == "a"
        assert await one.place("r", {"a": node("r", draining=True), "b": node(viewers=1)}) == "a"
        assert await one.place("r", {"a": node(draining=True), "b": node(viewers=1)}) == "b"


async def test_while_redis_is_away_everybody_wishes_alike(valkey_server: Callable):
    server = valkey_server()
    async with placements(server.url, 1) as (one,):
        server.kill()
        assert await one.place("r", {"a": node("r"), "b": node()}) == "a"


async def test_no_node_takes_a_room_when_all_drain(site: Site):
    async with placements(site.url, 1) as (one,):
        assert await one.place("r", {"a": node(draining=True)}) is None
