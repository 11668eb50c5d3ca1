"""What a session can be for, and what a room of that kind shows: the table is `kinds.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from server.kit.clock import SHOP_ZONE
from server.members.audience import Audience

TITLE_LENGTH = 80


class Kind(StrEnum):
    SELLING = "selling"
    GROUP_SALE = "group_sale"
    ADVICE = "advice"
    LIFESTYLE = "lifestyle"
    LAUNCH = "launch"
    TRAINING = "training"
    RECRUITING = "recruiting"


class Figure(StrEnum):
    WATCHING = "watching"
    PEAK = "peak"
    VISITS = "visits"
    AMOUNT = "amount"
    ORDERS = "orders"
    SHARE = "share"
    COMMENTS = "comments"
    LIKES = "likes"
    TIPS = "tips"
    REFUNDED = "refunded"


class Panel(StrEnum):
    STAGE = "stage"
    SHOW = "show"
    CHAT = "chat"
    QUESTIONS = "questions"
    SALE = "sale"
    VIEWERS = "viewers"
    CURVE = "curve"
    STORES = "stores"


OF_SHELF = frozenset(
    {Panel.SHOW, Panel.SALE, Panel.STORES, Figure.AMOUNT, Figure.ORDERS, Figure.SHARE, Figure.REFUNDED}
)
"""Have nothing to show where nothing is sold."""


class Shows(msgspec.Struct, frozen=True):
    """What a room's pages show, first things first. Kept with the room: a kind or template that changes later doesn't
    change it."""

    shelf: bool
    figures: Sequence[Figure]
    panels: Sequence[Panel]
    asks: bool


class Definition(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    shelf: bool
    asks: bool
    audience: Audience
    title: str
    figures: Sequence[Figure]
    panels: Sequence[Panel]


@cache
def kinds() -> Mapping[Kind, Definition]:
    source = (files("server.rooms.kinds") / "kinds.toml").read_text()
    return msgspec.convert(tomllib.loads(source), dict[Kind, Definition])


def shows(kind: Kind, figures: Sequence[Figure] = (), panels: Sequence[Panel] = ()) -> Shows:
    """What a room of this kind shows; figures and panels where they are chosen, else the kind's own. The picture is
    never left out, nor is anything shown of a shelf that isn't there."""
    of = kinds()[kind]
    shown = tuple(panels or of.panels)
    if Panel.STAGE not in shown:
        shown = (Panel.STAGE, *shown)
    return Shows(
        of.shelf,
        [one for one in figures or of.figures if of.shelf or one not in OF_SHELF] or of.figures,
        [one for one in shown if of.shelf or one not in OF_SHELF],
        of.asks,
    )


def kept(shows: Shows) -> dict[str, Any]:
    """As a room's row keeps it."""
    return dict(msgspec.to_builtins(shows))


def shown(kept: Mapping[str, Any]) -> Shows:
    return msgspec.convert(kept, Shows)


_PLACE = re.compile(r"\{(门店|store|日期|date|主播|host)\}")


def title(pattern: str, *, store: str, host: str, now: datetime) -> str:
    """The pattern with its places filled: at most 80 characters, and never empty. Where there is no store its place
    goes, with what would be left hanging beside it."""
    words = _words(store, host, now)
    filled = _PLACE.sub(lambda place: words[place[1]], pattern)
    return filled.strip(" ·-|，,")[:TITLE_LENGTH].strip() or words["日期"]


def pattern(title: str, *, store: str, host: str, now: datetime) -> str:
    """The pattern that gave this title then, as far as it can be told."""
    words = _words(store, host, now)
    for place in ("门店", "主播", "日期", "date"):
        if words[place]:
            title = title.replace(words[place], f"{{{place}}}")
    return title[:TITLE_LENGTH]


def _words(store: str, host: str, now: datetime) -> dict[str, str]:
    day = now.astimezone(SHOP_ZONE)
    words = {"门店": store, "store": store, "主播": host, "host": host}
    return words | {"日期": f"{day.month}月{day.day}日", "date": f"{day:%b} {day.day}"}
