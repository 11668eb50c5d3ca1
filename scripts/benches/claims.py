"""Claims on a flash sale over HTTP, a token each; order, hold, ledger and outbox rows are committed before the 201.

The web process has one core; PostgreSQL, Valkey and the client share the other. Beside it, in turns: the usual way, one
transaction a claim with SELECT … FOR UPDATE through the ORM (`claim_rowlock.py`), and the gate's script alone, called
raw, which no server of claims could beat.
"""

from __future__ import annotations

import itertools
import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from uuid import UUID

import hiredis

from scripts._setup import ROOT
from scripts.benches.claim_shop import Shop, claims, must_verify, prepared, shop
from scripts.benches.frame import (
    Metric,
    Report,
    before_others,
    built,
    busy_s,
    child,
    children,
    cpu_s,
    median,
    pin,
    progress,
    told,
    two_cores,
    waited_s,
)
from scripts.benches.plot import Panel, draw
from server.flash_sales.gate import CLAIM, GateClaim, keys_of, packed
from server.kit.ids import uuid7

CONNECTIONS, FEW_CONNECTIONS = 512, 64
CLAIMS, ROW_LOCKS, REFUSALS = 20_000, 600, 40_000
OPEN_RATE, OPEN_CLAIMS = 500, 5_000
EVALSHA_CLAIMS, PIPELINED = 32_000, 16
WARM_UP = 2_000
PATIENCE_S = 60
TURNS = 3
CALM = 0.1
"""A turn in which strangers had a core for a larger share of the time is repeated, TURNS times at most; the calmest
count."""
HISTORY = (0, 100_000, 300_000, 1_000_000)
"""Orders that were there before, for the curve."""
PICTURE = ROOT / "docs" / "pictures" / "claims.svg"


@dataclass(frozen=True)
class Round:
    """Claims a second of one load. `cpu_us` is the server's CPU time for each, `others_us` that of everything on the
    other core; `disturbed` the share of the time that strangers had of either core while it was wanted."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: float
    others_us: float
    disturbed: float


class Crowd:
    """The C client, its connections open, and what it may ask."""

    def __init__(
        self, process: subprocess.Popen[str], server_pid: int, others: Sequence[int] = (), core: int = 0
    ) -> None:
        """`others` run on `core`, as the client does."""
        self._process = process
        self._pid = server_pid
        self._others = (*others, process.pid)
        self._core = core

    def count(self, load: str) -> dict[str, Any]:
        """The client's own figures of a load."""
        assert self._process.stdin is not None
        print(load, file=self._process.stdin, flush=True)
        counted: dict[str, Any] = json.loads(told(self._process))
        return counted

    def ask(self, load: str, expected: int) -> Round:
        """Or exits: a load of which one answer was another has no figures."""
        cpu, waited = cpu_s(self._pid), waited_s(self._pid)
        others, busy = self._others_s(), busy_s(self._core)
        counted = self.count(load)
        others, busy = self._others_s() - others, busy_s(self._core) - busy
        answered, seconds = counted["answered"], counted["seconds"]
        if counted["statuses"] != {str(expected): counted["asked"]}:
            raise SystemExit(f"not all were answered with {expected}: {counted}")
        return Round(
            answered / seconds,
            counted["p50_ms"],
            counted["p99_ms"],
            (cpu_s(self._pid) - cpu) / answered * 1e6,
            others / answered * 1e6,
            max(waited_s(self._pid) - waited, busy - others) / seconds,
        )

    def _others_s(self) -> float:
        return sum(cpu_s(pid) for other in self._others for pid in (other, *children(other)))


