"""A TCP and a UDP proxy that a test may cut, as a tunnel or a lift cuts a phone's network; the UDP one may also lose
some, be narrow, and move to another address."""

from __future__ import annotations

import heapq
import itertools
import random
import selectors
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial

QUEUE_S = 0.3
"""Of what waits before a narrow line; what comes on top is lost, as with most routers."""


class TcpProxy:
    """Passes connections on to `target`. While cut, open ones are reset and new ones are refused."""

    def __init__(self, target: tuple[str, int]) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = int(self._listener.getsockname()[1])
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._cut = False
        self.closed_by_cut = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._cut = True
        for pair in list(self._pairs):
            self.closed_by_cut += 1
            self._close(pair)

    def mend(self) -> None:
        self._cut = False

    def close(self) -> None:
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            if self._cut:
                client.close()
                continue
            try:
                server = socket.create_connection(self._target, timeout=5)
                server.settimeout(None)
            except OSError:
                client.close()
                continue
            pair = (client, server)
            self._pairs.add(pair)
            for source, sink in (pair, pair[::-1]):
                threading.Thread(target=self._pump, args=(source, sink, pair), daemon=True).start()

    def _pump(
        self, source: socket.socket, sink: socket.socket, pair: tuple[socket.socket, socket.socket]
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        self._close(pair)

    def _close(self, pair: tuple[socket.socket, socket.socket]) -> None:
        self._pairs.discard(pair)
        for end in pair:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()


class Line:
    """One way of datagrams: a share of them is lost, and no more than `kbps` pass."""

    def __init__(self, seed: int) -> None:
        self.loss = 0.0
        self.kbps: float | None = None
        self._rng = random.Random(seed)
        self._free_at = 0.0

    def leaves_at(self, size: int, now: float) -> float | None:
        """When a datagram that comes now has passed, after all before it; None for one that is lost."""
        begins = max(now, self._free_at)
        if self._rng.random() < self.loss or begins - now > QUEUE_S:
            return None
        if self.kbps is not None:
            begins = self._free_at = begins + size / (self.kbps * 125)
        return begins


class UdpProxy:
    """Listens on `listen` and passes datagrams on to `target`, one socket for each client. While cut, all is lost."""

    def __init__(self, listen: tuple[str, int], target: tuple[str, int]) -> None:
        self._target = target
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(listen)
        self._front.setblocking(False)
        self.port = int(self._front.getsockname()[1])
        self._clients: dict[tuple[str, int], socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ, None)
        self._cut = threading.Event()
        self._stopped = threading.Event()
        self._moves_to: str | None = None
        self._waiting: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = itertools.count()
        self.up, self.down = Line(1), Line(2)
        self.passed = 0
        self.lost = 0
        threading.Thread(target=self._run, daemon=True).start()

    def cut(self) -> None:
        self._cut.set()

    def mend(self) -> None:
        self._cut.clear()

    def move(self, source: str) -> None:
        """From now on the target sees every client at another port, of this address."""
        self._moves_to = source

    def close(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            ready = self._selector.select(self._until_next())
            if self._moves_to is not None:
                self._move(self._moves_to)
            for key, _ in ready:
                with suppress(OSError):
                    self._pass(key.fileobj, key.data)  # type: ignore[arg-type]
            self._release()
        for end in (self._front, *self._clients.values()):
            end.close()

    def _until_next(self) -> float:
        return min(0.2, max(0.0, self._waiting[0][0] - time.monotonic())) if self._waiting else 0.2

    def _pass(self, end: socket.socket, client: tuple[str, int] | None) -> None:
        while True:
            try:
                data, address = end.recvfrom(2048)
            except BlockingIOError:
                return
            now = time.monotonic()
            at = (self.up if client is None else self.down).leaves_at(len(data), now)
            if self._cut.is_set() or at is None:
                self.lost += 1
            elif at <= now:
                self._deliver(data, address, client)
            else:
                heapq.heappush(
                    self._waiting, (at, next(self._numbers), partial(self._deliver, data, address, client))
                )

    def _release(self) -> None:
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            with suppress(OSError):
                heapq.heappop(self._waiting)[2]()

    def _deliver(self, data: bytes, address: tuple[str, int], client: tuple[str, int] | None) -> None:
        self.passed += 1
        if client is None:
            self._upstream(address).send(data)
        else:
            self._front.sendto(data, client)

    def _upstream(self, client: tuple[str, int]) -> socket.socket:
        found = self._clients.get(client)
        if found is None:
            found = self._clients[client] = self._connected(client)
        return found

    def _connected(self, client: tuple[str, int], source: str = "") -> socket.socket:
        end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        end.bind((source, 0))
        end.connect(self._target)
        end.setblocking(False)
        self._selector.register(end, selectors.EVENT_READ, client)
        return end

    def _move(self, source: str) -> None:
        self._moves_to = None
        for client, old in list(self._clients.items()):
            self._selector.unregister(old)
            old.close()
            self._clients[client] = self._connected(client, source)
