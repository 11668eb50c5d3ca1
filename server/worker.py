"""The worker role: what was committed goes on, what is over ends, whatever a web process forgot.

Any number of workers may run: the relay elects one leader, the sweepers skip what another holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import httpx
import structlog
from sqlalchemy import text

import server.reactions  # noqa: F401  a fact told here finds its reactions
from live.broker import BrokerUnavailable
from live.broker.redis import RedisBroker
from live.presence import Presence
from server.dashboards.recorder import record_minutes
from server.engagement.likes.service import keep_likes
from server.flash_sales import reactions as flash_sales
from server.flash_sales.watch import SaleWatch
from server.kit.clock import Clock, utc_now
from server.kit.database import Database, log_failure
from server.kit.ids import uuid7
from server.kit.outbox import Relay
from server.kit.redis import Redis, connect
from server.kit.settings import Settings
from server.members import service as members
from server.orders import releasing
from server.payments import reactions as payments
from server.rooms.media_watch import watch_media

log = structlog.get_logger()

SWEEP_S = 0.5
FORGET_S = 3600.0


async def work(
    settings: Settings, stop: asyncio.Event, ready: Callable[[], None], clock: Clock = utc_now
) -> None:
    """Run until `stop` is set; each loop goes on after an error of its own. `ready` is called when PostgreSQL and Redis
    have answered."""
    database = Database(settings.database_url)
    redis = connect(settings.redis_url)
    broker = RedisBroker(settings.redis_url)
    presence = Presence(settings.redis_url, str(uuid7()))
    own = httpx.AsyncClient(base_url=settings.internal_url, timeout=5.0, verify=settings.internal_tls())
    payments.register(settings, own)
    flash_sales.register(redis)
    relay = Relay(database, broker.append, members.remember)
    watch = SaleWatch(database, redis, broker.append, clock)

    async def expire() -> None:
        more = True
        while more:
            async with database.transaction() as session:
                more = await releasing.expire_due(session, clock()) > 0

    try:
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_say_ready(database, redis, stop, ready))
            loops.create_task(relay.run(stop))
            loops.create_task(watch.run(stop))
            loops.create_task(_every(SWEEP_S, expire, stop))
            loops.create_task(_every(FORGET_S, relay.forget, stop))
            loops.create_task(record_minutes(database, presence, stop))
            loops.create_task(keep_likes(database, broker, stop))
            loops.create_task(watch_media(settings, database, broker, stop))
    finally:
        await own.aclose()
        await presence.aclose()
        await broker.aclose()
        await redis.aclose()
        await database.close()


async def _say_ready(
    database: Database, redis: Redis, stop: asyncio.Event, ready: Callable[[], None]
) -> None:
    while not stop.is_set():
        try:
            async with database.transaction() as session:
                await session.execute(text("SELECT 1"))
            await redis.ping()
        except Exception as error:
            log_failure(log, "not ready yet", error)
            await _pause(stop, SWEEP_S)
        else:
            ready()
            return


async def _every(seconds: float, act: Callable[[], Awaitable[None]], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await act()
        except BrokerUnavailable:
            log.warning("the broker is away", act=act.__name__)
        except Exception as error:
            log_failure(log, "a sweep failed", error, act=act.__name__)
        await _pause(stop, seconds)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
