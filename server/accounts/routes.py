"""Signing in and out, the first owner's set-up, and the staff of a brand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, patch, post, put
from litestar.datastructures import Cookie
from litestar.di import Provide
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from msgspec import UNSET, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from server.accounts import rules, service
from server.accounts.models import Account
from server.brands import service as brands
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.limits import Limiter, address_of, provide_limiter
from server.kit.paging import Page, page
from server.kit.principal import Principal, Role, allow
from server.kit.settings import Settings
from server.stores import service as stores

WINDOW_S = 15 * 60
FAILURES_HERE = 10
"""Wrong passwords for one login from one address in a window; from anywhere, and for any login, by the others."""
FAILURES_FOR_LOGIN = 100
FAILURES_FROM_ADDRESS = 50

Text = Annotated[str, msgspec.Meta(max_length=400)]
LIMITED = {"limiter": Provide(provide_limiter, sync_to_thread=False)}


class BrandName(msgspec.Struct):
    brand_id: UUID
    name: str


class StoreName(msgspec.Struct):
    store_id: UUID
    name: str


class AccountView(msgspec.Struct):
    account_id: UUID
    name: str
    login: str
    role: Role
    brand: BrandName
    store: StoreName | None
    disabled: bool
    created_at: datetime


class GuideView(msgspec.Struct):
    account_id: UUID
    name: str
    login: str
    role: Role


class CurrentSession(msgspec.Struct):
    account: AccountView


class SignedIn(msgspec.Struct):
    """`token` for `Authorization: Bearer`; browsers have it in the cookie."""

    token: str
    account: AccountView


class SignIn(msgspec.Struct, forbid_unknown_fields=True):
    login: Text
    password: Text


class ChangePassword(msgspec.Struct, forbid_unknown_fields=True):
    current: Text
    password: Text


class SetPassword(msgspec.Struct, forbid_unknown_fields=True):
    password: Text


class SetUp(msgspec.Struct, forbid_unknown_fields=True):
    token: Text
    brand_name: Text
    store_name: Text
    name: Text
    login: Text
    password: Text


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    name: Text
    login: Text
    role: Role
    password: Text
    store_id: UUID | None = None


class ChangeAccount(msgspec.Struct, forbid_unknown_fields=True):
    """`store_id` is null for roles without a store."""

    name: Text | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    store_id: UUID | UnsetType | None = UNSET


@post("/api/session", status_code=HTTP_200_OK, dependencies=LIMITED, tags=["session"])
async def sign_in(
    data: SignIn,
    request: Request[Any, Any, Any],
    database: Database,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
    limiter: Limiter,
) -> Response[SignedIn]:
    """Sign in by password. Wrong tries are limited by login and by address."""
    tries = _Tries(limiter, data.login, address_of(request))
    await tries.take()
    token, account = await service.sign_in(
        database, data.login, data.password, clock(), ending=request.cookies.get(service.COOKIE)
    )
    await tries.give_back()
    return _signed_in(SignedIn(token, await _view(session, account)), settings, HTTP_200_OK)


@get("/api/session", tags=["session"])
async def show_session(staff: Principal, session: AsyncSession) -> CurrentSession:
    return CurrentSession(await _view(session, await service.get(session, staff.brand_id, staff.id)))


@delete("/api/session", status_code=HTTP_204_NO_CONTENT, tags=["session"])
async def sign_out(
    request: Request[Any, Any, Any], session: AsyncSession, settings: Settings
) -> Response[None]:
    """Ends the session of the cookie or bearer token that comes with it; without one there is nothing to end."""
    if token := _presented_token(request):
        await service.end_session(session, token)
    return Response(None, status_code=HTTP_204_NO_CONTENT, cookies=[_cookie("", settings, max_age=0)])


@put("/api/session/password", dependencies=LIMITED, tags=["session"])
async def change_password(
    data: ChangePassword,
    request: Request[Any, Any, Any],
    staff: Principal,
    database: Database,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
    limiter: Limiter,
) -> Response[SignedIn]:
    """The own password. All other sessions of the account end."""
    tries = _Tries(limiter, str(staff.id), address_of(request))
    await tries.take()
    token, account = await service.change_password(database, staff, data.current, data.password, clock())
    await tries.give_back()
    return _signed_in(SignedIn(token, await _view(session, account)), settings, HTTP_200_OK)


@post("/api/setup", tags=["session"])
async def set_up(data: SetUp, session: AsyncSession, settings: Settings, clock: Clock) -> Response[SignedIn]:
    """The first owner, by the one-time link that the start-up printed; signs in, too."""
    now = clock()
    owner = service.NewAccount(login=data.login, name=data.name, password=data.password, role=Role.OWNER)
    account = await service.set_up(session, data.token, data.brand_name, data.store_name, owner, now)
    token = await service.issue_session(session, account, now, service.SESSION_TTL)
    return _signed_in(SignedIn(token, await _view(session, account)), settings, HTTP_201_CREATED)


MANAGES_STAFF = [allow(Role.OWNER, Role.OPERATOR)]


@get("/api/accounts", guards=MANAGES_STAFF, tags=["accounts"])
async def listing(
    staff: Principal,
    session: AsyncSession,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[AccountView]:
    """All staff of the brand, newest first."""
    accounts = page(
        await service.listing(session, staff.brand_id, cursor), lambda a: a, lambda account: account.id
    )
    return Page(await _views(session, accounts.items), accounts.next)


@post("/api/accounts", guards=MANAGES_STAFF, tags=["accounts"])
async def create(data: NewAccount, staff: Principal, session: AsyncSession) -> AccountView:
    """An owner makes any account, an operator those of store staff."""
    new = service.NewAccount(
        login=data.login, name=data.name, password=data.password, role=data.role, store_id=data.store_id
    )
    return await _view(session, await service.hire(session, staff, new))


@patch("/api/accounts/{account_id:uuid}", guards=MANAGES_STAFF, tags=["accounts"])
async def change(
    account_id: UUID, data: ChangeAccount, staff: Principal, session: AsyncSession
) -> AccountView:
    """Another name, role or store; links made before keep the store they were made for."""
    to = service.AccountChanges(name=data.name, role=data.role, store_id=data.store_id)
    return await _view(session, await service.change(session, staff, account_id, to))


@post(
    "/api/accounts/{account_id:uuid}/disable",
    status_code=HTTP_200_OK,
    guards=MANAGES_STAFF,
    tags=["accounts"],
)
async def disable(account_id: UUID, staff: Principal, session: AsyncSession, clock: Clock) -> AccountView:
    """Nobody signs in with it any more, and its sessions are over."""
    return await _view(session, await service.disable(session, staff, account_id, clock()))


@post(
    "/api/accounts/{account_id:uuid}/enable",
    status_code=HTTP_200_OK,
    guards=MANAGES_STAFF,
    tags=["accounts"],
)
async def enable(account_id: UUID, staff: Principal, session: AsyncSession) -> AccountView:
    return await _view(session, await service.enable(session, staff, account_id))


@put(
    "/api/accounts/{account_id:uuid}/password",
    status_code=HTTP_204_NO_CONTENT,
    guards=MANAGES_STAFF,
    tags=["accounts"],
)
async def reset_password(
    account_id: UUID, data: SetPassword, staff: Principal, session: AsyncSession
) -> None:
    """Another one's password; their sessions are over."""
    await service.reset_password(session, staff, account_id, data.password)


