"""Who is in a room: members, not sockets, over any number of processes.

Each process keeps its own members under a lease that it renews while it lives, so those of a killed process vanish with
it. Nothing else holds the truth: what Redis or Valkey loses, the next renewal enters again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from live.broker import BrokerUnavailable
from live.broker.deployment import deployment
from live.broker.scripts import Script, load
from live.broker.tasks import end

log = structlog.get_logger()

LEASE_S = 12.0
LINGER_S = 3.0
"""A member whose last connection ended is still here for so long: a reload is neither a leave nor an arrival."""
CHUNK = 500

ENTER, LEAVE, RENEW, OWN, COUNT, HERE = (
    load("live", name) for name in ("enter", "leave", "renew", "own", "count", "here")
)


class _Member:
    __slots__ = ("connections", "info", "leaving")

    def __init__(self, info: bytes) -> None:
        self.connections = 0
        self.info = info
        self.leaving: asyncio.TimerHandle | None = None


class Presence:
    """This process's view of who is where. `process_id`: unique among running processes, new after a restart."""

    def __init__(
        self, redis_url: str, process_id: str, *, lease_s: float = LEASE_S, linger_s: float = LINGER_S
    ) -> None:
        self._deployment = deployment(redis_url)
        self._process = process_id
        self._lease_s = lease_s
        self._linger_s = linger_s
        self._rooms: dict[str, dict[str, _Member]] = {}
        self._counts: dict[str, tuple[bytes, int]] = {}
        self._told: dict[
            str, int
        ] = {}  # by `changes`; whoever else asks for a count takes no change away from it
        self._tasks: set[asyncio.Task[Any]] = set()
        self._renewing: asyncio.Task[None] | None = None

    async def enter(self, room_id: str, member_id: str, info: Mapping[str, Any]) -> bool:
        """One more connection of the member. True when they were not here before, by any process; while the broker is
        away nobody knows, and the answer is False. Each call is matched by one `leave`."""
        members = self._rooms.setdefault(room_id, {})
        member = members.get(member_id)
        known = member is not None
        if member is None:
            member = members[member_id] = _Member(msgspec.json.encode(info))
        member.connections += 1
        if member.leaving is not None:
            member.leaving.cancel()
            member.leaving = None
        if self._renewing is None:
            self._renewing = self._spawn(self._renew())
        if known:
            return False
        try:
            return await self._enter(room_id, {member_id: member}) > 0
        except BrokerUnavailable:
            return False

    def leave(self, room_id: str, member_id: str) -> None:
        """One connection less. After the last one the member lingers a moment."""
        member = self._rooms.get(room_id, {}).get(member_id)
        if member is None:
            return
        member.connections -= 1
        if member.connections == 0:
            loop = asyncio.get_running_loop()
            member.leaving = loop.call_later(self._linger_s, self._left, room_id, member_id)

    async def count(self, room_id: str) -> int:
        """Unique members in the room; the last count known while the broker is away. Cheap while nothing changes."""
        version, last = self._counts.get(room_id, (b"", 0))
        try:
            answer = await self._run(COUNT, room_id, [version, _prefix(room_id, "m")])
        except BrokerUnavailable:
            return max(last, len(self._rooms.get(room_id, {})))
        if len(answer) == 2:
            last = int(answer[1])
        self._counts[room_id] = (answer[0], last)
        return last

    async def here(self, room_id: str) -> dict[str, dict[str, Any]]:
        """Who is in the room, with the info they entered with. Raises BrokerUnavailable."""
        flat: list[bytes] = await self._run(HERE, room_id, [_prefix(room_id, "w")])
        pairs = zip(flat[::2], flat[1::2], strict=True)
        return {member.decode(): msgspec.json.decode(info) for member, info in pairs}

    async def changes(self, room_ids: Iterable[str]) -> dict[str, int]:
        """The rooms whose count is another than when last asked, with the new one."""
        changed = {}
        rooms = list(room_ids)
        for room_id in rooms:
            count = await self.count(room_id)
            if self._told.get(room_id) != count:
                changed[room_id] = self._told[room_id] = count
        for forgotten in self._told.keys() - set(rooms):
            del self._told[forgotten]
            self._counts.pop(forgotten, None)
        return changed

    async def aclose(self) -> None:
        """This process's members leave at once."""
        for members in self._rooms.values():
            for member in members.values():
                if member.leaving is not None:
                    member.leaving.cancel()
        await end(list(self._tasks))
        try:
            for room_id in self._rooms:
                await self._run(LEAVE, room_id, [self._process])
        except BrokerUnavailable:
            log.warning("presence ends by lease", process=self._process)
        self._rooms.clear()
        await self._deployment.aclose()

    async def _enter(self, room_id: str, members: Mapping[str, _Member]) -> int:
        head = [self._process, int(self._lease_s * 1000), _prefix(room_id, "m")]
        pairs = [part for member_id, member in members.items() for part in (member_id, member.info)]
        return int(await self._run(ENTER, room_id, [*head, *pairs]))

    def _left(self, room_id: str, member_id: str) -> None:
        members = self._rooms[room_id]
        del members[member_id]
        if not members:
            del self._rooms[room_id]
        self._spawn(self._tell_left(room_id, member_id))

    async def _tell_left(self, room_id: str, member_id: str) -> None:
        try:
            await self._run(LEAVE, room_id, [self._process, member_id])
            if member_id in self._rooms.get(room_id, {}):  # they came back while it was told
                await self._repair(room_id)
        except BrokerUnavailable:
            log.info("a leave is told by the next renewal", room=room_id)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(self._lease_s / 3)
            for room_id in list(self._rooms):
                try:
                    known = await self._run(RENEW, room_id, [self._process, int(self._lease_s * 1000)])
                    if known != len(self._rooms.get(room_id, {})):
                        await self._repair(room_id)
                except BrokerUnavailable:
                    break  # next time
                except Exception:
                    log.exception("presence was not renewed", room=room_id)

    async def _repair(self, room_id: str) -> None:
        """Some were lost, or it was never heard that some left."""
        told = {member.decode() for member in await self._run(OWN, room_id, [])}
        members = self._rooms.get(room_id, {})
        missing = [(member_id, members[member_id]) for member_id in members.keys() - told]
        gone = list(told - members.keys())
        for start in range(0, len(missing), CHUNK):
            await self._enter(room_id, dict(missing[start : start + CHUNK]))
        for start in range(0, len(gone), CHUNK):
            await self._run(LEAVE, room_id, [self._process, *gone[start : start + CHUNK]])

    async def _run(self, script: Script, room_id: str, args: Sequence[Any]) -> Any:
        keys = [
            f"{{room:{room_id}}}:here",
            f"{{room:{room_id}}}:here:v",
            _prefix(room_id, "m") + self._process,
            _prefix(room_id, "w") + self._process,
        ]
        return await self._deployment.run(script, keys, args)

    def _spawn(self, work: Any) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _prefix(room_id: str, what: str) -> str:
    return f"{{room:{room_id}}}:{what}:"
