"""What other features ask of orders. Each act has its module: placing, paying, extending, releasing, refunding,
fulfilment."""

from __future__ import annotations

from server.orders.bodies import PlaceOrder
from server.orders.checks import verify
from server.orders.extending import WaitingHold, waiting
from server.orders.placing import Carried, Placed, PriceChanged, new_number, place_at_shelf
from server.orders.reading import Filter, listing, open_holds, own, seen
from server.orders.refunding import LineUnits, lines_of, refund, units_of
from server.orders.rules import HANDED_OVER, REFUNDS, WrongStatus, shown_name, worth
from server.orders.views import OrderView
from server.orders.views import load as views

__all__ = [
    "HANDED_OVER",
    "REFUNDS",
    "Carried",
    "Filter",
    "LineUnits",
    "OrderView",
    "PlaceOrder",
    "Placed",
    "PriceChanged",
    "WaitingHold",
    "WrongStatus",
    "lines_of",
    "listing",
    "new_number",
    "open_holds",
    "own",
    "place_at_shelf",
    "refund",
    "seen",
    "shown_name",
    "units_of",
    "verify",
    "views",
    "waiting",
    "worth",
]
