"""Chat fan-out: lines of 150 bytes to every connection of a room, by the product's server on one core.

Ticked: a busy room as it is served. Unbatched: one frame a line, beside a plain broadcast by node `ws`. The same
client counts both (`ws_client.c`) and sees that no line is lost; `send_limit.c` tells what the kernel takes. The talk
cap is off: everybody is shown every line.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

from live.broker.redis import RedisBroker
from live.events import room_topic
from live.protocol import Hello, encode
from scripts._setup import ROOT
from scripts.benches.chat_room import PACES, ROOM
from scripts.benches.frame import (
    Metric,
    Report,
    allow_files,
    before_others,
    built,
    child,
    cpu_s,
    median,
    node_folder,
    pin,
    progress,
    rss_kb,
    told,
    two_cores,
    waited_s,
)
from scripts.benches.plot import Panel, draw
from server.run.embedded import RunningServer, Valkey
from server.run.folders import DataFolder

LINE_BYTES = 150
FRAME_HEAD = 4
REPEATS = 3
CALM = 0.05
"""A server that waited longer for its core, as a share of the window, wrote fewer and fuller frames than it would have:
such a round is repeated, REPEATS times at most, and the calmest ones count."""
WARM_UP_S = 1.0
SENDING_S = 2.0
LATE_S = 30.0
"""How long after the last line was published the last connection may be told it."""

Say = Callable[[bytes], Awaitable[object]]


@dataclass(frozen=True)
class Load:
    connections: int
    lines_per_s: int
    seconds: float

    @property
    def lines(self) -> int:
        return round(self.lines_per_s * self.seconds)


@dataclass(frozen=True)
class Counted:
    """Over one window: `deliveries` are lines × connections; `frames` those that carried them."""

    deliveries: int
    frames: int
    frame_bytes: float
    cpu_s: float
    p50_ms: float
    p99_ms: float
    kb_per_connection: float
    waited: float
    """The share of the window in which others had the server's core."""

    @property
    def lines_per_frame(self) -> float:
        return self.deliveries / self.frames

    @property
    def deliveries_per_cpu_s(self) -> float:
        return self.deliveries / self.cpu_s

    @property
    def frames_per_cpu_s(self) -> float:
        return self.frames / self.cpu_s


@dataclass(frozen=True)
class Round:
    """`*_sends` are the C loop's a CPU-second. `unbatched` and `node` (empty without it) took turns, PAIRS each: their
    difference is small."""

    ticked: Counted
    line_sends: float
    frame_sends: float
    unbatched: list[Counted]
    node: list[Counted]

    @property
    def waited(self) -> float:
        return max(counted.waited for counted in (self.ticked, *self.unbatched, *self.node))

    @property
    def least_ms(self) -> float:
        """For the last connection to be told a line that just missed a frame: a tick, and the kernel's time for all."""
        return TICK_MS + TICKED.connections / self.frame_sends * 1000


TICKED = Load(5000, 200, 8.0)
UNBATCHED = Load(1000, 50, 6.0)
CURVE = [Load(connections, 200, 5.0) for connections in (500, 1000, 2000, 3000, 5000, 8000)]
PAIRS = 3
TICK_MS = PACES["ticked"].slowest_s * 1000
PICTURE = ROOT / "docs" / "pictures" / "chat.svg"


def line(number: int) -> bytes:
    """As `ws_client.c` reads it."""
    head = b'{"kind":"chat.said","id":"%010d","at":"%020d","text":"' % (number, time.monotonic_ns())
    return head + b"a" * (LINE_BYTES - len(head) - 2) + b'"}'


async def publish(say: Say, first: int, load: Load) -> None:
    began = time.monotonic()
    for n in range(load.lines):
        await asyncio.sleep(max(0.0, began + n / load.lines_per_s - time.monotonic()))
        await say(line(first + n))


