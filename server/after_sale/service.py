"""Cases: asked by the buyer, decided by the staff, paid back by the refund of the order."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.after_sale import rules
from server.after_sale.checks import verify
from server.after_sale.facts import AfterSaleMoved
from server.after_sale.models import AfterSale, AfterSaleEvent
from server.after_sale.rules import Kind, State
from server.brands.names import clean, clean_lines
from server.catalog import service as catalog
from server.kit.facts import record
from server.kit.idempotency import KeyReused
from server.kit.principal import Principal
from server.kit.problems import Conflict, Forbidden, Invalid, NotFound
from server.orders import service as orders
from server.orders.service import LineUnits

__all__ = ["agree", "ask", "lapse_due", "refund", "refuse", "send_back", "verify", "withdraw"]


LAPSED_AT_ONCE = 100


class CaseOpen(Conflict):
    slug, title = "case-open", "This order has an open case already"


class NothingToRefund(Conflict):
    """`refundable_minor` is the most that may be asked for."""

    slug, title = "nothing-to-refund", "There is not so much left of this order to send back"


class Asked(msgspec.Struct, frozen=True):
    """`amount_minor` may be left out where `lines` say what it is about: then it is their price."""

    kind: Kind
    reason: str
    words: str
    pictures: Sequence[str]
    lines: Sequence[LineUnits]
    amount_minor: int | None


async def ask(
    session: AsyncSession,
    member: Principal,
    order_id: UUID,
    asked: Asked,
    key: str,
    request_hash: bytes,
    now: datetime,
) -> UUID:
    """A case of the member's own paid order; the same key gives the same case.

    Raises `CaseOpen`, `NothingToRefund`, `TooManyUnits`, `WrongStatus` (409), `KeyReused`, `Invalid` (422), `NotFound`.
    """
    order = await orders.own(session, member, order_id, lock=True)
    if earlier := await _earlier(session, order_id, key, request_hash):
        return earlier
    if order.status != "paid":
        raise orders.WrongStatus(order_status=order.status)
    units = orders.units_of(await orders.lines_of(session, order_id), asked.lines)
    if asked.kind is Kind.RETURN_REFUND and not (units and order.fulfilment in orders.HANDED_OVER):
        raise Invalid(
            errors=[{"field": "kind", "message": "only what was handed over can be sent back, by line"}]
        )
    most = order.amount_minor - order.goods_refunded_minor
    worth = min(orders.worth(units), most) if units else most
    amount_minor = asked.amount_minor or (worth if units else 0)
    if not 0 < amount_minor <= worth:
        raise NothingToRefund(refundable_minor=worth)
    await _must_be_pictures(session, asked.pictures)
    case = AfterSale(
        brand_id=order.brand_id,
        order_id=order_id,
        member_id=order.member_id,
        store_id=order.store_id,
        room_id=order.room_id,
        key=key,
        request_hash=request_hash,
        kind=asked.kind,
        reason=asked.reason,
        words=clean_lines(asked.words),
        pictures=list(asked.pictures),
        lines=msgspec.to_builtins(asked.lines),
        amount_minor=amount_minor,
        created_at=now,
    )
    try:
        async with session.begin_nested():
            session.add(case)
    except IntegrityError as error:
        raise CaseOpen from error
    await _step(session, case, State.ASKED, now)
    return case.id


async def withdraw(session: AsyncSession, member: Principal, case_id: UUID, now: datetime) -> None:
    """By the buyer, until the goods are on their way back. Raises `WrongStep` (409), `NotFound`."""
    case = await _own(session, member, case_id)
    rules.must_move(case.state, case.kind, State.WITHDRAWN)
    await _step(session, case, State.WITHDRAWN, now)


async def send_back(
    session: AsyncSession, member: Principal, case_id: UUID, carrier: str, tracking_number: str, now: datetime
) -> None:
    """The buyer's parcel. Raises `WrongStep` (409), `NotFound`."""
    case = await _own(session, member, case_id)
    rules.must_move(case.state, case.kind, State.SENT_BACK)
    case.parcel = {"carrier": clean(carrier), "tracking_number": clean(tracking_number)}
    await _step(session, case, State.SENT_BACK, now, note=" ".join(case.parcel.values()))


async def agree(
    session: AsyncSession, staff: Principal, case_id: UUID, return_to: dict[str, str], now: datetime
) -> None:
    """The goods may come back, to this name, phone and address. Raises `WrongStep` (409), `Forbidden`, `NotFound`."""
    case = await _to_decide(session, staff, case_id)
    rules.must_move(case.state, case.kind, State.AGREED)
    case.return_to = {field: clean(value) for field, value in return_to.items()}
    await _step(session, case, State.AGREED, now, staff)


