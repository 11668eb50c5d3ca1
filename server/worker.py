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

import server.accounts.imports  # the work of its jobs
import server.catalog.imports
import server.reactions  # a fact told here finds its reactions
import server.stores.imports  # noqa: F401
from live.broker import BrokerUnavailable
from live.broker.redis import RedisBroker
from live.presence import Presence
from server.after_sale import service as after_sale
from server.dashboards.recorder import record_minutes
from server.engagement.likes.service import keep_likes
from server.flash_sales import reactions as flash_sales
from server.flash_sales.watch import SaleWatch
from server.kit.clock import Clock, utc_now
from server.kit.database import Database, log_failure
from server.kit.ids import uuid7
from server.kit.jobs import service as jobs
from server.kit.jobs.queue import MEND_S, Queue
from server.kit.outbox import Relay
from server.kit.redis import Redis, connect
from server.kit.settings import Settings
from server.members import service as members
from server.orders import late_money, releasing
from server.payments import reconciling
from server.payments.providers import Providers
from server.payments.providers.sandbox import Sandbox
from server.payments.rounds import Rounds
from server.rooms.media_watch import watch_media

log = structlog.get_logger()

SWEEP_S = 0.5
SANDBOX_S = 0.1
LATE_MONEY_S = 5.0
RECONCILE_S = 1800.0
LAPSE_S = 60.0
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
    providers = Providers(settings, database)
    flash_sales.register(redis)
    relay = Relay(database, broker.append, members.remember)
    queue = Queue(database)
    watch = SaleWatch(database, redis, broker.append, clock)

    async def expire() -> None:
        more = True
        while more:
            async with database.transaction() as session:
                more = await releasing.expire_due(session, clock()) > 0

    async def forget() -> None:
        await relay.forget()
        await queue.forget()
        async with database.transaction() as session:
            await jobs.forget(session)

    async def lapse_returns() -> None:
        more = True
        while more:
            async with database.transaction() as session:
                more = await after_sale.lapse_due(session, clock()) > 0

    async def return_late_money() -> None:
        await late_money.return_due(database, clock())

    async def reconcile() -> None:
        await reconciling.reconcile_yesterday(database, providers, clock())

    async def send_sandbox_notices() -> None:
        await Sandbox(settings, database).send_due(own)

    try:
        async with asyncio.TaskGroup() as loops:
            loops.create_task(_say_ready(database, redis, stop, ready))
            loops.create_task(relay.run(stop))
            loops.create_task(watch.run(stop))
            loops.create_task(_every(SWEEP_S, expire, stop))
            loops.create_task(queue.run(stop))
            loops.create_task(_every(MEND_S, queue.mend, stop))
            loops.create_task(_every(FORGET_S, forget, stop))
            loops.create_task(Rounds(database, providers, clock).run(stop))
            loops.create_task(_every(LAPSE_S, lapse_returns, stop))
            if settings.return_late_money:
                loops.create_task(_every(LATE_MONEY_S, return_late_money, stop))
            loops.create_task(_every(RECONCILE_S, reconcile, stop))
            if settings.sandbox:
                loops.create_task(_every(SANDBOX_S, send_sandbox_notices, stop))
            loops.create_task(record_minutes(database, presence, stop))
            loops.create_task(keep_likes(database, broker, stop))
            loops.create_task(watch_media(settings, database, broker, stop))
    finally:
        await own.aclose()
        await providers.aclose()
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
