"""The ledger on a real PostgreSQL against a dictionary, by any order of acts that Hypothesis can think of."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from server.kit.database import Database
from server.kit.ids import uuid7
from server.members.facts import MembersMerged
from server.wallets import reactions, service
from server.wallets.rules import Entry, cash, of_member, tips
from server.wallets.service import BookedOtherwise, InsufficientFunds

members = st.integers(0, 3)
amounts = st.sampled_from([1, 99, 100, 2990, 10**11])


class Aborted(Exception):
    pass


class LedgerMachine(RuleBasedStateMachine):
    def __init__(self, runner: asyncio.Runner, database: Database) -> None:
        super().__init__()
        self.runner, self.database = runner, database

    @initialize()
    def open(self) -> None:
        self.brand_id = uuid7()
        self.ids = [uuid7() for _ in range(4)]
        self.merged: set[int] = set()
        self.balances = dict.fromkeys(range(4), 0)
        self.houses = {"cash": 0, "tips": 0}
        self.journals: dict[str, tuple[str, int, int]] = {}

    def run(self, act: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(act)

    def entries(self, kind: str, member: int, amount: int) -> list[Entry]:
        house = cash(self.brand_id) if kind == "cash" else tips(self.brand_id)
        change = amount if kind == "cash" else -amount
        return [(of_member(self.ids[member]), change), (house, -change)]

    async def book(
        self, kind: str, key: str, member: int, amount: int, *, abort: bool = False
    ) -> service.Booked:
        async with self.database.transaction() as session:
            booked = await service.book(session, self.brand_id, kind, key, self.entries(kind, member, amount))
            if abort:
                raise Aborted
            return booked

    @rule(kind=st.sampled_from(["cash", "tips"]), member=members, amount=amounts, abort=st.booleans())
    def book_new(self, kind: str, member: int, amount: int, abort: bool) -> None:
        key, change = uuid7().hex, amount if kind == "cash" else -amount
        after = self.balances[member] + change
        if after < 0:
            with pytest.raises(InsufficientFunds) as refused:
                self.run(self.book(kind, key, member, amount))
            assert refused.value.data == {"balance_minor": self.balances[member]}
        elif abort:
            with pytest.raises(Aborted):
                self.run(self.book(kind, key, member, amount, abort=True))
        else:
            booked = self.run(self.book(kind, key, member, amount))
            assert booked.balances == {of_member(self.ids[member]): after}
            assert booked.fresh
            self.balances[member] = after
            self.houses[kind] -= change
            self.journals[key] = (kind, member, amount)

    @rule(which=st.integers(0, 50), amount=amounts)
    def book_again(self, which: int, amount: int) -> None:
        if not self.journals:
            return
        key = list(self.journals)[which % len(self.journals)]
        kind, member, first_amount = self.journals[key]
        try:
            booked = self.run(self.book(kind, key, member, amount))
        except BookedOtherwise:
            assert amount != first_amount
        else:
            assert amount == first_amount
            assert not booked.fresh

    @rule(guest=members, member=members)
    def merge(self, guest: int, member: int) -> None:
        if guest == member or guest in self.merged:
            return
        fact = MembersMerged(brand_id=self.brand_id, guest_id=self.ids[guest], member_id=self.ids[member])

        async def act() -> None:
            async with self.database.transaction() as session:
                await reactions.move_guest_money(session, fact)

        self.run(act())
        if self.balances[guest]:
            self.merged.add(guest)  # one move a guest: a second one would be another merge's key
        self.balances[member] += self.balances[guest]
        self.balances[guest] = 0

    @invariant()
    def balances_are_the_models(self) -> None:
        if not hasattr(self, "brand_id"):
            return

        async def read() -> list[int]:
            async with self.database.transaction() as session:
                return [await service.balance(session, self.brand_id, one) for one in self.ids]

        assert self.run(read()) == list(self.balances.values())
        assert sum(self.balances.values()) + sum(self.houses.values()) == 0

    def teardown(self) -> None:
        async def read() -> dict[str, Any]:
            async with self.database.transaction() as session:
                return {name: rows for name, rows in (await service.verify(session)).items() if rows}

        assert self.run(read()) == {}


def test_the_ledger_agrees_with_a_dictionary_whatever_is_booked(postgres_url):
    with asyncio.Runner() as runner:
        database = Database(postgres_url)
        try:
            run_state_machine_as_test(
                lambda: LedgerMachine(runner, database),
                settings=settings(
                    max_examples=15,
                    stateful_step_count=20,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(database.close())
