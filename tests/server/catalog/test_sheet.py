"""Reading a merchant's list: pure rules."""

from __future__ import annotations

import io

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from server.catalog.rules import price_minor, stock
from server.catalog.sheet import FORM, MOST_ROWS, Sheet, SheetRow
from server.kit.lists import batches
from server.kit.problems import Invalid
from server.kit.sheets import UnreadableSheet


def _problems(sheet: Sheet) -> list[tuple[int, str]]:
    return [(problem.row, problem.column) for problem in sheet.problems]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_utf8_and_gb18030_read_the_same(encoding: str) -> None:
    sheet = FORM.read("标题,规格,价格,库存,编码\n西湖龙井,250克,¥99.00,12,LJ-250\n".encode(encoding))
    assert sheet.rows == [SheetRow(2, "西湖龙井", "250克", 9900, 12, "LJ-250", "")]
    assert sheet.problems == []


def test_columns_are_found_by_either_name_in_any_order_and_case() -> None:
    sheet = FORM.read(b"Code,PRICE,Title\nA1,5,Honey\n")
    assert sheet.rows == [SheetRow(2, "Honey", "", 500, 0, "A1", "")]


@pytest.mark.parametrize("delimiter", [";", "\t", ","])
def test_other_delimiters_are_understood(delimiter: str) -> None:
    assert (
        len(FORM.read(delimiter.join(["title", "price"]).encode() + b"\n" + f"Tea{delimiter}3".encode()).rows)
        == 1
    )


def test_rows_are_numbered_as_in_the_spreadsheet() -> None:
    sheet = FORM.read(b'title,price\n"Green\ntea",1\n\n,,\nHoney,x\n')
    assert [row.row for row in sheet.rows] == [2]
    assert sheet.rows[0].title == "Green tea"
    assert _problems(sheet) == [(5, "price")]
    assert sheet.count == 2


def test_every_problem_of_a_row_is_named() -> None:
    sheet = FORM.read(
        "title,variant,price,stock,code\n,{v},free,-1,{c}\n".format(v="x" * 41, c="y" * 65).encode()
    )
    assert _problems(sheet) == [(2, "title"), (2, "variant"), (2, "price"), (2, "stock"), (2, "code")]


def test_a_row_that_comes_twice_is_named_with_the_first() -> None:
    sheet = FORM.read(b"title,price,code\nTea,1,A\nTea,2,A\nHoney,1,\nHoney,1,\n")
    assert [row.row for row in sheet.rows] == [2, 4]
    assert [(p.row, p.column, p.message) for p in sheet.problems] == [
        (3, "code", "the same as row 2"),
        (5, "variant", "the same as row 4"),
    ]


def test_a_variant_that_comes_with_its_code_and_without_is_named() -> None:
    sheet = FORM.read(
        b"title,variant,price,code\nTea,50 g,1,A\nTea,50 g,2,\nHoney,,1,\nHoney,,2,B\nMilk,,1,C\nMilk,,1,D\n"
    )
    assert [row.row for row in sheet.rows] == [2, 4, 6]
    assert [(p.row, p.column, p.message) for p in sheet.problems] == [
        (3, "variant", "the same as row 2"),
        (5, "variant", "the same as row 4"),
        (7, "variant", "the same as row 6"),
    ]


def test_a_row_that_was_not_read_stands_in_no_other_rows_way() -> None:
    sheet = FORM.read(b"title,price,code\nTea,1,A\nTea,1,B\nHoney,1,B\n")
    assert [(row.row, row.code) for row in sheet.rows] == [(2, "A"), (4, "B")]


def test_an_unquoted_comma_is_named_instead_of_shifting_cells() -> None:
    sheet = FORM.read(b"title,price,stock\nTea,1,299,5\nHoney,3,1\n")
    assert [row.title for row in sheet.rows] == ["Honey"]
    assert _problems(sheet) == [(2, "")]


def test_a_quotation_mark_that_never_closes_is_named() -> None:
    sheet = FORM.read(b'title,price\nTea,1\n"Honey,2\nMilk,3\n')
    assert [row.title for row in sheet.rows] == ["Tea"]
    assert _problems(sheet) == [(3, "")]


def test_a_row_with_broken_quoting_does_not_stop_the_next() -> None:
    sheet = FORM.read(b'title,price\n"Tea" set,1\nHoney,2\n')
    assert [row.title for row in sheet.rows] == ["Honey"]
    assert _problems(sheet) == [(2, "")]


def test_a_column_that_was_not_read_is_named() -> None:
    sheet = FORM.read(b"title,price,colour\nTea,1,green\n")
    assert [(p.row, p.column) for p in sheet.problems] == [(1, "colour")]
    assert len(sheet.rows) == 1


