"""What other features ask of sales. Each act has its module: making, selling, claims, waiting; cards shows."""

from __future__ import annotations

from server.flash_sales.cards import SaleCard, card, cards
from server.flash_sales.checks import verify, verify_gates
from server.flash_sales.kinds.terms import Offer
from server.flash_sales.laying import lay_gate
from server.flash_sales.making import NewSale, NoShelf, Quota, RoomEnded, create, must_be_on
from server.flash_sales.preview import Language, Preview
from server.flash_sales.preview import of_sale as preview
from server.flash_sales.selling import close, close_all, close_due, get, open_sale

__all__ = [
    "Language",
    "NewSale",
    "NoShelf",
    "Offer",
    "Preview",
    "Quota",
    "RoomEnded",
    "SaleCard",
    "card",
    "cards",
    "close",
    "close_all",
    "close_due",
    "create",
    "get",
    "lay_gate",
    "must_be_on",
    "open_sale",
    "preview",
    "verify",
    "verify_gates",
]
