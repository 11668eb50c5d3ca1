"""The room that the chat bench measures: the product's own server, hub, sessions, broker and presence behind a desk
that lets everybody in, so that no SQL is measured. Prints its port when it serves.

    python -m scripts.benches.chat_room REDIS_URL PACE      PACE: ticked | unbatched
"""

from __future__ import annotations

import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import uvicorn
from litestar import Litestar, WebSocket, websocket
from msgspec import Raw

from live.broker.redis import RedisBroker
from live.channel import Pace
from live.desk import Entrance, Presentee, Said
from live.events import member_topic, room_topic
from live.hub import Hub
from live.presence import Presence
from live.protocol import Hello
from live.session import serve
from server.rooms.transport import UVICORN

ROOM = "bench"
PACES = {
    "ticked": Pace(talk_per_s=None),
    "unbatched": Pace(quickest_s=0, slowest_s=0, talk_per_s=None),
}


class Desk:
    """A viewer's, with the topics of one."""

    __slots__ = ("_member_id",)

    def __init__(self) -> None:
        self._member_id = str(uuid4())

    async def enter(self, hello: Hello) -> Entrance:
        you = {"member_id": self._member_id, "name": "viewer", "role": "viewer", "muted_until": None}
        present = Presentee(ROOM, self._member_id, {"name": "viewer"})
        return Entrance([room_topic(ROOM), member_topic(self._member_id)], you, present)

    async def snapshot(self) -> Any:
        return Raw(b'{"room":{"status":"live"},"shelf":[]}')

    async def arrived(self, first: bool) -> None: ...

    async def recheck(self) -> None: ...

    async def say(self, text: str, ref: str, reply_to: str | None) -> Said:
        return Said(ref)

    async def like(self, count: int) -> None: ...

    async def leave(self) -> None: ...


def app(redis_url: str, pace: Pace, port: int) -> Litestar:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        broker, presence = RedisBroker(redis_url), Presence(redis_url, str(uuid4()))
        app.state.hub = Hub(broker, presence, pace=pace)
        print(port, flush=True)
        yield
        await app.state.hub.stop()
        await presence.aclose()
        await broker.aclose()

    @websocket("/")
    async def enter(socket: WebSocket[Any, Any, Any]) -> None:
        await serve(socket, socket.app.state.hub, Desk())

    return Litestar([enter], lifespan=[lifespan], logging_config=None, openapi_config=None)


def main(redis_url: str, pace: str) -> None:
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    settings: dict[str, Any] = {**UVICORN, "loop": "uvloop", "http": "httptools"}
    config = uvicorn.Config(
        app(redis_url, PACES[pace], listener.getsockname()[1]),
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=2,
        **settings,
    )
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
