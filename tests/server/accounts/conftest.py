from tests.server.brands.conftest import cheap_hashes, database, desk, emptied_url, redis

__all__ = ["cheap_hashes", "database", "desk", "emptied_url", "redis"]
