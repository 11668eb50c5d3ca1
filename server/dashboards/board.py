"""A room's board: its guides, stores and regions by what they brought, ranked, and who sees which part of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from enum import StrEnum
from uuid import UUID

import msgspec

from server.attribution.lines import Line, RegionName
from server.attribution.rules import Figures, StoreName, ranks
from server.kit.principal import INVITES, Principal, Role

TOP = 10
"""So many names everybody sees."""


class By(StrEnum):
    GUIDES = "guides"
    STORES = "stores"
    REGIONS = "regions"


class Sort(StrEnum):
    AMOUNT = "amount"
    NET = "net"
    ORDERS = "orders"
    VISITS = "visits"
    NEW_MEMBERS = "new_members"
    CONVERSION = "conversion"


MERIT: dict[Sort, Callable[[Figures], float]] = {
    Sort.AMOUNT: lambda f: f.amount_minor,
    Sort.NET: lambda f: f.net_minor,
    Sort.ORDERS: lambda f: f.orders,
    Sort.VISITS: lambda f: f.visits,
    Sort.NEW_MEMBERS: lambda f: f.new_members,
    Sort.CONVERSION: lambda f: f.orders / f.visits if f.visits else -1.0,
}
"""Equal merit is equal rank; within it the name decides who is named first."""


class FiguresOfLine(msgspec.Struct, frozen=True, kw_only=True):
    """`conversion_bp`: orders of 10,000 visits; a visit is one viewer, however often they came back.
    `average_minor`: of an order, rounded down. Both are null where there is nothing to divide by."""

    visits: int
    new_members: int
    orders: int
    amount_minor: int
    reversed_minor: int
    net_minor: int
    conversion_bp: int | None
    average_minor: int | None

    @classmethod
    def of(cls, figures: Figures) -> FiguresOfLine:
        visits, orders = figures.visits, figures.orders
        return cls(
            **msgspec.structs.asdict(figures),
            net_minor=figures.net_minor,
            conversion_bp=orders * 10_000 // visits if visits else None,
            average_minor=figures.amount_minor // orders if orders else None,
        )


class BoardRow(msgspec.Struct, frozen=True, kw_only=True):
    """`rank` is among those that were asked for, `overall` among all of the room. `id` is the guide's, store's or
    region's; stores of no region have none. `figures` is null where they are not the reader's to see."""

    rank: int
    overall: int
    id: UUID | None
    name: str
    store: StoreName | None
    own: bool
    figures: FiguresOfLine | None


class RoomBoard(msgspec.Struct, frozen=True, kw_only=True):
    """`count` rows in all, a page of them in `items`; `own` is the reader's, on whichever page. `totals` is the sum of
    everything that was asked for, what came by no guide and no store too; null where it is not the reader's to see."""

    by: By
    sort: Sort
    at: datetime
    count: int
    items: list[BoardRow]
    next: str | None
    own: BoardRow | None
    totals: FiguresOfLine | None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    id: UUID | None
    name: str
    store: StoreName | None = None
    region_id: UUID | None = None
    figures: Figures


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """`skip` rows of the ranking; `named` is a part of the name, of the guide's or the store's."""

    by: By = By.GUIDES
    sort: Sort = Sort.AMOUNT
    store_id: UUID | None = None
    region_id: UUID | None = None
    named: str = ""
    skip: int = 0
    limit: int = 50


class Standings:
    """The lines of a room at one moment, summed and ranked as they are asked for, each way once."""

    def __init__(self, lines: Sequence[Line], at: datetime) -> None:
        self.lines, self.at = lines, at
        self._summed: dict[By, list[Entry]] = {}
        self._ranked: dict[tuple[By, Sort], list[tuple[int, Entry]]] = {}
        self._totals: dict[tuple[UUID | None, UUID | None], Figures] = {}

    def ranked(self, by: By, sort: Sort) -> list[tuple[int, Entry]]:
        if (by, sort) not in self._ranked:
            self._ranked[by, sort] = _ranked(self._entries(by), sort)
        return self._ranked[by, sort]

    def totals(self, store_id: UUID | None, region_id: UUID | None) -> Figures:
        whose = (store_id, region_id)
        if whose not in self._totals:
            self._totals[whose] = _sum(
                line.figures
                for line in self.lines
                if (store_id is None or (line.store is not None and line.store.store_id == store_id))
                and (region_id is None or (line.region is not None and line.region.region_id == region_id))
            )
        return self._totals[whose]

    def _entries(self, by: By) -> list[Entry]:
        if by not in self._summed:
            self._summed[by] = _ENTRIES[by](self.lines)
        return self._summed[by]


def _guides(lines: Sequence[Line]) -> list[Entry]:
    return [
        Entry(
            id=line.guide.account_id,
            name=line.guide.name,
            store=line.store,
            region_id=line.region.region_id if line.region else None,
            figures=line.figures,
        )
        for line in lines
        if line.guide
    ]


def _stores(lines: Sequence[Line]) -> list[Entry]:
    of_store: dict[StoreName, list[Line]] = defaultdict(list)
    for line in lines:
        if line.store:
            of_store[line.store].append(line)
    return [
        Entry(
            id=store.store_id,
            name=store.name,
            region_id=own[0].region.region_id if own[0].region else None,
            figures=_sum(line.figures for line in own),
        )
        for store, own in of_store.items()
    ]


