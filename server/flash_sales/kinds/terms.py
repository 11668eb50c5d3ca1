"""What a host asks for, and what the sale makes of it."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import msgspec

from server.kit.problems import Invalid


class Wanted(msgspec.Struct, frozen=True):
    """A SKU to be sold: its price in the sale, and how many units of it."""

    sku_id: UUID
    price_minor: int
    stock: int


class First(msgspec.Struct, frozen=True):
    """The first `units` of each SKU go at this price."""

    units: int
    price_minor: int


class Gift(msgspec.Struct, frozen=True):
    """`per_unit` of this SKU come with each unit that is bought."""

    sku_id: UUID
    per_unit: int


class Terms(msgspec.Struct, frozen=True):
    lines: Sequence[Wanted]
    first: First | None = None
    gifts: Sequence[Gift] = ()

    def must_not_have(self, *names: str) -> None:
        """Raises `Invalid` (422) for what another kind of sale would need."""
        if given := [name for name in names if getattr(self, name)]:
            raise Invalid(
                errors=[{"field": name, "message": "not part of this kind of sale"} for name in given]
            )


class Offer(msgspec.Struct, frozen=True):
    """A SKU as the sale has it. The first `first_units` go at `price_minor`, those after them at `then_minor`; a gift
    comes by `per_unit`, for nothing."""

    sku_id: UUID
    price_minor: int
    stock: int
    gift: bool = False
    per_unit: int = 1
    first_units: int | None = None
    then_minor: int | None = None


def plain(line: Wanted) -> Offer:
    return Offer(line.sku_id, line.price_minor, line.stock)
