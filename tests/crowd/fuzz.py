"""Frames as a broken or hostile client sends them, and what the protocol says to each."""

from __future__ import annotations

import json
import random
import string
from collections.abc import Callable
from typing import Any

from live.limits import Limits
from live.protocol import VERSION, BadFrame, CloseCode, Hello, Like, Ping, Say, WrongOrder, decode_client

LONGEST = 12_000
"""Characters of a frame here; what is beyond the protocol's limit ends in the WebSocket itself."""

VALID: list[dict[str, Any]] = [
    {"type": "hello", "v": 1},
    {"type": "hello", "v": 1, "positions": {"room": "1762862400123-418", "me": "1762862400123-2"}},
    {"type": "hello", "v": 1, "invite": "7KQ2MNPX", "device": "Yk3vX0aQ"},
    {"type": "say", "ref": "c1", "text": "这款有 38 码吗？"},
    {"type": "say", "ref": "c2", "text": "12", "reply_to": "0199f3c2-7d1e-7a52-9f0e-0b7f5d1a2c3d"},
    {"type": "like", "count": 3},
    {"type": "ping"},
]
HELLOS = [frame for frame in VALID if frame["type"] == "hello"]

ODD: list[Any] = [
    *(None, True, False, 0, -1, 1.5, 101, 2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**60, 1e308),
    *("", " ", "\x00", "a\x00b", "\u2028", "\ufeff", "\u202e", "０", "٣", "\U0001f600" * 40),
    *("x" * 65, "x" * 301, "x" * 2001, "../..", "'; --", "%00", "${7*7}", "urn:uuid:"),
    *(
        "0-0",
        "1-1",
        "999999999999999-999999999999999",
        "1762862400123-99999999999999999999",
        "-1--1",
        "1-1-1",
    ),
    *("00000000-0000-0000-0000-000000000000", "{0199f3c2-7d1e-7a52-9f0e-0b7f5d1a2c3d}"),
    *([], {}, [[]], [1, 2], {"room": 1}, {"room": "x"}, {"": ""}, {"type": "ping"}, {"\x00": "1-1"}),
    {str(n): "1-1" for n in range(9)},
    {"room": "1-1", "me": "2-2", "control": "3-3", "store": "4-4"},
]
JUNK = [
    "",
    " ",
    "null",
    "[]",
    "{}",
    '""',
    "0",
    "NaN",
    "{",
    "}",
    '{"type"',
    '{"type":}',
    "[" * 5000,
    '{"a":' * 2000,
]
PRINTABLE = string.printable + "你好，é\u0301\u200d\u202e\U0001f600\ud7ff\ufffd\x00\x7f\x80"

Random = random.Random