def _regions(lines: Sequence[Line]) -> list[Entry]:
    of_region: dict[RegionName | None, list[Line]] = defaultdict(list)
    for line in lines:
        if line.store:
            of_region[line.region].append(line)
    return [
        Entry(
            id=region.region_id if region else None,
            name=region.name if region else "",
            figures=_sum(line.figures for line in own),
        )
        for region, own in of_region.items()
    ]


_ENTRIES = {By.GUIDES: _guides, By.STORES: _stores, By.REGIONS: _regions}


def _sum(parts: Iterable[Figures]) -> Figures:
    """Of thousands: one object in the place of one for each."""
    visits = new_members = orders = amount_minor = reversed_minor = 0
    for one in parts:
        visits += one.visits
        new_members += one.new_members
        orders += one.orders
        amount_minor += one.amount_minor
        reversed_minor += one.reversed_minor
    return Figures(
        visits=visits,
        new_members=new_members,
        orders=orders,
        amount_minor=amount_minor,
        reversed_minor=reversed_minor,
    )


def _ranked(entries: Sequence[Entry], sort: Sort) -> list[tuple[int, Entry]]:
    merit = MERIT[sort]
    best = sorted(entries, key=lambda one: (-merit(one.figures), one.name, str(one.id)))
    return list(zip(ranks([merit(one.figures) for one in best]), best, strict=True))


class Reader(msgspec.Struct, frozen=True):
    """`sees_all`: headquarters and whoever runs the room. Of others a manager sees the figures of the own store and its
    guides, a guide the own; of the rest they see who is ahead: the room's first `TOP`, and the own store's guides."""

    staff: Principal
    sees_all: bool

    def is_own(self, by: By, entry: Entry) -> bool:
        mine = self.staff.id if by is By.GUIDES else self.staff.store_id
        return by is not By.REGIONS and mine is not None and entry.id == mine

    def sees(self, by: By, rank: int, entry: Entry) -> bool:
        return self.sees_all or rank <= TOP or self.is_own(by, entry) or self._of_own_store(by, entry)

    def sees_figures(self, by: By, entry: Entry) -> bool:
        if self.sees_all or (by is By.GUIDES and self.is_own(by, entry)):
            return True
        return self.staff.role is Role.MANAGER and self._of_own_store(by, entry)

    def sees_totals(self, asked: Asked) -> bool:
        own = self.staff.role is Role.MANAGER and asked.store_id == self.staff.store_id is not None
        return self.sees_all or own

    def _of_own_store(self, by: By, entry: Entry) -> bool:
        store_id = entry.store.store_id if by is By.GUIDES and entry.store else entry.id
        return by is not By.REGIONS and self.staff.store_id is not None and store_id == self.staff.store_id


Placed = tuple[int, int, Entry]
"""(rank, overall, entry)."""


def board(standings: Standings, reader: Reader, asked: Asked) -> RoomBoard:
    """The part of the room's ranking that was asked for and that the reader sees."""
    by = asked.by
    seen = _placed(standings, asked)
    if not reader.sees_all:
        seen = [one for one in seen if reader.sees(by, one[1], one[2])]
    found = _named(seen, asked.named.strip().casefold())
    end = asked.skip + asked.limit
    own = None
    if reader.staff.role in INVITES:
        own = next((one for one in seen if reader.is_own(by, one[2])), None)
    totals = standings.totals(asked.store_id, asked.region_id) if reader.sees_totals(asked) else None
    return RoomBoard(
        by=by,
        sort=asked.sort,
        at=standings.at,
        count=len(found),
        items=[_row(reader, by, one) for one in found[asked.skip : end]],
        next=str(end) if len(found) > end else None,
        own=_row(reader, by, own) if own else None,
        totals=FiguresOfLine.of(totals) if totals is not None else None,
    )


def _placed(standings: Standings, asked: Asked) -> list[Placed]:
    ranked = standings.ranked(asked.by, asked.sort)
    if asked.store_id is None and asked.region_id is None:
        return [(rank, rank, one) for rank, one in ranked]
    chosen = [(overall, one) for overall, one in ranked if _chosen(asked.by, one, asked)]
    places = ranks([overall for overall, _ in chosen])
    return [(rank, *placed) for rank, placed in zip(places, chosen, strict=True)]


def _named(seen: list[Placed], named: str) -> list[Placed]:
    if not named:
        return seen
    return [one for one in seen if named in one[2].name.casefold() or named in _store_name(one[2])]


def _row(reader: Reader, by: By, placed: Placed) -> BoardRow:
    rank, overall, entry = placed
    return BoardRow(
        rank=rank,
        overall=overall,
        id=entry.id,
        name=entry.name,
        store=entry.store,
        own=reader.is_own(by, entry),
        figures=FiguresOfLine.of(entry.figures) if reader.sees_figures(by, entry) else None,
    )


def _chosen(by: By, entry: Entry, asked: Asked) -> bool:
    store_id = entry.store.store_id if by is By.GUIDES and entry.store else entry.id
    region_id = entry.id if by is By.REGIONS else entry.region_id
    of_store = asked.store_id is None or (by is not By.REGIONS and store_id == asked.store_id)
    return of_store and (asked.region_id is None or region_id == asked.region_id)


def _store_name(entry: Entry) -> str:
    return entry.store.name.casefold() if entry.store else ""
