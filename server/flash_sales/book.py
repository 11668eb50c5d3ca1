"""Sales as a web process knows them, for the hot path: what never changes, and what may be a moment old."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic
from uuid import UUID

import msgspec
from sqlalchemy import text

from server.kit.background import Background
from server.kit.database import Database
from server.kit.idempotency import request_hash
from server.kit.problems import Invalid, NotFound

_KNOWN = text(
    """
    SELECT s.id AS sale_id, s.room_id, s.brand_id, r.audience, l.skus, l.gifts
    FROM flash_sale s JOIN room r ON r.id = s.room_id
    CROSS JOIN LATERAL (
        SELECT coalesce(array_agg(sku_id ORDER BY position) FILTER (WHERE NOT gift), '{}') AS skus,
               coalesce(jsonb_object_agg(sku_id, per_unit) FILTER (WHERE gift), '{}') AS gifts
        FROM flash_sale_line WHERE sale_id = s.id) l
    WHERE s.id = :id
    """
)


class Asked(msgspec.Struct, frozen=True):
    """What a claim takes: the units that count against the limit, the SKUs with their gifts, and the hash of it."""

    units: int
    lines: tuple[tuple[UUID, int], ...]
    hash: bytes


class Known(msgspec.Struct, frozen=True):
    """Its room's audience may change; the rest is fixed. `gifts`: SKU → how many come with each unit."""

    sale_id: UUID
    room_id: UUID
    brand_id: UUID
    audience: str
    skus: list[UUID]
    gifts: dict[UUID, int]
    _usual: dict[int, Asked] = {}  # by quantity: a crowd asks for the same

    def asked(self, quantity: int | None, wanted: Sequence[tuple[UUID, int]] | None) -> Asked:
        """Either `quantity` of the sale's one product, or the lines wanted. Raises `Invalid` (422)."""
        if (quantity is None) == (wanted is None):
            raise Invalid(errors=[{"field": "quantity", "message": "give either quantity or lines"}])
        if quantity is None:
            return self._asked(tuple(wanted or ()))
        if len(self.skus) != 1:
            raise Invalid(errors=[{"field": "lines", "message": "this sale has several products: say which"}])
        if (usual := self._usual.get(quantity)) is None:
            usual = self._usual[quantity] = self._asked(((self.skus[0], quantity),))
        return usual

    def _asked(self, lines: tuple[tuple[UUID, int], ...]) -> Asked:
        if len({sku for sku, _ in lines}) < len(lines):
            raise Invalid(errors=[{"field": "lines", "message": "each sku_id once"}])
        if any(sku not in self.skus for sku, _ in lines):
            raise Invalid(errors=[{"field": "sku_id", "message": "not part of this sale"}])
        units = sum(quantity for _, quantity in lines)
        gifts = tuple((sku, units * per_unit) for sku, per_unit in self.gifts.items())
        return Asked(units, lines + gifts, request_hash("hold", self.sale_id, lines))


class SaleBook:
    REMEMBERED = 10_000
    FRESH_S = 2.0

    def __init__(
        self, database: Database, background: Background, time: Callable[[], float] = monotonic
    ) -> None:
        self._database = database
        self._background = background
        self._time = time
        self._known: dict[UUID, tuple[float, Known]] = {}

    def recall(self, sale_id: UUID) -> Known | None:
        """What is known of it, without a wait: where that is no longer fresh, it is asked for meanwhile."""
        fresh_until, known = self._known.get(sale_id, (0.0, None))
        if known is not None and fresh_until <= self._time():
            self._known[sale_id] = (self._time() + self.FRESH_S, known)
            self._background.once(f"sale:{sale_id}", self._read(sale_id))
        return known

    async def look_up(self, sale_id: UUID) -> Known:
        """Raises `NotFound`."""
        known = self.recall(sale_id) or await self._read(sale_id)
        if known is None:
            raise NotFound
        return known

    async def _read(self, sale_id: UUID) -> Known | None:
        async with self._database.transaction() as session:
            row = (await session.execute(_KNOWN, {"id": sale_id})).mappings().first()
        if row is None:
            return None
        if len(self._known) >= self.REMEMBERED:
            self._known.clear()
        known = msgspec.convert(dict(row), Known, strict=False)
        self._known[sale_id] = (self._time() + self.FRESH_S, known)
        return known
