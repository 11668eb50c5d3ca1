"""What viewers gave."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from server.kit.facts import Fact, Remembered


class GivenGift(msgspec.Struct, frozen=True):
    name: str
    icon: str


class TipGiven(Fact, kw_only=True, frozen=True, tag="tip.given"):
    """`balance_minor` is what is left in the giver's wallet."""

    tip_id: UUID
    room_id: UUID
    member_id: UUID
    name: str
    gift_id: UUID
    gift: GivenGift
    quantity: int
    amount_minor: int
    balance_minor: int

    def remembered(self) -> Sequence[Remembered]:
        return (
            Remembered(
                member_id=self.member_id,
                kind="tip",
                room_id=self.room_id,
                data={
                    "tip_id": str(self.tip_id),
                    "gift": msgspec.to_builtins(self.gift),
                    "quantity": self.quantity,
                    "amount_minor": self.amount_minor,
                },
            ),
        )
