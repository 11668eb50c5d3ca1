"""Live media: viewers of one 720p room at 1.3 Mbit/s that one core serves, by the product's media role with its
accelerator and without, and by Janus's streaming plugin.

The host sends all three the same packets (`media_host`), the same viewers come and count (`media_viewers`), and a C
loop tells what encrypting and sending alone cost (`media_limit`). The servers take turns, each fresh.
"""

from __future__ import annotations

import asyncio
import json
import math
import socket
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import uvloop

from scripts._setup import ROOT
from scripts.benches.frame import (
    Metric,
    Report,
    allow_files,
    before_others,
    busy_s,
    child,
    cpu_s,
    median,
    pin,
    progress,
    told,
    two_cores,
)
from scripts.benches.media_clip import FPS, encoded
from scripts.benches.media_servers import Name, Server, janus_version, server
from scripts.benches.media_viewers import Count, Crowd
from scripts.benches.plot import Panel, draw

VIEWERS = 150
NAMES: tuple[Name, ...] = ("Janus", "accelerated", "plain")
REPEATS = 3
MOST_ROUNDS = 5
CALM = 0.05
"""Rounds in which others had a server's core for a larger share of the time are repeated; the calmest ones count."""
MOST_CLIENT_LOAD = 0.85
"""Of the clients' core. Above it the clients would be what is measured."""
LEAST_FPS, MOST_LOSS = FPS - 1, 0.01
"""Worse, and the server has more viewers than it can carry."""
AT_ONCE = 8
"""Viewers who are joining at a time, while the room fills."""
FIRST = 4
"""Viewers before any figure is taken: the server's own first times."""
SETTLE_S = 1.0
IDLE_S = 4.0
LOAD_S = 6.0
ARRIVALS, ARRIVE_EVERY_S = 40, 0.1
CURVE = (25, 50, 100, 150, 200, 300, 400)
CURVE_LOAD_S = 4.0
PICTURE = ROOT / "docs" / "pictures" / "media.svg"


@dataclass(frozen=True)
class Watched:
    """A window in which the room played to everybody."""

    viewers: int
    seconds: float
    cpu_s: float
    counts: Sequence[Count]
    others: float
    """The share of the window in which others had the server's core."""
    client_load: float
    """Of the viewers and the host, as a share of their core."""

    @property
    def viewer_ms(self) -> float:
        """The server's CPU time for each viewer, in a second."""
        return self.cpu_s / self.seconds / self.viewers * 1000

    @property
    def viewers_per_core(self) -> float:
        return 1000 / self.viewer_ms

    @property
    def total(self) -> Count:
        return sum(self.counts, Count())

    @property
    def fps(self) -> float:
        return self.total.frames / self.viewers / self.seconds

    @property
    def worst_fps(self) -> float:
        return min(count.frames for count in self.counts) / self.seconds

    @property
    def kbps(self) -> float:
        return self.total.octets * 8 / 1000 / self.viewers / self.seconds

    @property
    def is_carried(self) -> bool:
        return self.fps >= LEAST_FPS and self.total.loss <= MOST_LOSS


@dataclass(frozen=True)
class Visit:
    """All that was measured of one server's life."""

    joins_per_cpu_s: float
    joins_per_s: float
    idle_ms: float
    """CPU time for each viewer in a second, while nobody sends."""
    watched: Watched
    first_picture_ms: Sequence[float]
    accelerated: bool


@dataclass(frozen=True)
class Round:
    visits: dict[Name, Visit]
    limit_ms: float
    """The C loop's CPU time for each viewer in a second."""

    @property
    def others(self) -> float:
        return max(visit.watched.others for visit in self.visits.values())