async def refuse(session: AsyncSession, staff: Principal, case_id: UUID, why: str, now: datetime) -> None:
    """Raises `WrongStep` (409), `Forbidden`, `NotFound`."""
    case = await _to_decide(session, staff, case_id)
    rules.must_move(case.state, case.kind, State.REFUSED)
    await _step(session, case, State.REFUSED, now, staff, note=clean_lines(why))


async def refund(
    session: AsyncSession,
    staff: Principal,
    case_id: UUID,
    amount_minor: int | None,
    *,
    goods_back: bool,
    now: datetime,
) -> None:
    """Money alone is granted, or a return's goods were received: the money goes back by the order's own refund.
    `goods_back`: what came can be sold again. Raises `WrongStep`, `RefundTooLarge`, `TooManyUnits` (409), `Forbidden`,
    `NotFound`."""
    case = await _to_decide(session, staff, case_id)
    rules.must_move(case.state, case.kind, State.REFUNDED)
    amount_minor = amount_minor or case.amount_minor
    case.refund_id = await orders.refund(
        session,
        staff,
        case.order_id,
        amount_minor,
        f"after-sale:{case.id}",
        "",
        now,
        lines=msgspec.convert(case.lines, list[LineUnits]),
        goods_back=goods_back,
    )
    case.amount_minor = amount_minor
    await _step(session, case, State.REFUNDED, now, staff)


async def lapse_due(session: AsyncSession, now: datetime) -> int:
    """Ends returns that were agreed to and not sent in time, so that the buyer may ask anew; how many, at most 100."""
    late = (AfterSale.state == State.AGREED, col(AfterSale.due_at) <= now)
    case_ids = (await session.exec(select(AfterSale.id).where(*late).limit(LAPSED_AT_ONCE))).all()
    lapsed = 0
    for case_id in sorted(case_ids):
        with suppress(NotFound):  # sent, or decided, meanwhile
            case = await _locked(session, case_id, *late)
            await _step(session, case, State.LAPSED, now)
            lapsed += 1
    return lapsed


async def _step(
    session: AsyncSession,
    case: AfterSale,
    state: State,
    now: datetime,
    staff: Principal | None = None,
    note: str = "",
) -> None:
    case.state, case.due_at = state, rules.due_at(state, now)
    session.add(
        AfterSaleEvent(case_id=case.id, kind=state, at=now, note=note, actor_id=staff.id if staff else None)
    )
    await session.flush()
    names = text(
        "SELECT o.number, m.name FROM orders o JOIN member m ON m.id = o.member_id WHERE o.id = :order_id"
    )
    number, name = (await session.execute(names, {"order_id": case.order_id})).one()
    fields: dict[str, Any] = {"kind_of_case": case.kind, "state": state.value}
    await record(
        session,
        AfterSaleMoved(
            brand_id=case.brand_id,
            at=now,
            case_id=case.id,
            order_id=case.order_id,
            number=number,
            member_id=case.member_id,
            name=name,
            store_id=case.store_id,
            room_id=case.room_id,
            amount_minor=case.amount_minor,
            **fields,
        ),
    )


async def _earlier(session: AsyncSession, order_id: UUID, key: str, request_hash: bytes) -> UUID | None:
    asked = select(AfterSale).where(AfterSale.order_id == order_id, AfterSale.key == key)
    case = (await session.exec(asked)).first()
    if case is not None and case.request_hash != request_hash:
        raise KeyReused
    return case.id if case else None


async def _own(session: AsyncSession, member: Principal, case_id: UUID) -> AfterSale:
    return await _locked(session, case_id, AfterSale.member_id == member.id)


async def _to_decide(session: AsyncSession, staff: Principal, case_id: UUID) -> AfterSale:
    """Raises `NotFound`, and `Forbidden` for staff who see it and don't decide."""
    case = await _locked(session, case_id, AfterSale.brand_id == staff.brand_id)
    staff.must_see_store(case.brand_id, case.store_id)
    if not rules.decides(staff):
        raise Forbidden
    return case


async def _locked(session: AsyncSession, case_id: UUID, *which: Any) -> AfterSale:
    """The order before the case, as whoever asks takes them. Raises `NotFound`."""
    asked = select(AfterSale.order_id).where(AfterSale.id == case_id, *which)
    order_id = (await session.exec(asked)).first()
    if order_id is None:
        raise NotFound
    await session.execute(text("SELECT 1 FROM orders WHERE id = :id FOR UPDATE"), {"id": order_id})
    case = (
        await session.exec(select(AfterSale).where(AfterSale.id == case_id, *which).with_for_update())
    ).first()
    if case is None:
        raise NotFound
    return case


async def _must_be_pictures(session: AsyncSession, names: Sequence[str]) -> None:
    """Raises `Invalid` (422) for what was never uploaded."""
    if await catalog.missing_pictures(session, names):
        raise Invalid(errors=[{"field": "pictures", "message": "upload each picture first"}])
