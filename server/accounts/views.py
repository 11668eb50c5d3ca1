"""How accounts are shown, and how a browser is signed in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from litestar import Response
from litestar.datastructures import Cookie
from sqlmodel.ext.asyncio.session import AsyncSession

from server.accounts import service
from server.accounts.models import Account
from server.brands import service as brands
from server.catalog import service as catalog
from server.kit.principal import Role
from server.kit.settings import Settings
from server.stores import service as stores


class BrandName(msgspec.Struct):
    brand_id: UUID
    name: str


class StoreName(msgspec.Struct):
    store_id: UUID
    name: str


class AccountView(msgspec.Struct):
    """`login` is null for who comes in by phone alone. `joined`: there is a password, or they came in by phone. `face`
    is the path of a picture."""

    account_id: UUID
    name: str
    login: str | None
    role: Role
    brand: BrandName
    store: StoreName | None
    disabled: bool
    created_at: datetime
    phone: str | None
    joined: bool
    face: str | None


class GuideView(msgspec.Struct):
    account_id: UUID
    name: str
    login: str | None
    role: Role


class SignedIn(msgspec.Struct):
    """`token` for `Authorization: Bearer`; browsers have it in the cookie."""

    token: str
    account: AccountView


async def view(session: AsyncSession, account: Account) -> AccountView:
    return (await views(session, [account]))[0]


async def views(session: AsyncSession, accounts: Sequence[Account]) -> list[AccountView]:
    """Of one brand."""
    if not accounts:
        return []
    brand = await brands.get(session, accounts[0].brand_id)
    store_names = await stores.names(session, [a.store_id for a in accounts if a.store_id])
    return [
        AccountView(
            account_id=account.id,
            name=account.name,
            login=account.login,
            role=Role(account.role),
            brand=BrandName(brand.id, brand.name),
            store=StoreName(account.store_id, store_names[account.store_id]) if account.store_id else None,
            disabled=account.disabled_at is not None,
            created_at=account.created_at,
            phone=account.phone,
            joined=account.password_hash is not None or account.joined_at is not None,
            face=catalog.image_url(account.face),
        )
        for account in accounts
    ]


def signed_in_answer(signed_in: SignedIn, settings: Settings, status: int) -> Response[SignedIn]:
    cookie = session_cookie(signed_in.token, settings, max_age=int(service.SESSION_TTL.total_seconds()))
    return Response(signed_in, status_code=status, cookies=[cookie])


def session_cookie(token: str, settings: Settings, max_age: int) -> Cookie:
    return Cookie(
        key=service.COOKIE,
        value=token,
        path="/",
        max_age=max_age,
        httponly=True,
        samesite="lax",
        secure=settings.base_url.startswith("https://"),
    )
