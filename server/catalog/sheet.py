"""A merchant's product list as CSV: every row is read or has its problem named, none is dropped in silence."""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Callable, Iterator, Sequence
from io import StringIO

import msgspec

from server.brands.names import clean
from server.catalog import rules
from server.kit.problems import Invalid, Problem

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
REQUIRED = ("title", "price")
_BY_HEADER = {header: column for column, headers in COLUMNS.items() for header in headers}


class UnreadableSheet(Problem):
    status, slug, title = 422, "unreadable-sheet", "The file can't be read as a product list"


class SheetRow(msgspec.Struct, frozen=True):
    """`row` counts as a spreadsheet does: the header is 1."""

    row: int
    title: str
    variant: str
    price_minor: int
    stock: int
    code: str
    description: str


class RowProblem(msgspec.Struct, frozen=True):
    row: int
    column: str
    message: str


class Sheet(msgspec.Struct):
    """`count` rows with something in them: each is in `rows` or has problems."""

    count: int
    rows: list[SheetRow]
    problems: list[RowProblem]


def read(body: bytes) -> Sheet:
    """UTF-8 with or without a mark, or GB18030 as Chinese Excel writes it; comma, semicolon or tab.

    Raises `UnreadableSheet` (422) when nothing at all can be told from the file.
    """
    text = _decode(body)
    records = _records(text)
    header, columns, problems = _header(records)
    sheet = Sheet(0, [], problems)
    seen: dict[tuple[str, ...], int] = {}
    for number, cells, broken in records:
        if broken is None and not any(clean(cell) for cell in cells):
            continue
        sheet.count += 1
        if sheet.count > MOST_ROWS:
            raise UnreadableSheet(f"More than {MOST_ROWS} rows; split the file", most_rows=MOST_ROWS)
        if broken is not None:
            sheet.problems.append(RowProblem(number, "", broken))
            continue
        found = _row(number, _named(cells, columns))
        if isinstance(found, SheetRow) and len(cells) > len(header) and any(map(clean, cells[len(header) :])):
            found = [
                RowProblem(number, "", "more cells than the header has; is a text with commas unquoted?")
            ]
        if isinstance(found, SheetRow):
            found = _twice(found, seen) or found
        if isinstance(found, SheetRow):
            sheet.rows.append(found)
        else:
            sheet.problems.extend(found)
    return sheet


def _decode(body: bytes) -> str:
    for encoding in ("utf-8-sig",) if body.startswith(BOM_UTF8) else ("utf-8", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableSheet("Save it as CSV in UTF-8 or GB18030")


def _records(text: str) -> Iterator[tuple[int, list[str], str | None]]:
    """(row number, cells, what is wrong with the record as CSV)."""
    first = text.lstrip("\r\n").partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=delimiter, strict=True)
    number = 0
    while True:
        number += 1
        try:
            yield number, next(reader), None
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                yield number, [], "a quotation mark opens here and never closes; nothing below was read"
                return
            yield number, [], f"not valid CSV ({error})"


def _header(
    records: Iterator[tuple[int, list[str], str | None]],
) -> tuple[list[str], dict[str, int], list[RowProblem]]:
    for number, cells, broken in records:
        if broken is None and not any(map(clean, cells)):
            continue
        columns: dict[str, int] = {}
        problems = []
        for index, cell in enumerate(cells):
            column = _BY_HEADER.get(clean(cell).casefold())
            if column is not None and column not in columns:
                columns[column] = index
            elif clean(cell):
                problems.append(RowProblem(number, clean(cell), "this column was not read"))
        if missing := [column for column in REQUIRED if column not in columns]:
            raise UnreadableSheet(
                "The first row must name the columns",
                missing=missing,
                known={column: list(headers) for column, headers in COLUMNS.items()},
            )
        return cells, columns, problems
    raise UnreadableSheet("The file is empty")


def _named(cells: Sequence[str], columns: dict[str, int]) -> dict[str, str]:
    return {column: cells[index] if index < len(cells) else "" for column, index in columns.items()}


def _row(number: int, cells: dict[str, str]) -> SheetRow | list[RowProblem]:
    readers: dict[str, Callable[[str], str | int]] = {
        "title": rules.title,
        "variant": rules.variant,
        "price": rules.price_minor,
        "stock": rules.stock,
        "code": rules.code,
        "description": rules.description,
    }
    values: dict[str, str | int] = {}
    problems = []
    for column, read_cell in readers.items():
        try:
            values[column] = read_cell(cells.get(column, ""))
        except Invalid as invalid:
            problems.append(RowProblem(number, column, invalid.data["errors"][0]["message"]))
    if problems:
        return problems
    values["price_minor"] = values.pop("price")
    return msgspec.convert({"row": number, **values}, SheetRow)


def _twice(row: SheetRow, seen: dict[tuple[str, ...], int]) -> list[RowProblem]:
    """A row is the same as an earlier one by its code, and by its title and variant too: one variant has one code."""
    names: dict[str, tuple[str, ...]] = {"variant": (row.title, row.variant)}
    if row.code:
        names = {"code": (row.code,)} | names
    for column, name in names.items():
        if name in seen:
            return [RowProblem(row.row, column, f"the same as row {seen[name]}")]
    seen |= dict.fromkeys(names.values(), row.row)
    return []