@pytest.mark.parametrize(
    "body", [b"", b"\n\n", b"Tea,1\n", b"title,stock\nTea,1\n", b"\xef\xbb\xbf\xff\xfe", b"\x80\x81\xff"]
)
def test_a_file_without_the_needed_columns_is_refused(body: bytes) -> None:
    with pytest.raises(UnreadableSheet):
        FORM.read(body)


def test_too_many_rows_are_refused_as_a_whole() -> None:
    with pytest.raises(UnreadableSheet):
        FORM.read(b"title,price\n" + b"".join(b"Tea %d,1\n" % i for i in range(MOST_ROWS + 1)))


def test_a_header_is_checked_without_its_rows() -> None:
    FORM.check(b'title,price\n"never closed,1')
    with pytest.raises(UnreadableSheet):
        FORM.check(b"title,stock\nTea,1\n")


def test_batches_hold_every_row_and_problem_once_in_order() -> None:
    sheet = FORM.read(b"title,price,colour\nTea,1,\nMilk,free,\n,x,\n\nHoney,2,\nWater,3,\n")
    found = list(batches(sheet, 2))
    assert [batch.count for batch in found] == [2, 2, 1]
    assert [[row.title for row in batch.rows] for batch in found] == [["Tea"], ["Honey"], ["Water"]]
    assert [_problems(batch) for batch in found] == [
        [(1, "colour"), (3, "price")],
        [(4, "title"), (4, "price")],
        [],
    ]


@pytest.mark.parametrize("start", range(6))
def test_batches_go_on_from_any_row(start: int) -> None:
    sheet = FORM.read(b"title,price,colour\nA,1,\nB,1,\nC,x,\nD,1,\nE,1,\n")
    rest = list(batches(sheet, 2, start=start))
    assert sum(batch.count for batch in rest) == 5 - start
    titles = [row.title for batch in rest for row in batch.rows]
    assert titles == [title for title in "ABCDE"[start:] if title != "C"]


def test_a_header_alone_is_one_empty_batch_with_its_problems() -> None:
    (batch,) = batches(FORM.read(b"title,price,colour\n"), 2)
    assert (batch.count, batch.rows, _problems(batch)) == (0, [], [(1, "colour")])
    assert list(batches(FORM.read(b"title,price\n"), 2)) == []


@given(st.binary(max_size=400))
def test_no_bytes_break_the_reader(body: bytes) -> None:
    try:
        sheet = FORM.read(b"title,price\n" + body)
    except UnreadableSheet:
        return
    told = {row.row for row in sheet.rows} | {problem.row for problem in sheet.problems}
    assert len(told - {1}) >= sheet.count


@pytest.mark.parametrize(
    ("text", "minor"),
    [
        ("29.90", 2990),
        ("29.9", 2990),
        ("29", 2900),
        ("29.900", 2990),
        (" 0.01 ", 1),
        ("1,299.00", 129900),
        ("¥29.90", 2990),
        ("￥29", 2900),
        ("29元", 2900),
        ("CNY 5", 500),
        ("２９．９０", 2990),
    ],
)
def test_a_price_is_read_as_merchants_write_it(text: str, minor: int) -> None:
    assert price_minor(text) == minor


@pytest.mark.parametrize(
    "text", ["", "free", "-1", "0", "0.00", "1.234", "1e3", "1,29", "NaN", "¥", "١٢", "99999999999"]
)
def test_what_is_no_price_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        price_minor(text)


@pytest.mark.parametrize(
    ("text", "units"), [("", 0), ("12", 12), ("1,200", 1200), ("12.0", 12), ("１２", 12)]
)
def test_stock_is_a_whole_number(text: str, units: int) -> None:
    assert stock(text) == units


@pytest.mark.parametrize("text", ["-1", "1.5", "many", "1000001"])
def test_what_is_no_stock_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        stock(text)


def test_a_workbook_is_read_like_a_csv() -> None:
    book = openpyxl.Workbook()
    for row in (
        ["商品名称", "规格", "售价", "库存"],
        ["明前龙井", "100 克", 128.5, 50],
        ["茶罐", None, "39", 7],
        ["没有价格"],
    ):
        book.active.append(row)
    file = io.BytesIO()
    book.save(file)
    found = FORM.read(file.getvalue())
    assert [(row.title, row.variant, row.price_minor, row.stock) for row in found.rows] == [
        ("明前龙井", "100 克", 12850, 50),
        ("茶罐", "", 3900, 7),
    ]
    assert {problem.row for problem in found.problems} == {4}
