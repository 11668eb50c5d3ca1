"""A TCP and a UDP proxy that a test may cut, as a tunnel or a lift cuts a phone's network."""

from __future__ import annotations

import selectors
import socket
import threading
from contextlib import suppress


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


class UdpProxy:
    """Listens on `listen` and passes datagrams on to `target`, one socket for each client. While cut, all is lost."""

    def __init__(self, listen: tuple[str, int], target: tuple[str, int]) -> None:
        self._target = target
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.bind(listen)
        self._front.setblocking(False)
        self._clients: dict[tuple[str, int], socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ, None)
        self._cut = threading.Event()
        self._stopped = threading.Event()
        self.passed = 0
        self.lost = 0
        threading.Thread(target=self._run, daemon=True).start()

    def cut(self) -> None:
        self._cut.set()

    def mend(self) -> None:
        self._cut.clear()

    def close(self) -> None:
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            for key, _ in self._selector.select(timeout=0.2):
                with suppress(OSError):
                    self._pass(key.fileobj, key.data)  # type: ignore[arg-type]
        for end in (self._front, *self._clients.values()):
            end.close()

    def _pass(self, end: socket.socket, client: tuple[str, int] | None) -> None:
        while True:
            try:
                data, address = end.recvfrom(2048)
            except BlockingIOError:
                return
            if self._cut.is_set():
                self.lost += 1
                continue
            self.passed += 1
            if client is None:
                self._upstream(address).send(data)
            else:
                self._front.sendto(data, client)

    def _upstream(self, client: tuple[str, int]) -> socket.socket:
        found = self._clients.get(client)
        if found is None:
            found = self._clients[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            found.connect(self._target)
            found.setblocking(False)
            self._selector.register(found, selectors.EVENT_READ, client)
        return found
