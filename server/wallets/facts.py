"""What happened to a member's wallet."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from server.kit.facts import Fact, Remembered


class WalletToppedUp(Fact, kw_only=True, frozen=True, tag="wallet.topped_up"):
    """`balance_minor` is what the wallet held right after it."""

    member_id: UUID
    payment_id: UUID
    amount_minor: int
    balance_minor: int

    def remembered(self) -> Sequence[Remembered]:
        return (
            Remembered(
                member_id=self.member_id,
                kind="top_up",
                data={"payment_id": str(self.payment_id), "amount_minor": self.amount_minor},
            ),
        )


class WalletMerged(Fact, kw_only=True, frozen=True, tag="wallet.merged"):
    """A guest turned out to be this member and brought the guest's money along."""

    member_id: UUID
    guest_id: UUID
    amount_minor: int
    balance_minor: int