class Bench:
    """`server` and `client` are cores."""

    def __init__(self, made: Shop, server: int, client: int, folder: Path) -> None:
        self.shop, self._server, self._client, self._folder = made, server, client, folder
        self._rounds = itertools.count()
        self._tokens = made.buyers(CLAIMS + WARM_UP)

    def durable(self, sale_id: UUID) -> Round:
        return self._warm(sale_id, f"closed {CLAIMS} {PATIENCE_S}", CLAIMS, 201)

    def open(self, sale_id: UUID) -> Round:
        return self._warm(sale_id, f"open {OPEN_CLAIMS} {OPEN_RATE}", OPEN_CLAIMS, 201)

    def refused(self, sale_id: UUID) -> Round:
        return self._warm(sale_id, f"closed {REFUSALS} {PATIENCE_S}", REFUSALS, 409)

    def _warm(self, sale_id: UUID, load: str, count: int, expected: int) -> Round:
        with self.crowd(sale_id, WARM_UP + count) as crowd:
            crowd.ask(f"closed {WARM_UP} {PATIENCE_S}", expected)
            return crowd.ask(load, expected)

    def row_locks(self, sale_id: UUID) -> Round:
        command = (sys.executable, "-m", "scripts.benches.claim_rowlock")
        warm_up = ROW_LOCKS // 4
        with self.crowd(sale_id, ROW_LOCKS + warm_up, *command, connections=FEW_CONNECTIONS) as crowd:
            crowd.ask(f"closed {warm_up} {PATIENCE_S}", 201)
            measured = crowd.ask(f"closed {ROW_LOCKS} {PATIENCE_S}", 201)
        self.shop.lay(sale_id)
        return measured

    def evalsha(self, sale_id: UUID) -> float:
        """Claims a second by the gate's script, one a call, PIPELINED on their way; Valkey and the caller have a core
        each, and the caller only counts answers."""
        buyers = [GateClaim(uuid7(), "tap", 1, [(self.shop.sku_id, 1)]) for _ in range(EVALSHA_CLAIMS)]
        calls = [
            hiredis.pack_command(("EVALSHA", CLAIM.sha, 3, *keys_of(sale_id), packed([buyer])))
            for buyer in buyers
        ]
        pin(self._server)
        try:
            with socket.socket(socket.AF_UNIX) as line:
                line.connect(unquote(self.shop.servers.redis_url.removeprefix("unix://")))
                line.sendall(hiredis.pack_command(("SCRIPT", "LOAD", CLAIM.source)))
                _hear(line, 1)
                began = time.monotonic()
                for at in range(0, len(calls), PIPELINED):
                    line.sendall(b"".join(calls[at : at + PIPELINED]))
                    _hear(line, PIPELINED)
                return len(calls) / (time.monotonic() - began)
        finally:
            pin(self._client)
            self.shop.lay(sale_id)

    @contextmanager
    def crowd(
        self, sale_id: UUID, count: int, *command: str, connections: int = CONNECTIONS
    ) -> Iterator[Crowd]:
        """Claims on this sale, to the product or to the server that `command` starts."""
        name = f"r{next(self._rounds)}"
        taps = ((token, f"{name}-{n}") for n, token in zip(range(count), itertools.cycle(self._tokens)))
        requests = prepared(claims(self.shop.room_id, sale_id, taps), self._folder / name)
        with self.shop.serving(self._server, *command) as (port, pid):
            arguments = (str(port), str(connections), str(requests))
            with child(built("claim_client.c"), *arguments, core=self._client) as process:
                assert told(process) == "ready"
                servers = self.shop.servers
                yield Crowd(process, pid, (servers.postgres.pid, servers.valkey.pid), self._client)
        requests.unlink()


def _hear(line: socket.socket, answers: int) -> None:
    reader = hiredis.Reader()
    while answers:
        reader.feed(line.recv(1 << 16))
        while (answer := reader.gets()) is not False:
            if isinstance(answer, Exception):
                raise SystemExit(f"EVALSHA: {answer}")
            answers -= 1


@dataclass(frozen=True)
class Turn:
    """What was measured one after the other, to be compared."""

    durable: Round
    row_locks: Round
    refused: Round
    evalsha: float

    @property
    def disturbed(self) -> float:
        return max(self.durable.disturbed, self.refused.disturbed)


