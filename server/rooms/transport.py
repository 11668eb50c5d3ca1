"""The WebSocket server for rooms: uvicorn's, and its transport handed to the application.

`live.wire` writes one crowd's frames straight to each connection's transport, which ASGI has no word for. This is the
only touch of uvicorn's insides: `run_asgi`, `scope` and `transport` of a pinned version, held by
tests/live/test_transport.py.
"""

from __future__ import annotations

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from live.protocol import MAX_FRAME
from live.wire import TRANSPORT


class RoomSocketProtocol(WebSocketsSansIOProtocol):
    async def run_asgi(self) -> None:
        extensions: Any = self.scope["extensions"]
        extensions[TRANSPORT] = self.transport
        await super().run_asgi()


UVICORN: dict[str, Any] = {
    "ws": RoomSocketProtocol,
    "ws_max_size": MAX_FRAME,
    "ws_per_message_deflate": False,  # costs twice the CPU, and frames written past uvicorn aren't compressed
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
}
"""Settings to run the web role's uvicorn with."""
