"""More time for a buyer who waits: bounded, once a key, and never beside what ends the hold."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

import server.reactions  # noqa: F401
from live.events import control_topic, member_topic
from server.kit import facts
from server.kit.clock import utc_now
from server.kit.idempotency import KeyReused
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden, NotFound, Problem
from server.orders import extending, paying, reading, releasing, rules
from server.orders.extending import HoldLongEnough, HoldOver, WaitingHold
from server.orders.facts import HoldExtended
from server.orders.models import Order
from server.orders.service import Placed
from tests.server.flash_sales.test_claims import nothing_is_broken, tap, units
from tests.server.flash_sales.test_sales import someone_waits
from tests.server.shop import Shop

NOW = datetime(2025, 11, 11, 12, tzinfo=UTC)
MOMENT = timedelta(milliseconds=1)


async def extend(
    shop: Shop,
    order_id: UUID,
    seconds: int = 120,
    key: str = "more",
    *,
    now: datetime | None = None,
    staff: Principal | None = None,
) -> WaitingHold:
    async with shop.database.transaction() as session:
        return await extending.extend(session, staff or shop.owner, order_id, seconds, key, now or utc_now())


async def expire(shop: Shop, now: datetime) -> int:
    async with shop.database.transaction() as session:
        return await releasing.expire_due(session, now)


async def read(shop: Shop, order_id: UUID) -> Order:
    async with shop.database.transaction() as session:
        return await session.get_one(Order, order_id)


@pytest.fixture
async def held(shop, desk, lay) -> tuple[UUID, Principal, Placed]:
    """(sale, buyer, hold) of a sale of three."""
    sale_id = await shop.sale(3)
    await lay(sale_id)
    buyer = await shop.member()
    return sale_id, buyer, await tap(desk, shop, sale_id, buyer)


def of_role(shop: Shop, role: Role, store_id: UUID | None = None) -> Principal:
    return Principal(
        kind="staff", id=uuid7(), brand_id=shop.brand_id, role=role, store_id=store_id, name="Li"
    )


# Rules


@pytest.mark.parametrize(
    ("status", "left_s", "why"),
    [
        ("awaiting_payment", 1, ""),
        ("awaiting_payment", 0, "hold-lapsed"),
        ("expired", -5, "hold-lapsed"),
        ("cancelled", 60, "hold-cancelled"),
        ("paid", 60, "hold-paid"),
        ("closed", 60, "hold-paid"),
    ],
)
def test_a_hold_is_over_when_it_ended_or_its_time_is_up(status, left_s, why):
    assert rules.why_over(status, NOW + timedelta(seconds=left_s), NOW) == why


@given(st.integers(1, 3600))
def test_what_may_be_added_ends_half_an_hour_from_now(left_s):
    most = rules.most_seconds(NOW + timedelta(seconds=left_s), NOW)
    assert most == max(1800 - left_s, 0)


@given(st.integers(1, 3600))
def test_the_history_says_how_long_in_any_language(seconds):
    assert rules.seconds_of(rules.added(seconds)) == seconds
    assert rules.added(120) == "+2:00"


# A hold


async def test_an_extension_moves_the_time_to_pay_and_nothing_else(shop, held):
    sale_id, buyer, placed = held
    answer = await extend(shop, placed.order_id, 120)
    until = placed.pay_by + timedelta(seconds=120)
    assert (answer.pay_by, answer.extended_seconds, answer.quantity) == (until, 120, 1)
    assert await units(shop, sale_id) == (3, 2, 1, 0)
    assert await expire(shop, placed.pay_by + MOMENT) == 0
    async with shop.database.transaction() as session:
        ((hold,),) = [await reading.open_holds(session, [(shop.room_id, buyer.id)])]
    assert datetime.fromisoformat(hold[0]["pay_by"]) == until
    assert await expire(shop, until + MOMENT) == 1
    assert await units(shop, sale_id) == (3, 3, 0, 0)
    await nothing_is_broken(shop)


async def test_the_buyer_who_taps_again_hears_the_new_time(shop, desk, held):
    sale_id, buyer, placed = held
    answer = await extend(shop, placed.order_id)
    again = await tap(desk, shop, sale_id, buyer)
    assert (again.order_id, again.pay_by) == (placed.order_id, answer.pay_by)


async def test_the_same_key_adds_once_and_says_how_it_stands(shop, held):
    _, _, placed = held
    owner = shop.owner
    answers = await asyncio.gather(*(extend(shop, placed.order_id, staff=owner) for _ in range(5)))
    assert {answer.pay_by for answer in answers} == {placed.pay_by + timedelta(seconds=120)}
    with pytest.raises(KeyReused):
        await extend(shop, placed.order_id, 60, staff=owner)
    assert (await extend(shop, placed.order_id, 60, "another", staff=owner)).extended_seconds == 180


async def test_a_repeat_is_answered_when_the_hold_is_over_by_then(shop, held):
    _, _, placed = held
    owner = shop.owner
    answer = await extend(shop, placed.order_id, staff=owner)
    assert await expire(shop, answer.pay_by + MOMENT) == 1
    assert (await extend(shop, placed.order_id, staff=owner)).pay_by == answer.pay_by


async def test_nobody_waits_longer_than_half_an_hour_from_now(shop, held):
    _, _, placed = held
    now = placed.pay_by - timedelta(seconds=300)
    for key in ("first", "second"):
        await extend(shop, placed.order_id, 600, key, now=now)
    with pytest.raises(HoldLongEnough) as refused:
        await extend(shop, placed.order_id, 301, "third", now=now)
    assert refused.value.data["most_seconds"] == 300
    answer = await extend(shop, placed.order_id, 300, "third", now=now)
    assert answer.pay_by == now + timedelta(minutes=30)


@pytest.mark.parametrize("how", ["paid", "lapsed", "not swept yet", "cancelled"])
async def test_a_hold_that_is_over_gets_no_more_time(shop, held, how):
    sale_id, buyer, placed = held
    now = utc_now()
    async with shop.database.transaction() as session:
        if how == "paid":
            await paying.book_payment(session, placed.order_id, placed.amount_minor, now)
        elif how == "lapsed":
            assert await releasing.expire_due(session, placed.pay_by + MOMENT) == 1
        elif how == "cancelled":
            await releasing.cancel(session, buyer, placed.order_id, now)
        else:
            now = placed.pay_by
    before = await units(shop, sale_id)
    with pytest.raises(HoldOver) as refused:
        await extend(shop, placed.order_id, now=now)
    reason = "lapsed" if how == "not swept yet" else how
    assert refused.value.data["reason"] == f"hold-{reason}"
    assert (await read(shop, placed.order_id)).pay_by == placed.pay_by
    assert await units(shop, sale_id) == before


async def test_the_history_notes_who_gave_how_much_and_hides_who_from_the_buyer(shop, held):
    _, buyer, placed = held
    guide = Principal(
        kind="staff", id=shop.guide_id, brand_id=shop.brand_id, role=Role.OPERATOR, name="Guide Li"
    )
    await extend(shop, placed.order_id, 90, staff=guide)
    async with shop.database.transaction() as session:
        for_staff = await reading.show(session, shop.owner, placed.order_id)
        own = await reading.show(session, buyer, placed.order_id)
    seen = [(view.history[-1].kind, view.history[-1].note, view.history[-1].by) for view in (for_staff, own)]
    assert seen == [("extended", "+1:30", "Guide Li"), ("extended", "+1:30", None)]


# Who


async def test_a_sale_s_runners_extend_and_nobody_else(shop, held):
    _, buyer, placed = held
    for role in (Role.OWNER, Role.OPERATOR, Role.HOST):
        await extend(shop, placed.order_id, 10, staff=of_role(shop, role))
    elsewhere = Principal(kind="staff", id=uuid7(), brand_id=uuid7(), role=Role.OWNER, name="Else")
    for stranger, refusal in (
        (buyer, NotFound),
        (elsewhere, NotFound),
        (of_role(shop, Role.GUIDE, shop.store_id), NotFound),
        (of_role(shop, Role.FINANCE), Forbidden),
    ):
        with pytest.raises(refusal):
            await extend(shop, placed.order_id, 10, staff=stranger)
    assert (await read(shop, placed.order_id)).pay_by == placed.pay_by + timedelta(seconds=30)


async def test_who_waits_is_listed_the_first_to_lapse_first(shop, desk, held):
    sale_id, _, first = held
    second = await tap(desk, shop, sale_id, await shop.member("Zhao"))
    await extend(shop, first.order_id, 60)
    async with shop.database.transaction() as session:
        holds = await extending.waiting(session, shop.owner, sale_id, utc_now())
        for_host = await extending.waiting(session, of_role(shop, Role.HOST), sale_id, utc_now())
    assert [(hold.order_id, hold.name, hold.extended_seconds) for hold in holds] == [
        (second.order_id, "Zhao 0", 0),
        (first.order_id, "Wang 0", 60),
    ]
    assert ({hold.releasable for hold in holds}, {hold.releasable for hold in for_host}) == ({True}, {False})


# What is told


async def test_the_buyer_and_the_control_room_hear_the_new_time(shop, held):
    _, buyer, placed = held
    answer = await extend(shop, placed.order_id)
    async with shop.database.transaction() as session:
        found = await session.execute(
            text("SELECT body FROM outbox WHERE kind = 'hold.extended' AND body->>'order_id' = :id"),
            {"id": str(placed.order_id)},
        )
        (body,) = found.scalars()
    own, control = facts.announcements(msgspec.convert(body, HoldExtended))
    until = {"order_id": str(placed.order_id), "hold_id": str(placed.hold_id)}
    assert (own.topic, own.kind) == (member_topic(buyer.id), "hold.extended")
    assert {name: own.data[name] for name in until} == until
    assert datetime.fromisoformat(own.data["pay_by"]) == answer.pay_by
    assert control.topic == control_topic(shop.room_id)
    assert (control.data["seconds"], control.data["name"]) == (120, "Wang 0")


# Races


async def test_extension_and_expiry_race_and_one_of_them_wins(shop, desk, lay):
    """Twelve holds, each extended at the last moment while the sweeper is at work on all of them."""
    sale_id = await shop.sale(12)
    await lay(sale_id)
    placed = [await tap(desk, shop, sale_id, member) for member in await shop.members(12)]
    first, last = min(one.pay_by for one in placed), max(one.pay_by for one in placed)

    async def sweep() -> int:
        return sum([await expire(shop, last + MOMENT) for _ in range(5)])

    async def give(order_id: UUID) -> WaitingHold | Problem:
        try:
            return await extend(shop, order_id, 600, now=first - MOMENT)
        except HoldOver as over:
            return over

    lapsed, *answers = await asyncio.gather(sweep(), *(give(one.order_id) for one in placed))
    lapsed += await expire(shop, last + MOMENT)
    given = {answer.order_id for answer in answers if isinstance(answer, WaitingHold)}
    assert len(given) + lapsed == 12
    for one in placed:
        order = await read(shop, one.order_id)
        assert order.status == ("awaiting_payment" if one.order_id in given else "expired")
    assert await units(shop, sale_id) == (12, lapsed, len(given), 0)
    await nothing_is_broken(shop)


@pytest.mark.parametrize("first", ["extension", "expiry"])
async def test_whoever_comes_second_sees_what_the_first_did(shop, held, first):
    sale_id, _, placed = held
    last, after = placed.pay_by - MOMENT, placed.pay_by + MOMENT
    async with shop.database.transaction() as session:
        if first == "extension":
            await extending.extend(session, shop.owner, placed.order_id, 120, "more", last)
            assert await expire(shop, after) == 0  # it goes by what is locked
        else:
            assert await releasing.expire_due(session, after) == 1
            second = asyncio.create_task(extend(shop, placed.order_id, now=last))
            await someone_waits(shop.database)
    if first == "extension":
        assert await expire(shop, after) == 0
        assert await units(shop, sale_id) == (3, 2, 1, 0)
    else:
        with pytest.raises(HoldOver):
            await second
        assert await units(shop, sale_id) == (3, 3, 0, 0)
    await nothing_is_broken(shop)
