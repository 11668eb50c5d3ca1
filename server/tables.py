"""Every table of the schema, imported once for migrations and tests."""

from server.accounts import models as accounts
from server.after_sale import models as after_sale
from server.attribution import models as attribution
from server.brands import models as brands
from server.carrying import models as carrying
from server.catalog import models as catalog
from server.chat import models as chat
from server.conversations import models as conversations
from server.feeds import models as feeds
from server.flash_sales import models as flash_sales
from server.kit import outbox
from server.kit.jobs import models as jobs
from server.members import models as members
from server.orders import models as orders
from server.payments import models as payments
from server.rooms import models as rooms
from server.rooms.kinds import models as session_kinds
from server.stock import models as stock
from server.stores import models as stores
from server.tipping import models as tipping
from server.wallets import models as wallets

__all__ = [
    "accounts",
    "after_sale",
    "attribution",
    "brands",
    "carrying",
    "catalog",
    "chat",
    "conversations",
    "feeds",
    "flash_sales",
    "jobs",
    "members",
    "orders",
    "outbox",
    "payments",
    "rooms",
    "session_kinds",
    "stock",
    "stores",
    "tipping",
    "wallets",
]
