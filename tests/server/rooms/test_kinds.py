from __future__ import annotations

from datetime import UTC, datetime

import pytest

from server.members.audience import Audience
from server.rooms.kinds.rules import (
    OF_SHELF,
    Figure,
    Kind,
    Panel,
    kept,
    kinds,
    pattern,
    shown,
    shows,
    title,
)

EVE = datetime(2025, 12, 31, 17, tzinfo=UTC)
"""The first of January, where the shop is."""


def test_every_kind_is_in_the_table_and_shows_the_picture():
    assert kinds().keys() == set(Kind)
    for kind in Kind:
        assert Panel.STAGE in shows(kind).panels
        assert shown(kept(shows(kind))) == shows(kind)


def test_a_room_sells_unless_it_is_said():
    assert kinds()[Kind.SELLING].audience is Audience.PUBLIC
    assert shows(Kind.SELLING).shelf
    assert kinds()[Kind.TRAINING].audience is not Audience.PUBLIC


@pytest.mark.parametrize("kind", [Kind.TRAINING, Kind.RECRUITING])
def test_without_a_shelf_nothing_of_one_is_shown(kind):
    chosen = shows(kind, list(Figure), list(Panel))
    assert not chosen.shelf
    assert not OF_SHELF & {*chosen.figures, *chosen.panels}
    assert chosen.figures
    assert shows(kind, [Figure.AMOUNT]).figures == kinds()[kind].figures


def test_what_was_chosen_comes_in_its_order_and_the_picture_is_never_left_out():
    chosen = shows(Kind.SELLING, [Figure.LIKES, Figure.AMOUNT], [Panel.CHAT, Panel.SALE])
    assert list(chosen.figures) == [Figure.LIKES, Figure.AMOUNT]
    assert list(chosen.panels) == [Panel.STAGE, Panel.CHAT, Panel.SALE]


@pytest.mark.parametrize(
    ("pattern", "filled"),
    [
        ("{门店} · {日期}", "湖滨店 · 1月1日"),
        ("{store}, {date}: {host}", "湖滨店, Jan 1: 小李"),
        ("{主播}的{unknown}", "小李的{unknown}"),
        ("  ", "1月1日"),
        ("长" * 79 + "{门店}", "长" * 79 + "湖"),
    ],
)
def test_a_title_is_filled_in(pattern, filled):
    assert title(pattern, store="湖滨店", host="小李", now=EVE) == filled


def test_where_there_is_no_store_nothing_is_left_hanging():
    assert title("{门店} · {日期}", store="", host="小李", now=EVE) == "1月1日"


def test_a_rooms_title_gives_its_pattern_back():
    told = {"store": "湖滨店", "host": "小李", "now": EVE}
    assert pattern("湖滨店 · 小李 1月1日", **told) == "{门店} · {主播} {日期}"
    assert pattern("春茶上新", **{**told, "store": ""}) == "春茶上新"
