"""Visits: a crowd that comes into rooms at once is written together, in a dozen statements however many they are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import queries, rules
from server.attribution.facts import Arrival, ViewerEntered
from server.attribution.models import Visit
from server.attribution.rules import GuideName, StoreName
from server.kit.facts import record
from server.kit.problems import NotFound, Unavailable


class Entering(msgspec.Struct, frozen=True, kw_only=True):
    """`room_store_id`: of a store's own room, that store."""

    room_id: UUID
    member_id: UUID
    brand_id: UUID
    room_store_id: UUID | None = None


async def enter(session: AsyncSession, asked: Entering, now: datetime) -> Visit:
    """The member's visit, made on the first entry; who carries them is fixed then, and only a touch of a link into
    this room changes it. Raises `NotFound` for a member of another brand."""
    (outcome,) = await enter_all(session, [asked], now)
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


async def enter_all(
    session: AsyncSession, asked: Sequence[Entering], now: datetime
) -> list[Visit | Exception]:
    """The same for many, in their order. The rows of their members are locked, by id: who enters, opens a link or is
    merged elsewhere comes before or after. `Unavailable` for one who was merged just now; asked again it goes."""
    known = await _visits(session, [(one.room_id, one.member_id) for one in asked])
    coming = [one for one in asked if (one.room_id, one.member_id) not in known]
    if coming:
        known |= await _come(session, coming, now)
    return [known[one.room_id, one.member_id] for one in asked]


Outcomes = dict[tuple[UUID, UUID], Visit | Exception]


async def _visits(session: AsyncSession, pairs: Iterable[tuple[UUID, UUID]]) -> Outcomes:
    wanted = list(pairs)
    found = await session.exec(
        select(Visit).where(
            col(Visit.room_id).in_({room_id for room_id, _ in wanted}),
            col(Visit.member_id).in_({member_id for _, member_id in wanted}),
        )
    )
    by_pair = {(visit.room_id, visit.member_id): visit for visit in found.all()}
    return {pair: by_pair[pair] for pair in wanted if pair in by_pair}


async def _come(session: AsyncSession, coming: Sequence[Entering], now: datetime) -> Outcomes:
    outcomes: Outcomes = {}
    own = await _own_ids(session, coming)
    viewers = await queries.lock_viewers(session, set(own.values()))
    there = await _visits(session, [(one.room_id, own.get(one.member_id, one.member_id)) for one in coming])
    carried = await _Carriers.of(session, {one.room_id for one in coming}, viewers, now)
    made: dict[tuple[UUID, UUID], tuple[Visit, Entering]] = {}
    rooms = Counter[UUID]()  # that a member enters in this batch
    for one in coming:
        pair = (one.room_id, one.member_id)
        if one.member_id not in own:
            outcomes[pair] = NotFound()
            continue
        viewer = viewers.get(own[one.member_id])
        if viewer is None:
            outcomes[pair] = Unavailable(retry_after_s=1)
            continue
        place = (one.room_id, viewer.member_id)
        if place in there or place in made:
            outcomes[pair] = there[place] if place in there else made[place][0]
            continue
        carrier = carried.carrier(viewer.member_id, one, now)
        visit = Visit(
            room_id=one.room_id,
            member_id=viewer.member_id,
            brand_id=one.brand_id,
            store_id=carrier.store_id,
            guide_id=carrier.guide_id,
            link_id=carrier.link_id,
            entered_at=now,
            is_new=not viewer.earlier_visits and not rooms[viewer.member_id],
        )
        rooms[viewer.member_id] += 1
        made[place] = (visit, one)
        outcomes[pair] = visit
    if made:
        await _write(session, [visit for visit, _ in made.values()], viewers)
    return outcomes


async def _own_ids(session: AsyncSession, coming: Sequence[Entering]) -> dict[UUID, UUID]:
    """Of each who is a member of the brand that they enter, the row that they are by now."""
    rows = await session.execute(
        text(
            """
            WITH RECURSIVE up AS (
                SELECT m.id AS asked, m.id, m.merged_into FROM member m
                JOIN unnest(CAST(:members AS uuid[]), CAST(:brands AS uuid[])) AS a(id, brand_id)
                    ON (a.id, a.brand_id) = (m.id, m.brand_id)
                UNION
                SELECT up.asked, m.id, m.merged_into FROM up JOIN member m ON m.id = up.merged_into)
            SELECT asked, id FROM up WHERE merged_into IS NULL
            """
        ),
        {"members": [one.member_id for one in coming], "brands": [one.brand_id for one in coming]},
    )
    return {row.asked: row.id for row in rows}


class _Carriers(msgspec.Struct, frozen=True):
    touches: Mapping[UUID, Sequence[rules.Touched]]
    bound: Mapping[UUID, rules.Bound]
    reach: Mapping[UUID, rules.Reach]

    @classmethod
    async def of(
        cls, session: AsyncSession, rooms: Iterable[UUID], members: Iterable[UUID], now: datetime
    ) -> _Carriers:
        ids = list(members)
        touches, bound = await queries.touches_of(session, ids, now), await queries.bound(session, ids)
        opened = (touched for of_member in touches.values() for touched in of_member)
        return cls(touches, bound, await queries.reaches_of(session, rooms, opened, bound.values()))

    def carrier(self, member_id: UUID, into: Entering, now: datetime) -> rules.Carrier:
        return rules.carrier(
            self.touches.get(member_id, ()),
            self.bound.get(member_id),
            into.room_store_id,
            now,
            self.reach.get(into.room_id, rules.EVERYWHERE),
        )


async def _write(
    session: AsyncSession, visits: Sequence[Visit], viewers: Mapping[UUID, queries.Viewer]
) -> None:
    await session.execute(insert(Visit).values([visit.model_dump() for visit in visits]))
    stores, guides = await queries.all_names(
        session,
        {visit.store_id for visit in visits if visit.store_id},
        {visit.guide_id for visit in visits if visit.guide_id},
    )
    facts = [
        ViewerEntered(
            brand_id=visit.brand_id,
            at=visit.entered_at,
            room_id=visit.room_id,
            link_id=visit.link_id,
            viewer=arrival(
                viewers[visit.member_id],
                viewers[visit.member_id].earlier_visits,
                stores.get(visit.store_id) if visit.store_id else None,
                guides.get(visit.guide_id) if visit.guide_id else None,
            ),
        )
        for visit in visits
    ]
    await record(session, *facts)


def arrival(
    viewer: queries.Viewer, earlier_visits: int, store: StoreName | None, guide: GuideName | None
) -> Arrival:
    return Arrival(
        member_id=viewer.member_id,
        name=viewer.name,
        store=store,
        guide=guide,
        orders=viewer.orders,
        amount_minor=viewer.amount_minor,
        tags=rules.tags(viewer.orders, earlier_visits),
    )
