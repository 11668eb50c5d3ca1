"""The staff's list as an Excel workbook: one sheet of orders, one of their lines, written as they are read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread
from openpyxl import Workbook
from sqlmodel import col

from server.kit.database import Database
from server.kit.principal import Principal
from server.kit.sheets import cell, yuan
from server.orders import reading, views
from server.orders.models import Order
from server.orders.reading import Filter
from server.orders.views import OrderView

PAGE = 500
MOST = 100_000
"""Orders of one workbook, the newest; dates narrow it to the others."""
_CHUNK = 64 * 1024

ORDERS = {
    "zh-CN": (
        *("订单号", "状态", "履约", "下单时间", "付款时间", "买家", "买家手机", "商品", "件数"),
        *("金额", "实付", "已退", "待退", "归属门店", "导购", "发货方", "收货方式", "收货人", "收货电话"),
        *("收货地址", "自提门店", "快递公司", "快递单号", "买家留言", "直播间ID", "抢购ID"),
    ),
    "en": (
        *(
            "Order number",
            "Status",
            "Fulfilment",
            "Placed",
            "Paid",
            "Buyer",
            "Buyer's phone",
            "Items",
            "Units",
        ),
        *("Amount", "Received", "Refunded", "Refund due", "Store", "Guide", "Ships from", "Delivery", "Name"),
        *("Phone", "Address", "Pick-up store", "Carrier", "Tracking number", "Note", "Room ID", "Sale ID"),
    ),
}
LINES = {
    "zh-CN": ("订单号", "状态", "商品", "SKU ID", "单价", "件数", "已退件数", "小计"),
    "en": ("Order number", "Status", "Item", "SKU ID", "Price", "Units", "Units refunded", "Sum"),
}
SHEETS = {"zh-CN": ("订单", "明细"), "en": ("Orders", "Lines")}
WORDS = {
    "zh-CN": {
        "awaiting_payment": "待付款",
        "paid": "已付款",
        "expired": "超时未付款",
        "cancelled": "已取消",
        "closed": "已退款",
        "none": "",
        "to_ship": "待发货",
        "shipped": "已发货",
        "to_pick_up": "待自提",
        "picked_up": "已自提",
        "delivery": "快递",
        "pick_up": "到店自提",
        "store": "门店",
        "headquarters": "总部",
    },
    "en": {"none": ""},
}


class _Book:
    """A workbook on disk. Cells are texts, amounts or times: never formulas."""

    def __init__(self, language: str) -> None:
        self._words = WORDS[language]
        self._book = Workbook(write_only=True)
        self._orders, self._lines = (self._book.create_sheet(title) for title in SHEETS[language])
        for sheet, header in ((self._orders, ORDERS[language]), (self._lines, LINES[language])):
            sheet.freeze_panes = "A2"
            sheet.append([cell(sheet, title, bold=True) for title in header])

    def add(self, orders: Sequence[OrderView]) -> None:
        for order in orders:
            self._append(self._orders, self._order(order))
            for line in order.lines:
                self._append(self._lines, self._line(order, line))

    def save(self, path: Path) -> None:
        self._book.save(path)

    def _word(self, word: str) -> str:
        return self._words.get(word, word)

    def _order(self, order: OrderView) -> Iterable[Any]:
        delivery = order.delivery or {}
        return (
            order.number,
            self._word(order.status),
            self._word(order.fulfilment),
            order.created_at,
            order.paid_at,
            order.member.name if order.member else "",
            (order.member.phone if order.member else "") or "",
            "; ".join(f"{line.title} x {line.quantity}" for line in order.lines),
            sum(line.quantity for line in order.lines),
            *map(yuan, (order.amount_minor, order.paid_minor, order.refunded_minor, order.refund_due_minor)),
            order.store.name if order.store else "",
            order.guide.name if order.guide else "",
            self._word(order.ships_from),
            self._word(delivery.get("method") or "none"),
            *(delivery.get(field) or "" for field in ("name", "phone", "address")),
            *(delivery.get(field) or "" for field in ("store_name", "carrier", "tracking_number")),
            order.note,
            str(order.room_id or ""),
            str(order.sale_id or ""),
        )

    def _line(self, order: OrderView, line: views.LineView) -> Iterable[Any]:
        return (
            order.number,
            self._word(order.status),
            line.title,
            str(line.sku_id),
            yuan(line.price_minor),
            line.quantity,
            line.refunded,
            yuan(line.price_minor * line.quantity),
        )

    def _append(self, sheet: Any, values: Iterable[Any]) -> None:
        sheet.append([cell(sheet, value) for value in values])


async def workbook(
    database: Database, staff: Principal, asked: Filter, language: str
) -> AsyncIterator[bytes]:
    """The filtered orders, newest first, at most `MOST`. Read in pages, each in a transaction of its own, and written
    to a file that is sent and gone."""
    book = await anyio.to_thread.run_sync(_Book, language)
    cursor: UUID | None = None
    for _ in range(MOST // PAGE):
        async with database.transaction() as session:
            wanted = await reading.wanted_ids(session, staff, asked)
            if cursor:
                wanted = wanted.where(Order.id < cursor)
            ids = (await session.exec(wanted.order_by(col(Order.id).desc()).limit(PAGE))).all()
            orders = await views.load(session, staff, ids)
        await anyio.to_thread.run_sync(book.add, orders)
        if len(ids) < PAGE:
            break
        cursor = ids[-1]
    handle, name = tempfile.mkstemp(suffix=".xlsx")
    os.close(handle)
    path = Path(name)
    try:
        await anyio.to_thread.run_sync(book.save, path)
        async with await anyio.open_file(path, "rb") as file:
            while chunk := await file.read(_CHUNK):
                yield chunk
    finally:
        await anyio.Path(path).unlink(missing_ok=True)
