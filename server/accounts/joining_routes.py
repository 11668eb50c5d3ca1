"""Staff by phone over HTTP: codes, sessions, requests to join, and who decides on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.di import Provide
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED, HTTP_204_NO_CONTENT
from sqlmodel.ext.asyncio.session import AsyncSession

from server.accounts import joining, service
from server.accounts.models import JoinRequest
from server.accounts.views import SignedIn, StoreName, signed_in_answer, view
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.limits import LIMITED, Limiter, address_of
from server.kit.paging import page
from server.kit.principal import Principal
from server.kit.settings import Settings
from server.members import limits, phones
from server.members import rules as numbers
from server.members import service as members
from server.members.sms import Sms, provide_sms

WINDOW_S = 15 * 60
TRIES_FROM_ADDRESS = 50
"""That led nowhere, in a window."""

Text = Annotated[str, msgspec.Meta(max_length=400)]
SENDS_SMS = {**LIMITED, "sms": Provide(provide_sms, sync_to_thread=False)}


class AskStaffCode(msgspec.Struct, forbid_unknown_fields=True):
    phone: Text


class StaffCodeSent(msgspec.Struct, omit_defaults=True):
    """`demo_code` only in the demo, which sends no messages."""

    expires_in_s: int
    demo_code: str | None = None


class StaffByPhone(msgspec.Struct, forbid_unknown_fields=True):
    """With `store_code` to join a store's list, without to come back. `brand_id` is the answer to `choose-brand`."""

    phone: Text
    code: Text
    store_code: Text | None = None
    brand_id: UUID | None = None


class AskToJoin(msgspec.Struct, forbid_unknown_fields=True):
    phone: Text
    code: Text
    store_code: Text
    name: Text
    brand_id: UUID | None = None


class JoinRequestView(msgspec.Struct):
    """`phone` is masked for all but owners and operators."""

    request_id: UUID
    name: str
    phone: str | None
    store: StoreName
    asked_at: datetime


class JoinRequests(msgspec.Struct):
    """`count` is of all that are open, not of this page."""

    items: list[JoinRequestView]
    next: str | None
    count: int


@post("/api/staff/phone-codes", status_code=HTTP_202_ACCEPTED, dependencies=SENDS_SMS, tags=["session"])
async def send_code(
    data: AskStaffCode,
    request: Request[Any, Any, Any],
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
    limiter: Limiter,
    sms: Sms,
) -> StaffCodeSent:
    """Six digits by text message, to any phone: the answer doesn't tell whether it is on a list. Limits as for
    viewers' codes."""
    phone = numbers.phone(data.phone)
    await limiter.take("phone-codes", address_of(request), limits.codes_per_hour(settings), 3600)
    code = await phones.send_code(session, sms, settings.secret, joining.CODES, phone, clock())
    return StaffCodeSent(int(numbers.CODE_TTL.total_seconds()), code if settings.demo else None)


@post("/api/staff/phone-sessions", status_code=HTTP_200_OK, dependencies=LIMITED, tags=["session"])
async def sign_in_by_phone(
    data: StaffByPhone,
    request: Request[Any, Any, Any],
    database: Database,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
    limiter: Limiter,
) -> Response[SignedIn]:
    """Sign in by the code: `not-on-list` for an unknown store code as for a phone on no list; the code is then still
    good to ask with, or to say which brand is meant."""
    now, phone = clock(), numbers.phone(data.phone)
    address = address_of(request)
    await limiter.take("staff-phones", address, TRIES_FROM_ADDRESS, WINDOW_S)
    code_id = await phones.check_code(database, settings.secret, joining.CODES, phone, data.code, now)
    account = await joining.enter(
        session, phone, code_id, now, store_code=data.store_code, brand_id=data.brand_id
    )
    if ending := request.cookies.get(service.COOKIE):
        await service.end_session(session, ending)
    token = await service.issue_session(session, account, now, service.SESSION_TTL)
    await limiter.give_back("staff-phones", address)
    return signed_in_answer(SignedIn(token, await view(session, account)), settings, HTTP_200_OK)


@post("/api/staff/join-requests", status_code=HTTP_202_ACCEPTED, dependencies=LIMITED, tags=["session"])
async def ask_to_join(
    data: AskToJoin,
    request: Request[Any, Any, Any],
    database: Database,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
    limiter: Limiter,
) -> None:
    """Ask the store's manager or headquarters to be a guide there. The answer is the same whether or not there is such
    a store; who was admitted signs in by phone."""
    now, phone = clock(), numbers.phone(data.phone)
    await limiter.take("staff-phones", address_of(request), TRIES_FROM_ADDRESS, WINDOW_S)
    code_id = await phones.check_code(database, settings.secret, joining.CODES, phone, data.code, now)
    await joining.ask(session, phone, code_id, data.store_code, data.name, now, brand_id=data.brand_id)


@get("/api/join-requests", tags=["accounts"])
async def list_requests(
    staff: Principal,
    session: AsyncSession,
    store_id: UUID | None = None,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> JoinRequests:
    """Open ones, newest first: a manager's own store's, all of the brand for owners and operators."""
    found = await joining.requests(session, staff, store_id, cursor)
    shown = page(found, lambda row: _shown(staff, *row), lambda row: row[0].id)
    return JoinRequests(shown.items, shown.next, await joining.count(session, staff, store_id))


@post("/api/join-requests/{request_id:uuid}/admit", status_code=HTTP_204_NO_CONTENT, tags=["accounts"])
async def admit(request_id: UUID, staff: Principal, session: AsyncSession, clock: Clock) -> None:
    """Who asked is a guide of the store now, and signs in by phone."""
    await joining.decide(session, staff, request_id, True, clock())


@post("/api/join-requests/{request_id:uuid}/refuse", status_code=HTTP_204_NO_CONTENT, tags=["accounts"])
async def refuse(request_id: UUID, staff: Principal, session: AsyncSession, clock: Clock) -> None:
    await joining.decide(session, staff, request_id, False, clock())


def _shown(staff: Principal, request: JoinRequest, store: str) -> JoinRequestView:
    return JoinRequestView(
        request.id,
        request.name,
        members.phone_for(staff, request.phone),
        StoreName(request.store_id, store),
        request.asked_at,
    )


ROUTES = [send_code, sign_in_by_phone, ask_to_join, list_requests, admit, refuse]
