"""The chat bench counts right, on a load that is over in a moment. How fast anything is, it tells itself."""

from __future__ import annotations

import asyncio
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

from scripts.benches import chat, frame

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not shutil.which("cc"), reason="the bench needs Linux and a C compiler"
)
LOAD = chat.Load(connections=20, lines_per_s=50, seconds=0.4)


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "WARM_UP_S", 0.1)
    monkeypatch.setattr(chat, "LATE_S", 5.0)
    monkeypatch.setattr(chat, "SENDING_S", 0.1)


@contextmanager
def teller() -> Iterator[tuple[int, list[ServerConnection]]]:
    """A server that holds its connections open: its port and the connections."""
    told: list[ServerConnection] = []

    def stay(connection: ServerConnection) -> None:
        told.append(connection)
        with pytest.raises(ConnectionClosed):
            connection.recv()

    with serve(stay, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.socket.getsockname()[1], told
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("pace", ["ticked", "unbatched"])
def test_every_line_is_counted_once_on_every_connection(redis_url: str, pace: str) -> None:
    counted = chat.Bench(redis_url, *frame.two_cores()).ours(LOAD, pace)
    assert counted.deliveries == LOAD.lines * LOAD.connections
    assert LOAD.connections <= counted.frames <= counted.deliveries
    assert counted.kb_per_connection > 0


@pytest.mark.parametrize(
    "heard", [[0, 2, 3], [0, 1, 1, 2], [1, 0, 2]], ids=["missing", "doubled", "disordered"]
)
def test_a_lost_line_ends_the_bench(heard: list[int]) -> None:
    load = chat.Load(connections=1, lines_per_s=100, seconds=len(heard) / 100)

    async def count(port: int, told: list[ServerConnection]) -> Any:
        numbers = iter(heard)

        async def say(_: bytes) -> None:
            told[0].send(chat.line(next(numbers)), text=True)

        with chat.clients(port, 1, frame.two_cores()[1]) as crowd:
            while not told:  # the client has sent its hello; the server's thread may not have seen it
                await asyncio.sleep(0.01)
            return await crowd.count(say, load)

    with teller() as (port, told), pytest.raises(SystemExit, match="lines were lost"):
        asyncio.run(count(port, told))


def test_the_c_loop_tells_its_sends() -> None:
    assert chat.Bench("", *frame.two_cores()).sends(10, 154, rounds_per_s=100) > 0


def test_a_metric_is_compared_with_its_reference() -> None:
    report = frame.Report(
        {"speed": frame.Metric(3_000_000, "m/s", "walking", 2_000_000), "p99_ms": frame.Metric(12.5, "ms")},
        ["The limit is light's."],
    )
    assert report.metrics["speed"].ratio == 1.5
    assert report.metrics["p99_ms"].ratio is None
    shown = frame.table("race", report)
    assert "3,000,000" in shown
    assert "walking" in shown
    assert shown.endswith("The limit is light's.")
