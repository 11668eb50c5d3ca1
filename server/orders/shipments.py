"""Parcels booked from a list: order number, carrier, tracking number. Good rows count, bad ones are named."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import msgspec
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import optional
from server.kit.principal import Principal
from server.kit.problems import Invalid
from server.kit.sheets import RowProblem, UnreadableSheet, columns_of, records
from server.orders import fulfilment, rules
from server.orders.models import Order
from server.orders.rules import WrongStatus

MOST_ROWS = 1_000
MOST_BYTES = 2 * 1024 * 1024
LONGEST = 64

COLUMNS = {
    "number": ("订单号", "订单编号", "order number", "order", "number"),
    "carrier": ("快递公司", "物流公司", "承运商", "快递", "carrier"),
    "tracking": ("快递单号", "运单号", "物流单号", "tracking number", "tracking"),
}


class ShipmentsBooked(msgspec.Struct):
    """`rows` with something in them: each was `booked` now, was so before (`unchanged`), or has a problem."""

    rows: int = 0
    booked: int = 0
    unchanged: int = 0
    problems: list[RowProblem] = []


class Parcel(msgspec.Struct, frozen=True):
    number: str
    carrier: str
    tracking: str


async def book_sheet(session: AsyncSession, staff: Principal, body: bytes, now: datetime) -> ShipmentsBooked:
    """XLSX or CSV, at most 1,000 rows. The same list again changes nothing. Raises `UnreadableSheet` (422)."""
    report = ShipmentsBooked()
    seen: dict[str, int] = {}
    for row, parcel in _read(body):
        report.rows += 1
        if report.rows > MOST_ROWS:
            raise UnreadableSheet(f"More than {MOST_ROWS} rows; split the file", most_rows=MOST_ROWS)
        if isinstance(parcel, RowProblem):
            report.problems.append(parcel)
        elif (first := seen.setdefault(parcel.number, row)) != row:
            report.problems.append(RowProblem(row, "number", f"the same as row {first}"))
        elif isinstance(outcome := await _book(session, staff, row, parcel, now), RowProblem):
            report.problems.append(outcome)
        else:
            report.booked += outcome
            report.unchanged += not outcome
    return report


def _read(body: bytes) -> Iterator[tuple[int, Parcel | RowProblem]]:
    columns: dict[str, int] | None = None
    for row, cells, broken in records(body):
        if broken is None and not any(cell.strip() for cell in cells):
            continue
        if columns is None:
            columns = columns_of(cells, COLUMNS)
            if missing := [column for column in COLUMNS if column not in columns]:
                known = {column: list(headers) for column, headers in COLUMNS.items()}
                raise UnreadableSheet("The first row must name the columns", missing=missing, known=known)
            continue
        yield row, RowProblem(row, "", broken) if broken else _parcel(row, cells, columns)
    if columns is None:
        raise UnreadableSheet("The file is empty")


def _parcel(row: int, cells: list[str], columns: dict[str, int]) -> Parcel | RowProblem:
    values = {}
    for column, place in columns.items():
        try:
            values[column] = optional(cells[place] if place < len(cells) else "", column, LONGEST)
        except Invalid as invalid:
            return RowProblem(row, column, invalid.data["errors"][0]["message"])
        if not values[column]:
            return RowProblem(row, column, "nothing here")
    return Parcel(values["number"].upper(), values["carrier"], values["tracking"])


async def _book(
    session: AsyncSession, staff: Principal, row: int, parcel: Parcel, now: datetime
) -> bool | RowProblem:
    """Whether it is booked only now."""
    asked = select(Order.id, Order.store_id, Order.delivery, Order.fulfilment)
    order = (
        await session.exec(asked.where(Order.number == parcel.number, Order.brand_id == staff.brand_id))
    ).first()
    if order is None or not rules.may_fulfil(staff, staff.brand_id, rules.stores_of(order[1], order[2])):
        return RowProblem(row, "number", "no such order")
    order_id, _, sent, state = order
    if state == "shipped":
        if sent and (sent.get("carrier"), sent.get("tracking_number")) == (parcel.carrier, parcel.tracking):
            return False
        return RowProblem(row, "tracking", "shipped before with another number")
    try:
        await fulfilment.ship(session, staff, order_id, parcel.carrier, parcel.tracking, now)
    except WrongStatus as wrong:
        return RowProblem(row, "number", _why(wrong))
    return True


def _why(wrong: WrongStatus) -> str:
    if wrong.data["order_status"] != "paid":
        return "not paid, or ended"
    return "to be picked up" if wrong.data.get("fulfilment") == "to_pick_up" else "nothing to ship"
