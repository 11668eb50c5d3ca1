"""A merchant's product list, XLSX or CSV."""

from __future__ import annotations

import msgspec

from server.brands.names import clean
from server.catalog import rules
from server.kit.lists import Form, Listed, cells_of
from server.kit.sheets import RowProblem

MOST_ROWS = 5_000
MOST_BYTES = 2 * 1024 * 1024

COLUMNS = {
    "title": ("标题", "商品标题", "商品名称", "名称", "title", "name", "product"),
    "variant": ("规格", "变体", "variant", "option"),
    "price": ("价格", "售价", "price"),
    "stock": ("库存", "数量", "stock", "quantity"),
    "code": ("编码", "商品编码", "货号", "code", "sku"),
    "description": ("描述", "商品描述", "description"),
}


class SheetRow(msgspec.Struct, frozen=True):
    """`row` counts as a spreadsheet does: the header is 1."""

    row: int
    title: str
    variant: str
    price_minor: int
    stock: int
    code: str
    description: str


Sheet = Listed[SheetRow]

_READERS = {
    "title": rules.title,
    "variant": rules.variant,
    "price": rules.price_minor,
    "stock": rules.stock,
    "code": rules.code,
    "description": rules.description,
}


def _row(number: int, cells: dict[str, str]) -> SheetRow | list[RowProblem]:
    values = cells_of(number, cells, _READERS)
    if isinstance(values, list):
        return values
    values["price_minor"] = values.pop("price")
    return msgspec.convert({"row": number, **values}, SheetRow)


def _names(row: SheetRow) -> dict[str, tuple[str, ...]]:
    """Its code, and its title and variant too: one variant has one code."""
    names: dict[str, tuple[str, ...]] = {"variant": (row.title, row.variant)}
    return {"code": (row.code,)} | names if row.code else names


FORM = Form(
    columns=COLUMNS,
    required=("title", "price"),
    most_rows=MOST_ROWS,
    clean=clean,
    row=_row,
    names=_names,
)
