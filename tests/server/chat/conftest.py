from tests.server.rooms.fixtures import broker, database, presence, redis, stage

__all__ = ["broker", "database", "presence", "redis", "stage"]
