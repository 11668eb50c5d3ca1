"""Invitations over HTTP: made, opened, shown as pictures; and the credits they lead to."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, urlencode
from uuid import UUID

import anyio.to_thread
import msgspec
from litestar import Request, Response, get, post
from litestar.params import Parameter
from litestar.response import Redirect
from litestar.status_codes import HTTP_201_CREATED, HTTP_302_FOUND, HTTP_304_NOT_MODIFIED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import credits, inviting, poster, poster_template, service, shelf_codes
from server.attribution.campaign_routes import ROUTES as CAMPAIGN_ROUTES
from server.attribution.credits import CreditView
from server.attribution.inviting import Invitation
from server.attribution.policy_routes import ROUTES as POLICY_ROUTES
from server.attribution.service import TouchTaken
from server.attribution.store_routes import ROUTES as STORE_ROUTES
from server.kit import qr
from server.kit.clock import Clock
from server.kit.idempotency import KeyHeader, request_hash, require_key
from server.kit.limits import LIMITED, Limiter, address_of
from server.kit.principal import Principal
from server.kit.problems import NotFound
from server.kit.settings import Settings
from server.members import limits
from server.orders.service import Placed, PlaceOrder

Code = Annotated[str, Parameter(max_length=64)]
A_WHILE = {"Cache-Control": "public, max-age=300"}
LONGEST_QUERY = 1_000


class Invite(msgspec.Struct, forbid_unknown_fields=True):
    """`channel` tells the inviter's links apart (`wechat`, `poster`); `screen` is a store's wall screen, whose code
    stands for the store alone. Own words are a channel too (`社区团购群`), without spaces and capitals."""

    room_id: UUID
    channel: Annotated[str, msgspec.Meta(max_length=32, pattern=r"^[^\sA-Z<>\"'&]*$")] = ""
    campaign_id: UUID | None = None


class InvitationMade(msgspec.Struct):
    """`url` is to be sent on; `qr_url` and `poster_url` are paths of this site. `friends`: how many came into the room
    by this viewer's own links."""

    code: str
    url: str
    qr_url: str
    poster_url: str
    friends: int = 0


class Credits(msgspec.Struct):
    items: list[CreditView]


def _url(settings: Settings, code: str) -> str:
    return f"{settings.base_url}/i/{code}"


@post("/api/invitations", status_code=HTTP_201_CREATED, tags=["invitations"])
async def invite(
    data: Invite, principal: Principal, session: AsyncSession, settings: Settings, clock: Clock
) -> InvitationMade:
    """The caller's own link into a room: a guide's, a manager's, or a viewer's re-share. Asked again it is the same."""
    code = await inviting.invite(
        session, settings.secret, principal, data.room_id, data.channel, clock(), data.campaign_id
    )
    is_member = principal.kind == "member"
    friends = await inviting.friends(session, principal.id, data.room_id) if is_member else 0
    pictures = f"/api/invitations/{code}"
    return InvitationMade(code, _url(settings, code), f"{pictures}/qr.svg", f"{pictures}/poster.png", friends)


@get("/api/invitations/{code:str}", tags=["invitations"])
async def show_invitation(code: Code, session: AsyncSession, settings: Settings, clock: Clock) -> Invitation:
    """Who invites, and where to."""
    return await inviting.show(session, settings.secret, code, clock())


@post("/api/invitations/{code:str}/touches", status_code=HTTP_201_CREATED, tags=["invitations"])
async def touch(
    code: Code, member: Principal, session: AsyncSession, settings: Settings, clock: Clock
) -> TouchTaken:
    """The caller came through this link. `refused` says why one doesn't count; it is kept all the same."""
    return await service.touch(session, settings.secret, code, member.brand_id, member.id, clock())


@get("/i/{code:str}", status_code=HTTP_302_FOUND, include_in_schema=False)
async def open_invitation(
    request: Request[Any, Any, Any], code: Code, session: AsyncSession, settings: Settings, clock: Clock
) -> Redirect:
    """To the page that the code leads to, which finds the code in its own address: no cookie carries it. What else the
    address had (`lang`, what a chat or an advertisement puts there) goes along."""
    invitation = await inviting.show(session, settings.secret, code, clock())
    if invitation.product_id is not None:
        path = await shelf_codes.opened(session, settings.secret, code, clock())
    elif invitation.room_id is not None:
        path = f"/live/{invitation.room_id}?i={code}"
    else:
        raise NotFound
    given = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    more = [(key, value) for key, value in given if key not in ("i", "p")]
    query = urlencode(more)
    if more and len(query) <= LONGEST_QUERY:
        path += f"&{query}"
    return Redirect(path, status_code=HTTP_302_FOUND, headers={"Cache-Control": "no-store"})