class Bench:
    """`server` and `client` are cores; the viewers, which are this process, and the host share the clients'."""

    def __init__(self, server: int, client: int) -> None:
        self._server = server
        self._client = client

    async def round(self, order: Sequence[Name]) -> Round:
        visits = {name: await self.visit(name) for name in order}
        return Round(visits, await self.limit(VIEWERS, LOAD_S))

    async def visit(self, name: Name, viewers: int = VIEWERS) -> Visit:
        with server(name, self._server) as running:
            async with crowd(running) as watching:
                await watching.grow(FIRST, FIRST)
                began, cpu_began = time.monotonic(), cpu_s(running.pid)
                await watching.grow(viewers, AT_ONCE)
                joins, took = viewers - FIRST, time.monotonic() - began
                joins_cpu_s = cpu_s(running.pid) - cpu_began
                await asyncio.sleep(SETTLE_S)
                idle_ms = await self._idle(running, viewers)
                async with self._host(running) as host:
                    await watching.pictures()
                    await asyncio.sleep(SETTLE_S)
                    watched = await self.watch(running, watching, host, LOAD_S)
                    first = await watching.arrivals(ARRIVALS, ARRIVE_EVERY_S)
        return Visit(
            joins_per_cpu_s=joins / joins_cpu_s,
            joins_per_s=joins / took,
            idle_ms=idle_ms,
            watched=watched,
            first_picture_ms=[seconds * 1000 for seconds in first],
            accelerated=running.accelerated,
        )

    async def _idle(self, running: Server, viewers: int) -> float:
        began, cpu_began = time.monotonic(), cpu_s(running.pid)
        await asyncio.sleep(IDLE_S)
        return (cpu_s(running.pid) - cpu_began) / (time.monotonic() - began) / viewers * 1000

    @asynccontextmanager
    async def _host(self, running: Server) -> AsyncIterator[int]:
        command = [sys.executable, "-m", "scripts.benches.media_host", *running.host]
        with child(*command, core=self._client) as host:
            assert await asyncio.to_thread(told, host) == "sending"
            yield host.pid

    async def watch(self, running: Server, watching: Crowd, host: int, seconds: float) -> Watched:
        """Or exits: clients without time to spare measure nothing."""
        before, began = watching.counts(), time.monotonic()
        cpu_began, busy_began = cpu_s(running.pid), busy_s(self._server)
        client_began = time.process_time() + cpu_s(host)
        await asyncio.sleep(seconds)
        took, used = time.monotonic() - began, cpu_s(running.pid) - cpu_began
        watched = Watched(
            viewers=len(before),
            seconds=took,
            cpu_s=used,
            counts=[now - then for now, then in zip(watching.counts(), before, strict=False)],
            others=max(0.0, busy_s(self._server) - busy_began - used) / took,
            client_load=(time.process_time() + cpu_s(host) - client_began) / took,
        )
        if watched.client_load > MOST_CLIENT_LOAD:
            raise SystemExit(f"the clients' core was {watched.client_load:.0%} busy: no figures")
        return watched

    async def limit(self, viewers: int, seconds: float) -> float:
        """What the C loop needs for each viewer, in milliseconds of CPU time a second."""
        with sinks(viewers) as ports:
            command = [sys.executable, "-m", "scripts.benches.media_limit", str(seconds), *map(str, ports)]
            with child(*command, core=self._server) as loop:
                said = json.loads(await asyncio.to_thread(told, loop))
        return float(said["cpu_s"] / said["seconds"] / viewers * 1000)

    async def curve(self) -> dict[Name, list[Watched]]:
        """One server after the other, its room filled step by step to what it can carry."""
        grown: dict[Name, list[Watched]] = {}
        for name in NAMES:
            grown[name] = []
            with server(name, self._server) as running:
                async with crowd(running) as watching, self._host(running) as host:
                    for viewers in CURVE:
                        await watching.grow(viewers, AT_ONCE)
                        await watching.pictures()
                        await asyncio.sleep(SETTLE_S)
                        watched = await self.watch(running, watching, host, CURVE_LOAD_S)
                        progress(f"media {name} {viewers}: {watched.viewer_ms:.2f} ms, {watched.fps:.1f} fps")
                        if not watched.is_carried:
                            break
                        grown[name].append(watched)
        return grown


@asynccontextmanager
async def crowd(running: Server) -> AsyncIterator[Crowd]:
    watching = Crowd(running.join)
    reporting = asyncio.create_task(watching.keep_reporting())
    try:
        yield watching
    finally:
        reporting.cancel()
        await watching.close()


