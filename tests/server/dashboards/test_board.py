from __future__ import annotations

from datetime import UTC, datetime
from io import BytesIO
from uuid import UUID

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook

from server.attribution.lines import Line, RegionName
from server.attribution.rules import Figures, GuideName, StoreName, ranks
from server.dashboards import service
from server.dashboards.board import Asked, By, FiguresOfLine, Reader, Sort, Standings, board
from server.dashboards.board_sheet import workbook
from server.kit.clock import utc_now
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)
EAST, WEST = RegionName(UUID(int=1), "East"), RegionName(UUID(int=2), "West")
HZ, SZ, XA = (StoreName(UUID(int=10 + n), name) for n, name in enumerate(("Hangzhou", "Suzhou", "Xian")))


def line(name, store, region, amount_minor=0, **more) -> Line:
    guide = GuideName(UUID(int=sum(name.encode())), name) if name else None
    orders = more.pop("orders", 1 if amount_minor else 0)
    return Line(guide, store, region, Figures(amount_minor=amount_minor, orders=orders, **more))


LINES = [
    line("Li", HZ, EAST, 300, visits=10, new_members=4),
    line("Wu", HZ, EAST, 200, visits=2),
    line("Sun", SZ, EAST, 200, visits=4),
    line("Bai", XA, WEST, 100, reversed_minor=100),
    line("", HZ, EAST, 50, visits=1),
    line("", None, None, 7, visits=5),
]
STANDINGS = Standings(LINES, NOW)


def staff(role: Role, store: StoreName | None = None, name: str = "") -> Principal:
    account_id = UUID(int=sum(name.encode())) if name else uuid7()
    return Principal(
        kind="staff",
        id=account_id,
        brand_id=UUID(int=9),
        role=role,
        name=name,
        store_id=store.store_id if store else None,
    )


OWNER = Reader(staff(Role.OWNER), sees_all=True)


def rows(reader=OWNER, standings=STANDINGS, **asked):
    shown = board(standings, reader, Asked(**asked))
    return [(row.rank, row.overall, row.name) for row in shown.items]


@given(st.lists(st.integers(0, 3)).map(lambda found: sorted(found, reverse=True)))
def test_equal_ones_share_a_rank_which_is_one_more_than_are_ahead(merits):
    for merit, rank in zip(merits, ranks(merits), strict=True):
        assert rank == 1 + sum(other > merit for other in merits)


def test_guides_are_ranked_with_ties():
    assert rows() == [(1, 1, "Li"), (2, 2, "Sun"), (2, 2, "Wu"), (4, 4, "Bai")]


def test_each_figure_ranks_by_itself():
    assert [name for _, _, name in rows(sort=Sort.VISITS)] == ["Li", "Sun", "Wu", "Bai"]
    assert [name for _, _, name in rows(sort=Sort.CONVERSION)] == ["Wu", "Sun", "Li", "Bai"]
    assert rows(sort=Sort.NET)[-1] == (4, 4, "Bai")
    assert rows(sort=Sort.NEW_MEMBERS)[0] == (1, 1, "Li")


def test_stores_and_regions_are_sums_of_their_guides_and_of_what_came_by_none():
    stores = board(STANDINGS, OWNER, Asked(by=By.STORES))
    assert [(row.name, row.figures.amount_minor) for row in stores.items] == [
        ("Hangzhou", 550),
        ("Suzhou", 200),
        ("Xian", 100),
    ]
    regions = board(STANDINGS, OWNER, Asked(by=By.REGIONS))
    assert [(row.name, row.figures.amount_minor) for row in regions.items] == [("East", 750), ("West", 100)]
    assert stores.totals.amount_minor == regions.totals.amount_minor == 857


def test_a_part_of_the_board_ranks_within_itself_and_says_the_rank_among_all():
    assert rows(store_id=SZ.store_id) == [(1, 2, "Sun")]
    assert rows(region_id=WEST.region_id) == [(1, 4, "Bai")]
    assert rows(by=By.STORES, region_id=EAST.region_id) == [(1, 1, "Hangzhou"), (2, 2, "Suzhou")]
    assert board(STANDINGS, OWNER, Asked(store_id=HZ.store_id)).totals.amount_minor == 550


