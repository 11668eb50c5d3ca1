"""The merchant's own member store: guests, members, and one timeline each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import TextClause, false, or_, text
from sqlalchemy.sql.elements import ColumnElement
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands import service as brands
from server.brands.names import name as clean_name
from server.kit.database import Database
from server.kit.facts import Fact, Remembered
from server.kit.ids import uuid7
from server.kit.paging import PAGE, before
from server.kit.principal import Principal, Role
from server.kit.problems import Conflict, Invalid, NotFound
from server.members import rules
from server.members.models import Member, TimelineEntry, brand_of_room, visited
from server.members.tokens import Bearer, member_tokens

SEES_PHONES = frozenset({Role.OWNER, Role.OPERATOR})
"""Whole numbers are for those who may write to members."""


class NotSetUp(Conflict):
    slug, title = "not-set-up", "This shop has no owner yet"


async def authenticate(database: Database, secret: str, token: str, now: datetime) -> Principal | None:
    """Whose token it is; a merged guest's is the member's. `None` when it is forged or over."""
    return await member_tokens(secret).authenticate(database, token, now)


def bearer(secret: str, token: str, now: datetime) -> Bearer | None:
    """Whom a token was issued to, without a look at the store; `None` where that can't be told."""
    return member_tokens(secret).bearer(token, now)


# Guests and members


async def brand_for(session: AsyncSession, brand_id: UUID | None, room_id: UUID | None) -> UUID:
    """The brand a visitor means: the room's, the one named, or the installation's first.

    Raises `NotFound` (404) and, before there is any brand, `NotSetUp` (409).
    """
    if room_id is not None:
        of_room: UUID | None = (await session.execute(brand_of_room(room_id))).scalar_one_or_none()
        if of_room is None:
            raise NotFound("There is no such room")
        return of_room
    if brand_id is not None:
        return (await brands.get(session, brand_id)).id
    first = await brands.oldest(session)
    if first is None:
        raise NotSetUp
    return first.id


async def create_guest(session: AsyncSession, brand_id: UUID, name: str) -> Member:
    guest = Member(brand_id=brand_id, name=clean_name(name))
    session.add(guest)
    await session.flush()
    return guest


async def get(session: AsyncSession, brand_id: UUID, member_id: UUID) -> Member:
    """A merged guest's id gives the member. Raises `NotFound` (404)."""
    member = await session.get(Member, member_id)
    if member is not None and member.merged_into is not None:
        member = await session.get(Member, member.merged_into)
    if member is None or member.brand_id != brand_id:
        raise NotFound
    return member


async def present_id(session: AsyncSession, member_id: UUID) -> UUID:
    """The member whom a guest was merged into, or the same one. To be asked before anything is written under that id,
    or locked: it waits for a merge that is under way, and a later one waits for this transaction."""
    row = await session.execute(
        text("SELECT coalesce(merged_into, id) FROM member WHERE id = :id FOR KEY SHARE"), {"id": member_id}
    )
    return row.scalar_one()  # type: ignore[no-any-return]


async def rename(session: AsyncSession, member: Member, name: str) -> None:
    member.name = clean_name(name)
    await session.flush()


# For staff


async def listing(
    session: AsyncSession, staff: Principal, query: str | None, guests: bool | None, cursor: str | None
) -> Sequence[Member]:
    """A page and one more, newest first: headquarters see all of the brand, a manager the visitors of the own store.

    `query` is looked for in names and phone numbers; who may not see a number finds it only whole.
    """
    asked = select(Member).where(col(Member.brand_id) == staff.brand_id, col(Member.merged_into).is_(None))
    if not staff.is_headquarters:
        asked = asked.where(visited(col(Member.id), staff.store_id))
    if guests is not None:
        asked = asked.where(col(Member.phone).is_(None) if guests else col(Member.phone).is_not(None))
    if words := (query or "").strip():
        named = col(Member.name).icontains(words, autoescape=True)
        asked = asked.where(or_(named, by_phone(staff, words)))
    if last := before(cursor):
        asked = asked.where(col(Member.id) < last)
    return (await session.exec(asked.order_by(col(Member.id).desc()).limit(PAGE + 1))).all()


def by_phone(who: Principal, words: str) -> ColumnElement[bool]:
    """Members whose number these words are, or a part of it for those who may see numbers."""
    if who.role in SEES_PHONES:
        digits = "".join(c for c in words if c.isdecimal())
        return col(Member.phone).contains(digits) if len(digits) >= 3 else false()
    try:
        return col(Member.phone) == rules.phone(words)
    except Invalid:
        return false()


async def in_scope(session: AsyncSession, staff: Principal, member_id: UUID) -> Member:
    """Raises `NotFound` (404) for a member of another brand or, for a manager, one who never visited the store."""
    member = await get(session, staff.brand_id, member_id)
    if not staff.is_headquarters:
        seen = select(Member.id).where(col(Member.id) == member.id, visited(col(Member.id), staff.store_id))
        if staff.role is not Role.MANAGER or (await session.exec(seen)).first() is None:
            raise NotFound
    return member