class Clients:
    """The counting client, its connections open."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        self._published = 0

    async def count(self, say: Say, load: Load) -> dict[str, Any]:
        """What they were told of the lines published now. Or exits: a server that loses lines has no figures."""
        assert self._process.stdin is not None
        print("measure", load.lines, load.seconds + LATE_S, file=self._process.stdin, flush=True)
        told(self._process)
        await publish(say, self._published, load)
        self._published += load.lines
        counted: dict[str, Any] = json.loads(await asyncio.to_thread(told, self._process))
        if counted["lost"] or counted["closed"]:
            raise SystemExit(f"lines were lost: {counted}")
        return counted


@contextmanager
def clients(port: int, connections: int, core: int, hello: bytes | None = None) -> Iterator[Clients]:
    said = [hello.decode()] if hello is not None else []
    with child(built("ws_client.c"), str(port), "/", str(connections), *said, core=core) as process:
        assert told(process) == "ready"
        yield Clients(process)


@contextmanager
def valkey() -> Iterator[RunningServer]:
    """An empty one."""
    folder = Path(tempfile.mkdtemp(prefix="showfloor-bench-", dir="/tmp"))
    running = RunningServer(Valkey(DataFolder(folder)))
    try:
        running.start()
        yield running
    finally:
        running.stop()
        shutil.rmtree(folder, ignore_errors=True)


class Bench:
    """`server` and `client` are cores; Valkey and the publisher, which is this process, share the clients'."""

    def __init__(self, redis_url: str, server: int, client: int) -> None:
        self._redis_url = redis_url
        self._server = server
        self._client = client

    def ours(self, load: Load, pace: str) -> Counted:
        command = [sys.executable, "-m", "scripts.benches.chat_room", self._redis_url, pace]
        with child(*command, core=self._server) as room:
            port, before = int(told(room)), rss_kb(room.pid)
            with clients(port, load.connections, self._client, encode(Hello(1))) as crowd:
                grown = rss_kb(room.pid) - before
                return asyncio.run(self._through_broker(crowd, load, room.pid, grown))

    async def _through_broker(self, crowd: Clients, load: Load, pid: int, grown_kb: float) -> Counted:
        broker = RedisBroker(self._redis_url)
        try:
            return await _counted(
                crowd, lambda text: broker.say(room_topic(ROOM), [text]), load, pid, grown_kb
            )
        finally:
            await broker.aclose()

    def node(self, load: Load) -> Counted | None:
        folder = node_folder("node")
        if folder is None:
            return None
        with child("node", "broadcast.mjs", core=self._server, cwd=folder) as server:
            port, before = int(told(server)), rss_kb(server.pid)
            with clients(port, load.connections, self._client) as crowd:
                grown = rss_kb(server.pid) - before
                return asyncio.run(self._through_socket(crowd, load, server.pid, grown, port))

    async def _through_socket(
        self, crowd: Clients, load: Load, pid: int, grown_kb: float, port: int
    ) -> Counted:
        async with connect(f"ws://127.0.0.1:{port}", compression=None) as speaker:
            return await _counted(crowd, lambda text: speaker.send(text, text=True), load, pid, grown_kb)

    def round(self) -> Round:
        ticked = self.ours(TICKED, "ticked")
        pairs = [(self.ours(UNBATCHED, "unbatched"), self.node(UNBATCHED)) for _ in range(PAIRS)]
        return Round(
            ticked=ticked,
            line_sends=self.sends(TICKED.connections, FRAME_HEAD + LINE_BYTES),
            frame_sends=self.sends(
                TICKED.connections,
                FRAME_HEAD + round(ticked.frame_bytes),
                ticked.frames / TICKED.connections / TICKED.seconds,
            ),
            unbatched=[ours for ours, _ in pairs],
            node=[node for _, node in pairs if node is not None],
        )

    def sends(self, connections: int, size: int, rounds_per_s: float = 0) -> float:
        """The C loop's a CPU-second; `rounds_per_s` 0: as many as it can."""
        shape = (connections, size, rounds_per_s, SENDING_S, self._server, self._client)
        done = subprocess.run(
            [built("send_limit.c"), *map(str, shape)], stdout=subprocess.PIPE, check=True, text=True
        )
        sent = json.loads(done.stdout)
        return float(sent["sends"] / sent["cpu_s"])


async def _counted(crowd: Clients, say: Say, load: Load, pid: int, grown_kb: float) -> Counted:
    await crowd.count(say, Load(load.connections, load.lines_per_s, WARM_UP_S))
    began, cpu_began, waited_began = time.monotonic(), cpu_s(pid), waited_s(pid)
    counted = await crowd.count(say, load)
    return Counted(
        deliveries=counted["lines"],
        frames=counted["frames"],
        frame_bytes=counted["bytes"] / counted["frames"],
        cpu_s=cpu_s(pid) - cpu_began,
        p50_ms=counted["p50_ms"],
        p99_ms=counted["p99_ms"],
        kb_per_connection=grown_kb / load.connections,
        waited=(waited_s(pid) - waited_began) / (time.monotonic() - began),
    )


def run(full: bool) -> Report:
    server, client = two_cores()
    pin(client)
    allow_files(max(load.connections for load in [TICKED, *CURVE]) + 200)
    with valkey() as running, before_others(running.pid):
        bench = Bench(running.url, server, client)
        rounds = _calmest(bench)
        curve = _curve(bench) if full else []
    if curve:
        _draw(curve)
    return _report(rounds)


