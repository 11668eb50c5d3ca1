from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import msgspec
import pytest

import server.reactions  # noqa: F401
from server.kit.database import Database
from server.kit.redis import Redis
from tests.server.brands.conftest import database, emptied_url, redis
from tests.server.payments import stripe_server, wechat
from tests.server.payments.official_account import OfficialAccount
from tests.server.payments.stripe_server import LocalStripe
from tests.server.payments.till import Till
from tests.server.payments.wechat import WeChat
from tests.server.shop import Shop
from tests.server.wallets.serving import settings_of

__all__ = ["database", "emptied_url", "redis"]


@pytest.fixture(scope="session")
def running_stripe() -> Iterator[LocalStripe]:
    server = LocalStripe()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def stripe(running_stripe: LocalStripe) -> LocalStripe:
    running_stripe.reset()
    return running_stripe


@pytest.fixture
async def wechat_pay() -> AsyncIterator[WeChat]:
    server = WeChat()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def official_account() -> AsyncIterator[OfficialAccount]:
    server = OfficialAccount()
    await server.start()
    yield server
    await server.stop()


@pytest.fixture
async def wechat_till(till: Till, official_account: OfficialAccount, redis: Redis) -> Till:
    """The same, with the official account's secret."""
    known = msgspec.structs.replace(
        till.settings.wechat_pay, app_secret=official_account.secret, official_api=official_account.url
    )
    till.settings = msgspec.structs.replace(till.settings, wechat_pay=known)
    till.redis = redis
    return till


@pytest.fixture
async def till(
    database: Database,
    stripe: LocalStripe,
    wechat_pay: WeChat,
) -> AsyncIterator[Till]:
    """A shop that takes all three ways to pay."""
    settings = msgspec.structs.replace(
        settings_of(database),
        wechat_pay=wechat.account(wechat_pay.url),
        stripe=stripe_server.account(stripe.url),
    )
    till = Till(await Shop.open(database), settings)
    yield till
    await till.http.aclose()
    await till.providers.aclose()
