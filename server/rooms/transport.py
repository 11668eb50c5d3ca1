"""The WebSocket server for rooms: uvicorn's, and its transport handed to the application.

`live.wire` writes one crowd's frames straight to each connection's transport, which ASGI has no word for. This is the
only touch of uvicorn's insides: a pinned version, held by tests/live/test_transport.py.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.exceptions import InvalidState

from live.protocol import MAX_FRAME, CloseCode, retry_ms
from live.wire import TRANSPORT


class RoomSocketProtocol(WebSocketsSansIOProtocol):
    async def run_asgi(self) -> None:
        extensions: Any = self.scope["extensions"]
        extensions[TRANSPORT] = self.transport
        await super().run_asgi()

    def shutdown(self) -> None:
        """The server ends. uvicorn would say 1012 to everybody in the same moment; a room's clients are told when to
        come back instead, each at its own moment."""
        if self.handshake_complete and not self.close_sent:
            with suppress(InvalidState):  # the peer was quicker
                self.conn.send_close(
                    CloseCode.GOING_AWAY, CloseCode.GOING_AWAY.told(retry_ms(len(self.connections)))
                )
            self.transport.write(b"".join(self.conn.data_to_send()))
            self.close_sent = True
            self.queue.put_nowait({"type": "websocket.disconnect", "code": int(CloseCode.GOING_AWAY)})
        super().shutdown()


UVICORN: dict[str, Any] = {
    "ws": RoomSocketProtocol,
    "ws_max_size": MAX_FRAME,
    "ws_per_message_deflate": False,  # costs twice the CPU, and frames written past uvicorn aren't compressed
    "ws_ping_interval": 20.0,
    "ws_ping_timeout": 20.0,
}
"""Settings to run the web role's uvicorn with."""
