"""What happened between invitations, visits and orders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec

from server.attribution.rules import GuideName, StoreName
from server.kit.facts import Fact, Remembered


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """A viewer as their store sees them. `orders` and `amount_minor`: what they paid for before."""

    member_id: UUID
    name: str
    store: StoreName | None = None
    guide: GuideName | None = None
    orders: int = 0
    amount_minor: int = 0
    tags: list[str] = []

    @property
    def store_id(self) -> UUID | None:
        return self.store.store_id if self.store else None


class ViewerEntered(Fact, kw_only=True, frozen=True, tag="viewer.entered"):
    """For the first time in this room."""

    room_id: UUID
    link_id: UUID | None = None
    viewer: Arrival

    def remembered(self) -> Sequence[Remembered]:
        return (
            Remembered(
                member_id=self.viewer.member_id,
                kind="visit",
                store_id=self.viewer.store_id,
                room_id=self.room_id,
                data=msgspec.to_builtins({"store": self.viewer.store, "guide": self.viewer.guide}),
            ),
        )


class ViewerCarried(Fact, kw_only=True, frozen=True, tag="viewer.carried"):
    """A viewer who was in the room already came through a link: another store or guide carries them now."""

    room_id: UUID
    link_id: UUID
    viewer: Arrival


class LinkTouched(Fact, kw_only=True, frozen=True, tag="invitation.touched"):
    """A touch that counts. `inviter_id` is the member who re-shared the link, if one did."""

    touch_id: UUID
    link_id: UUID
    room_id: UUID | None = None
    member_id: UUID
    name: str
    inviter_id: UUID | None = None
    store: StoreName | None = None
    guide: GuideName | None = None

    def remembered(self) -> Sequence[Remembered]:
        return (
            self._line(self.member_id, {"step": "came", "store": self.store, "guide": self.guide}),
            *(
                [self._line(self.inviter_id, {"step": "brought", "name": self.name})]
                if self.inviter_id
                else []
            ),
        )

    def _line(self, member_id: UUID, data: dict[str, Any]) -> Remembered:
        return Remembered(
            member_id=member_id,
            kind="invitation",
            store_id=self.store.store_id if self.store else None,
            room_id=self.room_id,
            data=msgspec.to_builtins(data),
        )


class CreditEarned(Fact, kw_only=True, frozen=True, tag="credit.earned"):
    credit_id: UUID
    order_id: UUID
    member_id: UUID
    room_id: UUID | None = None
    store: StoreName | None = None
    guide: GuideName | None = None
    inviter_id: UUID | None = None
    amount_minor: int
    rule: str

    def remembered(self) -> Sequence[Remembered]:
        return _told_inviter(self, "earned")


class CreditReversed(Fact, kw_only=True, frozen=True, tag="credit.reversed"):
    """`amount_minor` went back now, `reversed_minor` in all: by a refund, or because headquarters gave the credit to
    another (`dispute_id`)."""

    credit_id: UUID
    order_id: UUID
    member_id: UUID
    refund_id: UUID | None = None
    dispute_id: UUID | None = None
    room_id: UUID | None = None
    store: StoreName | None = None
    guide: GuideName | None = None
    inviter_id: UUID | None = None
    amount_minor: int
    reversed_minor: int
    net_minor: int

    def remembered(self) -> Sequence[Remembered]:
        return _told_inviter(self, "reversed")


class CreditDisputed(Fact, kw_only=True, frozen=True, tag="credit.disputed"):
    """A guide of the store appeals. `number` is the order's."""

    dispute_id: UUID
    order_id: UUID
    number: str
    store: StoreName | None = None
    guide: GuideName


class DisputeDecided(Fact, kw_only=True, frozen=True, tag="dispute.decided"):
    """`store_id` is that of who appealed; `from_store_id` and `to_store_id`: where a granted one took the credit from
    and where it went."""

    dispute_id: UUID
    order_id: UUID
    number: str
    granted: bool
    store_id: UUID | None = None
    from_store_id: UUID | None = None
    to_store_id: UUID | None = None


def _told_inviter(fact: CreditEarned | CreditReversed, step: str) -> Sequence[Remembered]:
    if fact.inviter_id is None:
        return ()
    return (
        Remembered(
            member_id=fact.inviter_id,
            kind="invitation",
            store_id=fact.store.store_id if fact.store else None,
            room_id=fact.room_id,
            data={"step": step, "amount_minor": fact.amount_minor},
        ),
    )
