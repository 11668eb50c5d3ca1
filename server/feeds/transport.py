"""The HTTP server for streams that never end by themselves: uvicorn's, with what ASGI has no word for handed to the
application. The connection's transport, so that a reader who takes nothing can be cut off; and the moment when the
server begins to end, since it waits for what is under way before it tells the application anything.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from live.wire import TRANSPORT

ENDING = "showfloor.ending"
"""An `asyncio.Event` in `scope["extensions"]`."""


class StreamProtocol(HttpToolsProtocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._ending = asyncio.Event()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT: self.transport, ENDING: self._ending}  # type: ignore[dict-item]

    def shutdown(self) -> None:
        super().shutdown()
        self._ending.set()
