"""Why a claim is refused, decided from the truth and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from server.kit.problems import Gone, Invalid, NotFound, Problem
from server.stock.service import OutOfStock


class NotOpen(Problem):
    """`opens_at` is when it will, if that is set."""

    status, slug, title = 425, "not-open", "The sale is not open yet"


class Ended(Gone):
    slug, title = "ended", "The sale is over"


class LimitReached(Problem):
    """`limit` for each buyer, and how many of them this buyer `has`."""

    status, slug, title = 409, "limit-reached", "You have as many as one buyer may have"


class SaleState(msgspec.Struct, frozen=True, kw_only=True):
    """A sale as the claim rules see it. `free` lists the SKUs it sells."""

    state: str
    opens_at: datetime | None
    ends_at: datetime | None
    limit_per_buyer: int
    free: dict[UUID, int]


def refusal(
    sale: SaleState | None, lines: Sequence[tuple[UUID, int]], has: int, now: datetime
) -> Problem | None:
    """The first rule that a claim breaks, or `None`."""
    if sale is None:
        return NotFound()
    if any(sku not in sale.free for sku, _ in lines):
        return Invalid(errors=[{"field": "sku_id", "message": "not part of this sale"}])
    if sale.state == "scheduled":
        return NotOpen(opens_at=sale.opens_at.isoformat() if sale.opens_at else None)
    if sale.state == "closed" or sale.ends_at is None or sale.ends_at <= now:
        return Ended()
    if has + sum(quantity for _, quantity in lines) > sale.limit_per_buyer:
        return LimitReached(limit=sale.limit_per_buyer, has=has)
    short = {str(sku): sale.free[sku] for sku, quantity in lines if sale.free[sku] < quantity}
    if short:
        return OutOfStock(left=sum(short.values()), lines=short, waitlist_open=False)
    return None
