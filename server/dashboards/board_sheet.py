"""A room's board as an Excel workbook."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from io import BytesIO
from typing import Any

from openpyxl import Workbook

from server.dashboards.board import By, Entry, FiguresOfLine, Sort, Standings
from server.kit.sheets import cell, yuan

SHEETS = {
    "zh-CN": {By.GUIDES: "导购", By.STORES: "门店", By.REGIONS: "区域"},
    "en": {By.GUIDES: "Guides", By.STORES: "Stores", By.REGIONS: "Regions"},
}
HEADER = {
    "zh-CN": (
        *("名次", "名称", "门店", "成交额", "退款", "实收", "订单", "进房人数", "新客", "转化率%", "客单价"),
    ),
    "en": (
        *("Rank", "Name", "Store", "Sales", "Refunded", "Net", "Orders", "Visits", "New members"),
        *("Conversion %", "Average order"),
    ),
}


def workbook(standings: Standings, language: str) -> bytes:
    """By amount, every row."""
    book = Workbook(write_only=True)
    for by, title in SHEETS[language].items():
        sheet = book.create_sheet(title)
        sheet.freeze_panes = "A2"
        sheet.append([cell(sheet, head, bold=True) for head in HEADER[language]])
        for rank, entry in standings.ranked(by, Sort.AMOUNT):
            sheet.append([cell(sheet, value) for value in _row(rank, entry)])
    written = BytesIO()
    book.save(written)
    return written.getvalue()


def _row(rank: int, entry: Entry) -> Iterable[Any]:
    figures = FiguresOfLine.of(entry.figures)
    return (
        rank,
        entry.name,
        entry.store.name if entry.store else "",
        yuan(figures.amount_minor),
        yuan(figures.reversed_minor),
        yuan(figures.net_minor),
        figures.orders,
        figures.visits,
        figures.new_members,
        None if figures.conversion_bp is None else Decimal(figures.conversion_bp) / 100,
        None if figures.average_minor is None else yuan(figures.average_minor),
    )