@contextmanager
def sinks(number: int) -> Iterator[list[int]]:
    """Ports whose datagrams are read and forgotten by the running loop."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(number)]
    loop = asyncio.get_running_loop()

    def forget(sink: socket.socket) -> None:
        with suppress(BlockingIOError):
            while True:
                sink.recv(2048)

    for sink in sockets:
        sink.bind(("127.0.0.1", 0))
        sink.setblocking(False)
        loop.add_reader(sink, forget, sink)
    try:
        yield [sink.getsockname()[1] for sink in sockets]
    finally:
        for sink in sockets:
            loop.remove_reader(sink)
            sink.close()


def run(full: bool) -> Report:
    version = janus_version()
    server_core, client_core = two_cores()
    pin(client_core)
    allow_files(2 * max(VIEWERS, *CURVE) + 200)
    encoded()
    bench = Bench(server_core, client_core)
    with before_others(), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        rounds = runner.run(_calmest(bench))
        curves = [runner.run(bench.curve()) for _ in range(REPEATS)] if full else []
    if curves:
        _draw(curves)
    return report(rounds, version)


async def _calmest(bench: Bench) -> list[Round]:
    rounds: list[Round] = []
    while len(rounds) < MOST_ROUNDS and sum(done.others <= CALM for done in rounds) < REPEATS:
        first = len(rounds) % len(NAMES)
        done = await bench.round(NAMES[first:] + NAMES[:first])
        rounds.append(done)
        for name, visit in done.visits.items():
            watched = visit.watched
            progress(
                f"media {len(rounds)}: {name} {watched.viewer_ms:.2f} ms a viewer, {watched.fps:.1f} fps, "
                f"loss {watched.total.loss:.2%}; {visit.joins_per_cpu_s:.0f} joins a CPU-second, first picture "
                f"{median(visit.first_picture_ms):.0f} ms; clients {watched.client_load:.0%} busy, "
                f"others had {watched.others:.1%}"
            )
    return sorted(rounds, key=lambda done: done.others)[:REPEATS]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them don't exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def report(rounds: Sequence[Round], janus: str) -> Report:
    def of(name: Name, figure: Callable[[Visit], float]) -> float:
        return median(figure(done.visits[name]) for done in rounds)

    def per_core(name: Name) -> float:
        return of(name, lambda visit: visit.watched.viewers_per_core)

    def first_picture(name: Name, share: float) -> float:
        return percentile([ms for done in rounds for ms in done.visits[name].first_picture_ms], share)

    def beside(figure: Callable[[Name], float], unit: str) -> Metric:
        return Metric(figure("accelerated"), unit, "Janus", figure("Janus"))

    metrics = {
        "viewers_per_core_accelerated": beside(per_core, "viewers"),
        "viewers_per_core_plain": Metric(per_core("plain"), "viewers", "Janus", per_core("Janus")),
        "joins_per_s": beside(lambda name: of(name, lambda visit: visit.joins_per_cpu_s), "joins/CPU-s"),
        "first_frame_ms_p95": beside(lambda name: first_picture(name, 0.95), "ms"),
        "first_frame_ms_p50": beside(lambda name: first_picture(name, 0.5), "ms"),
        "idle_viewer_ms_per_s": beside(lambda name: of(name, lambda visit: visit.idle_ms), "ms/s"),
    }
    visits = [visit for done in rounds for visit in done.visits.values()]
    limit = 1000 / median(done.limit_ms for done in rounds)
    seen = {
        name: f"{of(name, lambda visit: visit.watched.fps):.1f} frames a second "
        f"(worst viewer {min(done.visits[name].watched.worst_fps for done in rounds):.1f}), "
        f"loss {of(name, lambda visit: visit.watched.total.loss):.3%}"
        for name in NAMES
    }
    notes = [
        f"Load: {VIEWERS} viewers of 720p{FPS} and Opus, {of('accelerated', lambda v: v.watched.kbps):,.0f} kbit/s "
        f"as received, each with a report a second, 1 % NACKs and consent checks. Janus {janus}.",
        "Seen by the viewers: " + "; ".join(f"{name} {said}" for name, said in seen.items()) + ".",
        f"CPU time for each viewer: "
        f"{', '.join(f'{name} {of(name, lambda visit: visit.watched.viewer_ms):.2f}' for name in NAMES)} ms a second.",
        f"Joins by the clock, {AT_ONCE} at a time and with the clients' own work: "
        f"{', '.join(f'{name} {of(name, lambda visit: visit.joins_per_s):.0f}' for name in NAMES)} a second.",
        f"Physical limit: a C loop that only encrypts and sends these packets carries {limit:,.0f} viewers a core; "
        f"accelerated reaches {per_core('accelerated') / limit:.0%} of it, plain {per_core('plain') / limit:.0%}.",
        f"Medians of {len(rounds)} rounds; others had a server's core for "
        f"{max(done.others for done in rounds):.1%} of the time at most, the clients' core was busy for "
        f"{max(visit.watched.client_load for visit in visits):.0%} of it at most.",
    ]
    if not all(done.visits["accelerated"].accelerated for done in rounds):
        notes.append("The accelerator isn't built here: the accelerated figures are plain ones.")
    return Report(metrics, notes)


def _draw(curves: Sequence[dict[Name, list[Watched]]]) -> None:
    def lines(figure: Callable[[Watched], float]) -> dict[str, list[tuple[float, float]]]:
        return {name: _medians([curve[name] for curve in curves], figure) for name in NAMES}

    draw(
        PICTURE,
        "viewers in one room, 720p at 1.3 Mbit/s to each",
        Panel("CPU time for each viewer, ms a second", lines(lambda watched: watched.viewer_ms)),
        Panel("The server's core, % busy", lines(lambda watched: watched.cpu_s / watched.seconds * 100)),
    )


def _medians(
    runs: Sequence[Sequence[Watched]], figure: Callable[[Watched], float]
) -> list[tuple[float, float]]:
    """By number of viewers, of the steps that every run carried."""
    measured = defaultdict(list)
    for watched in (watched for run_ in runs for watched in run_):
        measured[watched.viewers].append(figure(watched))
    return [(viewers, median(values)) for viewers, values in measured.items() if len(values) == len(runs)]