def test_a_name_is_found_with_the_rank_it_has():
    assert rows(named="wu") == [(2, 2, "Wu")]
    assert rows(named="suZHOU") == [(2, 2, "Sun")]


def test_pages_go_on_where_the_last_one_ended():
    first = board(STANDINGS, OWNER, Asked(limit=3))
    assert (first.count, first.next) == (4, "3")
    rest = board(STANDINGS, OWNER, Asked(limit=3, skip=3))
    assert ([row.name for row in rest.items], rest.next) == (["Bai"], None)


def test_conversion_is_orders_of_visits_and_nothing_is_divided_by_nothing():
    some = FiguresOfLine.of(Figures(visits=3, orders=2, amount_minor=301))
    assert (some.conversion_bp, some.average_minor) == (6666, 150)
    none = FiguresOfLine.of(Figures())
    assert (none.conversion_bp, none.average_minor) == (None, None)


# Who sees what

CROWD = [line(f"A{n:02}", SZ, EAST, 1000 - n) for n in range(12)]
BUSY = Standings([*CROWD, *LINES], NOW)


def seen(reader: Reader, **asked):
    shown = board(BUSY, reader, Asked(**asked))
    return {row.name: row.figures is not None for row in shown.items}, shown


def test_a_manager_sees_who_is_ahead_and_the_figures_of_the_own_store():
    reader = Reader(staff(Role.MANAGER, HZ), sees_all=False)
    guides, shown = seen(reader)
    assert guides == {**{f"A{n:02}": False for n in range(10)}, "Li": True, "Wu": True}
    assert shown.totals is None
    stores, shown = seen(reader, by=By.STORES)
    assert stores == {"Suzhou": False, "Hangzhou": True, "Xian": False}
    assert (shown.own.name, shown.own.rank) == ("Hangzhou", 2)
    assert seen(reader, store_id=HZ.store_id)[1].totals.amount_minor == 550


def test_a_guide_sees_the_own_figures_and_the_colleagues_ranks():
    guides, shown = seen(Reader(staff(Role.GUIDE, HZ, "Wu"), sees_all=False), store_id=HZ.store_id)
    assert guides == {"Li": False, "Wu": True}
    assert (shown.own.rank, shown.own.overall, shown.own.figures.amount_minor) == (2, 14, 200)
    assert shown.totals is None
    assert seen(Reader(staff(Role.GUIDE, HZ, "Wu"), sees_all=False), by=By.STORES)[0]["Hangzhou"] is False


def test_a_guide_without_a_store_sees_who_is_ahead_and_the_own_line():
    outside = [*CROWD, line("Zed", None, None, 5)]
    reader = Reader(staff(Role.DISTRIBUTOR, None, "Zed"), sees_all=False)
    shown = board(Standings(outside, NOW), reader, Asked())
    assert [row.name for row in shown.items] == [f"A{n:02}" for n in range(10)] + ["Zed"]
    assert (shown.own.rank, shown.own.figures.amount_minor) == (13, 5)


# With a database


async def test_a_rooms_board_is_read_once_for_all_who_look(stage):
    member = await stage.shop.member(brought_by_guide=True)
    await stage.pay(member, 2)
    boards = service.RoomBoards(stage.database, utc_now)
    first, second = await boards.of(stage.room_id), await boards.of(stage.room_id)
    assert first is second
    (row,) = board(first, OWNER, Asked()).items
    assert (row.name, row.store.name) == ("Guide Li", "Hangzhou")
    assert msgspec.structs.asdict(row.figures) == {
        "visits": 1,
        "new_members": 1,
        "orders": 1,
        "amount_minor": 19800,
        "reversed_minor": 0,
        "net_minor": 19800,
        "conversion_bp": 10000,
        "average_minor": 19800,
    }


def test_the_workbook_has_a_sheet_each_and_every_row():
    book = load_workbook(BytesIO(workbook(STANDINGS, "zh-CN")))
    assert book.sheetnames == ["导购", "门店", "区域"]
    assert [row[:4] for row in book["导购"].iter_rows(min_row=2, values_only=True)][:2] == [
        (1, "Li", "Hangzhou", 3),
        (2, "Sun", "Suzhou", 2),
    ]
