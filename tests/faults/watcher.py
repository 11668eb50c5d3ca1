"""A viewer who stays in the room: reads every frame, comes back when sent away, and checks the promises of
docs/protocol.md on the way."""

from __future__ import annotations

import json
import threading
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Self

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from tests.acceptance.demo import Demo, Person, eventually

COME_BACK_S = 0.2


@dataclass(frozen=True)
class Heard:
    topic: str
    epoch: int
    offset: int
    kind: str
    data: dict[str, Any]


class Watcher:
    """`facts` in the order they came. `wrong` lists broken promises; `snapshots` counts welcomes that were no
    resumption."""

    def __init__(self, demo: Demo, person: Person, query: str = "") -> None:
        self._url = f"{demo.keys['ws_url']}?token={person.token}{query}"
        self.facts: list[Heard] = []
        self.lines: dict[str, str] = {}
        self.wrong: list[str] = []
        self.snapshots = 0
        self.connections = 0
        self._last: dict[str, tuple[int, int]] = {}
        self._unsaid: dict[str, str] = {}
        self._socket: ClientConnection | None = None
        self._leaving = threading.Event()
        self._thread = threading.Thread(target=self._stay, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        eventually("a seat in the room", lambda: self._last)
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.set()
        if self._socket:
            self._socket.close()
        self._thread.join(10)

    def of_kind(self, kind: str) -> list[Heard]:
        return [fact for fact in self.facts if fact.kind == kind]

    def say(self, text: str) -> None:
        """Sent again after every interruption until it is acknowledged."""
        ref = uuid.uuid4().hex
        self._unsaid[ref] = text
        self._send({"type": "say", "ref": ref, "text": text})

    def has_heard(self, text: str) -> bool:
        return text in self.lines.values()

    @property
    def everything_said(self) -> bool:
        return not self._unsaid

    def _stay(self) -> None:
        while not self._leaving.is_set():
            with suppress(ConnectionClosed, InvalidHandshake, OSError, TimeoutError):
                self._visit()
            self._leaving.wait(COME_BACK_S)

    def _visit(self) -> None:
        positions = {topic: f"{epoch}-{offset}" for topic, (epoch, offset) in self._last.items()}
        with connect(self._url, proxy=None, open_timeout=5, max_queue=None) as self._socket:
            self._send({"type": "hello", "v": 1, "positions": positions})
            try:
                while True:
                    self._read(json.loads(self._socket.recv()))
            except ConnectionClosed as closed:
                if closed.rcvd and 4500 <= closed.rcvd.code < 5000:
                    self.wrong.append(f"sent away for good: {closed.rcvd}")
                    self._leaving.set()

    def _send(self, frame: dict[str, Any]) -> None:
        with suppress(ConnectionClosed, AttributeError):
            self._socket.send(json.dumps(frame))

    def _read(self, frame: dict[str, Any]) -> None:
        match frame["type"]:
            case "welcome":
                self._welcome(frame)
            case "batch":
                self._batch(frame)
            case "ack":
                self._unsaid.pop(frame["ref"], None)
            case "problem" if frame.get("ref") in self._unsaid:
                self._again(frame["ref"])

    def _again(self, ref: str) -> None:
        self._leaving.wait(COME_BACK_S)
        self._send({"type": "say", "ref": ref, "text": self._unsaid[ref]})

    def _welcome(self, frame: dict[str, Any]) -> None:
        self.connections += 1
        self._take(frame["talk"])
        for topic, position in frame["positions"].items():
            if not frame["resumed"].get(topic):
                self._last[topic] = _position(position)
        if frame["snapshot"] is not None:
            self.snapshots += 1
        for ref, text in list(self._unsaid.items()):
            self._send({"type": "say", "ref": ref, "text": text})

    def _batch(self, frame: dict[str, Any]) -> None:
        topic = frame["topic"]
        self._take(frame.get("talk", []))
        now, stands_at = _position(frame["position"]) if frame.get("position") else self._last[topic]
        for fact in frame.get("facts", []):
            epoch, last = self._last[topic]
            if (
                fact["o"] == 1 and epoch != now
            ):  # those of the old epoch may stand before it in the same frame
                epoch, last = now, 0
            if fact["o"] != last + 1:
                self.wrong.append(
                    f"{topic}: {fact['o']} after {epoch}-{last} in a batch up to {now}-{stands_at}"
                )
            self._last[topic] = (epoch, fact["o"])
            self.facts.append(Heard(topic, epoch, fact["o"], fact["kind"], fact["data"]))
        if self._last[topic] != (now, stands_at):
            self.wrong.append(f"{topic}: {self._last[topic]} after a batch up to {now}-{stands_at}")

    def _take(self, talk: list[dict[str, Any]]) -> None:
        for line in talk:
            if line["kind"] == "chat.said":
                self.lines[line["id"]] = line["text"]


def must_talk(one: Watcher, other: Watcher) -> float:
    """What one says the other hears; how long it took."""
    text, began = f"hello {uuid.uuid4().hex}", time.monotonic()
    one.say(text)
    eventually("the line is heard", lambda: other.has_heard(text), 20)
    return time.monotonic() - began


def _position(text: str) -> tuple[int, int]:
    epoch, offset = text.split("-")
    return int(epoch), int(offset)
