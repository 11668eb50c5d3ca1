"""A web and a media app on loopback ports, as the product wires them, with a stand-in for its tokens."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from litestar import Litestar
from litestar.connection import ASGIConnection

from live.media.node import MediaNode
from live.media.sessions import Scope
from server.kit.clock import utc_now
from server.kit.problems import EXCEPTION_HANDLERS, NotSignedIn
from server.kit.settings import Settings
from server.rooms.media_gateway import MediaGateway
from server.rooms.media_node import create_media_app
from server.rooms.media_proxy import Admission, ice_servers, media_routes

TOKEN = "let-me-in"


@dataclass
class Stage:
    base_url: str
    node: MediaNode
    gateway: MediaGateway
    media_http: str

    def url(self, scope: Scope, room_id: str) -> str:
        return f"{self.base_url}/{scope}/{room_id}"


class _Server(uvicorn.Server):
    def capture_signals(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()


@contextlib.asynccontextmanager
async def served(app: Any) -> AsyncIterator[str]:
    """The app on a free loopback port; yields host:port."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    server = _Server(uvicorn.Config(app, log_config=None, ws="none", timeout_graceful_shutdown=2))
    running = asyncio.create_task(server.serve(sockets=[sock]))
    try:
        while not server.started:
            if running.done():
                running.result()
            await asyncio.sleep(0.01)
        yield f"127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


async def bearer(connection: ASGIConnection[Any, Any, Any, Any], room_id: str, scope: Scope) -> Admission:
    if connection.headers.get("Authorization") != f"Bearer {TOKEN}":
        raise NotSignedIn
    return Admission(room_id.lower())


@contextlib.asynccontextmanager
async def stage(data: Path, more: Callable[[], list[Any]] = list, **settings: Any) -> AsyncIterator[Stage]:
    given = {
        "database_url": "",
        "redis_url": "",
        "data": data,
        "secret": "5f" * 16,
        "base_url": "",
    } | settings
    media_app = create_media_app(Settings(**given))
    async with served(media_app) as media_http:
        seen_by_web = Settings(**given | {"media_http": media_http})
        gateway = MediaGateway(seen_by_web)
        web = Litestar(
            [*media_routes(bearer, gateway, lambda: ice_servers(seen_by_web, utc_now())), *more()],
            exception_handlers=EXCEPTION_HANDLERS,
            on_shutdown=[gateway.aclose],
            openapi_config=None,
            logging_config=None,
        )
        async with served(web) as address:
            yield Stage(f"http://{address}", media_app.state.node, gateway, media_http)
