"""Invitations over HTTP: made, opened, shown as pictures; and the credits they lead to."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import anyio.to_thread
import msgspec
from litestar import Response, get, post
from litestar.params import Parameter
from litestar.response import Redirect
from litestar.status_codes import HTTP_201_CREATED, HTTP_302_FOUND
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import credits, poster, service
from server.attribution.credits import CreditView
from server.attribution.service import Invitation, TouchTaken
from server.attribution.store_routes import ROUTES as STORE_ROUTES
from server.kit.clock import Clock
from server.kit.principal import Principal
from server.kit.problems import NotFound
from server.kit.settings import Settings

Code = Annotated[str, Parameter(max_length=64)]
A_WHILE = {"Cache-Control": "public, max-age=300"}


class Invite(msgspec.Struct, forbid_unknown_fields=True):
    """`channel` tells the inviter's links apart (`wechat`, `poster`); `screen` is a store's wall screen, whose code
    stands for the store alone."""

    room_id: UUID
    channel: Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[a-z0-9_-]*$")] = ""


class InvitationMade(msgspec.Struct):
    """`url` is to be sent on; `qr_url` and `poster_url` are paths of this site."""

    code: str
    url: str
    qr_url: str
    poster_url: str


class Credits(msgspec.Struct):
    items: list[CreditView]


def _url(settings: Settings, code: str) -> str:
    return f"{settings.base_url}/i/{code}"


@post("/api/invitations", status_code=HTTP_201_CREATED, tags=["invitations"])
async def invite(
    data: Invite, principal: Principal, session: AsyncSession, settings: Settings, clock: Clock
) -> InvitationMade:
    """The caller's own link into a room: a guide's, a manager's, or a viewer's re-share. Asked again it is the same."""
    code = await service.invite(session, settings.secret, principal, data.room_id, data.channel, clock())
    pictures = f"/api/invitations/{code}"
    return InvitationMade(code, _url(settings, code), f"{pictures}/qr.svg", f"{pictures}/poster.png")


@get("/api/invitations/{code:str}", tags=["invitations"])
async def show_invitation(code: Code, session: AsyncSession, settings: Settings) -> Invitation:
    """Who invites, and where to."""
    return await service.show(session, settings.secret, code)


@post("/api/invitations/{code:str}/touches", status_code=HTTP_201_CREATED, tags=["invitations"])
async def touch(
    code: Code, member: Principal, session: AsyncSession, settings: Settings, clock: Clock
) -> TouchTaken:
    """The caller came through this link. `refused` says why one doesn't count; it is kept all the same."""
    return await service.touch(session, settings.secret, code, member.brand_id, member.id, clock())


@get("/i/{code:str}", status_code=HTTP_302_FOUND, include_in_schema=False)
async def open_invitation(code: Code, session: AsyncSession, settings: Settings) -> Redirect:
    invitation = await service.show(session, settings.secret, code)
    if invitation.room_id is None:
        raise NotFound
    return Redirect(f"/live/{invitation.room_id}?i={code}", status_code=HTTP_302_FOUND)


@get("/api/invitations/{code:str}/qr.svg", tags=["invitations"])
async def qr_code(code: Code, session: AsyncSession, settings: Settings) -> Response[bytes]:
    await service.show(session, settings.secret, code)
    return Response(
        poster.qr_svg(_url(settings, code)), media_type="image/svg+xml; charset=utf-8", headers=A_WHILE
    )


@get("/api/invitations/{code:str}/poster.png", tags=["invitations"])
async def poster_picture(
    code: Code, session: AsyncSession, settings: Settings, language: Literal["zh-CN", "en"] = "zh-CN"
) -> Response[bytes]:
    """A picture to send on or print, 750×1,200."""
    invitation = await service.show(session, settings.secret, code)
    words = poster.PosterText(
        url=_url(settings, code),
        brand=invitation.brand,
        title=invitation.title,
        inviter=invitation.inviter,
        store=invitation.store.name if invitation.store else invitation.brand,
        language=language,
    )
    picture = await anyio.to_thread.run_sync(poster.poster_png, words)
    return Response(picture, media_type="image/png", headers=A_WHILE)


@get("/api/orders/{order_id:uuid}/credits", tags=["credits"])
async def order_credits(order_id: UUID, staff: Principal, session: AsyncSession) -> Credits:
    """Who was credited for an order, and why. For headquarters, the store's manager and the guide credited."""
    return Credits(list(await credits.of_order(session, staff, order_id)))


ROUTES = [
    invite,
    show_invitation,
    touch,
    open_invitation,
    qr_code,
    poster_picture,
    order_credits,
    *STORE_ROUTES,
]
