"""Two media nodes behind the web role, as the product wires them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from litestar import Litestar

from live.media.node import MediaNode
from server.kit.problems import EXCEPTION_HANDLERS
from server.kit.settings import Settings
from server.rooms.media_gateway import MediaGateway
from server.rooms.media_node import FRAGMENT, SDP, create_media_app
from server.rooms.media_proxy import Admission, media_routes
from tests.live.media.offers import BROWSER_OFFER, PLAYER_OFFER
from tests.live.media.stage import served

OFFER = {"Content-Type": SDP}


async def anybody(connection: object, room_id: str, scope: object) -> Admission:
    return Admission(room_id)


class House(SimpleNamespace):
    web: httpx.AsyncClient
    gateway: MediaGateway
    nodes: dict[str, MediaNode]
    """By host:port."""

    async def publish(self, room_id: str) -> httpx.Response:
        return await self.web.post(f"/whip/{room_id}", content=BROWSER_OFFER, headers=OFFER)

    async def play(self, room_id: str) -> httpx.Response:
        return await self.web.post(f"/whep/{room_id}", content=PLAYER_OFFER, headers=OFFER)

    def having(self, room_id: str) -> list[str]:
        return [name for name, node in self.nodes.items() if room_id in node.rooms()]

    async def look(self) -> None:
        self.gateway._reported_at = float("-inf")  # what it knows is old


@pytest.fixture
async def house(tmp_path: Path, redis_url: str) -> AsyncIterator[House]:
    given = {
        "database_url": "",
        "redis_url": redis_url,
        "data": tmp_path,
        "secret": "5f" * 16,
        "base_url": "",
    }
    async with AsyncExitStack() as stack:
        apps = [create_media_app(Settings(**given)) for _ in range(2)]
        names = [await stack.enter_async_context(served(app)) for app in apps]
        gateway = MediaGateway(Settings(**given, media_http=",".join(names)))
        web = Litestar(
            media_routes(anybody, gateway, tuple),
            exception_handlers=EXCEPTION_HANDLERS,
            on_shutdown=[gateway.aclose],
            openapi_config=None,
        )
        address = await stack.enter_async_context(served(web))
        client = await stack.enter_async_context(httpx.AsyncClient(base_url=f"http://{address}"))
        nodes = dict(zip(names, (app.state.node for app in apps), strict=True))
        yield House(web=client, gateway=gateway, nodes=nodes)


async def test_a_rooms_host_and_viewers_meet_on_one_node_and_rooms_are_spread(house: House):
    for number in range(12):
        room_id = f"room{number}"
        for _ in range(2):
            assert (await house.play(room_id)).status_code == 201
        assert (await house.publish(room_id)).status_code == 201
        await house.look()
        assert len(house.having(room_id)) == 1
    assert all(len(node.rooms()) >= 2 for node in house.nodes.values())


async def test_a_session_is_reached_on_its_node_wherever_its_room_is_placed_now(house: House):
    created = await house.publish("r")
    (name,) = house.having("r")
    house.nodes[name].drain()
    await house.look()
    place, tag = created.headers["Location"], created.headers["ETag"]
    headers = {"Content-Type": FRAGMENT, "If-Match": tag}
    patched = await house.web.patch(place, content="a=end-of-candidates\r\n", headers=headers)
    assert patched.status_code == 204
    assert (await house.web.delete(place)).status_code == 200
    assert house.having("r") == []


@pytest.mark.parametrize("forged", ["{inner}", "ffffff.{inner}", "{tag}.", "{other}.{inner}"])
async def test_a_session_that_no_node_has_is_unknown(house: House, forged: str):
    created = await house.publish("r")
    tag, _, inner = created.headers["Location"].rpartition("/")[2].partition(".")
    (other,) = (node.tag for node in house.gateway.nodes.values() if node.tag != tag)
    path = f"/whip/r/{forged.format(inner=inner, tag=tag, other=other)}"
    response = await house.web.delete(path)
    assert response.status_code == 404
    assert response.headers["Content-Type"] == "application/problem+json"
    assert house.having("r")


async def test_rooms_of_a_draining_node_go_on_and_new_ones_go_elsewhere(house: House):
    await house.publish("r")
    (drained,) = house.having("r")
    house.nodes[drained].drain()
    await house.look()
    assert (await house.play("r")).status_code == 201
    assert house.having("r") == [drained]
    for number in range(4):
        await house.publish(f"new{number}")
        assert house.having(f"new{number}") != [drained]


async def test_when_all_nodes_drain_a_new_room_is_told_to_come_back(house: House):
    for node in house.nodes.values():
        node.drain()
    response = await house.publish("r")
    assert (response.status_code, response.json()["slug"]) == (503, "media-draining")


async def test_a_room_whose_node_died_begins_again_on_another(house: House):
    await house.publish("r")
    (dead,) = house.having("r")
    house.gateway.nodes[dead]._client.base_url = httpx.URL("http://127.0.0.1:9")
    await house.look()
    assert (await house.publish("r")).status_code == 201
    assert len(house.having("r")) == 2  # the dead one is not really dead, only out of reach


async def test_a_room_that_came_to_be_on_two_nodes_is_settled_on_the_hosts(house: House):
    first, second = house.nodes.values()
    await first.play("r", PLAYER_OFFER)
    await second.play("r", PLAYER_OFFER)
    await house.gateway.settle("r", await house.gateway.reports())
    (keeper,) = house.having("r")
    await house.look()
    assert (await house.publish("r")).status_code == 201
    assert house.having("r") == [keeper]


async def test_a_room_that_ends_is_cleared_wherever_it_is(house: House):
    await house.publish("r")
    await house.publish("other")
    await house.gateway.clear("r", await house.gateway.reports())
    assert house.having("r") == []
    assert house.having("other")