@get("/api/invitations/{code:str}/qr.svg", tags=["invitations"])
async def qr_code(code: Code, session: AsyncSession, settings: Settings, clock: Clock) -> Response[bytes]:
    await inviting.show(session, settings.secret, code, clock())
    return Response(qr.svg(_url(settings, code)), media_type="image/svg+xml; charset=utf-8", headers=A_WHILE)


@get("/api/invitations/{code:str}/poster.png", tags=["invitations"])
async def poster_picture(
    request: Request[Any, Any, Any],
    code: Code,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
    language: Literal["zh-CN", "en"] = "zh-CN",
) -> Response[bytes]:
    """A picture to send on or print, 750×1,200, in the brand's template; asked for anew whenever it is shown."""
    url = _url(settings, code)
    words = await poster_template.of_link(session, settings.secret, code, url, language, clock())
    headers = {"ETag": words.etag, "Cache-Control": "public, max-age=0, must-revalidate"}
    if request.headers.get("if-none-match") == words.etag:
        return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    pictures = await poster_template.pictures_of(session, words)
    picture = await anyio.to_thread.run_sync(poster.poster_png, words, pictures)
    return Response(picture, media_type="image/png", headers=headers)


class ShelfCode(msgspec.Struct, forbid_unknown_fields=True):
    product_id: UUID


class ShelfCodeMade(msgspec.Struct):
    """`url` is what the code leads to; `qr_url` and `card_url` (a PNG to print) are paths of this site."""

    code: str
    url: str
    qr_url: str
    card_url: str


@post("/api/stores/{store_id:uuid}/shelf-codes", status_code=HTTP_201_CREATED, tags=["invitations"])
async def make_shelf_code(
    store_id: UUID,
    data: ShelfCode,
    staff: Principal,
    session: AsyncSession,
    settings: Settings,
    clock: Clock,
) -> ShelfCodeMade:
    """The code for a product on a store's shelf: it opens the product in a room that is on, or its own page, and the
    store is credited. Asked again it is the same."""
    code = await shelf_codes.make(session, settings.secret, staff, store_id, data.product_id, clock())
    pictures = f"/api/invitations/{code}"
    return ShelfCodeMade(code, _url(settings, code), f"{pictures}/qr.svg", f"{pictures}/card.png")


@get("/api/invitations/{code:str}/product", tags=["invitations"])
async def shelf_product(code: Code, session: AsyncSession, settings: Settings) -> shelf_codes.ShelfProduct:
    """The product at whose place on a store's shelf the code stands."""
    return await shelf_codes.show(session, settings.secret, code)


@get("/api/invitations/{code:str}/card.png", tags=["invitations"])
async def shelf_card(
    code: Code, session: AsyncSession, settings: Settings, language: Literal["zh-CN", "en"] = "zh-CN"
) -> Response[bytes]:
    """A card to print and put on the shelf, 750×1,000."""
    product = await shelf_codes.show(session, settings.secret, code)
    words = poster.CardText(
        url=_url(settings, code),
        brand=product.brand,
        title=product.title,
        store=product.store.name,
        language=language,
    )
    picture = await anyio.to_thread.run_sync(poster.card_png, words)
    return Response(picture, media_type="image/png", headers=A_WHILE)


@post(
    "/api/invitations/{code:str}/orders", status_code=HTTP_201_CREATED, dependencies=LIMITED, tags=["orders"]
)
async def order_at_shelf(
    request: Request[Any, Any, Any],
    code: Code,
    data: PlaceOrder,
    member: Principal,
    session: AsyncSession,
    settings: Settings,
    limiter: Limiter,
    clock: Clock,
    idempotency_key: KeyHeader = None,
) -> Placed:
    """Order the code's product without a room, for its store. Refusals as in a room."""
    key = require_key(idempotency_key)
    await limiter.take("orders", address_of(request), limits.orders_per_minute(settings), 60)
    asked = request_hash("shelf", code, data)
    return await shelf_codes.order(session, settings.secret, member, code, data, key, asked, clock())


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
    make_shelf_code,
    shelf_product,
    shelf_card,
    order_at_shelf,
    order_credits,
    *STORE_ROUTES,
    *POLICY_ROUTES,
    *CAMPAIGN_ROUTES,
]