def phone_for(staff: Principal, number: str | None) -> str | None:
    return number if staff.role in SEES_PHONES else rules.masked(number)


async def timeline(
    session: AsyncSession, staff: Principal, member: Member, cursor: str | None
) -> Sequence[TimelineEntry]:
    """A page and one more, newest first. A manager sees what belongs to the own store or to none."""
    asked = select(TimelineEntry).where(col(TimelineEntry.member_id) == member.id)
    if not staff.is_headquarters:
        asked = asked.where(
            or_(col(TimelineEntry.store_id) == staff.store_id, col(TimelineEntry.store_id).is_(None))
        )
    if last := before(cursor):
        asked = asked.where(col(TimelineEntry.id) < last)
    return (await session.exec(asked.order_by(col(TimelineEntry.id).desc()).limit(PAGE + 1))).all()


# What the relay brings

# FOR SHARE waits for a merge that is under way and then sees it, so that no line is left with a merged guest.
_LINES = """
    WITH line AS (
        SELECT u.id, m.brand_id, coalesce(m.merged_into, m.id) AS member_id, u.store_id, u.room_id, u.kind, u.at,
               u.fact_id, u.data
        FROM unnest(CAST(:ids AS uuid[]), CAST(:member_ids AS uuid[]), CAST(:store_ids AS uuid[]),
                    CAST(:room_ids AS uuid[]), CAST(:kinds AS text[]), CAST(:ats AS timestamptz[]),
                    CAST(:fact_ids AS uuid[]), CAST(:data AS text[]))
             AS u (id, member_id, store_id, room_id, kind, at, fact_id, data)
        JOIN member m ON m.id = u.member_id
        FOR SHARE OF m)
    INSERT INTO timeline_entry (id, brand_id, member_id, store_id, room_id, kind, at, fact_id, data)
"""
_REMEMBER = text(
    f"""
    {_LINES}
    SELECT id, brand_id, member_id, store_id, room_id, kind, at, fact_id, CAST(data AS jsonb) FROM line
    ON CONFLICT (member_id, fact_id, kind) DO NOTHING
    """  # noqa: S608  constants of this module
)
# With a new id the line stands where its time is.
_GATHER = text(
    f"""
    {_LINES}
    SELECT DISTINCT ON (member_id, fact_id, kind)
           id, brand_id, member_id, store_id, room_id, kind, at, fact_id, CAST(data AS jsonb) FROM line
    ORDER BY member_id, fact_id, kind, at DESC, id DESC
    ON CONFLICT (member_id, fact_id, kind) DO UPDATE SET id = excluded.id, at = excluded.at, data = excluded.data
    WHERE timeline_entry.at < excluded.at
    """  # noqa: S608  constants of this module
)

Lines = Sequence[tuple[Fact, UUID, Remembered]]


async def remember(session: AsyncSession, facts: Sequence[Fact]) -> None:
    """Write what these facts say of members to their timelines; told again, nothing is added."""
    lines = [(fact, line_id, line) for fact in facts for line_id, line in _lines(fact)]
    await _write(session, _REMEMBER, [one for one in lines if one[2].gathers is None])
    await _write(session, _GATHER, [one for one in lines if one[2].gathers is not None])


async def _write(session: AsyncSession, statement: TextClause, lines: Lines) -> None:
    if not lines:
        return
    await session.execute(
        statement,
        {
            "ids": [uuid7() for _ in lines],
            "member_ids": [line.member_id for _, _, line in lines],
            "store_ids": [line.store_id for _, _, line in lines],
            "room_ids": [line.room_id for _, _, line in lines],
            "kinds": [line.kind for _, _, line in lines],
            "ats": [fact.at for fact, _, _ in lines],
            "fact_ids": [line_id for _, line_id, _ in lines],
            "data": [msgspec.json.encode(line.data).decode() for _, _, line in lines],
        },
    )


def _lines(fact: Fact) -> Iterator[tuple[UUID, Remembered]]:
    """A fact's lines, each under an id that is the same when it is told again: the fact's own, and for further lines
    of one member and kind (two orders of a batch) one made of it."""
    told: dict[tuple[UUID, str], list[Remembered]] = defaultdict(list)
    for line in fact.remembered():
        if line.gathers is not None:
            yield line.gathers, line
            continue
        before_it = told[line.member_id, line.kind]
        if line not in before_it:
            yield uuid5(fact.fact_id, str(len(before_it))) if before_it else fact.fact_id, line
            before_it.append(line)


# A line that both have stays with the member; the guest's second copy goes.
_MOVE = text(
    """
    WITH twice AS (
        DELETE FROM timeline_entry g USING timeline_entry m
        WHERE g.member_id = :guest_id AND m.member_id = :member_id AND m.fact_id = g.fact_id AND m.kind = g.kind
        RETURNING g.id)
    UPDATE timeline_entry SET member_id = :member_id
    WHERE member_id = :guest_id AND id NOT IN (SELECT id FROM twice)
    """
)


async def move_timeline(session: AsyncSession, guest_id: UUID, member_id: UUID) -> None:
    await session.execute(_MOVE, {"guest_id": guest_id, "member_id": member_id})
