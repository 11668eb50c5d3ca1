"""What was said in rooms and taken back.

Lines reach the room by the talk lane; the fact of a batch is for the members' timelines.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from server.kit.facts import Fact, Remembered


class SaidLine(msgspec.Struct, frozen=True, kw_only=True):
    """The protocol's line of talk, but for its kind."""

    id: UUID
    member_id: UUID
    name: str
    role: str
    text: str
    at: datetime


class LinesSaid(Fact, kw_only=True, frozen=True, tag="chat.said"):
    """One batch of a room's lines."""

    room_id: UUID
    lines: list[SaidLine]

    def remembered(self) -> Sequence[Remembered]:
        """One entry a viewer and batch."""
        said: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
        for line in self.lines:
            if line.role == "member":
                said[line.member_id].append({"message_id": str(line.id), "text": line.text})
        return [
            Remembered(member_id=member_id, kind="chat", room_id=self.room_id, data={"lines": lines})
            for member_id, lines in said.items()
        ]


class ChatDeleted(Fact, kw_only=True, frozen=True, tag="chat.deleted"):
    room_id: UUID
    message_id: UUID


class ChatRestored(Fact, kw_only=True, frozen=True, tag="chat.restored"):
    room_id: UUID
    message: SaidLine


class MemberMuted(Fact, kw_only=True, frozen=True, tag="member.muted"):
    room_id: UUID
    member_id: UUID
    until: datetime


class MemberUnmuted(Fact, kw_only=True, frozen=True, tag="member.unmuted"):
    room_id: UUID
    member_id: UUID
