"""What happened to members themselves."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from server.kit.facts import Fact, Remembered


class MembersMerged(Fact, kw_only=True, frozen=True, tag="members.merged"):
    """A guest turned out to be a known member. Whoever keeps rows of `guest_id` points them to `member_id` in this
    transaction: the guest's row is locked (FOR UPDATE), so that no new row with its id is being written meanwhile."""

    guest_id: UUID
    member_id: UUID

    def remembered(self) -> Sequence[Remembered]:
        return (
            Remembered(
                member_id=self.member_id, kind="members.merged", data={"guest_id": str(self.guest_id)}
            ),
        )


class PhoneProved(Fact, kw_only=True, frozen=True, tag="member.phone_proved"):
    """A guest became a member, or a new member came, by a phone number that nobody had before."""

    member_id: UUID

    def remembered(self) -> Sequence[Remembered]:
        return (Remembered(member_id=self.member_id, kind="member.phone_proved"),)