class Fuzz:
    """The same seed makes the same frames."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)

    def first(self) -> str:
        """For the place where hello is expected."""
        return self._changed(HELLOS if self._random.random() < 0.8 else VALID)

    def frame(self) -> str:
        return self._junk() if self._random.random() < 0.1 else self._changed(VALID)

    def noise(self) -> bytes:
        """Bytes that are no WebSocket frames, or only nearly."""
        rng = self._random
        head = bytes([rng.choice([0x81, 0x01, 0x80, 0x82, 0x83, 0x88, 0x89, 0x8F, 0xC1, rng.randrange(256)])])
        size = rng.choice([0x00, 0x05, 0x80, 0x85, 0xFE, 0xFF, rng.randrange(256)])
        return head + bytes([size]) + rng.randbytes(rng.choice([0, 1, 4, 9, 200]))

    def _changed(self, frames: list[dict[str, Any]]) -> str:
        rng = self._random
        frame = dict(rng.choice(frames))
        for _ in range(rng.choice([0, 0, 1, 1, 1, 2, 3])):
            rng.choice([self._set_odd, self._add, self._drop, self._retype])(frame)
        text = json.dumps(frame, ensure_ascii=rng.random() < 0.5)
        if rng.random() < 0.25:
            text = rng.choice([self._cut, self._insert, self._repeat, self._flip])(text)
        return _encodable(text[:LONGEST])

    def _junk(self) -> str:
        rng = self._random
        if rng.random() < 0.5:
            return rng.choice(JUNK)[:LONGEST]
        return _encodable("".join(rng.choices(PRINTABLE, k=rng.choice([1, 7, 80, 3000]))))

    def _set_odd(self, frame: dict[str, Any]) -> None:
        name = self._random.choice(list(frame) or ["type"])
        same = [odd for odd in ODD if type(odd) is type(frame.get(name))]
        frame[name] = self._random.choice(same if same and self._random.random() < 0.7 else ODD)

    def _add(self, frame: dict[str, Any]) -> None:
        known = ["v", "positions", "invite", "device", "ref", "text", "reply_to", "count", "x", ""]
        frame[self._random.choice(known)] = self._random.choice(ODD)

    def _drop(self, frame: dict[str, Any]) -> None:
        frame.pop(self._random.choice(list(frame) or ["type"]), None)

    def _retype(self, frame: dict[str, Any]) -> None:
        frame["type"] = self._random.choice(
            ["hello", "say", "like", "ping", "welcome", "batch", "Say", "", " ping"]
        )

    def _place(self, text: str) -> int:
        return self._random.randrange(len(text) + 1)

    def _cut(self, text: str) -> str:
        start, end = sorted((self._place(text), self._place(text)))
        return text[:start] + text[end:]

    def _insert(self, text: str) -> str:
        at = self._place(text)
        return text[:at] + "".join(self._random.choices(PRINTABLE, k=3)) + text[at:]

    def _repeat(self, text: str) -> str:
        start, end = sorted((self._place(text), self._place(text)))
        return text[:end] + text[start:]

    def _flip(self, text: str) -> str:
        payload = bytearray(text.encode("utf-8", "replace"))
        for _ in range(self._random.randint(1, 4)):
            payload[self._random.randrange(len(payload))] ^= 1 << self._random.randrange(8)
        return payload.decode("utf-8", "replace")


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


Answer = Callable[[dict[str, Any]], bool]


def _problem(slug: str, ref: str | None = None) -> Answer:
    def fits(frame: dict[str, Any]) -> bool:
        return frame["type"] == "problem" and frame["problem"]["slug"] == slug and frame.get("ref") == ref

    return fits


def _taken_or_refused(ref: str) -> Answer:
    def fits(frame: dict[str, Any]) -> bool:
        if frame.get("ref") != ref:
            return False
        return frame["type"] == "ack" or (frame["type"] == "problem" and frame["problem"]["status"] < 500)

    return fits


def _pong(frame: dict[str, Any]) -> bool:
    return frame == {"type": "pong"}


def answers_to_first(text: str) -> tuple[Answer, int | None]:
    """What answers a connection's first frame, and the code that it ends with, or None."""
    try:
        frame = decode_client(text)
    except BadFrame as error:
        return _problem(error.slug, error.ref), error.close or CloseCode.HELLO_FIRST
    if not isinstance(frame, Hello):
        return _problem(WrongOrder.slug), CloseCode.HELLO_FIRST
    if frame.v != VERSION:
        return _problem("unsupported-version"), CloseCode.UNSUPPORTED_VERSION
    return lambda frame: frame["type"] == "welcome", None


def answers_to(texts: list[str]) -> tuple[list[Answer], int | None, int]:
    """What answers these frames after hello, one after the other; the code that the connection ends with, or None; and
    how many of the frames it takes to get there. For as many as may be sent at once."""
    answers: list[Answer] = []
    bad = 0
    for number, text in enumerate(texts, 1):
        try:
            match decode_client(text):
                case Ping():
                    answers.append(_pong)
                case Say(ref):
                    answers.append(_taken_or_refused(ref))
                case Like():
                    pass
                case Hello():
                    raise WrongOrder
        except BadFrame as error:
            answers.append(_problem(error.slug, error.ref))
            bad += 1
            if bad == Limits().bad_frames:
                return answers, CloseCode.BAD_FRAMES, number
    return answers, None, len(texts)
