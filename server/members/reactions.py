"""What the member store does about facts."""

from __future__ import annotations

from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.facts import in_transaction
from server.members import addresses, service
from server.members.facts import MembersMerged


@in_transaction(MembersMerged)
async def take_over_timeline(session: AsyncSession, fact: MembersMerged) -> None:
    await service.move_timeline(session, fact.guest_id, fact.member_id)


@in_transaction(MembersMerged)
async def take_over_addresses(session: AsyncSession, fact: MembersMerged) -> None:
    await addresses.move(session, fact.guest_id, fact.member_id)
