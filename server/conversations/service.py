"""A guide and a customer of theirs open a conversation, write to each other, and take back what they said."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution.own_guide import own_guide
from server.catalog import service as catalog
from server.conversations import reading, rules
from server.conversations.checks import verify as verify
from server.conversations.facts import LineRecalled, LinesRead, LineWritten, ReceivingChanged, TalkLine
from server.conversations.models import Conversation, ConversationLine, ConversationPicture
from server.conversations.rules import NoGuide, NotYourCustomer, Side
from server.kit.clock import SHOP_ZONE
from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.principal import INVITES, Principal
from server.kit.problems import Forbidden, NotFound, Problem
from server.members import service as members


class Draft(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be said: `content` as the row keeps it, and a picture's WebP. `refused`: why it may not be."""

    kind: str
    content: dict[str, Any]
    picture: bytes | None = None
    refused: Problem | None = None


# Opening


async def open_by_guide(session: AsyncSession, guide: Principal, member_id: UUID, now: datetime) -> UUID:
    """The conversation with a customer of the guide's own; one that there was opens to be read whoever's customer they
    are now. Raises `NotFound`, `Forbidden`, `NotYourCustomer` (403)."""
    if guide.role not in INVITES:
        raise Forbidden
    member = await members.get(session, guide.brand_id, member_id)
    present = await members.present_id(session, member.id)
    known = await _known(session, present, guide.id, guide.store_id)
    if known is not None:
        return known
    if await own_guide(session, present, now) != guide.id:
        raise NotYourCustomer
    return await _begin(session, guide.brand_id, present, guide.id, guide.store_id, now)


async def open_by_member(session: AsyncSession, member: Principal, now: datetime) -> UUID:
    """The conversation with the member's own guide. Raises `NoGuide` (409)."""
    present = await members.present_id(session, member.id)
    guide = await reading.guide_of(session, present, now)
    if guide is None:
        raise NoGuide
    store_id = (
        await session.execute(text("SELECT store_id FROM account WHERE id = :id"), {"id": guide.account_id})
    ).scalar_one()
    return await _begin(session, member.brand_id, present, guide.account_id, store_id, now)


async def _known(
    session: AsyncSession, member_id: UUID, guide_id: UUID, store_id: UUID | None
) -> UUID | None:
    asked = select(Conversation.id).where(
        Conversation.member_id == member_id,
        Conversation.guide_id == guide_id,
        Conversation.store_id == store_id,
    )
    return (await session.exec(asked)).first()


async def _begin(
    session: AsyncSession,
    brand_id: UUID,
    member_id: UUID,
    guide_id: UUID,
    store_id: UUID | None,
    now: datetime,
) -> UUID:
    """Whoever is second finds the first one's."""
    fresh = Conversation(
        brand_id=brand_id, member_id=member_id, guide_id=guide_id, store_id=store_id, created_at=now
    )
    await session.execute(insert(Conversation).values(**fresh.model_dump()).on_conflict_do_nothing())
    known = await _known(session, member_id, guide_id, store_id)
    assert known is not None
    return known


# Writing


async def write(
    session: AsyncSession,
    who: Principal,
    conversation_id: UUID,
    draft: Draft,
    key: str,
    hashed: bytes,
    now: datetime,
) -> TalkLine:
    """The line, under the next number. The same key again gives the line that was written then.

    Raises `NotFound`, `KeyReused` and the draft's `refused` (422), `ConversationClosed`, `NotReceiving` (409).
    """
    conversation, side = await _locked(session, who, conversation_id)
    asked = select(ConversationLine).where(
        ConversationLine.conversation_id == conversation_id,
        ConversationLine.by == side,
        ConversationLine.key == key,
    )
    written = (await session.exec(asked)).first()
    if written is not None:
        if written.request_hash != hashed:
            raise KeyReused
        return (await reading.lines(session, who.brand_id, [written]))[0]
    row = await reading.one(session, _present(who, conversation), conversation_id, now)
    rules.must_write(reading.why_closed(row), receiving=conversation.blocked_at is None)
    if draft.refused is not None:
        raise draft.refused
    line = ConversationLine(
        conversation_id=conversation_id,
        number=conversation.last_number + 1,
        by=side,
        kind=draft.kind,
        content=draft.content,
        key=key,
        request_hash=hashed,
        at=now,
    )
    session.add(line)
    await session.flush()
    if draft.picture is not None:
        session.add(ConversationPicture(line_id=line.id, body=draft.picture))
    _count(conversation, line, side)
    await session.flush()
    (shown,) = await reading.lines(session, who.brand_id, [line])
    await record(
        session,
        LineWritten(
            **_between(conversation),
            at=now,
            store_id=conversation.store_id,
            member_name=row["member_name"],
            guide_name=row["guide_name"],
            line=shown,
            day=conversation.day,  # type: ignore[arg-type]  # just set
            day_lines=conversation.day_lines,
        ),
    )
    return shown


