"""What other features ask of orders. Each act has its module: placing, paying, releasing, refunding, fulfilment."""

from __future__ import annotations

from server.orders.checks import verify
from server.orders.placing import Placed, new_number
from server.orders.reading import listing, open_holds
from server.orders.rules import shown_name
from server.orders.views import OrderView
from server.orders.views import load as views

__all__ = ["OrderView", "Placed", "listing", "new_number", "open_holds", "shown_name", "verify", "views"]
