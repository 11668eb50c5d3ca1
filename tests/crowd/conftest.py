from tests.browser.conftest import browser
from tests.server.rooms.fixtures import broker, database, own_database, presence, redis, shared_url, stage

__all__ = ["broker", "browser", "database", "own_database", "presence", "redis", "shared_url", "stage"]
