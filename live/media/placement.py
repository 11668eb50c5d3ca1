"""Which of several media nodes has a room: one for all processes that ask, as long as it lives.

Redis is where they meet, not the truth: the nodes themselves know their rooms, and who asks wishes for the one that
has the room already.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import sha256

import msgspec

from live.broker import BrokerUnavailable
from live.broker.deployment import deployment
from live.broker.scripts import load

REMEMBERED_S = 86_400
PLACE = load("live.media", "place")


class NodeState(msgspec.Struct, frozen=True):
    """What a node says of itself. `rooms`: where it has a host or viewers; `playing`: where a host sends."""

    rooms: Collection[str]
    playing: Collection[str]
    viewers: int
    draining: bool


def may_have(room_id: str, nodes: Mapping[str, NodeState]) -> list[str]:
    """A node that drains keeps the rooms it has and takes no other. `nodes`: those that answer, by name."""
    return [name for name, node in nodes.items() if not node.draining or room_id in node.rooms]


def wished(room_id: str, nodes: Mapping[str, NodeState]) -> str | None:
    """The node where the room's host is, or at least viewers, else the one with the fewest viewers; of equals everybody
    picks the same. None when no node takes the room."""

    def rank(name: str) -> tuple[bool, bool, int, bytes]:
        node = nodes[name]
        lot = sha256(f"{room_id} {name}".encode()).digest()
        return room_id not in node.playing, room_id not in node.rooms, node.viewers, lot

    return min(may_have(room_id, nodes), key=rank, default=None)


class Placement:
    def __init__(self, redis_url: str) -> None:
        self._deployment = deployment(redis_url)

    async def place(self, room_id: str, nodes: Mapping[str, NodeState]) -> str | None:
        """The room's node by name; None when none takes it. While Redis is away, the one to wish for."""
        wish = wished(room_id, nodes)
        if wish is None:
            return None
        arguments = [wish, REMEMBERED_S, *may_have(room_id, nodes)]
        try:
            placed = await self._deployment.run(PLACE, [f"{{media:{room_id}}}:node"], arguments)
        except BrokerUnavailable:
            return wish
        return placed.decode() if isinstance(placed, bytes) else str(placed)

    async def aclose(self) -> None:
        await self._deployment.aclose()
