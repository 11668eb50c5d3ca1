"""The merchant's view of members: who sees whom, and their timelines."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlmodel import col, select

from server.attribution.models import Visit
from server.kit.facts import Fact, Remembered
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.members import phones, service
from server.members.models import Member, TimelineEntry
from tests.server.brands.desk import Desk

NUMBER = "+8613800138000"


class TeaTasted(Fact, kw_only=True, frozen=True, tag="test.tea_tasted"):
    member_ids: list[UUID]
    store_id: UUID | None = None
    cups: int = 1

    def remembered(self) -> Sequence[Remembered]:
        return [
            Remembered(member_id=member_id, kind="tasted", store_id=self.store_id, data={"cups": self.cups})
            for member_id in self.member_ids
        ]


async def _visit(desk: Desk, brand_id: UUID, store_id: UUID, member_id: UUID) -> None:
    async with desk.database.transaction() as session:
        session.add(Visit(room_id=uuid7(), member_id=member_id, brand_id=brand_id, store_id=store_id))


async def _remember(desk: Desk, *facts: Fact) -> None:
    async with desk.database.transaction() as session:
        await service.remember(session, facts)


async def _names(desk: Desk, by: str, query: str = "") -> list[str]:
    listed = await desk.ask("GET", f"/api/members?{query}", by=by)
    assert listed.status_code == 200, listed.text
    return [member["name"] for member in listed.json()["items"]]


async def _timeline(desk: Desk, by: str, member_id: UUID, query: str = "") -> dict[str, Any]:
    return (await desk.ask("GET", f"/api/members/{member_id}/timeline?{query}", by=by)).json()  # type: ignore[no-any-return]


async def _member(desk: Desk, brand_id: UUID, name: str = "Li", number: str = NUMBER) -> UUID:
    async with desk.database.transaction() as session:
        return (await phones.settle(session, brand_id, number, None, name)).member.id


async def test_headquarters_see_all_members_of_their_brand_newest_first(desk: Desk) -> None:
    brand_id = await desk.brand()
    await desk.guest("Stranger", brand_id=str(await desk.brand("Other")))
    for name in ("Wang", "Li"):
        await desk.guest(name, brand_id=str(brand_id))
    for role in (Role.OWNER, Role.OPERATOR, Role.FINANCE, Role.READ_ONLY):
        assert await _names(desk, await desk.staff(brand_id, role)) == ["Li", "Wang"]


async def test_a_manager_sees_only_who_visited_the_own_store(desk: Desk) -> None:
    brand_id = await desk.brand()
    own, other = await desk.store(brand_id), await desk.store(brand_id, "Suzhou")
    (wang, _), (li, _) = await desk.guest("Wang"), await desk.guest("Li")
    await _visit(desk, brand_id, own.id, wang)
    await _visit(desk, brand_id, other.id, li)
    manager = await desk.staff(brand_id, Role.MANAGER, store_id=own.id)
    assert await _names(desk, manager) == ["Wang"]
    assert (await desk.ask("GET", f"/api/members/{wang}", by=manager)).status_code == 200
    for path in (f"/api/members/{li}", f"/api/members/{li}/timeline"):
        assert (await desk.ask("GET", path, by=manager)).status_code == 404


async def test_guides_hosts_and_viewers_have_no_member_list(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    member_id, viewer = await desk.guest()
    for by in (
        await desk.staff(brand_id, Role.GUIDE, store_id=store.id),
        await desk.staff(brand_id, Role.HOST),
        viewer,
    ):
        for path in ("/api/members", f"/api/members/{member_id}", f"/api/members/{member_id}/timeline"):
            assert (await desk.ask("GET", path, by=by)).status_code == 403


async def test_members_are_found_by_name_and_number(desk: Desk) -> None:
    brand_id = await desk.brand()
    await _member(desk, brand_id, "100% Li")
    await desk.guest("Wang")
    owner = await desk.staff(brand_id)
    assert await _names(desk, owner, "q=li") == ["100% Li"]
    assert await _names(desk, owner, "q=%25") == ["100% Li"]
    assert await _names(desk, owner, "q=138 0013") == ["100% Li"]
    assert await _names(desk, owner, "guest=true") == ["Wang"]
    assert await _names(desk, owner, "guest=false") == ["100% Li"]
    assert await _names(desk, owner, "q=nobody") == []


async def test_a_number_is_whole_for_owner_and_operator_and_masked_for_others(desk: Desk) -> None:
    brand_id = await desk.brand()
    store = await desk.store(brand_id)
    member_id = await _member(desk, brand_id)
    await _visit(desk, brand_id, store.id, member_id)
    seen = {Role.OWNER: NUMBER, Role.OPERATOR: NUMBER, Role.FINANCE: "+86138****8000"}
    for role, number in seen.items():
        by = await desk.staff(brand_id, role)
        assert (await desk.ask("GET", f"/api/members/{member_id}", by=by)).json()["phone"] == number
    manager = await desk.staff(brand_id, Role.MANAGER, store_id=store.id)
    assert (await desk.ask("GET", "/api/members", by=manager)).json()["items"][0]["phone"] == "+86138****8000"
    for by in (manager, await desk.staff(brand_id, Role.READ_ONLY)):
        assert await _names(desk, by, "q=138001") == []
        assert await _names(desk, by, "q=13800138000") == ["Li"]


async def test_a_merged_guest_is_the_member_and_not_in_the_list(desk: Desk) -> None:
    brand_id = await desk.brand()
    member_id = await _member(desk, brand_id)
    guest_id, _ = await desk.guest("Wang")
    async with desk.database.transaction() as session:
        await phones.settle(session, brand_id, NUMBER, guest_id)
    owner = await desk.staff(brand_id)
    assert await _names(desk, owner) == ["Li"]
    assert (await desk.ask("GET", f"/api/members/{guest_id}", by=owner)).json()["member_id"] == str(member_id)


async def test_a_timeline_has_everything_newest_first_in_pages(desk: Desk) -> None:
    brand_id = await desk.brand()
    member_id, _ = await desk.guest()
    await _remember(desk, *(TeaTasted(brand_id=brand_id, member_ids=[member_id], cups=n) for n in range(60)))
    owner = await desk.staff(brand_id)
    first = await _timeline(desk, owner, member_id)
    rest = await _timeline(desk, owner, member_id, f"cursor={first['next']}")
    assert [line["data"]["cups"] for line in first["items"] + rest["items"]] == list(range(59, -1, -1))
    assert rest["next"] is None
    assert set(first["items"][0]) == {"id", "kind", "at", "room_id", "store_id", "data"}


async def test_a_fact_told_twice_is_written_once(desk: Desk) -> None:
    brand_id = await desk.brand()
    (wang, _), (li, _) = await desk.guest(), await desk.guest()
    fact = TeaTasted(brand_id=brand_id, member_ids=[wang, li, wang])
    await _remember(desk, fact, fact)
    await asyncio.gather(*(_remember(desk, fact) for _ in range(3)))
    owner = await desk.staff(brand_id)
    for member_id in (wang, li):
        assert len((await _timeline(desk, owner, member_id))["items"]) == 1


async def test_a_fact_of_nobody_known_does_not_stop_the_others(desk: Desk) -> None:
    brand_id = await desk.brand()
    wang, _ = await desk.guest()
    await _remember(
        desk,
        TeaTasted(brand_id=brand_id, member_ids=[uuid7()]),
        TeaTasted(brand_id=brand_id, member_ids=[wang]),
        TeaTasted(brand_id=brand_id, member_ids=[]),
    )
    assert len((await _timeline(desk, await desk.staff(brand_id), wang))["items"]) == 1


async def test_a_manager_sees_of_a_timeline_what_belongs_to_the_own_store_or_none(desk: Desk) -> None:
    brand_id = await desk.brand()
    own, other = await desk.store(brand_id), await desk.store(brand_id, "Suzhou")
    member_id, _ = await desk.guest()
    await _visit(desk, brand_id, own.id, member_id)
    facts = [
        TeaTasted(brand_id=brand_id, member_ids=[member_id], store_id=s) for s in (own.id, other.id, None)
    ]
    await _remember(desk, *facts)
    manager = await desk.staff(brand_id, Role.MANAGER, store_id=own.id)
    stores = {line["store_id"] for line in (await _timeline(desk, manager, member_id))["items"]}
    assert stores == {str(own.id), None}


async def test_what_is_told_of_a_guest_after_the_merge_stands_with_the_member(desk: Desk) -> None:
    brand_id = await desk.brand()
    member_id = await _member(desk, brand_id)
    guest_id, _ = await desk.guest()
    async with desk.database.transaction() as session:
        await phones.settle(session, brand_id, NUMBER, guest_id)
    await _remember(desk, TeaTasted(brand_id=brand_id, member_ids=[guest_id]))
    assert (await _timeline(desk, await desk.staff(brand_id), member_id))["items"][0]["kind"] == "tasted"


async def test_what_is_told_of_a_guest_while_being_merged_is_not_left_behind(desk: Desk) -> None:
    """The relay writes lines for a guest while the merge is under way: whoever comes first, the member has them."""
    brand_id = await desk.brand()
    await _member(desk, brand_id)

    async def merge(guest_id: UUID) -> None:
        async with desk.database.transaction() as session:
            await phones.settle(session, brand_id, NUMBER, guest_id)

    guests = [(await desk.guest())[0] for _ in range(12)]
    facts = [TeaTasted(brand_id=brand_id, member_ids=guests, cups=n) for n in range(6)]
    await asyncio.gather(*(merge(guest) for guest in guests), *(_remember(desk, fact) for fact in facts))
    async with desk.database.transaction() as session:
        stranded = select(TimelineEntry).join(Member).where(col(Member.merged_into).is_not(None))
        assert (await session.exec(stranded)).all() == []
        kept = select(TimelineEntry.fact_id).where(col(TimelineEntry.kind) == "tasted")
        assert set((await session.exec(kept)).all()) == {fact.fact_id for fact in facts}
