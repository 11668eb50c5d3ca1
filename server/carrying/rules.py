"""A store's own order of headquarters' shelf, and who may set it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from server.kit.principal import STORE_STAFF, Principal, Role

LONGEST_WORDS = 120
SETS = frozenset({Role.OWNER, Role.OPERATOR, Role.MANAGER})


def arranged(standing: Sequence[UUID], named: Sequence[UUID]) -> list[UUID]:
    """The shelf with the named products first, in the order of their naming; the others follow in the room's. What is
    named but stands there no more is left out."""
    here = dict.fromkeys(standing)
    first = [product_id for product_id in dict.fromkeys(named) if product_id in here]
    return first + [product_id for product_id in standing if product_id not in set(first)]


def may_look(staff: Principal, store_id: UUID) -> bool:
    """Headquarters, and the store's own manager and guides."""
    return staff.is_headquarters or (staff.role in STORE_STAFF and staff.store_id == store_id)
