"""What happened to buyers' cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from server.kit.facts import Fact, Remembered


class AfterSaleMoved(Fact, kw_only=True, frozen=True, tag="after_sale.moved"):
    """A case was opened or took a step; `state` is what it is in now."""

    case_id: UUID
    order_id: UUID
    number: str
    member_id: UUID
    name: str
    store_id: UUID | None = None
    room_id: UUID | None = None
    kind_of_case: Literal["refund_only", "return_refund"]
    state: Literal["asked", "agreed", "sent_back", "refunded", "refused", "withdrawn", "lapsed"]
    amount_minor: int

    def remembered(self) -> Sequence[Remembered]:
        return [
            Remembered(
                member_id=self.member_id,
                kind=f"after_sale.{self.state}",
                store_id=self.store_id,
                room_id=self.room_id,
                data={
                    "order_id": str(self.order_id),
                    "number": self.number,
                    "amount_minor": self.amount_minor,
                },
            )
        ]
