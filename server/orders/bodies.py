"""What a buyer sends to order, in a room or at a shelf."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

import msgspec

from server.kit.money import PositiveMinor
from server.kit.problems import Invalid
from server.stock.service import Taking

Quantity = Annotated[int, msgspec.Meta(ge=1, le=99)]


class Line(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`price_minor` is what the buyer was shown; when it is another now, the order is refused."""

    sku_id: UUID
    quantity: Quantity
    price_minor: PositiveMinor | None = None


class PlaceOrder(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """`note` is the buyer's to the merchant."""

    lines: Annotated[list[Line], msgspec.Meta(min_length=1, max_length=50)]
    note: Annotated[str, msgspec.Meta(max_length=200)] = ""

    def takings(self) -> Sequence[Taking]:
        """Raises `Invalid` (422) for a SKU that stands there twice."""
        if len({line.sku_id for line in self.lines}) < len(self.lines):
            raise Invalid(errors=[{"field": "lines", "message": "each sku_id once"}])
        return [Taking(line.sku_id, line.quantity) for line in self.lines]

    def seen(self) -> dict[UUID, int]:
        return {line.sku_id: line.price_minor for line in self.lines if line.price_minor is not None}
