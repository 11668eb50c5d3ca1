"""Every feature's reactions, imported once by each role that records or relays facts; and every table, since rows
of one feature refer to another's."""

import server.tables  # noqa: F401
from server.after_sale import reactions as after_sale
from server.attribution import reactions as attribution
from server.carrying import reactions as carrying
from server.chat import reactions as chat
from server.conversations import reactions as conversations
from server.dashboards import reactions as dashboards
from server.feeds import reactions as feeds
from server.flash_sales import reactions as flash_sales
from server.members import reactions as members
from server.orders import reactions as orders
from server.payments import reactions as payments
from server.rooms import reactions as rooms
from server.stock import reactions as stock
from server.tipping import reactions as tipping
from server.wallets import reactions as wallets

__all__ = [
    "after_sale",
    "attribution",
    "carrying",
    "chat",
    "conversations",
    "dashboards",
    "feeds",
    "flash_sales",
    "members",
    "orders",
    "payments",
    "rooms",
    "stock",
    "tipping",
    "wallets",
]
