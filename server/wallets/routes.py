"""A member's own wallet."""

from __future__ import annotations

import re
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, get, post
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.database import Database
from server.kit.idempotency import KeyHeader, require_key
from server.kit.principal import Principal
from server.kit.settings import Settings
from server.payments import service as payments
from server.payments.providers import Providers
from server.wallets import service

# Browsers read a backslash as a slash and drop tabs: "/\t/elsewhere" would leave this site.
OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")
MAX_TOP_UP_MINOR = 50_000_00


class WalletPage(msgspec.Struct):
    """`entries`: the newest 50, money in above zero."""

    balance_minor: int
    entries: list[service.Line]


class TopUp(payments.HowToPay, kw_only=True):
    """The cashier sends the viewer back to `return_url`, a path of this site, or else to the room. Without a
    `provider` it is the first one offered."""

    amount_minor: Annotated[int, msgspec.Meta(ge=1, le=MAX_TOP_UP_MINOR)]
    provider: Annotated[str, msgspec.Meta(min_length=1, max_length=40)] | None = None
    room_id: UUID | None = None
    return_url: Annotated[str, msgspec.Meta(max_length=500)] = ""

    @property
    def way_back(self) -> str:
        if OWN_PATH.fullmatch(self.return_url):
            return self.return_url
        return f"/live/{self.room_id}" if self.room_id else "/"


@get("/api/wallet", tags=["wallet"])
async def show_wallet(member: Principal, session: AsyncSession) -> WalletPage:
    """The caller's balance and newest bookings."""
    return WalletPage(
        balance_minor=await service.balance(session, member.brand_id, member.id),
        entries=await service.statement(session, member.brand_id, member.id),
    )


@post("/api/wallet/top-ups", tags=["wallet"])
async def top_up(
    request: Request[Any, Any, Any],
    data: TopUp,
    member: Principal,
    database: Database,
    providers: Providers,
    settings: Settings,
    idempotency_key: KeyHeader = None,
) -> payments.Started:
    """A payment at the cashier; the wallet grows when the provider says that it was paid."""
    async with database.transaction() as session:  # committed before the provider is asked
        payment = await service.start_top_up(
            session,
            settings,
            brand_id=member.brand_id,
            member_id=member.id,
            amount_minor=data.amount_minor,
            provider=data.provider or next(iter(payments.offered(settings)), "none"),
            return_url=data.way_back,
            key=require_key(idempotency_key) if idempotency_key else None,
            scene=data.scene,
            payer=data.payer(request),
        )
    return await payments.begin(database, providers, settings, payment)


ROUTES = [show_wallet, top_up]