def _calmest(bench: Bench) -> list[Round]:
    rounds: list[Round] = []
    while len(rounds) < 2 * REPEATS and sum(done.waited <= CALM for done in rounds) < REPEATS:
        done = bench.round()
        rounds.append(done)
        progress(
            f"chat {len(rounds)}: {done.ticked.deliveries_per_cpu_s:,.0f} deliveries a CPU-second, "
            f"p99 {done.ticked.p99_ms:.0f} ms; {per_cpu_s(done.unbatched):,.0f} unbatched; "
            f"waited for the core {done.waited:.1%}"
        )
    return sorted(rounds, key=lambda done: done.waited)[:REPEATS]


def per_cpu_s(counted: list[Counted]) -> float:
    """Frames, the median."""
    return median(one.frames_per_cpu_s for one in counted)


def _report(rounds: list[Round]) -> Report:
    def of(figure: Callable[[Round], float]) -> float:
        return median(map(figure, rounds))

    unbatched = [counted for done in rounds for counted in done.unbatched]
    node = [counted for done in rounds for counted in done.node]

    deliveries = of(lambda done: done.ticked.deliveries_per_cpu_s)
    metrics = {
        "ticked_deliveries_per_cpu_s": Metric(
            deliveries, "deliveries/CPU-s", "C send limit", of(lambda done: done.line_sends)
        ),
        "ticked_p99_ms": Metric(
            of(lambda done: done.ticked.p99_ms), "ms", "a tick and C's sends", of(lambda done: done.least_ms)
        ),
        "ticked_p50_ms": Metric(of(lambda done: done.ticked.p50_ms), "ms"),
        "unbatched_deliveries_per_cpu_s": Metric(
            per_cpu_s(unbatched),
            "deliveries/CPU-s",
            "node ws",
            per_cpu_s(node) if node else None,
        ),
        "kb_per_connection": Metric(
            of(lambda done: done.ticked.kb_per_connection),
            "KB",
            "node ws, bare",
            median(counted.kb_per_connection for counted in node) if node else None,
        ),
    }
    frame_sends = of(lambda done: done.frame_sends)
    limit = of(lambda done: done.frame_sends * done.ticked.lines_per_frame)
    frames = of(lambda done: done.ticked.frames / TICKED.connections)
    notes = [
        f"Load: {TICKED.connections:,} connections × {TICKED.lines_per_s} lines/s ticked, "
        f"{UNBATCHED.connections:,} × {UNBATCHED.lines_per_s}/s unbatched, lines of {LINE_BYTES} bytes; none lost.",
        f"A frame left every {TICKED.seconds / frames * 1000:.0f} ms, with "
        f"{of(lambda done: done.ticked.lines_per_frame):.0f} lines.",
        f"Physical limit: a C loop sends {frame_sends:,.0f} such frames a CPU-second, {limit:,.0f} deliveries; "
        f"the server reaches {deliveries / limit:.0%} of it. Unbatched it reaches "
        f"{of(lambda done: per_cpu_s(done.unbatched) / done.line_sends):.0%} of C's sends.",
        f"Medians of {len(rounds)} rounds; others had a server's core for "
        f"{max(done.waited for done in rounds):.1%} of the time at most.",
    ]
    return Report(metrics, notes)


def _curve(bench: Bench) -> list[tuple[Load, float, float, float]]:
    """Deliveries a CPU-second, p50 and p99 of each load; the loads take turns."""
    measured = defaultdict(list)
    for _ in range(REPEATS):
        for load in CURVE:
            counted = bench.ours(load, "ticked")
            measured[load].append(counted)
            progress(f"chat {load.connections}: {counted.deliveries_per_cpu_s:,.0f}, {counted.p99_ms:.0f} ms")
    return [
        (
            load,
            median(counted.deliveries_per_cpu_s for counted in measured[load]),
            median(counted.p50_ms for counted in measured[load]),
            median(counted.p99_ms for counted in measured[load]),
        )
        for load in CURVE
    ]


def _draw(curve: list[tuple[Load, float, float, float]]) -> None:
    def against(figure: int) -> list[tuple[float, float]]:
        return [(point[0].connections, point[figure]) for point in curve]

    draw(
        PICTURE,
        f"connections in one room, {CURVE[0].lines_per_s} lines a second to each",
        Panel("Deliveries per CPU-second, millions", {"": [(x, y / 1e6) for x, y in against(1)]}),
        Panel("Published to received, ms", {"p99": against(3), "p50": against(2)}),
    )
