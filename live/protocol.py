"""The room's WebSocket protocol, version 1: what a client may say, what it hears, and why a connection is closed.

JSON text frames, told apart by `type`. `docs/protocol.md` shows every frame; a test decodes its examples with the
decoders here. Unknown fields are ignored in both directions, so that either side can grow first.
"""

from __future__ import annotations

import random
from enum import IntEnum
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

VERSION = 1
MAX_FRAME = 16 * 1024
"""Bytes in one client frame; a server should refuse more while reading (uvicorn `ws_max_size`, close code 1009)."""

# PostgreSQL's text holds no NUL, and no name, line or code needs one.
_Ref = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"\A[^\x00]*\Z")]
_Text = Annotated[str, Meta(min_length=1, max_length=2000, pattern=r"\A[^\x00]*\Z")]
_Alias = Annotated[str, Meta(max_length=16)]
_Positions = Annotated[dict[_Alias, Annotated[str, Meta(max_length=40)]], Meta(max_length=8)]


class CloseCode(IntEnum):
    """4000–4499: connect again, with back-off. 4500–4999: don't; somebody has to change something first."""

    ERROR = 4000
    GOING_AWAY = 4001
    HELLO_TIMEOUT = 4003
    SLOW = 4008
    RESYNC = 4009
    UNAVAILABLE = 4010
    INTERNAL = 4500
    BAD_FRAMES = 4502
    TOO_LARGE = 4505
    HELLO_FIRST = 4506
    UNSUPPORTED_VERSION = 4507
    BINARY = 4508
    FLOODING = 4511
    NOT_ALLOWED = 4520
    NO_SUCH_ROOM = 4521
    ROOM_ENDED = 4522
    BANNED = 4523

    @property
    def reason(self) -> str:
        return self.name.lower().replace("_", "-")

    def told(self, retry_ms: int | None = None) -> str:
        """The close frame's reason, with a moment to come back at."""
        return self.reason if retry_ms is None else f"{self.reason};retry_ms={retry_ms}"

    @property
    def reconnect(self) -> bool:
        return self < CloseCode.INTERNAL


RETURNS_PER_S = 500
"""How fast a room's clients are asked to come back to the processes that go on."""