def run(full: bool) -> Report:
    server, client = two_cores()
    pin(client)
    with tempfile.TemporaryDirectory(prefix="showfloor-bench-") as folder, shop() as made:
        with before_others(made.servers.postgres.pid, made.servers.valkey.pid):
            bench = Bench(made, server, client, Path(folder))
            sale_id, sold_out = made.sale(), made.sale(units=1)
            with bench.crowd(sold_out, 1) as crowd:
                crowd.ask(f"closed 1 {PATIENCE_S}", 201)
            turns = _calmest(bench, sale_id, sold_out)
            slow = [bench.open(sale_id) for _ in range(TURNS)]
            curve = _curve(bench) if full else []
        must_verify(made)
    if curve:
        _draw(curve)
    return _report(turns, slow)


def _calmest(bench: Bench, sale_id: UUID, sold_out: UUID) -> list[Turn]:
    turns: list[Turn] = []
    while len(turns) < 2 * TURNS and sum(turn.disturbed <= CALM for turn in turns) < TURNS:
        turn = Turn(
            bench.durable(sale_id),
            bench.row_locks(sale_id),
            bench.refused(sold_out),
            bench.evalsha(bench.shop.sale()),
        )
        turns.append(turn)
        progress(
            f"claims {len(turns)}: {turn.durable.per_s:,.0f} durable a second, {turn.row_locks.per_s:,.0f} by row "
            f"locks, {turn.refused.per_s:,.0f} refused; disturbed {turn.disturbed:.1%}"
        )
    return sorted(turns, key=lambda turn: turn.disturbed)[:TURNS]


def _report(turns: list[Turn], slow: list[Round]) -> Report:
    def of(figure: Callable[[Turn], float]) -> float:
        return median(map(figure, turns))

    durable = of(lambda turn: turn.durable.per_s)
    p50, p99 = median(one.p50_ms for one in slow), median(one.p99_ms for one in slow)
    metrics = {
        "durable_claims_per_s": Metric(
            durable, "claims/s", "row locks through the ORM, warm", of(lambda turn: turn.row_locks.per_s)
        ),
        "durable_p99_ms": Metric(of(lambda turn: turn.durable.p99_ms), "ms"),
        "p50_ms_at_500_per_s": Metric(p50, "ms"),
        "p99_ms_at_500_per_s": Metric(p99, "ms"),
        "refused_claims_per_s": Metric(
            of(lambda turn: turn.refused.per_s), "claims/s", "raw EVALSHA", of(lambda turn: turn.evalsha)
        ),
    }
    web, others = of(lambda turn: turn.durable.cpu_us), of(lambda turn: turn.durable.others_us)
    notes = [
        f"{CONNECTIONS} connections, {CLAIMS:,} claims a round, each of another buyer; order, hold, ledger and outbox "
        "rows are committed (synchronous_commit on) before the 201.",
        f"Physical limit: a durable claim costs the web process {web:.0f} µs, PostgreSQL, Valkey and the client "
        f"together {others:.0f} µs, so that these two cores take {1e6 / max(web, others):,.0f} a second at most; "
        f"{durable * max(web, others) / 1e6:.0%} of it is reached.",
        f"A refused claim costs the web process {of(lambda turn: turn.refused.cpu_us):.0f} µs and PostgreSQL nothing.",
        f"Medians of {len(turns)} turns; strangers had one of the cores for "
        f"{max(turn.disturbed for turn in turns):.1%} of the time at most. `showfloor verify` agreed afterwards.",
    ]
    return Report(metrics, notes)


def _curve(bench: Bench) -> list[tuple[int, float, float]]:
    """(orders there were before, claims a second, p99 ms): medians, as the history grows."""
    points = []
    for orders in HISTORY:
        bench.shop.grow(orders)
        sale_id = bench.shop.sale()
        rounds = [bench.durable(sale_id) for _ in range(TURNS)]
        per_s, p99 = median(one.per_s for one in rounds), median(one.p99_ms for one in rounds)
        progress(f"claims after {orders:,} orders: {per_s:,.0f} a second, p99 {p99:.0f} ms")
        points.append((orders, per_s, p99))
    return points


def _draw(curve: list[tuple[int, float, float]]) -> None:
    draw(
        PICTURE,
        "orders in the database before, thousands",
        Panel("Durable claims a second", {"": [(orders / 1000, per_s) for orders, per_s, _ in curve]}),
        Panel("Tap to answer, ms", {"p99": [(orders / 1000, p99) for orders, _, p99 in curve]}),
    )
