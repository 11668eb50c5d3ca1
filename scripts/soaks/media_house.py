"""What the media soaks share: a host that is a process of its own, tokens, and figures of the media node's process."""

from __future__ import annotations

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from live.media.sessions import Scope
from scripts.benches.media_link import Link
from scripts.soaks.premises import Premises
from server.kit.tokens import Signer
from server.rooms.media_node import INTERNAL_HEADER, internal_key
from server.run.processes import spawn_options

HOST = [sys.executable, "-m", "scripts.benches.media_host", "whip"]
SDP = {"Content-Type": "application/sdp"}


@dataclass(frozen=True)
class Figures:
    """`cpu_s` since the process's start."""

    rss_mb: float
    files: int
    cpu_s: float

    @classmethod
    def of(cls, house: Premises) -> Figures:
        process = house.media
        with process.oneshot():
            spent = process.cpu_times()
            return cls(process.memory_info().rss / 2**20, process.num_fds(), float(spent.user + spent.system))


def token(house: Premises, scope: Scope, room_id: UUID, ttl: timedelta = timedelta(hours=2)) -> str:
    """To publish (as the owner) or to watch. A negative `ttl`: one that has expired."""
    claims = {"room": str(room_id)}
    if scope == "whip":
        claims["by"] = str(house.stage.owner.id)
    return Signer(house.secret, scope).issue(claims, datetime.now(UTC), ttl)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


@asynccontextmanager
async def hosted(house: Premises, room_id: UUID) -> AsyncIterator[None]:
    """Real 720p at 1.3 Mbit/s. The host leaves without a word."""
    url = f"http://{house.media_http}/whip/{room_id}"
    host = await asyncio.create_subprocess_exec(
        *HOST, url, INTERNAL_HEADER, internal_key(house.secret), stdout=PIPE, **spawn_options(signal.SIGKILL)
    )
    assert host.stdout is not None
    try:
        async with asyncio.timeout(60):
            said = await host.stdout.readline()
        if said.strip() != b"sending":
            raise RuntimeError(f"the host said {said!r}")
        yield
    finally:
        with suppress(ProcessLookupError):
            host.kill()
        await host.wait()


async def vanish(link: Link) -> None:
    """Without a word, as a phone in a tunnel does."""
    asyncio.get_running_loop().remove_reader(link.socket)
    link.socket.close()
    await link.dtls.close()  # what is left of it here; its goodbye goes nowhere