def retry_ms(crowd: int) -> int:
    """A moment for one of a crowd to come back at."""
    return random.randint(100, 1000 + crowd * 1000 // RETURNS_PER_S)


# Client → server


class Hello(msgspec.Struct, frozen=True, tag_field="type", tag="hello"):
    """First frame. `positions`: the last position seen of each topic, as "epoch-offset". `device`: the browser's own
    random name for itself."""

    v: int
    positions: _Positions = {}
    invite: Annotated[str, Meta(max_length=64, pattern=r"\A[^\x00]*\Z")] | None = None
    device: Annotated[str, Meta(max_length=64, pattern=r"\A[^\x00]*\Z")] | None = None


class Say(msgspec.Struct, frozen=True, tag_field="type", tag="say"):
    """`reply_to`: the line that this one answers, by its id."""

    ref: _Ref
    text: _Text
    reply_to: Annotated[str, Meta(max_length=64)] | None = None


class Like(msgspec.Struct, frozen=True, tag_field="type", tag="like"):
    count: Annotated[int, Meta(ge=1, le=100)] = 1


class Ping(msgspec.Struct, frozen=True, tag_field="type", tag="ping"):
    pass


ClientFrame = Hello | Say | Like | Ping


# Server → client


class Fact(msgspec.Struct, frozen=True):
    o: int
    kind: str
    data: Raw


class Welcome(msgspec.Struct, frozen=True, tag_field="type", tag="welcome"):
    """`snapshot` is null when every topic was resumed; the missed facts follow as batches. A welcome in mid-connection
    (continuity was lost) replaces the client's state like the first."""

    v: int
    session: str
    you: Any
    positions: dict[str, str]
    resumed: dict[str, bool]
    snapshot: Any
    talk: list[Raw]


class Batch(msgspec.Struct, frozen=True, tag_field="type", tag="batch"):
    """What one topic heard since the last tick. `position` is the topic's after the last fact here."""

    topic: str
    position: str
    facts: list[Fact]
    talk: list[Raw]
    here: int | UnsetType = UNSET
    likes: int | UnsetType = UNSET


class Ack(msgspec.Struct, frozen=True, tag_field="type", tag="ack"):
    """`line` is the writer's own line as others may see it: a busy room samples talk, but never for its writer."""

    ref: str
    id: str
    line: Raw | UnsetType = UNSET


class ProblemFrame(msgspec.Struct, frozen=True, tag_field="type", tag="problem"):
    problem: dict[str, Any]
    ref: str | UnsetType = UNSET


class Pong(msgspec.Struct, frozen=True, tag_field="type", tag="pong"):
    pass


ServerFrame = Welcome | Batch | Ack | ProblemFrame | Pong


class BadFrame(Exception):
    """A client frame that can't be used. Answered as a problem frame; `close` names the code when the connection has to
    end as well."""

    status = 400
    slug = "bad-frame"
    title = "The frame can't be used"
    close: CloseCode | None = None

    def __init__(self, detail: str = "", ref: str | None = None) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.ref = ref

    def body(self) -> dict[str, Any]:
        return problem(self.slug, self.title, self.status, self.detail)


class Malformed(BadFrame):
    slug, title = "malformed-frame", "The frame is not a JSON object"


class UnknownType(BadFrame):
    slug, title = "unknown-type", "There is no frame of that type"


class InvalidFrame(BadFrame):
    status, slug, title = 422, "invalid-frame", "Something in the frame is wrong"


class WrongOrder(BadFrame):
    status, slug, title = 409, "wrong-order", "Hello comes once, and first"


class TooManyFrames(BadFrame):
    status, slug, title = 429, "too-many-frames", "Too many frames; wait a moment"


class TooLarge(BadFrame):
    status, slug, title, close = 413, "frame-too-large", "A frame has at most 16 KiB", CloseCode.TOO_LARGE


class Binary(BadFrame):
    status, slug, title, close = 415, "binary-frame", "Frames are JSON text", CloseCode.BINARY


def problem(slug: str, title: str, status: int, detail: str = "", **data: Any) -> dict[str, Any]:
    """An RFC 9457 problem body, as the HTTP side writes them."""
    body = {"type": f"urn:showfloor:problem:{slug}", "title": title, "status": status, "slug": slug}
    return {**body, **({"detail": detail} if detail else {}), **data}


class _Outline(msgspec.Struct):
    type: Any = None
    ref: Any = None


_client: msgspec.json.Decoder[ClientFrame] = msgspec.json.Decoder(ClientFrame)
_outline = msgspec.json.Decoder(_Outline)
_server: msgspec.json.Decoder[ServerFrame] = msgspec.json.Decoder(ServerFrame)
_encoder = msgspec.json.Encoder()
_TYPES = frozenset({"hello", "say", "like", "ping"})


def decode_client(text: str | bytes) -> ClientFrame:
    """Raises a `BadFrame` for whatever is no valid client frame, and nothing else."""
    try:
        payload = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError as error:  # a lone surrogate that got past the server's own UTF-8 check
        raise Malformed("not UTF-8") from error
    if len(payload) > MAX_FRAME:
        raise TooLarge()
    try:
        return _client.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _told_apart(payload, error) from error


def _told_apart(payload: bytes, error: Exception) -> BadFrame:
    try:
        outline = _outline.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Malformed()
    ref = outline.ref if isinstance(outline.ref, str) and 0 < len(outline.ref) <= 64 else None
    if not isinstance(outline.type, str) or outline.type not in _TYPES:
        return UnknownType(ref=ref)
    return InvalidFrame(str(error) if isinstance(error, msgspec.ValidationError) else "", ref=ref)


def decode_server(text: str | bytes) -> ServerFrame:
    """For clients written in Python: tests, benches, the demo's own viewers."""
    return _server.decode(text)


def encode(frame: ServerFrame | ClientFrame) -> bytes:
    return _encoder.encode(frame)
