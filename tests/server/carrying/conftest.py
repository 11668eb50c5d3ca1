from tests.server.rooms.fixtures import broker, database, own_database, presence, redis, shared_url, stage

__all__ = ["broker", "database", "own_database", "presence", "redis", "shared_url", "stage"]