def _count(conversation: Conversation, line: ConversationLine, side: Side) -> None:
    """Who had read everything has read their own line too."""
    if side is Side.MEMBER and conversation.member_read == conversation.last_number:
        conversation.member_read = line.number
    if side is Side.GUIDE and conversation.guide_read == conversation.last_number:
        conversation.guide_read = line.number
    conversation.last_number, conversation.latest_id = line.number, line.id
    today = line.at.astimezone(SHOP_ZONE).date()
    conversation.day_lines = conversation.day_lines + 1 if conversation.day == today else 1
    conversation.day = today


def text_draft(words: str, refused: Problem | None) -> Draft:
    return Draft(kind="text", content={"text": words}, refused=refused)


async def product_draft(session: AsyncSession, who: Principal, product_id: UUID) -> Draft:
    """Raises `NotFound` for a product that is not the brand's."""
    product = await catalog.get(session, who.brand_id, product_id)
    return Draft(kind="product", content={"product_id": str(product.id)})


def picture_draft(webp: bytes, size: tuple[int, int]) -> Draft:
    return Draft(kind="picture", content={"width": size[0], "height": size[1]}, picture=webp)


async def take_back(
    session: AsyncSession, who: Principal, conversation_id: UUID, number: int, now: datetime
) -> TalkLine:
    """One's own line, whose content is gone then for everybody. Raises `NotFound`, `TooLate` (409)."""
    conversation, side = await _locked(session, who, conversation_id)
    asked = select(ConversationLine).where(
        ConversationLine.conversation_id == conversation_id,
        ConversationLine.number == number,
        ConversationLine.by == side,
    )
    line = (await session.exec(asked)).first()
    if line is None:
        raise NotFound
    if line.recalled_at is None:
        rules.must_take_back(line.at, now)
        line.content, line.recalled_at = {}, now
        await session.exec(delete(ConversationPicture).where(col(ConversationPicture.line_id) == line.id))
        await session.flush()
        await record(session, LineRecalled(**_between(conversation), at=now, number=number))
    return (await reading.lines(session, who.brand_id, [line]))[0]


# Reading and receiving


async def read(
    session: AsyncSession, who: Principal, conversation_id: UUID, number: int, now: datetime
) -> None:
    """Up to that number, never back. Raises `NotFound`."""
    conversation, side = await _locked(session, who, conversation_id)
    upto = min(number, conversation.last_number)
    known = conversation.member_read if side is Side.MEMBER else conversation.guide_read
    if upto <= known:
        return
    if side is Side.MEMBER:
        conversation.member_read = upto
    else:
        conversation.guide_read = upto
    await session.flush()
    await record(session, LinesRead(**_between(conversation), at=now, by=side, number=upto))


async def receive(
    session: AsyncSession, member: Principal, conversation_id: UUID, receiving: bool, now: datetime
) -> None:
    """Whether the member wants to be written to. Raises `NotFound`."""
    conversation, side = await _locked(session, member, conversation_id)
    if side is not Side.MEMBER:
        raise NotFound
    if receiving == (conversation.blocked_at is None):
        return
    conversation.blocked_at = None if receiving else now
    await session.flush()
    await record(session, ReceivingChanged(**_between(conversation), at=now, receiving=receiving))


async def _locked(session: AsyncSession, who: Principal, conversation_id: UUID) -> tuple[Conversation, Side]:
    """For one of the two. A member's row is locked before, as a merge does. Raises `NotFound`."""
    if who.kind == "member":
        who = msgspec.structs.replace(who, id=await members.present_id(session, who.id))
    found = await session.exec(
        select(Conversation)
        .where(Conversation.id == conversation_id, Conversation.brand_id == who.brand_id)
        .with_for_update()
        .execution_options(populate_existing=True)
    )
    conversation = found.first()
    if conversation is None:
        raise NotFound
    side = rules.side_of(who, conversation.member_id, conversation.guide_id)
    if side is None:
        raise NotFound
    return conversation, side


def _present(who: Principal, conversation: Conversation) -> Principal:
    """A guest's token outlives the guest for a moment."""
    return msgspec.structs.replace(who, id=conversation.member_id) if who.kind == "member" else who


def _between(conversation: Conversation) -> dict[str, UUID]:
    return {
        "brand_id": conversation.brand_id,
        "conversation_id": conversation.id,
        "member_id": conversation.member_id,
        "guide_id": conversation.guide_id,
    }
