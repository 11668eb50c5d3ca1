"""What the scripts put into the stream and on the channel. The first byte of a published message tells its lane."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from live.broker import NumberedFact
from live.events import Position, RoomEvent


class _Body(msgspec.Struct, frozen=True):
    kind: str
    data: msgspec.Raw
    id: str


class Facts(msgspec.Struct, frozen=True):
    """Consecutive facts, in one message."""

    first: Position
    bodies: list[bytes]

    @property
    def last(self) -> Position:
        return Position(self.first.epoch, self.first.offset + len(self.bodies) - 1)

    def after(self, position: Position) -> list[NumberedFact]:
        """Those of this epoch beyond the position."""
        skip = position.offset + 1 - self.first.offset if position.epoch == self.first.epoch else 0
        return [
            numbered(Position(self.first.epoch, self.first.offset + i), body)
            for i, body in enumerate(self.bodies)
            if i >= skip
        ]


class Talk(msgspec.Struct, frozen=True):
    lines: list[bytes]


class Counted(msgspec.Struct, frozen=True):
    totals: Mapping[str, int]


_body = msgspec.json.Decoder(_Body)


def encode_fact(event: RoomEvent) -> bytes:
    return msgspec.json.encode({"kind": event.kind, "data": event.data, "id": event.id})


def numbered(position: Position, body: bytes) -> NumberedFact:
    fact = _body.decode(body)
    return NumberedFact(position, fact.kind, fact.data, fact.id)


def parse(message: bytes) -> Facts | Talk | Counted:
    """ValueError for what no script of ours published."""
    head, *rest = message.split(b"\n")
    match head[:1]:
        case b"f":
            return Facts(Position.parse(head[1:].decode()), rest)
        case b"t":
            return Talk(rest)
        case b"c":
            pairs = (line.rpartition(b" ") for line in rest)
            return Counted({name.decode(): int(total) for name, _, total in pairs})
        case _:
            raise ValueError("an unknown lane")
