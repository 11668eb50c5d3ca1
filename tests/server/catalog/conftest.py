from tests.server.brands.conftest import cheap_hashes, database, desk, redis

__all__ = ["cheap_hashes", "database", "desk", "redis"]
