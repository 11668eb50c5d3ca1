"""Pure rules of orders: who may see or fulfil one, how a name is shown to others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from server.kit.principal import Principal, Role
from server.kit.problems import Conflict

CANCELS = frozenset({Role.OWNER, Role.OPERATOR, Role.MANAGER})
"""Staff who call off a buyer's order; a manager those of the own store."""
REFUNDS = frozenset({Role.OWNER, Role.OPERATOR, Role.FINANCE, Role.MANAGER})
"""Staff who send money back; a manager that of the own store's orders."""
HANDED_OVER = frozenset({"shipped", "picked_up"})
"""Fulfilment of what left the shop."""
LONGEST_WAIT = timedelta(minutes=30)
"""How long from now an extended hold may wait at most."""


class WrongStatus(Conflict):
    """`order_status` is what the order is in."""

    slug, title = "wrong-status", "The order's status does not allow this"


class Line(Protocol):
    quantity: int
    price_minor: int
    refunded: int


def worth(units: Iterable[tuple[Line, int]]) -> int:
    """What so many units of these lines were sold for."""
    return sum(line.price_minor * quantity for line, quantity in units)


def nothing_left(lines: Iterable[Line]) -> bool:
    """Whether all units of the lines were refunded: there is nothing to hand over."""
    return all(line.refunded >= line.quantity for line in lines)


def may_see(viewer: Principal, brand_id: UUID, store_id: UUID | None, member_id: UUID) -> bool:
    """The buyer, headquarters, the carrying store's manager; anyone else learns not even that it exists."""
    if viewer.kind == "member":
        return viewer.id == member_id
    return viewer.may_see_store(brand_id, store_id)


def may_cancel(viewer: Principal, brand_id: UUID, store_id: UUID | None) -> bool:
    """Staff who may call off a buyer's order that waits."""
    return viewer.role in CANCELS and viewer.may_see_store(brand_id, store_id)


def why_over(status: str, pay_by: datetime, now: datetime) -> str:
    """Why an order does not wait for its payment any more; empty when it does. One whose time is up has lapsed, whether
    or not it was ended yet."""
    if status == "awaiting_payment":
        return "hold-lapsed" if pay_by <= now else ""
    return {"expired": "hold-lapsed", "cancelled": "hold-cancelled"}.get(status, "hold-paid")


def most_seconds(pay_by: datetime, now: datetime) -> int:
    """What may be added to a hold now."""
    return max(int((now + LONGEST_WAIT - pay_by).total_seconds()), 0)


def added(seconds: int) -> str:
    """As an order's history notes it, in any language: "+2:00"."""
    return f"+{seconds // 60}:{seconds % 60:02}"


def seconds_of(added: str) -> int:
    """What `added` wrote."""
    minutes, seconds = added.removeprefix("+").split(":")
    return 60 * int(minutes) + int(seconds)


def stores_of(store_id: UUID | None, delivery: Mapping[str, Any] | None) -> set[UUID]:
    """The stores that an order concerns: the carrying one, and where it is picked up."""
    return {UUID(str(store)) for store in (store_id, (delivery or {}).get("store_id")) if store}


def may_fulfil(staff: Principal, brand_id: UUID, store_ids: set[UUID]) -> bool:
    """Headquarters who may act, and the staff of the stores concerned (carrying, or picked up at)."""
    if staff.kind != "staff" or staff.brand_id != brand_id:
        return False
    if staff.role in {Role.OWNER, Role.OPERATOR}:
        return True
    return staff.role in {Role.MANAGER, Role.GUIDE} and staff.store_id in store_ids


def shown_name(name: str) -> str:
    """A buyer's name as others see it on the ticker: the first character stays."""
    return f"{name[:1]}**" if name else "**"
