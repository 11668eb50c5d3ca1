"""One sale on real servers against a model of a few dictionaries, by any order of acts that Hypothesis can think of.

Acts: claims (new ones, repeated ones, repeated ones with another body), payments, lapses, cancels, refunds, places in
the waitlist, more time, more stock, the end of the sale; and faults: the gate is lost, its server begins anew with an
older log, a web process begins anew, units come back while the worker is away.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import text

import server.reactions  # noqa: F401
from server.flash_sales import laying, reactions, selling, service, waiting
from server.flash_sales.claims import ClaimDesk, Outcome, Tap
from server.flash_sales.gate import keys_of
from server.flash_sales.rules import Ended, LimitReached
from server.flash_sales.waiting import StillFree
from server.kit.clock import utc_now
from server.kit.database import Database
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.outbox import Relay
from server.kit.principal import Principal
from server.kit.problems import Problem
from server.kit.redis import connect
from server.members import service as members
from server.orders import extending, paying, refunding, releasing
from server.orders.extending import HoldOver
from server.orders.service import Placed
from server.payments.models import Payment, PaymentEvent
from server.stock import service as stock
from server.stock.rules import Pool
from server.stock.service import OutOfStock
from tests.server.shop import Shop

who = st.integers(0, 3)
which = st.integers(0, 30)
few = st.integers(1, 2)
PRICE_MINOR = 2990
EXTENSION_S = 10


@dataclass
class Ordered:
    """As the model has it. `state`: awaiting, paid, ended; `asked` stands for the request that it came by."""

    buyer: int
    key: str
    units: int
    placed: Placed
    asked: bytes
    state: str = "awaiting"


class Premises:
    """Two servers and a shop that many machines use, one after the other."""

    def __init__(self, database_url: str, redis_url: str) -> None:
        self.database, self.redis = Database(database_url, pool=4), connect(redis_url)
        reactions.register(self.redis)
        self.relay = Relay(self.database, _to_nobody, members.remember)
        self.shop: Shop
        self.owner: Principal
        self.buyers: list[Principal]

    async def open(self) -> None:
        self.shop = await Shop.open(self.database, stock_units=10**6)
        self.owner = self.shop.owner
        self.buyers = await self.shop.members(4)
        await self._begin()

    async def lay(self, sale_id: UUID) -> None:
        await laying.lay_gate(self.database, self.redis, sale_id)

    async def begin_anew(self) -> None:
        """The web process."""
        await self.desk.stop()
        await self._begin()

    async def _begin(self) -> None:
        self.desk = ClaimDesk(self.database.url, self.redis, utc_now, self.lay)
        await self.desk.start()

    async def close(self) -> None:
        await self.desk.stop()
        await self.redis.aclose()
        await self.database.close()


async def _to_nobody(events: object) -> None:
    """Nobody hears of it."""


class SaleMachine(RuleBasedStateMachine):
    def __init__(self, runner: asyncio.Runner, premises: Premises) -> None:
        super().__init__()
        self.runner, self.premises = runner, premises
        self.orders: list[Ordered] = []
        self.line: list[tuple[int, int]] = []
        self.is_open = True

    def run(self, act: Coroutine[Any, Any, Any]) -> Any:
        return self.runner.run(act)

    @initialize(
        units=st.integers(1, 4),
        limit=st.integers(1, 3),
        laid=st.booleans(),
        first=st.lists(st.tuples(who, few), min_size=1, max_size=4),
    )
    def open(self, units: int, limit: int, laid: bool, first: list[tuple[int, int]]) -> None:
        self.total, self.limit = units, limit

        async def act() -> None:
            self.sale_id = await self.premises.shop.sale(units, limit=limit, price_minor=PRICE_MINOR)
            if laid:
                await self.premises.lay(self.sale_id)

        self.run(act())
        for buyer, wanted in first:
            self._claim(buyer, wanted)

    # The model

    @property
    def taken(self) -> int:
        return sum(order.units for order in self.orders if order.state != "ended")

    def has(self, buyer: int) -> int:
        return sum(order.units for order in self.orders if order.buyer == buyer and order.state != "ended")

    def expected(self, buyer: int, units: int) -> type[Problem] | None:
        if not self.is_open:
            return Ended
        if self.has(buyer) + units > self.limit:
            return LimitReached
        return OutOfStock if self.taken + units > self.total else None

    def order(self, index: int, state: str = "") -> Ordered:
        fit = [order for order in self.orders if state in {"", order.state}]
        return fit[index % len(fit)]

    # What buyers do

    @rule(buyer=who, units=few)
    def claim(self, buyer: int, units: int) -> None:
        self._claim(buyer, units)

    def _claim(self, buyer: int, units: int) -> None:
        key = uuid7().hex
        expected = self.expected(buyer, units)
        outcome = self.run(self._tap(buyer, key, units, _asked(units)))
        if expected is None:
            assert isinstance(outcome, Placed), outcome
            assert outcome.amount_minor == units * PRICE_MINOR
            self.orders.append(Ordered(buyer, key, units, outcome, _asked(units)))
        else:
            assert type(outcome) is expected, (outcome, expected)

    @precondition(lambda self: self.orders)
    @rule(index=which, same=st.booleans())
    def claim_again(self, index: int, same: bool) -> None:
        order = self.order(index)
        asked = order.asked if same else b"another"
        outcome = self.run(self._tap(order.buyer, order.key, order.units, asked))
        assert outcome == order.placed if same else isinstance(outcome, KeyReused), outcome

    async def _tap(self, buyer: int, key: str, units: int, asked: bytes) -> Outcome:
        lines = ((self.premises.shop.sku_id, units),)
        member_id = self.premises.buyers[buyer].id
        return await self.premises.desk.claim(self.sale_id, Tap(member_id, key, asked, units, lines))

    @precondition(lambda self: self.orders)
    @rule(index=which)
    def pay(self, index: int) -> None:
        order = self.order(index)
        self.run(self._pay(order))
        if order.state == "awaiting":
            order.state = "paid"

    async def _pay(self, order: Ordered) -> None:
        """Too late or twice it may come, too: then the money is due back and no unit moves."""
        async with self.premises.database.transaction() as session:
            payment = Payment(
                brand_id=self.premises.shop.brand_id,
                member_id=self.premises.buyers[order.buyer].id,
                payable="order",
                payable_id=order.placed.order_id,
                provider="sandbox",
                title="tea",
                return_url="/",
                amount_minor=order.placed.amount_minor,
                status="succeeded",
                succeeded_at=utc_now(),
            )
            session.add(payment)
            await session.flush()
            told = {"provider": "sandbox", "event_id": uuid7().hex, "kind": "succeeded", "body": {}}
            session.add(PaymentEvent(payment_id=payment.id, **told))
            await paying.book_payment(session, order.placed.order_id, order.placed.amount_minor, utc_now())

    @precondition(lambda self: any(order.state == "awaiting" for order in self.orders))
    @rule(index=which, lapses=st.booleans(), worker=st.booleans())
    def end_unpaid(self, index: int, lapses: bool, worker: bool) -> None:
        order = self.order(index, "awaiting")
        self.run(self._lapse(order) if lapses else self._cancel(order))
        order.state = "ended"
        self._come_back(worker)

    async def _lapse(self, order: Ordered) -> None:
        """This one alone."""
        set_pay_by = text("UPDATE orders SET pay_by = :at WHERE id = :id")
        async with self.premises.database.transaction() as session:
            late = {"id": order.placed.order_id, "at": utc_now() - timedelta(days=1)}
            await session.execute(set_pay_by, late)
            assert await releasing.expire_due(session, utc_now() - timedelta(hours=1)) == 1
            await session.execute(set_pay_by, {"id": order.placed.order_id, "at": order.placed.pay_by})

    async def _cancel(self, order: Ordered) -> None:
        async with self.premises.database.transaction() as session:
            buyer = self.premises.buyers[order.buyer]
            await releasing.cancel(session, buyer, order.placed.order_id, utc_now())

    @precondition(lambda self: any(order.state == "paid" for order in self.orders))
    @rule(index=which, worker=st.booleans())
    def refund(self, index: int, worker: bool) -> None:
        order = self.order(index, "paid")
        self.run(self._refund(order))
        order.state = "ended"
        self._come_back(worker)

    async def _refund(self, order: Ordered) -> None:
        """What is due back anyway goes first."""
        order_id = order.placed.order_id
        async with self.premises.database.transaction() as session:
            due = await session.execute(
                text("SELECT refund_due_minor FROM orders WHERE id = :id"), {"id": order_id}
            )
            whole = order.placed.amount_minor + due.scalar_one()
            await refunding.refund(
                session, self.premises.shop.owner, order_id, whole, uuid7().hex, "", utc_now()
            )

    def _come_back(self, worker: bool) -> None:
        """The worker passes units on; or it was away, and the gate is laid anew before it does."""
        if worker:
            self.run(self.premises.relay.react())
            self.run(self.premises.relay.react())  # the gate hears of those who waited
        else:
            self.run(self.premises.lay(self.sale_id))
            self.run(self.premises.relay.react())
            self.run(self.premises.relay.react())
        self._serve_the_line()

    def _serve_the_line(self) -> None:
        """In the model: in order, and whoever waits for more than there is holds up those behind."""
        free, left = self.total - self.taken, []
        for buyer, units in self.line if self.is_open else ():
            if self.has(buyer) + units > self.limit:
                left.append((buyer, units))
                continue
            free -= units
            if free < 0:
                left.append((buyer, units))
                continue
            placed = self.run(self._promoted(buyer))
            self.orders.append(Ordered(buyer, placed[0], units, placed[1], b"waiting"))
        self.line = left

    async def _promoted(self, buyer: int) -> tuple[str, Placed]:
        async with self.premises.database.transaction() as session:
            row = await session.execute(
                text(
                    "SELECT o.key, o.hold_id, o.id, o.pay_by, o.amount_minor FROM orders o JOIN waiting w "
                    "ON w.order_id = o.id WHERE o.sale_id = :sale_id AND o.member_id = :member_id "
                    "ORDER BY o.id DESC LIMIT 1"
                ),
                {"sale_id": self.sale_id, "member_id": self.premises.buyers[buyer].id},
            )
            key, *placed = row.one()
            return key, Placed(*placed)

    @rule(buyer=who, units=few)
    def wait(self, buyer: int, units: int) -> None:
        expected = self.expected(buyer, units)
        known = any(waits == buyer for waits, _ in self.line)
        refusal = self.run(self._wait(buyer, units))
        if refusal is not None:
            assert type(refusal) is (expected or StillFree), refusal
            return
        assert known or expected is OutOfStock
        if not known:
            self.line.append((buyer, units))

    async def _wait(self, buyer: int, units: int) -> Problem | None:
        lines = [(self.premises.shop.sku_id, units)]
        member_id = self.premises.buyers[buyer].id
        try:
            async with self.premises.database.transaction() as session:
                await waiting.join(session, self.sale_id, member_id, None, units, lines, utc_now())
        except Problem as refusal:
            return refusal
        return None

    # What the host does

    @precondition(lambda self: self.orders)
    @rule(index=which, twice=st.booleans())
    def extend(self, index: int, twice: bool) -> None:
        order, key = self.order(index), uuid7().hex
        for _ in range(1 + twice):
            refusal = self.run(self._extend(order, key))
            assert (refusal is None) == (order.state == "awaiting"), refusal
        if order.state == "awaiting":
            until = order.placed.pay_by + timedelta(seconds=EXTENSION_S)
            order.placed = msgspec.structs.replace(order.placed, pay_by=until)

    async def _extend(self, order: Ordered, key: str) -> HoldOver | None:
        owner, order_id = self.premises.owner, order.placed.order_id
        try:
            async with self.premises.database.transaction() as session:
                await extending.extend(session, owner, order_id, EXTENSION_S, key, utc_now())
        except HoldOver as refusal:
            return refusal
        return None

    @precondition(lambda self: self.is_open and self.total < 6)
    @rule(units=few)
    def add_stock(self, units: int) -> None:

        async def act() -> None:
            async with self.premises.database.transaction() as session:
                shop = self.premises.shop
                sale = await selling.get(session, shop.brand_id, shop.room_id, self.sale_id)
                await selling.add_stock(session, sale, units, uuid7())
                await session.flush()
                await waiting.promote(session, self.sale_id, utc_now())
            await self.premises.lay(self.sale_id)

        self.run(act())
        self.total += units
        self._serve_the_line()

    @rule(really=st.integers(0, 5))
    def close(self, really: int) -> None:
        if not self.is_open or really:
            return

        async def act() -> None:
            async with self.premises.database.transaction() as session:
                shop = self.premises.shop
                sale = await selling.get(session, shop.brand_id, shop.room_id, self.sale_id)
                await selling.close(session, sale, "called", utc_now())
            await self.premises.lay(self.sale_id)

        self.run(act())
        self.is_open, self.line = False, []

    # What goes wrong

    @rule(what=st.sampled_from(["gate lost", "gate cut", "web begins anew"]))
    def something_breaks(self, what: str) -> None:
        """The gate may be lost; or its server begins anew, with a log that says anything."""

        async def act() -> None:
            redis: Any = self.premises.redis
            gate, _, keys = keys_of(self.sale_id)
            if what == "web begins anew":
                await self.premises.begin_anew()
            elif what == "gate lost":
                await redis.delete(*keys_of(self.sale_id))
            elif await redis.exists(gate):
                await redis.hset(gate, mapping={"node": "another", f"free:{self.premises.shop.sku_id}": 99})
                await redis.delete(keys)

        self.run(act())

    def teardown(self) -> None:
        if not hasattr(self, "sale_id"):
            return
        self.run(self._must_add_up())

    async def _must_add_up(self) -> None:
        async with self.premises.database.transaction() as session:
            (units,) = (await stock.units(session, Pool.SALE, [self.sale_id]))[self.sale_id]
        sold = sum(order.units for order in self.orders if order.state == "paid")
        held = sum(order.units for order in self.orders if order.state == "awaiting")
        assert (units.sold, units.held) == (sold, held)
        assert units.free == (self.total - sold - held if self.is_open else 0)
        assert sold + held <= self.total


def _asked(units: int) -> bytes:
    return f"{units}".encode()


def run_machines(database_url: str, redis_url: str, examples: int, steps: int) -> None:
    """Raises what Hypothesis found, shrunk; in the end everything is verified at once."""
    with asyncio.Runner() as runner:
        premises = Premises(database_url, redis_url)
        try:
            runner.run(premises.open())
            run_state_machine_as_test(
                lambda: SaleMachine(runner, premises),
                settings=settings(
                    max_examples=examples,
                    stateful_step_count=steps,
                    deadline=None,
                    database=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
            runner.run(_must_verify(premises.database))
        finally:
            runner.run(premises.close())


async def _must_verify(database: Database) -> None:
    from server.orders import service as orders

    async with database.transaction() as session:
        for verify in (stock.verify, orders.verify, service.verify):
            broken = {name: rows for name, rows in (await verify(session)).items() if rows}
            assert broken == {}
