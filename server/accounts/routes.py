"""Signing in and out, the first owner's set-up, and the staff of a brand."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, delete, get, patch, post, put
from litestar.di import Provide
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT
from msgspec import UNSET, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from server.accounts import imports, rules, service
from server.accounts.joining_routes import ROUTES as JOINING
from server.accounts.views import (
    AccountView,
    GuideView,
    SignedIn,
    session_cookie,
    signed_in_answer,
    view,
    views,
)
from server.catalog import pictures
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.idempotency import KeyHeader
from server.kit.jobs.service import LONGEST_NAME, JobView
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


class CurrentSession(msgspec.Struct):
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


class ChooseLogin(msgspec.Struct, forbid_unknown_fields=True):
    login: Text
    password: Text


class NewAccount(msgspec.Struct, forbid_unknown_fields=True):
    """A login with its password, a phone to come in by, or both."""

    name: Text
    role: Role
    login: Text | None = None
    password: Text | None = None
    store_id: UUID | None = None
    phone: Text | None = None


class ChangeAccount(msgspec.Struct, forbid_unknown_fields=True):
    """`store_id` is null for roles without a store, `phone` for who comes in by password."""

    name: Text | UnsetType = UNSET
    role: Role | UnsetType = UNSET
    store_id: UUID | UnsetType | None = UNSET
    phone: Text | UnsetType | None = UNSET


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
    return signed_in_answer(SignedIn(token, await view(session, account)), settings, HTTP_200_OK)


@get("/api/session", tags=["session"])
async def show_session(staff: Principal, session: AsyncSession) -> CurrentSession:
    return CurrentSession(await view(session, await service.get(session, staff.brand_id, staff.id)))


@delete("/api/session", status_code=HTTP_204_NO_CONTENT, tags=["session"])
async def sign_out(
    request: Request[Any, Any, Any], session: AsyncSession, settings: Settings
) -> Response[None]:
    """Ends the session of the cookie or bearer token that comes with it; without one there is nothing to end."""
    if token := _presented_token(request):
        await service.end_session(session, token)
    return Response(None, status_code=HTTP_204_NO_CONTENT, cookies=[session_cookie("", settings, max_age=0)])


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
    return signed_in_answer(SignedIn(token, await view(session, account)), settings, HTTP_200_OK)


@put("/api/session/login", tags=["session"])
async def choose_login(
    data: ChooseLogin,
    staff: Principal,
    database: Database,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
) -> Response[SignedIn]:
    """For who came in by phone: a login and a password beside it. The other sessions of the account end."""
    token, account = await service.choose_password(database, staff, data.login, data.password, clock())
    return signed_in_answer(SignedIn(token, await view(session, account)), settings, HTTP_200_OK)


@put("/api/session/face", request_max_body_size=pictures.MOST_BYTES, tags=["session"])
async def change_face(body: bytes, staff: Principal, session: AsyncSession) -> AccountView:
    """The own face, on posters and pages. The picture file itself as the body: JPEG, PNG, WebP, GIF, AVIF or
    BMP, at most 10 MB; shown round, cut to its middle."""
    return await view(session, await service.set_face(session, staff, staff.id, body))


@delete("/api/session/face", status_code=HTTP_200_OK, tags=["session"])
async def take_face_away(staff: Principal, session: AsyncSession) -> AccountView:
    return await view(session, await service.set_face(session, staff, staff.id, None))


@post("/api/setup", tags=["session"])
async def set_up(data: SetUp, session: AsyncSession, settings: Settings, clock: Clock) -> Response[SignedIn]:
    """The first owner, by the one-time link that the start-up printed; signs in, too."""
    now = clock()
    owner = service.NewAccount(login=data.login, name=data.name, password=data.password, role=Role.OWNER)
    account = await service.set_up(session, data.token, data.brand_name, data.store_name, owner, now)
    token = await service.issue_session(session, account, now, service.SESSION_TTL)
    return signed_in_answer(SignedIn(token, await view(session, account)), settings, HTTP_201_CREATED)


MANAGES_STAFF = [allow(Role.OWNER, Role.OPERATOR)]


@get("/api/accounts", guards=MANAGES_STAFF, tags=["accounts"])
async def listing(
    staff: Principal,
    session: AsyncSession,
    q: Annotated[str, Parameter(max_length=100)] = "",
    store_id: UUID | None = None,
    region_id: UUID | None = None,
    role: Role | None = None,
    place: Literal["stores", "headquarters", "outside"] | None = None,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[AccountView]:
    """All staff of the brand, newest first. `q` is looked for in names, at the beginning of logins, and as four or more
    digits at the end of phones."""
    asked = service.Filter(query=q, store_id=store_id, region_id=region_id, role=role, place=place)
    found = await service.listing(session, staff.brand_id, asked, cursor)
    accounts = page(found, lambda a: a, lambda account: account.id)
    return Page(await views(session, accounts.items), accounts.next)


@post("/api/accounts", guards=MANAGES_STAFF, tags=["accounts"])
async def create(data: NewAccount, staff: Principal, session: AsyncSession) -> AccountView:
    """An owner makes any account, an operator those of store staff and of guides from outside."""
    new = service.NewAccount(
        login=data.login,
        name=data.name,
        password=data.password,
        role=data.role,
        store_id=data.store_id,
        phone=data.phone,
    )
    return await view(session, await service.hire(session, staff, new))


@patch("/api/accounts/{account_id:uuid}", guards=MANAGES_STAFF, tags=["accounts"])
async def change(
    account_id: UUID, data: ChangeAccount, staff: Principal, session: AsyncSession
) -> AccountView:
    """Another name, role, store or phone; links and credits made before keep the store they were made for."""
    to = service.AccountChanges(name=data.name, role=data.role, store_id=data.store_id, phone=data.phone)
    return await view(session, await service.change(session, staff, account_id, to))


@put(
    "/api/accounts/{account_id:uuid}/face",
    guards=MANAGES_STAFF,
    request_max_body_size=pictures.MOST_BYTES,
    tags=["accounts"],
)
async def change_face_of(
    account_id: UUID, body: bytes, staff: Principal, session: AsyncSession
) -> AccountView:
    """Somebody's face, as theirs would be."""
    return await view(session, await service.set_face(session, staff, account_id, body))


