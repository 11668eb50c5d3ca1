"""What wallets do about others' facts, and what their owners hear."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, member_topic
from server.kit.facts import announces, in_transaction
from server.members.facts import MembersMerged
from server.payments.facts import PaymentSucceeded
from server.wallets import service
from server.wallets.facts import WalletMerged, WalletToppedUp


@in_transaction(PaymentSucceeded)
async def fill_wallet(session: AsyncSession, fact: PaymentSucceeded) -> None:
    if fact.payable == "top_up":
        await service.settle_top_up(
            session, fact.brand_id, fact.payment_id, fact.member_id, fact.amount_minor
        )


@in_transaction(MembersMerged)
async def move_guest_money(session: AsyncSession, fact: MembersMerged) -> None:
    await service.merge(session, fact.brand_id, fact.guest_id, fact.member_id)


@announces(WalletToppedUp, WalletMerged)
def tell_balance(fact: WalletToppedUp | WalletMerged) -> Iterator[RoomEvent]:
    yield fact.event(member_topic(fact.member_id), "wallet.changed", balance_minor=fact.balance_minor)
