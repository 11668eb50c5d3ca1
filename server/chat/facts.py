"""What was said in rooms, held back, taken back and asked; and who was silenced or sent away.

Lines reach the room by the talk lane; the fact of a batch is for the members' timelines and the room's feed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec

from server.kit.facts import Fact, Remembered

QUOTED = 60
"""Characters of a line that an answer to it quotes."""


class Quoted(msgspec.Struct, frozen=True, kw_only=True):
    """The line that another one answers, as it was then."""

    id: UUID
    member_id: UUID
    name: str
    text: str


class SaidLine(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The protocol's line of talk, but for its kind. `always`: shown to everybody, however busy the room is."""

    id: UUID
    member_id: UUID
    name: str
    role: str
    text: str
    at: datetime
    reply_to: Quoted | None = None
    always: bool = False


class LinesSaid(Fact, kw_only=True, frozen=True, tag="chat.said"):
    """One batch of a room's lines."""

    room_id: UUID
    lines: list[SaidLine]

    def remembered(self) -> Sequence[Remembered]:
        """One entry a viewer and batch."""
        said: dict[UUID, list[dict[str, Any]]] = defaultdict(list)
        for line in self.lines:
            if line.role in {"member", "moderator"} and not line.always:
                said[line.member_id].append({"message_id": str(line.id), "text": line.text})
        return [
            Remembered(member_id=member_id, kind="chat", room_id=self.room_id, data={"lines": lines})
            for member_id, lines in said.items()
        ]


class HeldLine(msgspec.Struct, frozen=True, kw_only=True):
    """`why`: pre-review, or word (then `pattern` is the word)."""

    message: SaidLine
    why: str
    pattern: str | None = None


class LinesHeld(Fact, kw_only=True, frozen=True, tag="chat.held"):
    """One batch of a room's lines that wait for a moderator."""

    room_id: UUID
    lines: list[HeldLine]


class LineReviewed(Fact, kw_only=True, frozen=True, tag="chat.reviewed"):
    """`shown` tells whether the room sees it now."""

    room_id: UUID
    message: SaidLine
    shown: bool


class ChatDeleted(Fact, kw_only=True, frozen=True, tag="chat.deleted"):
    room_id: UUID
    message_id: UUID


class ChatRestored(Fact, kw_only=True, frozen=True, tag="chat.restored"):
    room_id: UUID
    message: SaidLine


class LinePinned(Fact, kw_only=True, frozen=True, tag="chat.pinned"):
    """`message` is null when no line is pinned any more."""

    room_id: UUID
    message: SaidLine | None = None


class ChatSettingChanged(Fact, kw_only=True, frozen=True, tag="chat.setting"):
    room_id: UUID
    pre_review: bool
    links: bool
    slow_s: int


class MemberMuted(Fact, kw_only=True, frozen=True, tag="member.muted"):
    room_id: UUID
    member_id: UUID
    until: datetime


class MemberUnmuted(Fact, kw_only=True, frozen=True, tag="member.unmuted"):
    room_id: UUID
    member_id: UUID


class MemberBanned(Fact, kw_only=True, frozen=True, tag="member.banned"):
    """`room_ids` are the rooms they have to leave now, `member_ids` all who use a banned device, the member first."""

    member_id: UUID
    member_ids: list[UUID]
    room_ids: list[UUID]
    until: datetime | None = None
    reason: str = ""

    def remembered(self) -> Sequence[Remembered]:
        data = {"reason": self.reason, "until": self.until and self.until.isoformat()}
        return [Remembered(member_id=self.member_id, kind="banned", data=data)]


class MemberUnbanned(Fact, kw_only=True, frozen=True, tag="member.unbanned"):
    member_id: UUID
    room_ids: list[UUID]

    def remembered(self) -> Sequence[Remembered]:
        return [Remembered(member_id=self.member_id, kind="unbanned")]


class ModeratorChanged(Fact, kw_only=True, frozen=True, tag="moderator.changed"):
    room_id: UUID
    member_id: UUID
    moderates: bool


class AskedLine(msgspec.Struct, frozen=True, kw_only=True):
    """`group` is common to open questions that ask the same: the id of the first of them."""

    message: SaidLine
    about: str
    group: UUID | None = None


class QuestionsAsked(Fact, kw_only=True, frozen=True, tag="question.asked"):
    """One batch of a room's lines that ask something."""

    room_id: UUID
    questions: list[AskedLine]


class QuestionSettled(Fact, kw_only=True, frozen=True, tag="question.settled"):
    """Answered by the line `answer`, or put aside without one; with `message_id`, all of its group (`message_ids`)."""

    room_id: UUID
    message_id: UUID
    message_ids: list[UUID] = msgspec.field(default_factory=list)
    answer: SaidLine | None = None


class QuestionReopened(Fact, kw_only=True, frozen=True, tag="question.reopened"):
    """`others` came back with it, being of its group."""

    room_id: UUID
    question: AskedLine
    others: list[AskedLine] = msgspec.field(default_factory=list)