@get("/api/stores/{store_id:uuid}/guides", tags=["stores"])
async def guides(store_id: UUID, staff: Principal, session: AsyncSession) -> Page[GuideView]:
    """The store's staff who may sign in."""
    store = await stores.get(session, staff, store_id)
    accounts = await service.staff_of_store(session, store.brand_id, store.id)
    return Page([GuideView(a.id, a.name, a.login, Role(a.role)) for a in accounts], None)


class _Tries:
    """Every sign-in is counted before the password is looked at; one that is right is uncounted."""

    def __init__(self, limiter: Limiter, login: str, address: str) -> None:
        login = rules.normal_login(login)
        self._limiter = limiter
        self._counters = [
            ("sign-in-here", f"{login} {address}", FAILURES_HERE),
            ("sign-in-address", address, FAILURES_FROM_ADDRESS),
            ("sign-in-login", login, FAILURES_FOR_LOGIN),
        ]

    async def take(self) -> None:
        for what, who, limit in self._counters:
            await self._limiter.take(what, who, limit, WINDOW_S)

    async def give_back(self) -> None:
        for what, who, _ in self._counters:
            await self._limiter.give_back(what, who)


async def _view(session: AsyncSession, account: Account) -> AccountView:
    return (await _views(session, [account]))[0]


async def _views(session: AsyncSession, accounts: Sequence[Account]) -> list[AccountView]:
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
        )
        for account in accounts
    ]


def _presented_token(request: Request[Any, Any, Any]) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.cookies.get(service.COOKIE)


def _signed_in(signed_in: SignedIn, settings: Settings, status: int) -> Response[SignedIn]:
    cookie = _cookie(signed_in.token, settings, max_age=int(service.SESSION_TTL.total_seconds()))
    return Response(signed_in, status_code=status, cookies=[cookie])


def _cookie(token: str, settings: Settings, max_age: int) -> Cookie:
    return Cookie(
        key=service.COOKIE,
        value=token,
        path="/",
        max_age=max_age,
        httponly=True,
        samesite="lax",
        secure=settings.base_url.startswith("https://"),
    )


ROUTES = [
    sign_in,
    show_session,
    sign_out,
    change_password,
    set_up,
    listing,
    create,
    change,
    disable,
    enable,
    reset_password,
    guides,
]
