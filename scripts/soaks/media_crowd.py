"""A room of 100 where viewers come and go all the time, some without a word: the media node stays as it was.

They are cheap: ICE and DTLS are real, packets are counted and not decrypted once the first picture was there.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from statistics import median
from uuid import UUID

import uvloop

from scripts.benches.media_link import Remote
from scripts.benches.media_viewers import Count, Crowd, Viewer
from scripts.soaks.media_house import SDP, Figures, bearer, hosted, token, vanish
from scripts.soaks.premises import Premises, premises
from scripts.soaks.promises import Promises

WITHIN_S = (240, 2_100)
SEED = 1973
CROWD, CHANGES_PER_S = 100, 3.0
GONE_WITHIN_S = 15.0
PICTURE_WITHIN_S = 10.0
WARM_UP_S = 20.0
MOST_MB, MOST_CPU, MOST_FILES = 1.05, 1.25, 4
"""The last fifth of the time against the first, memory and CPU time as ratios."""
SETTLED_FILES = 8
"""Connections that a client of the node's signalling may keep open."""


def run(promises: Promises, short: bool) -> None:
    uvloop.run(soak(promises, seconds=100.0 if short else 1_800.0))


class Room:
    """Who is in it, and who has left it in the last seconds without a word."""

    def __init__(self, house: Premises, room_id: UUID) -> None:
        self._house, self._room_id = house, room_id
        self._token = bearer(token(house, "whep", room_id))
        self._places: dict[Viewer, str] = {}
        self._vanished: deque[float] = deque()
        self._rng = random.Random(SEED)
        self.crowd = Crowd(self._join)
        self.left = Count()
        self.coming = self.came = self.blind = 0
        self.farewells: dict[str, int] = {}

    async def _join(self, viewer: Viewer) -> None:
        answer = await self._house.http.post(
            f"/whep/{self._room_id}", content=viewer.offer, headers=SDP | self._token | self._address()
        )
        text = answer.raise_for_status().text
        viewer.learn(text)
        self._places[viewer] = answer.headers["Location"]
        viewer.link.aim(Remote.of(text))

    def _address(self) -> dict[str, str]:
        """As the proxy in front says it: what comes from one address is limited."""
        return {"X-Forwarded-For": f"203.0.113.{self._rng.randrange(256)}"}

    async def come(self) -> None:
        self.coming += 1
        try:
            viewer, _ = await self.crowd.arrive()
        finally:
            self.coming -= 1
        self.came += 1
        try:
            await asyncio.wait_for(viewer.saw_picture.wait(), PICTURE_WITHIN_S)
        except TimeoutError:
            self.blind += 1

    async def go(self, how: str = "") -> None:
        """One of them."""
        viewer = self.crowd.viewers.pop(self._rng.randrange(len(self.crowd.viewers)))
        how = how or self._rng.choice(["vanishes", "says goodbye", "deletes"])
        self.farewells[how] = self.farewells.get(how, 0) + 1
        place = self._places.pop(viewer)
        if how == "deletes":
            (await self._house.http.delete(place, headers=self._token)).raise_for_status()
        if how == "says goodbye":
            await viewer.link.close()
        else:
            await vanish(viewer.link)
        self.left += viewer.count
        if how != "deletes":  # a goodbye may be lost on its way
            self._vanished.append(asyncio.get_running_loop().time())

    def most(self) -> int:
        """Viewers that the node may still count."""
        gone_before = asyncio.get_running_loop().time() - GONE_WITHIN_S
        while self._vanished and self._vanished[0] < gone_before:
            self._vanished.popleft()
        return len(self.crowd.viewers) + self.coming + len(self._vanished)


async def soak(promises: Promises, seconds: float) -> None:
    async with premises() as house, asyncio.TaskGroup() as tasks:
        empty = Figures.of(house)
        room = Room(house, house.stage.room_id)
        async with hosted(house, house.stage.room_id):
            reporting = tasks.create_task(room.crowd.keep_reporting())
            await asyncio.gather(*(room.come() for _ in range(CROWD)))
            changing = tasks.create_task(change(room, tasks))
            await asyncio.sleep(WARM_UP_S)
            await measure(promises, house, room, seconds)
            changing.cancel()
            while room.coming:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
            promises.say(f"{room.came:,} came; they left by turns: {room.farewells}")
            promises.count("media_crowd.everybody_sees_the_picture", room.came, room.blind)
            heard = sum(room.crowd.counts(), room.left)
            promises.say(f"{heard.received:,} packets, {heard.lost} lost ({heard.loss:.4%})")
            while room.crowd.viewers:
                await room.go("vanishes")
        reporting.cancel()
        await leaves_nothing(promises, house, empty)


async def change(room: Room, tasks: asyncio.TaskGroup) -> None:
    loop = asyncio.get_running_loop()
    began, changes = loop.time(), 0
    while True:
        changes += 1
        await asyncio.sleep(max(0.0, began + changes / CHANGES_PER_S - loop.time()))
        await room.go()
        tasks.create_task(room.come())


async def measure(promises: Promises, house: Premises, room: Room, seconds: float) -> None:
    """Looks once a second."""
    loop = asyncio.get_running_loop()
    began, looks, too_many = loop.time(), [], 0
    while loop.time() - began < seconds:
        await asyncio.sleep(1.0)
        figures = (await house.media_report()).node
        looks.append((loop.time(), Figures.of(house)))
        too_many += figures.viewers + figures.connecting > room.most() or figures.agents > room.most() + 1
    promises.count("media_crowd.the_vanished_are_gone_in_15_s", len(looks), too_many)
    fifth = len(looks) // 5
    first, last = looks[:fifth], looks[-fifth:]

    def both(figure: Callable[[Figures], float]) -> tuple[float, float]:
        return median(figure(look) for _, look in first), median(figure(look) for _, look in last)

    memory, files, cpu = both(lambda f: f.rss_mb), both(lambda f: f.files), (busy(first), busy(last))
    promises.say(
        f"first fifth and last: {memory[0]:.1f} and {memory[1]:.1f} MB, {files[0]:.0f} and {files[1]:.0f} files, "
        f"{cpu[0]:.1%} and {cpu[1]:.1%} of a core"
    )
    promises.count("media_crowd.memory_stays_within_5_percent", 1, memory[1] > MOST_MB * memory[0], memory)
    promises.count("media_crowd.open_files_stay", 1, files[1] > files[0] + MOST_FILES, files)
    promises.count("media_crowd.cpu_time_stays_within_25_percent", 1, cpu[1] > MOST_CPU * cpu[0], cpu)


def busy(looks: list[tuple[float, Figures]]) -> float:
    """The share of a core: the median from look to look."""
    return median(
        (after.cpu_s - before.cpu_s) / (at - before_at)
        for (before_at, before), (at, after) in pairwise(looks)
    )


async def leaves_nothing(promises: Promises, house: Premises, empty: Figures) -> None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + GONE_WITHIN_S
    while (report := await house.media_report()).node.agents and loop.time() < ends:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    node, files = report.node, Figures.of(house).files
    left = {
        "rooms": node.rooms,
        "hosts": node.hosts,
        "viewers": node.viewers,
        "connecting": node.connecting,
        "agents": node.agents,
        "files": max(0, files - empty.files - SETTLED_FILES),
    }
    promises.count("media_crowd.leaves_nothing", len(left), sum(map(bool, left.values())), left)
    alarms = house.alarms("media")
    promises.count("media_crowd.log_no_error", 1, bool(alarms), alarms[:3])
