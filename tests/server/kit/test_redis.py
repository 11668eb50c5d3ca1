"""The gate's client, on one server and on a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from uuid import UUID

import pytest
from litestar import Litestar, get
from litestar.di import Provide
from litestar.testing import AsyncTestClient

from server.flash_sales.gate import Code, Gate, GateClaim, GateState, NoGate
from server.kit.ids import uuid7
from server.kit.limits import Limiter
from server.kit.problems import TooMany
from server.kit.redis import GateDown, Redis, Script, connect
from tests.live.cluster import ValkeyCluster

SKU, BUYER = UUID(int=1), UUID(int=2)


@pytest.fixture(params=["standalone", "cluster"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Redis]:
    if request.param == "cluster":
        url = request.getfixturevalue("valkey_cluster").url
    else:
        url = request.getfixturevalue("redis_url")
    client = connect(url)
    yield client
    await client.aclose()


@pytest.fixture
def echo(tmp_path: Path) -> Script:
    (tmp_path / "echo.lua").write_text("return {KEYS[1], ARGV[1], redis.call('INCR', KEYS[1])}")
    return Script(tmp_path / "echo.lua")


def laid(units: int) -> GateState:
    ends_ms = int(datetime.now(UTC).timestamp() * 1000) + 60_000
    return GateState(1, "open", 5, 0, ends_ms, {SKU: units}, {}, {}, [], [])


async def test_a_script_that_the_server_has_never_seen_runs(client: Redis, echo: Script) -> None:
    for n in range(1, 40):  # keys on every server of a cluster
        assert await echo(client, [f"key:{n}"], ["a"]) == [f"key:{n}".encode(), b"a", 1]
    assert await client.ping()


async def test_a_crowd_that_comes_at_once_is_counted(client: Redis, echo: Script) -> None:
    """On connections that aren't open yet, and on those that are."""
    for round in (1, 2):
        counts = await asyncio.gather(*(echo(client, ["key"], ["a"]) for _ in range(32)))
        assert max(count[2] for count in counts) == 32 * round


async def test_sales_are_decided_wherever_their_gates_are(client: Redis) -> None:
    gates = [Gate(client, uuid7()) for _ in range(12)]
    with pytest.raises(NoGate):
        await gates[0].claim([GateClaim(BUYER, "k", 1, [(SKU, 1)])])
    for gate in gates:
        assert await gate.rebuild(laid(2))
    claims = [GateClaim(BUYER, f"k{n}", 1, [(SKU, 1)]) for n in range(3)]
    for answer in await asyncio.gather(*(gate.claim(claims) for gate in gates)):
        assert answer.codes == [Code.TAKEN, Code.TAKEN, Code.STOCK]
    assert await gates[0].release([(BUYER, "k0")], ordered=False) == 1
    assert [await gate.free() for gate in gates] == [(1, {SKU: 1})] + [(1, {SKU: 0})] * 11


async def test_limits_hold(client: Redis) -> None:
    limiter = Limiter(client)
    for who in ("wang", "li", "zhao"):
        await limiter.take("test", who, 1, 60)
        with pytest.raises(TooMany):
            await limiter.take("test", who, 1, 60)


async def test_it_is_given_to_routes(client: Redis) -> None:
    @get("/")
    async def answers(redis: Redis) -> bool:
        return redis is client

    given = {"redis": Provide(lambda: client, sync_to_thread=False)}
    async with AsyncTestClient(Litestar([answers], dependencies=given)) as browser:
        assert (await browser.get("/")).json() is True


@pytest.mark.parametrize("url", ["redis://127.0.0.1:1", "redis+cluster://127.0.0.1:1,127.0.0.1:2"])
async def test_nobody_there_is_a_gate_that_is_down(url: str, echo: Script) -> None:
    nowhere = connect(url)
    with pytest.raises(GateDown):
        await echo(nowhere, ["key"], ["a"])
    with pytest.raises(GateDown):
        await Gate(nowhere, uuid7()).free()
    await nowhere.aclose()


async def test_a_gate_whose_primary_was_killed_is_down_at_once_and_back_with_its_replica(
    valkey_cluster: ValkeyCluster, echo: Script
) -> None:
    client = connect(valkey_cluster.url)
    doomed, _ = valkey_cluster.pair()
    key = f"{{{next(valkey_cluster.topics_on(doomed))}}}"
    await echo(client, [key], ["a"])
    doomed.ask("WAIT", 1, 1000)
    doomed.kill()
    began = monotonic()
    with pytest.raises(GateDown):
        await echo(client, [key], ["a"])
    assert monotonic() - began < 2
    async with asyncio.timeout(10):
        while True:
            try:
                counted = (await echo(client, [key], ["a"]))[2]
                break
            except GateDown:
                await asyncio.sleep(0.05)
    assert counted == 2
    await client.aclose()
