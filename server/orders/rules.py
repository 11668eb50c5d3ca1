"""Pure rules of orders: who may see or fulfil one, how a name is shown to others."""

from __future__ import annotations

from uuid import UUID

from server.kit.principal import Principal, Role
from server.kit.problems import Conflict

CANCELS = frozenset({Role.OWNER, Role.OPERATOR, Role.MANAGER})
"""Staff who call off a buyer's order; a manager those of the own store."""


class WrongStatus(Conflict):
    """`order_status` is what the order is in."""

    slug, title = "wrong-status", "The order's status does not allow this"


def may_see(viewer: Principal, brand_id: UUID, store_id: UUID | None, member_id: UUID) -> bool:
    """The buyer, headquarters, the carrying store's manager; anyone else learns not even that it exists."""
    if viewer.kind == "member":
        return viewer.id == member_id
    return viewer.may_see_store(brand_id, store_id)


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
