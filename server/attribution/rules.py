"""Whose customer is this, and why: rules in order, pure, with a version that every credit keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import msgspec

RULES_VERSION = 1
"""Raise it with any change of `refusal`, `carrier` or `credit`: booked credits keep the one they were made by."""

WINDOW = timedelta(days=7)
"""How long a touch carries a viewer."""

RELOAD = timedelta(minutes=10)
"""Opening the same link again within this time is the same touch."""

REGULAR_FROM = 3


class Rule(StrEnum):
    LAST_TOUCH = "last-touch"
    ROOM_STORE = "room-store"
    BRAND = "brand"


class StoreName(msgspec.Struct, frozen=True):
    store_id: UUID
    name: str


class GuideName(msgspec.Struct, frozen=True):
    account_id: UUID
    name: str


class MemberName(msgspec.Struct, frozen=True):
    member_id: UUID
    name: str


class Link(msgspec.Struct, frozen=True, kw_only=True):
    """`member` is set for a re-share, and is then the inviter; otherwise the guide is, or the store."""

    link_id: UUID
    code: str
    channel: str = ""
    room_id: UUID | None = None
    store: StoreName | None = None
    guide: GuideName | None = None
    member: MemberName | None = None

    @property
    def inviter_id(self) -> UUID | None:
        return self.member.member_id if self.member else None


class Touched(msgspec.Struct, frozen=True, kw_only=True):
    touch_id: UUID
    at: datetime
    link: Link
    refused: str | None = None


class Carrier(msgspec.Struct, frozen=True):
    """Who carries a viewer in a room."""

    rule: Rule
    store_id: UUID | None = None
    guide_id: UUID | None = None
    link_id: UUID | None = None


def refusal(member_id: UUID, chain: Sequence[Link]) -> str | None:
    """Why a member's touch of `chain[0]` does not count; `chain` goes on with the links it was shared from."""
    if chain[0].inviter_id == member_id:
        return "self-invite"
    if any(link.inviter_id == member_id for link in chain[1:]):
        return "loop"
    return None


def is_reload(latest: Touched | None, link_id: UUID, now: datetime) -> bool:
    return latest is not None and latest.link.link_id == link_id and now - latest.at < RELOAD


def carrier(touches: Sequence[Touched], room_store_id: UUID | None, now: datetime) -> Carrier:
    """The last touch that counts and is not older than the window; else the room's own store; else the brand.

    A touch a little ahead of `now` counts: it was written by a process whose clock is ahead.
    """
    valid = [t for t in touches if t.refused is None and t.at >= now - WINDOW]
    if valid:
        link = max(valid, key=lambda t: (t.at, t.touch_id)).link
        return Carrier(
            Rule.LAST_TOUCH,
            link.store.store_id if link.store else None,
            link.guide.account_id if link.guide else None,
            link.link_id,
        )
    if room_store_id is not None:
        return Carrier(Rule.ROOM_STORE, room_store_id)
    return Carrier(Rule.BRAND)


def rule_of(store_id: UUID | None, link_id: UUID | None) -> Rule:
    """The rule that an order was carried by, read from what the claim fixed."""
    if link_id is not None:
        return Rule.LAST_TOUCH
    return Rule.ROOM_STORE if store_id is not None else Rule.BRAND


def why(
    link_id: UUID | None, touches: Sequence[Touched], chain: Sequence[Link], amount_minor: int
) -> dict[str, Any]:
    """What a credit keeps for its "why this credit" page, as plain JSON.

    `touches`: newest first, `counted` marks the one that decided; `chain`: the inviters from the first to the one
    who brought the buyer; `sums`: in minor units.
    """
    newest = sorted(touches, key=lambda t: (t.at, t.touch_id), reverse=True)
    deciding = next((t for t in newest if t.refused is None and t.link.link_id == link_id), None)
    body: dict[str, Any] = msgspec.to_builtins(
        {
            "touches": [
                {
                    "touch_id": touch.touch_id,
                    "at": touch.at,
                    "code": touch.link.code,
                    "channel": touch.link.channel,
                    "store": touch.link.store,
                    "guide": touch.link.guide,
                    "inviter": touch.link.member,
                    "refused": touch.refused,
                    "counted": touch is deciding,
                }
                for touch in newest
            ],
            "chain": [_inviter(link) for link in reversed(chain)],
            "sums": {"order_minor": amount_minor, "credit_minor": amount_minor},
            "window_days": WINDOW.days,
        }
    )
    return body


def _inviter(link: Link) -> dict[str, Any]:
    if link.member:
        kind, who_id, name = "member", link.member.member_id, link.member.name
    elif link.guide:
        kind, who_id, name = "guide", link.guide.account_id, link.guide.name
    elif link.store:
        kind, who_id, name = "store", link.store.store_id, link.store.name
    else:
        return {"kind": "brand", "id": None, "name": "", "code": link.code, "channel": link.channel}
    return {"kind": kind, "id": who_id, "name": name, "code": link.code, "channel": link.channel}


def tags(orders: int, earlier_visits: int) -> list[str]:
    """What a guide should know at a glance; the page has the words."""
    if orders >= REGULAR_FROM:
        return ["regular"]
    if orders:
        return ["buyer"]
    return ["returning"] if earlier_visits else ["new"]


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    visits: int = 0
    orders: int = 0
    amount_minor: int = 0
    reversed_minor: int = 0

    @property
    def net_minor(self) -> int:
        return self.amount_minor - self.reversed_minor

    def __add__(self, other: Figures) -> Figures:
        return Figures(
            visits=self.visits + other.visits,
            orders=self.orders + other.orders,
            amount_minor=self.amount_minor + other.amount_minor,
            reversed_minor=self.reversed_minor + other.reversed_minor,
        )


class Ranked(msgspec.Struct, frozen=True):
    rank: int
    guide: GuideName
    figures: Figures


def ranking(figures: Mapping[GuideName, Figures]) -> list[Ranked]:
    """By net amount, then orders, then visits. Equal ones share a rank, and the next rank is left out (1, 1, 3)."""
    rows = sorted(figures.items(), key=lambda row: (*_merit(row[1]), row[0].name, str(row[0].account_id)))
    ranked: list[Ranked] = []
    for place, (guide, own) in enumerate(rows, start=1):
        tied = ranked and _merit(ranked[-1].figures) == _merit(own)
        ranked.append(Ranked(ranked[-1].rank if tied else place, guide, own))
    return ranked


def _merit(figures: Figures) -> tuple[int, int, int]:
    return (-figures.net_minor, -figures.orders, -figures.visits)
