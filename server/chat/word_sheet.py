"""A list of words as a file: CSV whose first row names its columns, or plain text with a word on each line."""

from __future__ import annotations

import csv
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Iterable, Iterator, Sequence
from io import StringIO
from itertools import count

import msgspec

from server.brands.names import clean
from server.chat import words
from server.chat.words import Effect, WordRule
from server.kit.problems import Invalid, Problem
from server.kit.sheets import RowProblem

MOST_ROWS = 20_000
MOST_BYTES = 4 * 1024 * 1024

HEADER = ("word", "effect", "by sound")
COLUMNS = {
    "word": ("词", "词语", "敏感词", "屏蔽词", "word", "words", "pattern"),
    "effect": ("处理", "处理方式", "effect", "action"),
    "by_sound": ("谐音", "by sound", "by_sound"),
}
EFFECTS = {
    Effect.REFUSE: ("", "拒绝", "屏蔽", "拦截", "禁止", "refuse", "block"),
    Effect.REVIEW: ("审核", "待审", "人工审核", "复核", "review"),
    Effect.ALLOW: ("允许", "放行", "通过", "白名单", "allow"),
}
YES_NO = {
    True: ("是", "开", "有", "yes", "y", "true", "1"),
    False: ("", "否", "关", "无", "no", "n", "false", "0"),
}
_COLUMN_OF = {header: column for column, headers in COLUMNS.items() for header in headers}
_EFFECT_OF = {cell: effect for effect, cells in EFFECTS.items() for cell in cells}
_YES_NO_OF = {cell: answer for answer, cells in YES_NO.items() for cell in cells}


class UnreadableList(Problem):
    status, slug, title = 422, "unreadable-list", "The file can't be read as a list of words"


class WordSheet(msgspec.Struct):
    """`count` rows with something in them: each is in `rules`, by its number, or has problems. A spreadsheet's first
    row is 1."""

    count: int
    rules: dict[int, WordRule]
    problems: list[RowProblem]


def read(body: bytes) -> WordSheet:
    """UTF-8 with or without a mark, UTF-16 with one, or GB18030; comma, semicolon or tab. A cell left empty says to
    refuse, and as written only: of a long list many words sound like something harmless.

    Raises `UnreadableList` (422) when nothing at all can be told from the file.
    """
    sheet = WordSheet(0, {}, [])
    seen: dict[str, int] = {}
    for number, cells in _rows(_decode(body), sheet):
        sheet.count += 1
        if sheet.count > MOST_ROWS:
            raise UnreadableList(f"More than {MOST_ROWS} rows; split the file", most_rows=MOST_ROWS)
        found = [RowProblem(number, "", cells)] if isinstance(cells, str) else _rule(number, cells)
        if isinstance(found, WordRule) and (same := seen.setdefault(found.pattern, number)) != number:
            found = [RowProblem(number, "word", f"the same as row {same}")]
        if isinstance(found, WordRule):
            sheet.rules[number] = found
        else:
            sheet.problems += found
    if not sheet.count:
        raise UnreadableList("The file has no words")
    return sheet


def write(rules: Iterable[WordRule]) -> bytes:
    """CSV that reads back to the same; with a mark, by which spreadsheets know UTF-8."""
    out = StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(HEADER)
    writer.writerows((rule.pattern, rule.effect.value, "yes" if rule.by_sound else "no") for rule in rules)
    return BOM_UTF8 + out.getvalue().encode()


def _decode(body: bytes) -> str:
    encodings: tuple[str, ...] = ("utf-8", "gb18030")
    if body.startswith(BOM_UTF8):
        encodings = ("utf-8-sig",)
    elif body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)):
        encodings = ("utf-16",)
    for encoding in encodings:
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise UnreadableList("Save it as CSV or text in UTF-8, UTF-16 or GB18030")


def _rows(text: str, sheet: WordSheet) -> Iterator[tuple[int, dict[str, str] | str]]:
    """(row number, its cells by column or what is wrong with it). Columns that are not read become problems."""
    records = _records(text)
    number, header = next(((at, cells) for at, cells in records if _is_filled(cells)), (0, ""))
    columns = [_COLUMN_OF.get(clean(cell).casefold(), "") for cell in header]
    if isinstance(header, str) or "word" not in columns:
        yield from _lines(text)
        return
    for at, cell in enumerate(header):
        if clean(cell) and (not columns[at] or columns[at] in columns[:at]):
            sheet.problems.append(RowProblem(number, clean(cell), "this column was not read"))
            columns[at] = ""
    for number, cells in records:
        if isinstance(cells, str):
            yield number, cells
        elif any(map(clean, cells[len(header) :])):
            yield number, "more cells than the header has"
        elif _is_filled(cells):
            yield number, {column: cell for column, cell in zip(columns, cells, strict=False) if column}


def _is_filled(cells: Sequence[str]) -> bool:
    return any(map(clean, cells))


def _records(text: str) -> Iterator[tuple[int, list[str] | str]]:
    """(number, cells or what is wrong with the record as CSV)."""
    first = text.lstrip("\r\n").partition("\n")[0]
    reader = csv.reader(StringIO(text, newline=""), delimiter=max(",;\t", key=first.count), strict=True)
    for number in count(1):
        try:
            yield number, next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "end of data" in str(error):
                yield number, "a quotation mark opens here and never closes; nothing below was read"
                return
            yield number, f"not valid CSV ({error})"


def _lines(text: str) -> Iterator[tuple[int, dict[str, str] | str]]:
    for number, line in enumerate(StringIO(text, newline=None), start=1):
        if any(delimiter in line.strip() for delimiter in ",;\t"):
            yield number, f"several cells; name them in the first row: {', '.join(HEADER)}"
        elif clean(line):
            yield number, {"word": line}


def _rule(number: int, cells: dict[str, str]) -> WordRule | list[RowProblem]:
    problems = []
    pattern = ""
    try:
        pattern = words.pattern(cells.get("word", ""))
    except Invalid as invalid:
        problems.append(RowProblem(number, "word", invalid.data["errors"][0]["message"]))
    effect = _EFFECT_OF.get(clean(cells.get("effect", "")).casefold())
    if effect is None:
        problems.append(RowProblem(number, "effect", "refuse, review or allow"))
    by_sound = _YES_NO_OF.get(clean(cells.get("by_sound", "")).casefold())
    if by_sound is None:
        problems.append(RowProblem(number, "by sound", "yes or no"))
    if effect is None or by_sound is None or problems:
        return problems
    return WordRule(pattern, effect, by_sound)
