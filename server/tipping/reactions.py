"""Who hears of a tip, and what tipping does about others' facts."""

from __future__ import annotations

from collections.abc import Iterator

from sqlmodel.ext.asyncio.session import AsyncSession

from live.events import RoomEvent, member_topic, room_topic
from server.brands.facts import BrandCreated
from server.kit.facts import announces, in_transaction
from server.members.facts import MembersMerged
from server.tipping import service
from server.tipping.facts import TipGiven
from server.tipping.rules import FIRST_GIFTS


@in_transaction(BrandCreated)
async def give_first_gifts(session: AsyncSession, fact: BrandCreated) -> None:
    """A new brand can be tipped from its first show on."""
    for position, (name, icon, price_minor) in enumerate(FIRST_GIFTS):
        await service.create_gift(
            session, fact.brand_id, name=name, icon=icon, price_minor=price_minor, position=position
        )


@announces(TipGiven)
def tell_tip(fact: TipGiven) -> Iterator[RoomEvent]:
    yield fact.event(
        room_topic(fact.room_id),
        "tip.given",
        tip_id=fact.tip_id,
        name=fact.name,
        gift=fact.gift,
        quantity=fact.quantity,
        amount_minor=fact.amount_minor,
    )
    yield fact.event(member_topic(fact.member_id), "wallet.changed", balance_minor=fact.balance_minor)


@in_transaction(MembersMerged)
async def move_guest_tips(session: AsyncSession, fact: MembersMerged) -> None:
    await service.merge(session, fact.guest_id, fact.member_id)
