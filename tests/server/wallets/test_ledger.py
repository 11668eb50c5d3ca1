from __future__ import annotations

import asyncio
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from server.kit.database import Database
from server.kit.ids import uuid7
from server.wallets import service
from server.wallets.rules import cash, of_member, tips
from server.wallets.service import BookedOtherwise, InsufficientFunds


class Ledger:
    """Short hands over `book`, for one brand."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.brand_id = uuid7()

    async def top_up(self, member_id: UUID, amount: int, key: str | None = None) -> service.Booked:
        return await self._book("seed", key, [(of_member(member_id), amount), (cash(self.brand_id), -amount)])

    async def tip(self, member_id: UUID, amount: int, key: str | None = None) -> service.Booked:
        return await self._book("give", key, [(of_member(member_id), -amount), (tips(self.brand_id), amount)])

    async def pay(self, source: UUID, target: UUID, amount: int, key: str | None = None) -> service.Booked:
        return await self._book("move", key, [(of_member(source), -amount), (of_member(target), amount)])

    async def _book(self, kind, key, entries) -> service.Booked:
        async with self.database.transaction() as session:
            return await service.book(session, self.brand_id, kind, key or uuid7().hex, entries)

    async def balance(self, member_id: UUID) -> int:
        async with self.database.transaction() as session:
            return await service.balance(session, self.brand_id, member_id)

    async def house(self, kind: str) -> int:
        async with self.database.transaction() as session:
            row = await session.execute(
                text("SELECT balance_minor FROM wallet WHERE brand_id = :brand AND kind = :kind"),
                {"brand": self.brand_id, "kind": kind},
            )
            return row.scalar_one()

    async def broken(self) -> dict[str, list]:
        async with self.database.transaction() as session:
            return {name: rows for name, rows in (await service.verify(session)).items() if rows}


@pytest.fixture
def ledger(database: Database) -> Ledger:
    return Ledger(database)


async def test_a_top_up_fills_the_member_and_is_owed_by_cash(ledger):
    member = uuid7()
    booked = await ledger.top_up(member, 5000)
    assert booked.fresh
    assert booked.balances == {of_member(member): 5000}
    assert (await ledger.balance(member), await ledger.house("cash")) == (5000, -5000)
    assert await ledger.broken() == {}


async def test_the_same_key_is_the_same_journal_booked_once(ledger):
    member = uuid7()
    first = await ledger.top_up(member, 5000, key="a")
    await ledger.tip(member, 2000)
    again = await ledger.top_up(member, 5000, key="a")
    assert (again.journal_id, again.fresh) == (first.journal_id, False)
    assert again.balances == first.balances  # what it was then, not what it is now
    assert await ledger.balance(member) == 3000


async def test_a_key_used_for_other_entries_is_a_mistake_and_books_nothing(ledger):
    member = uuid7()
    await ledger.top_up(member, 5000, key="a")
    with pytest.raises(BookedOtherwise):
        await ledger.top_up(member, 4000, key="a")
    with pytest.raises(BookedOtherwise):
        await ledger.top_up(uuid7(), 5000, key="a")
    assert await ledger.balance(member) == 5000
    assert await ledger.broken() == {}


async def test_a_member_cannot_spend_more_than_there_is(ledger):
    member = uuid7()
    await ledger.top_up(member, 1000)
    with pytest.raises(InsufficientFunds) as refused:
        await ledger.tip(member, 1001)
    assert refused.value.body()["balance_minor"] == 1000
    assert refused.value.body()["slug"] == "insufficient-funds"
    assert (await ledger.tip(member, 1000)).balances == {of_member(member): 0}


async def test_a_member_who_never_had_a_wallet_has_nothing_to_spend(ledger):
    with pytest.raises(InsufficientFunds) as refused:
        await ledger.tip(uuid7(), 1)
    assert refused.value.data == {"balance_minor": 0}


async def test_a_booking_that_came_before_is_told_again_when_the_wallet_is_empty(ledger):
    member = uuid7()
    await ledger.top_up(member, 1000)
    await ledger.tip(member, 1000, key="tip")
    assert not (await ledger.tip(member, 1000, key="tip")).fresh


async def test_a_transaction_that_fails_later_books_nothing(ledger):
    member = uuid7()

    async def book_and_fail() -> None:
        async with ledger.database.transaction() as session:
            entries = [(of_member(member), 500), (cash(ledger.brand_id), -500)]
            await service.book(session, ledger.brand_id, "top_up", "a", entries)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await book_and_fail()
    assert await ledger.balance(member) == 0
    assert (await ledger.top_up(member, 500, key="a")).fresh


async def test_one_key_twenty_times_at_once_is_booked_once(ledger):
    member = uuid7()
    booked = await asyncio.gather(*(ledger.top_up(member, 700, key="a") for _ in range(20)))
    assert sum(b.fresh for b in booked) == 1
    assert len({b.journal_id for b in booked}) == 1
    assert await ledger.balance(member) == 700
    assert await ledger.broken() == {}


async def test_payments_in_a_ring_never_wait_for_each_other_and_lose_nothing(ledger):
    members = [uuid7() for _ in range(4)]
    await asyncio.gather(*(ledger.top_up(member, 1000) for member in members))
    ring = [(members[i % 4], members[(i + step) % 4]) for i in range(40) for step in (1, 3)]
    await asyncio.gather(*(ledger.pay(source, target, 10) for source, target in ring))
    assert [await ledger.balance(member) for member in members] == [1000] * 4
    assert await ledger.broken() == {}


async def test_verify_names_the_rows_that_broke(ledger):
    member = uuid7()
    booked = await ledger.top_up(member, 1000)
    async with ledger.database.engine.connect() as connection, connection.begin() as undone:
        session = AsyncSession(connection)
        await session.execute(
            text("UPDATE wallet SET balance_minor = 1 WHERE owner_id = :owner AND kind = 'member'"),
            {"owner": member},
        )
        await session.execute(
            text("UPDATE wallet_entry SET amount_minor = 2 WHERE journal_id = :id AND amount_minor > 0"),
            {"id": booked.journal_id},
        )
        broken = await service.verify(session)
        await undone.rollback()
    assert [row["id"] for row in broken["wallet_journals_sum_to_zero"]] == [str(booked.journal_id)]
    assert [row["owner_id"] for row in broken["wallet_balances_equal_entries"]] == [str(member)]
