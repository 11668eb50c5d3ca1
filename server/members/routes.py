"""Guests, members and their timelines over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
from litestar import Request, get, patch, post
from litestar.di import Provide
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_202_ACCEPTED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import Clock
from server.kit.database import Database, after_commit
from server.kit.limits import LIMITED, Limiter, address_of
from server.kit.paging import Page, page
from server.kit.principal import HEADQUARTERS, Principal, Role, allow
from server.kit.settings import Settings
from server.members import limits, phones, rules, service
from server.members.address_routes import ROUTES as ADDRESSES
from server.members.models import Member, TimelineEntry
from server.members.sms import Sms, provide_sms
from server.members.tokens import member_tokens

Text = Annotated[str, msgspec.Meta(max_length=400)]
SEES_MEMBERS = [allow(*HEADQUARTERS, Role.MANAGER)]
SENDS_SMS = {**LIMITED, "sms": Provide(provide_sms, sync_to_thread=False)}


class NewGuest(msgspec.Struct, forbid_unknown_fields=True):
    """Without `room_id` or `brand_id` the guest is the installation's first brand's."""

    name: Text
    room_id: UUID | None = None
    brand_id: UUID | None = None


class Guest(msgspec.Struct):
    token: str
    member_id: UUID
    name: str


class AskCode(msgspec.Struct, forbid_unknown_fields=True):
    phone: Text
    room_id: UUID | None = None
    brand_id: UUID | None = None


class CodeSent(msgspec.Struct, omit_defaults=True):
    """`demo_code` only in the demo, which sends no messages."""

    expires_in_s: int
    demo_code: str | None = None


class ProvePhone(msgspec.Struct, forbid_unknown_fields=True):
    phone: Text
    code: Text
    name: Text | None = None
    room_id: UUID | None = None
    brand_id: UUID | None = None


class PhoneSession(msgspec.Struct):
    """`merged`: the guest was known by this number before, and is that member now."""

    token: str
    member_id: UUID
    name: str
    merged: bool


class Me(msgspec.Struct):
    member_id: UUID
    name: str
    phone: str | None
    guest: bool

    @classmethod
    def of(cls, member: Member) -> Self:
        return cls(member.id, member.name, member.phone, member.phone is None)


class ChangeMe(msgspec.Struct, forbid_unknown_fields=True):
    name: Text


class MemberView(msgspec.Struct):
    """`phone` is masked for all but owners and operators."""

    member_id: UUID
    name: str
    phone: str | None
    guest: bool
    created_at: datetime

    @classmethod
    def of(cls, staff: Principal, member: Member) -> Self:
        return cls(
            member.id,
            member.name,
            service.phone_for(staff, member.phone),
            member.phone is None,
            member.created_at,
        )


class TimelineLine(msgspec.Struct):
    id: UUID
    kind: str
    at: datetime
    room_id: UUID | None
    store_id: UUID | None
    data: dict[str, Any]

    @classmethod
    def of(cls, entry: TimelineEntry) -> Self:
        return cls(entry.id, entry.kind, entry.at, entry.room_id, entry.store_id, entry.data)


@post("/api/guests", dependencies=LIMITED, tags=["members"])
async def create_guest(
    data: NewGuest,
    request: Request[Any, Any, Any],
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
    limiter: Limiter,
) -> Guest:
    """A viewer with a name and nothing more; the token is good for 180 days."""
    await limiter.take("guests", address_of(request), limits.guests_per_minute(settings), 60)
    brand_id = await service.brand_for(session, data.brand_id, data.room_id)
    guest = await service.create_guest(session, brand_id, data.name)
    token = member_tokens(settings.secret).issue(guest, clock())
    return Guest(token, guest.id, guest.name)


@post("/api/phone-codes", status_code=HTTP_202_ACCEPTED, dependencies=SENDS_SMS, tags=["members"])
async def send_code(
    data: AskCode,
    request: Request[Any, Any, Any],
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
    limiter: Limiter,
    sms: Sms,
) -> CodeSent:
    """Six digits by text message, good for 5 minutes and 5 tries."""
    phone = rules.phone(data.phone)
    an_hour = limits.codes_per_hour(settings)
    await limiter.take("phone-codes", address_of(request), an_hour, 3600)
    brand_id = await _brand(session, request, data)
    code = await phones.send_code(session, sms, settings.secret, brand_id, phone, clock())
    return CodeSent(int(rules.CODE_TTL.total_seconds()), code if settings.demo else None)


@post("/api/phone-sessions", status_code=HTTP_200_OK, tags=["members"])
async def prove_phone(
    data: ProvePhone,
    request: Request[Any, Any, Any],
    database: Database,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
) -> PhoneSession:
    """Sign in by the code. A guest's token that comes along makes the guest that member."""
    now, phone = clock(), rules.phone(data.phone)
    async with database.transaction() as first:
        brand_id = await _brand(first, request, data)
    code_id = await phones.check_code(database, settings.secret, brand_id, phone, data.code, now)
    await phones.use_code(session, code_id, now)
    guest_id = viewer.id if (viewer := _viewer(request)) else None
    signed_in = await phones.settle(session, brand_id, phone, guest_id, data.name)
    tokens, member = member_tokens(settings.secret), signed_in.member
    if guest_id is not None:
        after_commit(session, lambda: tokens.forget(guest_id))
    return PhoneSession(tokens.issue(member, now), member.id, member.name, signed_in.merged)


