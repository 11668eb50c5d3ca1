"""Sheets from and for people: CSV as Excel writes it, XLSX, and cells that no spreadsheet runs."""

from __future__ import annotations

import csv
from codecs import BOM_UTF8
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from io import BytesIO, StringIO
from typing import Any
from zipfile import ZipFile

import msgspec
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Font

from server.kit.clock import SHOP_ZONE
from server.kit.problems import Problem

MOST_UNPACKED = 64 * 1024 * 1024
"""Bytes of an XLSX once unpacked: a small file can hold a large one."""
MEDIA_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
EXACT = 10**15
"""A spreadsheet keeps 15 digits of a number; what had more was changed before we saw it."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")


class UnreadableSheet(Problem):
    status, slug, title = 422, "unreadable-sheet", "The file can't be read as such a list"


class RowProblem(msgspec.Struct, frozen=True):
    """`row` counts as a spreadsheet does: the header is 1."""

    row: int
    column: str
    message: str


Record = tuple[int, list[str], str | None]
"""(row number, cells, what is wrong with the whole row)."""


def records(body: bytes) -> Iterator[Record]:
    """Rows of an XLSX's first sheet or of a CSV. Raises `UnreadableSheet` (422)."""
    return _of_workbook(body) if body.startswith(b"PK") else of_csv(decode(body))


def columns_of(cells: Sequence[str], known: Mapping[str, Sequence[str]]) -> dict[str, int]:
    """Column → its place, by the header's words; of two with the same meaning the first counts."""
    by_header = {header: column for column, headers in known.items() for header in headers}
    found: dict[str, int] = {}
    for index, cell in enumerate(cells):
        column = by_header.get(cell.strip().casefold())
        if column is not None:
            found.setdefault(column, index)
    return found


def decode(body: bytes) -> str:
    """UTF-8 with or without a mark, or GB18030 as Chinese Excel writes it. Raises `UnreadableSheet` (422)."""
    for encoding in ("utf-8-sig",) if body.startswith(BOM_UTF8) else ("utf-8", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableSheet("Save it as CSV in UTF-8 or GB18030")


def of_csv(text: str) -> Iterator[Record]:
    """Comma, semicolon or tab."""
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


def _of_workbook(body: bytes) -> Iterator[Record]:
    from openpyxl import load_workbook

    try:
        with ZipFile(BytesIO(body)) as packed:
            if sum(part.file_size for part in packed.infolist()) > MOST_UNPACKED:
                raise UnreadableSheet("The workbook is too large")
        book = load_workbook(BytesIO(body), read_only=True, data_only=True)
        rows = book.worksheets[0].iter_rows(values_only=True)
    except UnreadableSheet:
        raise
    except Exception as error:  # a reader of hostile XML trips in every way there is
        raise UnreadableSheet("Save it as XLSX or CSV") from error
    number = 0
    while True:
        number += 1
        try:
            cells = [_text(cell) for cell in next(rows)]
        except StopIteration:
            return
        except Exception as error:
            raise UnreadableSheet("Save it as XLSX or CSV") from error
        yield number, [cell or "" for cell in cells], _rounded(cells)


def _text(cell: object) -> str | None:
    """A cell as it was typed; `None` for a number with more digits than a spreadsheet keeps."""
    match cell:
        case None:
            return ""
        case bool():
            return str(cell)
        case int() | float():
            if abs(cell) >= EXACT:
                return None
            return str(int(cell)) if cell == int(cell) else str(cell)
        case datetime():
            return cell.isoformat(sep=" ")
        case _:
            return str(cell)


def _rounded(cells: Sequence[str | None]) -> str | None:
    return (
        "a long number was rounded by the spreadsheet; format its column as text" if None in cells else None
    )


def harmless(text: str) -> str:
    """Never a formula: people choose their names and words, and a spreadsheet runs what begins like one (OWASP, CSV
    injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


# Writing


def cell(sheet: Any, value: Any, *, bold: bool = False) -> WriteOnlyCell:
    """For a write-only sheet: a text, a number, an amount or a time, the shop's; never a formula."""
    match value:
        case datetime():
            made = WriteOnlyCell(sheet, value.astimezone(SHOP_ZONE).replace(tzinfo=None))
            made.number_format = "yyyy-mm-dd hh:mm:ss"
        case Decimal():
            made = WriteOnlyCell(sheet, value)
            made.number_format = "0.00"
        case str():
            made = WriteOnlyCell(sheet, harmless(_printable(value)))
            made.data_type = "s"
        case _:
            made = WriteOnlyCell(sheet, value)
    if bold:
        made.font = Font(bold=True)
    return made


def yuan(minor: int) -> Decimal:
    return Decimal(minor) / 100


def _printable(text: str) -> str:
    """XML has no control characters."""
    return "".join(c for c in text if c >= " " or c in "\t\n\r")
