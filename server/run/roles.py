"""The processes behind `showfloor web | media | worker`: each one event loop, ended in order by SIGTERM."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any

import httpx
import uvicorn
import uvloop

from server.kit.logs import get_logger
from server.kit.settings import Settings, SettingsError, split_address

GRACE = 2  # seconds for requests under way
HARD_LIMIT = 4.0  # seconds from SIGTERM to the end of the process, whatever still runs

log = get_logger("showfloor")


def serve_web(
    settings: Settings,
    *,
    listen_fd: int | None = None,
    ready_fd: int | None = None,
    tls: tuple[str, str] | None = None,
) -> None:
    """`tls` is (certificate chain, key), as files. `listen_fd` is a listening socket, shared with other processes."""
    from server.app import create_app
    from server.feeds.transport import StreamProtocol
    from server.rooms.transport import UVICORN

    certificate, key = tls or (None, None)
    _serve(
        lambda: create_app(settings),
        address=(settings.host, settings.port),
        listen_fd=listen_fd,
        ready_fd=ready_fd,
        **UVICORN,
        http=StreamProtocol,
        forwarded_allow_ips=list(settings.trusted_proxies),
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )


def serve_media(settings: Settings, *, listen_fd: int | None = None, ready_fd: int | None = None) -> None:
    from server.rooms.media_node import create_media_app

    if len(settings.media_nodes) > 1:
        raise SettingsError("SHOWFLOOR_MEDIA_HTTP of a media role is its own address alone")
    _serve(
        lambda: create_media_app(settings),
        address=split_address(settings.media_http),
        listen_fd=listen_fd,
        ready_fd=ready_fd,
        http="httptools",
        ws="none",
        proxy_headers=False,
    )


def run_until_stopped(
    work: Callable[[Settings, asyncio.Event, Callable[[], None]], Coroutine[Any, Any, None]],
    settings: Settings,
    *,
    ready_fd: int | None = None,
    grace: float = GRACE,
) -> None:
    """Runs `work(settings, stop, ready)`, which calls `ready` when it can do its work. SIGTERM and SIGINT set `stop`;
    `grace` seconds later the work is cancelled. Its failure is the process's.
    """

    async def main() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        working = asyncio.create_task(work(settings, stop, partial(say_ready, ready_fd)))
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait([working, stopping], return_when=asyncio.FIRST_COMPLETED)
        if stop.is_set():
            _end_at_the_latest()
            await asyncio.wait([working], timeout=grace)
        stopping.cancel()
        working.cancel()
        with suppress(asyncio.CancelledError):
            await working
        if stop.is_set():
            logging.shutdown()
            os._exit(0)  # a thread still encoding a clip would be waited for

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def visit(settings: Settings, stop: asyncio.Event, ready: Callable[[], None]) -> None:
    """The demo's visitors, who are ready when the web role has answered."""
    from server.demo import act

    async with httpx.AsyncClient(base_url=settings.internal_url, verify=settings.internal_tls()) as web:
        while not stop.is_set():
            with suppress(httpx.TransportError):
                await web.get("/health/live")
                ready()
                break
            await asyncio.sleep(0.05)  # it starts beside this process
    await act(settings, stop)


def say_ready(descriptor: int | None) -> None:
    """To whoever started this process and holds the other end of the pipe."""
    if descriptor is not None:
        os.write(descriptor, b"1")
        os.close(descriptor)


def _serve(
    create: Callable[[], Any],
    *,
    address: tuple[str, int],
    listen_fd: int | None,
    ready_fd: int | None,
    **options: Any,
) -> None:
    host, port = address
    config = uvicorn.Config(
        create,
        factory=True,
        host=host,
        port=port,
        loop="uvloop",
        lifespan="on",
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_keep_alive=75,  # longer than a reverse proxy's, so that it is the proxy which closes
        timeout_graceful_shutdown=GRACE,
        **options,
    )
    sockets = None if listen_fd is None else [socket.socket(fileno=listen_fd)]
    _Server(config, ready_fd).run(sockets=sockets)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready_fd: int | None) -> None:
        super().__init__(config)
        self._ready_fd = ready_fd

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        if self.started:
            addresses = [listener.getsockname() for server in self.servers for listener in server.sockets]
            spare_the_collector()
            log.info("serving", addresses=[f"{address[0]}:{address[1]}" for address in addresses])
            say_ready(self._ready_fd)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        _end_at_the_latest()
        super().handle_exit(sig, frame)


def spare_the_collector() -> None:
    """What was made until now stays, so it is not looked through again; and a crowd's requests, which live for some
    hundredths of a second, are mostly gone when their generation is looked at. Without it a rush on a sale spends a
    third of its time in collections, and waits for them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def _end_at_the_latest() -> None:
    def give_up() -> None:
        log.error("did not stop in time", seconds=HARD_LIMIT)
        os._exit(1)

    timer = threading.Timer(HARD_LIMIT, give_up)
    timer.daemon = True
    timer.start()
