"""What happened to flash sales."""

from __future__ import annotations

from uuid import UUID

from server.kit.facts import Fact


class SaleOpened(Fact, kw_only=True, frozen=True, tag="sale.opened"):
    """`sale` is the protocol's `Sale`, as it was when it opened."""

    sale_id: UUID
    room_id: UUID
    title: str
    sale: dict[str, object]


class SaleClosed(Fact, kw_only=True, frozen=True, tag="sale.closed"):
    """`reason`: ended, called, room_ended."""

    sale_id: UUID
    room_id: UUID
    title: str
    reason: str
