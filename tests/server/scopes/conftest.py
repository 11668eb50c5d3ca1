from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from argon2 import PasswordHasher
from sqlalchemy import make_url

from server.accounts import passwords
from server.kit.database import Database
from server.run.embedded import EmbeddedServers
from tests.conftest import TEMPLATE, administer
from tests.server.rooms.stage import settings_for
from tests.server.scopes.survey import Survey, survey


@pytest.fixture(scope="module")
def found(embedded_servers: EmbeddedServers, postgres_url: str) -> Survey:
    """Made once: it takes a while."""
    name = "scopes"
    administer(embedded_servers, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} STRATEGY file_copy")
    with redis.from_url(embedded_servers.redis_url) as client:
        client.flushall()
    url = make_url(postgres_url).set(database=name).render_as_string(hide_password=False)
    settings = settings_for(Database(url), embedded_servers.redis_url, sandbox=True, demo=True)
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    with ThreadPoolExecutor(1) as thread, pytest.MonkeyPatch.context() as patched:
        patched.setattr(passwords, "_HASHER", quick)  # a hash a request would be half of the time
        return thread.submit(lambda: asyncio.run(survey(settings))).result()