@get("/api/me", tags=["members"])
async def show_me(member: Principal, session: AsyncSession) -> Me:
    return Me.of(await service.get(session, member.brand_id, member.id))


@patch("/api/me", tags=["members"])
async def change_me(data: ChangeMe, member: Principal, session: AsyncSession, settings: Settings) -> Me:
    own = await service.get(session, member.brand_id, member.id)
    await service.rename(session, own, data.name)
    after_commit(session, lambda: member_tokens(settings.secret).forget(own.id))
    return Me.of(own)


@get("/api/members", guards=SEES_MEMBERS, tags=["members"])
async def listing(
    staff: Principal,
    session: AsyncSession,
    q: Annotated[str | None, Parameter(max_length=100)] = None,
    guest: bool | None = None,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[MemberView]:
    """Newest first. All of the brand for headquarters; a manager sees who visited the own store."""
    members = await service.listing(session, staff, q, guest, cursor)
    return page(members, lambda member: MemberView.of(staff, member), lambda member: member.id)


@get("/api/members/{member_id:uuid}", guards=SEES_MEMBERS, tags=["members"])
async def show(member_id: UUID, staff: Principal, session: AsyncSession) -> MemberView:
    """A merged guest's id shows the member."""
    return MemberView.of(staff, await service.in_scope(session, staff, member_id))


@get("/api/members/{member_id:uuid}/timeline", guards=SEES_MEMBERS, tags=["members"])
async def timeline(
    member_id: UUID,
    staff: Principal,
    session: AsyncSession,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[TimelineLine]:
    """Everything the member did, newest first."""
    member = await service.in_scope(session, staff, member_id)
    entries = await service.timeline(session, staff, member, cursor)
    return page(entries, TimelineLine.of, lambda entry: entry.id)


def _viewer(request: Request[Any, Any, Any]) -> Principal | None:
    user: Principal | None = request.scope.get("user")
    return user if user is not None and user.kind == "member" else None


async def _brand(session: AsyncSession, request: Request[Any, Any, Any], data: AskCode | ProvePhone) -> UUID:
    """A viewer's own; else the one that is asked for."""
    if viewer := _viewer(request):
        return viewer.brand_id
    return await service.brand_for(session, data.brand_id, data.room_id)


ROUTES = [create_guest, send_code, prove_phone, show_me, change_me, listing, show, timeline, *ADDRESSES]
