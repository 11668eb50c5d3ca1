"""One price, which the host lowers while the sale runs."""

from __future__ import annotations

from server.flash_sales.kinds.flash_price import offers

__all__ = ["NAME", "offers"]

NAME = "price_drop"
