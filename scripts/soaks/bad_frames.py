"""Frames that keep to nothing are answered or end the connection as the protocol says, and leave nothing behind."""

from __future__ import annotations

import asyncio

import uvloop

from scripts.soaks.premises import Premises, premises
from scripts.soaks.promises import Promises
from tests.crowd.fuzz import Fuzz
from tests.crowd.strangers import Strangers

WITHIN_S = (120, 600)
SEED = 1111
MEMBERS = 100
CROWD, WARM_UP = 64, 2_000
GROWTH = 1.05
POOLS = 16
"""Connections to PostgreSQL and Valkey that a process may open later: a leak would be one for each of thousands."""


def run(promises: Promises, short: bool) -> None:
    uvloop.run(soak(promises, frames=5_000 if short else 50_000))


async def soak(promises: Promises, frames: int) -> None:
    async with premises() as house:
        strangers = Strangers(house.room_url, await house.tokens(await house.stage.shop.members(MEMBERS)))
        await strangers.crowd_in(CROWD)
        await strangers.send(WARM_UP, Fuzz(SEED - 1))
        before = await settled(house)
        await strangers.send(frames, Fuzz(SEED))
        await strangers.come_wrongly(frames // 20, Fuzz(SEED))
        await strangers.make_noise(frames // 20, Fuzz(SEED))
        after = await settled(house)

        promises.say(f"{strangers.sent:,} frames after hello; before {before}, after {after}")
        tried = strangers.sent + 2 * (frames // 20)
        promises.count("bad_frames.answered", tried, len(strangers.wrong), strangers.wrong[:3])
        most = {"sessions": 0, "files": before["files"] + POOLS, "rss_mb": GROWTH * before["rss_mb"]}
        left = [name for name in most if after[name] > most[name]]
        promises.count("bad_frames.leave_nothing", len(before), len(left), left)
        alarms = house.alarms()
        promises.count("bad_frames.log_no_error", tried, len(alarms), alarms[:3])


async def settled(house: Premises) -> dict[str, float]:
    """Figures of the web process once everybody has left and what it does afterwards is done."""
    await house.until_sessions(0, within_s=15)
    await asyncio.sleep(4)
    figures = await house.room_figures()
    return {"sessions": figures["sessions"], "files": house.web.num_fds(), "rss_mb": house.rss_mb()}
