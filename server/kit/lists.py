"""Lists that people send as a sheet, a thing a row: every row is read or has its problem named, none is dropped in
silence."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Generic, Protocol, TypeVar

import msgspec

from server.kit.problems import Invalid
from server.kit.sheets import Record, RowProblem, UnreadableSheet, records


class Numbered(Protocol):
    """`row` counts as a spreadsheet does: the header is 1."""

    @property
    def row(self) -> int: ...


R = TypeVar("R", bound=Numbered)
Problems = list[RowProblem]


class Listed(msgspec.Struct, Generic[R]):
    """`count` rows with something in them: each is in `rows` or has problems."""

    count: int
    rows: list[R]
    problems: Problems


class Form(msgspec.Struct, Generic[R], frozen=True, kw_only=True):
    """What a kind of list looks like. `columns` are known by any of their headers, in lower case; `clean` makes a cell
    what a person sees of it.

    `row` reads the cells of a row, by column, or says what is wrong with them. `names` are what tells a row from all
    others, each with the column that a repetition is told of.
    """

    columns: Mapping[str, Sequence[str]]
    required: Sequence[str]
    most_rows: int
    clean: Callable[[str], str]
    row: Callable[[int, dict[str, str]], R | Problems]
    names: Callable[[R], Mapping[str, tuple[str, ...]]]

    def read(self, body: bytes) -> Listed[R]:
        """An XLSX's first sheet, or CSV: UTF-8 with or without a mark, or GB18030 as Chinese Excel writes it; comma,
        semicolon or tab.

        Raises `UnreadableSheet` (422) when nothing at all can be told from the file.
        """
        rows = records(body)
        header, columns, problems = self._header(rows)
        listed: Listed[R] = Listed(0, [], problems)
        seen: dict[tuple[str, ...], int] = {}
        for number, cells, broken in rows:
            if broken is None and not any(self.clean(cell) for cell in cells):
                continue
            listed.count += 1
            if listed.count > self.most_rows:
                raise UnreadableSheet(
                    f"More than {self.most_rows} rows; split the file", most_rows=self.most_rows
                )
            if broken is not None:
                listed.problems.append(RowProblem(number, "", broken))
                continue
            found = self.row(number, _named(cells, columns))
            if not isinstance(found, list) and any(map(self.clean, cells[len(header) :])):
                found = [
                    RowProblem(number, "", "more cells than the header has; is a text with commas unquoted?")
                ]
            if not isinstance(found, list):
                found = self._twice(found, seen) or found
            if isinstance(found, list):
                listed.problems.extend(found)
            else:
                listed.rows.append(found)
        return listed

    def check(self, body: bytes) -> None:
        """What `read` says of the header. Raises `UnreadableSheet` (422)."""
        self._header(records(body))

    def _header(self, rows: Iterator[Record]) -> tuple[list[str], dict[str, int], Problems]:
        by_header = {header: column for column, headers in self.columns.items() for header in headers}
        for number, cells, broken in rows:
            if broken is None and not any(map(self.clean, cells)):
                continue
            columns: dict[str, int] = {}
            problems = []
            for index, cell in enumerate(cells):
                column = by_header.get(self.clean(cell).casefold())
                if column is not None and column not in columns:
                    columns[column] = index
                elif self.clean(cell):
                    problems.append(RowProblem(number, self.clean(cell), "this column was not read"))
            if missing := [column for column in self.required if column not in columns]:
                raise UnreadableSheet(
                    "The first row must name the columns",
                    missing=missing,
                    known={column: list(headers) for column, headers in self.columns.items()},
                )
            return cells, columns, problems
        raise UnreadableSheet("The file is empty")

    def _twice(self, row: R, seen: dict[tuple[str, ...], int]) -> Problems:
        names = self.names(row)
        for column, name in names.items():
            if name in seen:
                return [RowProblem(row.row, column, f"the same as row {seen[name]}")]
        seen |= dict.fromkeys(names.values(), row.row)
        return []


def cells_of(
    number: int, cells: Mapping[str, str], readers: Mapping[str, Callable[[str], object]]
) -> dict[str, object] | Problems:
    """The values of a row by column, or all that is wrong with it."""
    values: dict[str, object] = {}
    problems = []
    for column, read_cell in readers.items():
        try:
            values[column] = read_cell(cells.get(column, ""))
        except Invalid as invalid:
            problems.append(RowProblem(number, column, invalid.data["errors"][0]["message"]))
    return problems or values


def in_order(*found: Problems) -> Problems:
    """All of them, by row."""
    return sorted((problem for some in found for problem in some), key=lambda problem: problem.row)


def batches(listed: Listed[R], size: int, *, start: int = 0) -> Iterator[Listed[R]]:
    """`size` rows at a time, in order and with their problems, from the row at `start` on; the counts add up. What is
    wrong with the header goes with the first row."""
    found: dict[int, Listed[R]] = {}
    for row in listed.rows:
        found[row.row] = Listed(1, [row], [])
    for problem in listed.problems:
        found.setdefault(problem.row, Listed(1, [], [])).problems.append(problem)
    units = [found[number] for number in sorted(found)]
    if len(units) > listed.count:
        header = units.pop(0)
        if units:
            units[0].problems[:0] = header.problems
        else:
            yield Listed(0, [], header.problems)
    for at in range(start, len(units), size):
        batch = units[at : at + size]
        yield Listed(
            len(batch),
            [row for unit in batch for row in unit.rows],
            [problem for unit in batch for problem in unit.problems],
        )


def _named(cells: Sequence[str], columns: dict[str, int]) -> dict[str, str]:
    return {column: cells[index] if index < len(cells) else "" for column, index in columns.items()}