@delete(
    "/api/accounts/{account_id:uuid}/face", status_code=HTTP_200_OK, guards=MANAGES_STAFF, tags=["accounts"]
)
async def take_face_away_of(account_id: UUID, staff: Principal, session: AsyncSession) -> AccountView:
    return await view(session, await service.set_face(session, staff, account_id, None))


@post(
    "/api/accounts/{account_id:uuid}/disable",
    status_code=HTTP_200_OK,
    guards=MANAGES_STAFF,
    tags=["accounts"],
)
async def disable(account_id: UUID, staff: Principal, session: AsyncSession, clock: Clock) -> AccountView:
    """Nobody signs in with it any more, and its sessions are over."""
    return await view(session, await service.disable(session, staff, account_id, clock()))


@post(
    "/api/accounts/{account_id:uuid}/enable",
    status_code=HTTP_200_OK,
    guards=MANAGES_STAFF,
    tags=["accounts"],
)
async def enable(account_id: UUID, staff: Principal, session: AsyncSession) -> AccountView:
    return await view(session, await service.enable(session, staff, account_id))


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


@post(
    "/api/accounts/imports",
    status_code=HTTP_202_ACCEPTED,
    guards=MANAGES_STAFF,
    request_max_body_size=imports.MOST_BYTES,
    tags=["accounts"],
)
async def import_list(
    body: bytes,
    staff: Principal,
    session: AsyncSession,
    name: Annotated[str, Parameter(max_length=LONGEST_NAME)] = "",
    idempotency_key: KeyHeader = None,
) -> Response[JobView]:
    """The XLSX or CSV file itself as the body: at most 20,000 rows and 4 MB. Columns: name, phone, role, store (the
    store's code). A person is known by the phone, and comes in by it; there are no passwords in lists.

    202 with the job, whose address is in `Location`.
    """
    job = await imports.import_list(session, staff, body, file=name, key=idempotency_key)
    headers = {"Location": f"/api/jobs/{job.id}"}
    return Response(JobView.of(job), status_code=HTTP_202_ACCEPTED, headers=headers)


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


def _presented_token(request: Request[Any, Any, Any]) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else request.cookies.get(service.COOKIE)


ROUTES = [
    sign_in,
    show_session,
    sign_out,
    change_password,
    choose_login,
    change_face,
    take_face_away,
    set_up,
    listing,
    create,
    change,
    change_face_of,
    take_face_away_of,
    disable,
    enable,
    reset_password,
    import_list,
    guides,
    *JOINING,
]
