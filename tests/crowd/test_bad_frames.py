"""A real web process and clients that keep to nothing: each frame is answered or ends the connection with a code that
the protocol names, and nothing stays behind."""

from __future__ import annotations

import asyncio
import gc
import logging
import re
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import psutil
import pytest
import structlog
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from live.limits import Limits
from live.protocol import MAX_FRAME, CloseCode
from tests.crowd.fuzz import Fuzz
from tests.crowd.strangers import Strangers, code_of
from tests.server.rooms.floor import Floor, open_floor

SEED = 20251111
FRAMES, FIRST_FRAMES, NOISES = 3_000, 200, 200
"""`scripts/soak bad_frames` sends more, to a process of its own."""
CROWD, WARM_UP = 64, 1_000
SETTLES_S = 3.0
"""A topic that everybody left is heard for two seconds more."""
GROWTH = 1.05
POOLS = 16
"""Connections to PostgreSQL and Valkey that may be opened later, and their tasks: a leak would be one for each of
hundreds."""
HELLO: dict[str, Any] = {"type": "hello", "v": 1}
SAY: dict[str, Any] = {"type": "say", "ref": "c1", "text": "hm"}


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


class Complaints(logging.Handler):
    """Whatever the process says that is more than a warning, but for uvicorn's word on what it ends with 1007, and for
    clients of other tests, which run in the same process."""

    HANDLED = "Invalid UTF-8 sequence received from client."

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage() != self.HANDLED and not record.name.startswith("websockets.client"):
            self.said.append(record.getMessage())

    def unhandled(self, _: object, context: dict[str, Any]) -> None:
        self.said.append(f"{context['message']}: {context.get('exception')!r}")


@pytest.fixture
async def complaints(floor) -> AsyncIterator[list[str]]:
    handler, loop = Complaints(), asyncio.get_running_loop()
    loggers = [logging.getLogger(name) for name in ("uvicorn", "asyncio", "websockets")]
    for logger in loggers:
        logger.addHandler(handler)
    loop.set_exception_handler(handler.unhandled)
    with structlog.testing.capture_logs() as entries:
        yield handler.said
    for logger in loggers:
        logger.removeHandler(handler)
    loop.set_exception_handler(None)
    assert handler.said == []
    assert [entry for entry in entries if entry["log_level"] in {"error", "critical"}] == []


def text(frame: dict[str, Any]) -> str:
    return msgspec.json.encode(frame).decode()


async def test_what_breaks_the_protocol_is_answered_as_it_says(floor, complaints):
    member = await floor.stage.shop.member()
    cases: list[tuple[list[str | bytes], str, int | None]] = [
        ([text(SAY)], "wrong-order", CloseCode.HELLO_FIRST),
        (["{"], "malformed-frame", CloseCode.HELLO_FIRST),
        ([b"\x00"], "binary-frame", CloseCode.BINARY),
        ([text(HELLO | {"v": 2})], "unsupported-version", CloseCode.UNSUPPORTED_VERSION),
        ([text(HELLO), text(HELLO)], "wrong-order", None),
        ([text(HELLO), "{"], "malformed-frame", None),
        ([text(HELLO), text({"type": "sing"})], "unknown-type", None),
        ([text(HELLO), text(SAY | {"text": 7})], "invalid-frame", None),
        ([text(HELLO), text(HELLO).encode()], "binary-frame", CloseCode.BINARY),
        ([text(HELLO), *["{"] * Limits().bad_frames], "malformed-frame", CloseCode.BAD_FRAMES),
        ([text(HELLO), *[text({"type": "like"})] * 200], "too-many-frames", CloseCode.FLOODING),
        ([text(HELLO), "x" * (MAX_FRAME + 1)], "", 1009),
        (["x" * (MAX_FRAME + 1)], "", 1009),
        ([text(HELLO), text(SAY | {"text": "x" * MAX_FRAME})], "", 1009),
    ]
    for frames, slug, code in cases:
        async with floor.visitor(member) as visitor:
            for frame in frames:
                await visitor.socket.send(frame)
            if slug:
                await visitor.until(lambda frame, slug=slug: frame.get("problem", {}).get("slug") == slug)
            if code is None:
                await visitor.send(type="ping")
                await visitor.until(lambda frame: frame["type"] == "pong")
            else:
                assert await code_of(visitor.socket) == code, (frames[-1][:40], slug)


async def test_no_handshake_from_another_site_is_let_in(floor, complaints):
    token = await floor.token(await floor.stage.shop.member())
    address = floor.address(f"/ws/rooms/{floor.stage.room_id}?token={token}")
    own = floor.settings.base_url
    for origin in (
        "https://evil.example",
        "null",
        f"{own}.evil.example",
        "http://127.0.0.1:1",
        "file://",
        "http://[",
    ):
        with pytest.raises(InvalidStatus) as refused:
            await connect(address, origin=origin)
        assert refused.value.response.status_code == 403, origin
    async with connect(address, origin=own):
        pass


async def test_thousands_of_bad_frames_are_answered_and_leave_nothing(floor, complaints):
    tokens = [await floor.token(member) for member in await floor.stage.shop.members(40)]
    crowd = Strangers(floor.address(f"/ws/rooms/{floor.stage.room_id}"), tokens)
    await crowd.crowd_in(CROWD)
    await crowd.send(WARM_UP, Fuzz(SEED - 1))
    before = await settled(floor)
    await crowd.send(FRAMES, Fuzz(SEED))
    await crowd.come_wrongly(FIRST_FRAMES, Fuzz(SEED))
    await crowd.make_noise(NOISES, Fuzz(SEED))
    after = await settled(floor)
    assert crowd.wrong == []
    assert crowd.sent >= FRAMES + WARM_UP
    assert after["tasks"] <= before["tasks"] + POOLS
    assert after["files"] <= before["files"] + POOLS
    assert after["rss"] <= GROWTH * before["rss"]


async def settled(floor: Floor) -> dict[str, float]:
    """Figures of this process, which is the server's too, when all have left and a room's last work is done."""
    async with asyncio.timeout(15):
        while await sessions(floor):
            await asyncio.sleep(0.1)
    await asyncio.sleep(SETTLES_S)
    gc.collect()
    process = psutil.Process()
    return {
        "tasks": len(asyncio.all_tasks()),
        "files": process.num_fds(),
        "rss": process.memory_info().rss,
    }


async def sessions(floor: Floor) -> int:
    told = re.search(
        r"^showfloor_rooms_sessions (\S+)$", (await floor.web.get("/metrics")).text, re.MULTILINE
    )
    assert told
    return int(float(told[1]))
