"""What happened in a conversation of a guide and a customer. Only the two hear of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID, uuid5

import msgspec

from server.attribution.rules import GuideName
from server.conversations.rules import Side
from server.kit.facts import Fact, Remembered


class TalkPicture(msgspec.Struct, frozen=True):
    """`url` answers only the two and whoever may look on. Sizes in pixels."""

    url: str
    width: int
    height: int


class TalkProduct(msgspec.Struct, frozen=True):
    """`price_minor` is that of its cheapest variant, now."""

    product_id: UUID
    title: str
    image: str | None
    price_minor: int


class TalkLine(msgspec.Struct, frozen=True, kw_only=True):
    """Has one of `text`, `picture` and `product`, and none once it was `recalled`."""

    number: int
    by: Side
    at: datetime
    recalled: bool = False
    text: str | None = None
    picture: TalkPicture | None = None
    product: TalkProduct | None = None


class _Between(Fact, kw_only=True, frozen=True):
    conversation_id: UUID
    member_id: UUID
    guide_id: UUID


class LineWritten(_Between, kw_only=True, frozen=True, tag="conversation.line"):
    """`day` is the shop's; `day_lines` were written on it up to this one."""

    store_id: UUID | None = None
    member_name: str
    guide_name: str
    line: TalkLine
    day: date
    day_lines: int

    def remembered(self) -> Sequence[Remembered]:
        """That they talked, once a day."""
        guide = msgspec.to_builtins(GuideName(self.guide_id, self.guide_name))
        return [
            Remembered(
                member_id=self.member_id,
                kind="conversation",
                store_id=self.store_id,
                data={
                    "conversation_id": str(self.conversation_id),
                    "guide": guide,
                    "lines": self.day_lines,
                },
                gathers=uuid5(self.conversation_id, self.day.isoformat()),
            )
        ]


class LineRecalled(_Between, kw_only=True, frozen=True, tag="conversation.recalled"):
    number: int


class LinesRead(_Between, kw_only=True, frozen=True, tag="conversation.read"):
    """`by` has read all lines up to this number."""

    by: Side
    number: int


class ReceivingChanged(_Between, kw_only=True, frozen=True, tag="conversation.receiving"):
    """The member takes no messages any more, or takes them again."""

    receiving: bool


class ConversationsMerged(_Between, kw_only=True, frozen=True, tag="conversation.merged"):
    """A guest's conversation is a member's now: `from_id` is no more where both had one."""

    from_id: UUID
