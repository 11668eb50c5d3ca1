from tests.server.brands.conftest import database, emptied_url, redis
from tests.server.orders.conftest import counter

__all__ = ["counter", "database", "emptied_url", "redis"]
