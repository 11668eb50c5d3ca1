"""A viewer's place in a room: one open WebSocket."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.acceptance.demo import Demo, Person

TAKEN: list[Seat] = []
"""Those of the running test; they are left with it."""


class Seat:
    """One open socket, and every fact that came, by topic and offset."""

    def __init__(
        self, url: str, token: str | None, positions: dict[str, str] | None = None, query: str = ""
    ) -> None:
        address = f"{url}?token={token}{query}" if token else url
        self.socket: ClientConnection = connect(address, proxy=None, ping_interval=None, close_timeout=2)
        TAKEN.append(self)
        self.send({"type": "hello", "v": 1, "positions": positions or {}})
        self.facts: list[dict[str, Any]] = []
        self.talk: list[dict[str, Any]] = []
        self.positions: dict[str, str] = {}
        self.welcome = self.until(lambda frame: frame["type"] == "welcome")
        self.positions |= self.welcome["positions"]

    def send(self, frame: dict[str, Any]) -> None:
        self.socket.send(json.dumps(frame))

    def until(self, wanted: Callable[[dict[str, Any]], Any], seconds: float = 10) -> dict[str, Any]:
        ends = time.monotonic() + seconds
        while True:
            frame = json.loads(self.socket.recv(timeout=max(0.01, ends - time.monotonic())))
            if frame["type"] == "batch":
                for fact in frame.get("facts", []):
                    self.facts.append({**fact, "topic": frame["topic"]})
                self.talk += frame.get("talk", [])
                if frame.get("position"):
                    self.positions[frame["topic"]] = frame["position"]
            if wanted(frame):
                return frame

    def until_fact(self, kind: str, seconds: float = 10) -> dict[str, Any]:
        def seen(_: object) -> bool:
            return any(fact["kind"] == kind for fact in self.facts)

        if not seen(None):
            self.until(seen, seconds)
        return next(fact for fact in self.facts if fact["kind"] == kind)


def sit(demo: Demo, person: Person, positions: dict[str, str] | None = None) -> Seat:
    return Seat(demo.keys["ws_url"], person.token, positions)
