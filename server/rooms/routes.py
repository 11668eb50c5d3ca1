"""Rooms over HTTP: the staff's desk, and what anybody may see from the street."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, get, patch, post
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from msgspec import UNSET, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from live.broker import BrokerUnavailable
from live.media.health import Health
from live.presence import Presence
from live.room import Command, End, Pause, Phase, Resume, Start, Warm
from server.attribution.rules import StoreName
from server.flash_sales import service as flash_sales
from server.flash_sales.service import SaleCard
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.idempotency import KeyHeader, request_hash, require_key
from server.kit.paging import Page, page
from server.kit.principal import Principal
from server.kit.problems import Unavailable
from server.kit.settings import Settings
from server.rooms import media, one_tap, service, shelf, snapshot
from server.rooms.kinds.rules import Kind, Shows, shown
from server.rooms.media import BroadcastToken
from server.rooms.media_gateway import MediaGateway
from server.rooms.models import Room
from server.rooms.present_routes import ROUTES as PRESENT_ROUTES
from server.rooms.reach import Reach, ReachView, chosen, views
from server.rooms.rules import Audience
from server.rooms.shelf import Card
from server.rooms.shelf_routes import ROUTES as SHELF_ROUTES
from server.rooms.snapshot import Named, RoomInfo, RoomViews
from server.rooms.viewers import ViewerHere, viewers_here
from server.stores.models import Store

Title = Annotated[str, msgspec.Meta(min_length=1, max_length=80, pattern=r"\S")]

_ROOM = "/api/rooms/{room_id:uuid}"


class NewRoom(msgspec.Struct, forbid_unknown_fields=True):
    """`template` is a room whose shelf the new one takes over; `session_template_id`, else `kind`, says what the rest
    is. Without either it sells. Store staff need no `store_id`: it is their own. `reach`: which stores a room of
    headquarters is for; without, for all."""

    title: Title | None = None
    audience: Audience | None = None
    store_id: UUID | None = None
    reach: Reach | None = None
    template: UUID | None = None
    session_template_id: UUID | None = None
    kind: Kind | None = None


class Tap(msgspec.Struct, forbid_unknown_fields=True):
    """What the session shall be; neither: as it was prepared today, or as the last one was."""

    session_template_id: UUID | None = None
    kind: Kind | None = None


class ChangeRoom(msgspec.Struct, forbid_unknown_fields=True):
    title: Title | UnsetType = UNSET
    audience: Audience | UnsetType = UNSET
    reach: Reach | UnsetType = UNSET


class Direct(msgspec.Struct, forbid_unknown_fields=True):
    action: Literal["warm", "start", "pause", "resume", "end"]


class RoomRow(msgspec.Struct, kw_only=True):
    """A room in a list of the staff's. `here` is how many viewers are in it now; `reach` is null for a store's own."""

    id: UUID
    title: str
    state: str
    audience: str
    kind: str
    store: StoreName | None
    reach: ReachView | None
    host: Named | None
    demo: bool
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    here: int


class StaffRoom(RoomRow, kw_only=True):
    shows: Shows
    session_template_id: UUID | None
    pinned: Card | None
    beside: list[Card]
    shelf: list[Card]
    sales: list[SaleCard]


class PublicRoom(RoomInfo, kw_only=True):
    brand: Named
    whep_url: str
    pinned: Card | None
    beside: list[Card]
    shelf: list[Card]
    sales: list[SaleCard]


class OnAir(msgspec.Struct):
    """A public room that is on, as the front page lists it."""

    id: UUID
    title: str
    state: str
    demo: bool
    host: Named | None
    brand: Named


class OnAirList(msgspec.Struct):
    items: list[OnAir]


class ChosenStores(msgspec.Struct):
    items: list[StoreName]


class ViewersView(msgspec.Struct):
    """`count` is all of them, `items` the first hundreds."""

    count: int
    items: list[ViewerHere]


COMMANDS: dict[str, Command] = {
    "warm": Warm(),
    "start": Start(),
    "pause": Pause(),
    "resume": Resume(),
    "end": End(),
}


def _row(
    room: Room, store_name: str | None, host_name: str | None, here: int, reach: ReachView | None
) -> dict[str, Any]:
    return {
        "id": room.id,
        "title": room.title,
        "state": room.state,
        "audience": room.audience,
        "kind": room.kind,
        "store": StoreName(room.store_id, store_name or "") if room.store_id else None,
        "reach": reach,
        "host": Named(host_name) if host_name is not None else None,
        "demo": room.demo,
        "created_at": room.created_at,
        "started_at": room.started_at,
        "ended_at": room.ended_at,
        "here": here,
    }


async def _here(presence: Presence, room: Room) -> int:
    return 0 if room.state in (Phase.PLANNED, Phase.ENDED) else await presence.count(str(room.id))


async def _staff_room(session: AsyncSession, presence: Presence, room: Room) -> StaffRoom:
    store = await session.get(Store, room.store_id) if room.store_id else None
    cards = await shelf.cards(session, room)
    row = _row(
        room,
        store.name if store else None,
        await snapshot.host_name(session, room),
        await _here(presence, room),
        (await views(session, room.brand_id, [room])).get(room.id),
    )
    pins = shelf.pins(room, cards)
    sales = list(await flash_sales.cards(session, room.id))
    return StaffRoom(
        **row,
        shows=shown(room.shows),
        session_template_id=room.session_template_id,
        pinned=pins.pinned,
        beside=pins.beside,
        shelf=cards,
        sales=sales,
    )


@get("/api/rooms", tags=["rooms"])
async def listing(
    staff: Principal,
    session: AsyncSession,
    presence: Presence,
    in_state: Annotated[list[Phase] | None, QueryParameter(name="state")] = None,
    store_id: UUID | None = None,
    cursor: Annotated[str | None, QueryParameter(max_length=64)] = None,
) -> Page[RoomRow]:
    """Newest first; store staff see headquarters' rooms that are for their store, and their own store's."""
    states = [phase.value for phase in in_state or ()]
    rows = await service.listing(session, staff, states=states, store_id=store_id, cursor=cursor)
    counts = await asyncio.gather(*(_here(presence, room) for room, _, _ in rows))
    here = {room.id: count for (room, _, _), count in zip(rows, counts, strict=True)}
    reach = await views(session, staff.brand_id, [room for room, _, _ in rows])
    return page(
        rows,
        lambda row: RoomRow(**_row(*row, here[row[0].id], reach.get(row[0].id))),
        lambda row: row[0].id,
    )


@post("/api/rooms", status_code=HTTP_201_CREATED, tags=["rooms"])
async def create(
    data: NewRoom,
    staff: Principal,
    session: AsyncSession,
    presence: Presence,
    idempotency_key: KeyHeader = None,
) -> StaffRoom:
    """A planned room. With an Idempotency-Key a second tap gives the same room."""
    key = require_key(idempotency_key) if idempotency_key is not None else None
    room = await service.create(
        session,
        staff,
        title=data.title.strip() if data.title is not None else None,
        audience=data.audience,
        store_id=data.store_id,
        stores=data.reach,
        template=data.template,
        session_template=data.session_template_id,
        kind=data.kind,
        key=key,
        asked=request_hash(data) if key else None,
    )
    return await _staff_room(session, presence, room)


@post("/api/rooms/one-tap", status_code=HTTP_200_OK, tags=["rooms"])
async def prepare(
    data: Tap, staff: Principal, session: AsyncSession, presence: Presence, clock: Clock
) -> StaffRoom:
    """The planned room that waits for the caller to go live: theirs alone, the same at every tap, in no list until it
    is on air."""
    room = await one_tap.prepare(
        session, staff, template_id=data.session_template_id, kind=data.kind, now=clock()
    )
    return await _staff_room(session, presence, room)


@get(_ROOM, tags=["rooms"])
async def show(room_id: UUID, staff: Principal, session: AsyncSession, presence: Presence) -> StaffRoom:
    return await _staff_room(session, presence, await service.to_see(session, staff, room_id))


@patch(_ROOM, tags=["rooms"])
async def change(
    room_id: UUID, data: ChangeRoom, staff: Principal, session: AsyncSession, presence: Presence
) -> StaffRoom:
    room = await service.change(
        session,
        staff,
        room_id,
        title=None if data.title is UNSET else data.title.strip(),
        audience=None if data.audience is UNSET else data.audience,
        stores=None if data.reach is UNSET else data.reach,
    )
    return await _staff_room(session, presence, room)


@get(f"{_ROOM}/reach", tags=["rooms"])
async def show_reach(room_id: UUID, staff: Principal, session: AsyncSession) -> ChosenStores:
    """The stores that the room was chosen for; none where it is for all or for a region."""
    return ChosenStores(await chosen(session, staff, await service.to_see(session, staff, room_id)))


@get("/api/rooms/public", tags=["rooms"])
async def list_on_air(session: AsyncSession) -> OnAirList:
    """Public rooms that are on now, the latest to start first; at most 20."""
    return OnAirList(
        [
            OnAir(room.id, room.title, room.state, room.demo, Named(host) if host else None, Named(brand))
            for room, host, brand in await service.on_air(session)
        ]
    )


@get(f"{_ROOM}/public", tags=["rooms"])
async def show_public(
    request: Request[Any, Any, Any],
    room_id: UUID,
    database: Database,
    room_views: RoomViews,
    settings: Settings,
) -> PublicRoom:
    """What a viewer sees on opening the page. A public room needs no sign-in."""
    async with database.transaction() as session:
        room = await service.to_enter(session, request.scope.get("user"), room_id)
        brand = await snapshot.brand_name(session, room.brand_id)
    view = await snapshot.without_broker(database, room_views, room_id)
    return PublicRoom(
        **msgspec.structs.asdict(view.room),
        brand=Named(brand),
        whep_url=media.whep_url(settings, room_id),
        pinned=view.pinned,
        beside=view.beside,
        shelf=view.shelf,
        sales=view.sales,
    )


@post(f"{_ROOM}/state", status_code=HTTP_200_OK, tags=["rooms"])
async def direct(
    room_id: UUID,
    data: Direct,
    staff: Principal,
    session: AsyncSession,
    presence: Presence,
    clock: Clock,
) -> StaffRoom:
    """planned → warming → live ⇄ paused → ended. The same button pressed again changes nothing; a step that the state
    does not allow is refused (409 `wrong-state`)."""
    room = await service.direct(session, staff, room_id, COMMANDS[data.action], clock())
    return await _staff_room(session, presence, room)


@post(f"{_ROOM}/broadcast-tokens", status_code=HTTP_201_CREATED, tags=["rooms"])
async def issue_broadcast_token(
    room_id: UUID, staff: Principal, session: AsyncSession, settings: Settings, clock: Clock
) -> BroadcastToken:
    """For WHIP from a browser, OBS or another encoder."""
    room = await service.to_run(session, staff, room_id, lock=True)
    if room.state == Phase.ENDED:
        raise service.WrongState(state=room.state, reason="room-ended")
    await service.take_the_stage(session, staff, room)
    token = media.whip_token(settings, room_id, staff.id, clock())
    return BroadcastToken(media.whip_url(settings, room_id), token)


@get(f"{_ROOM}/media", tags=["rooms"])
async def show_media(
    room_id: UUID, staff: Principal, session: AsyncSession, media_gateway: MediaGateway
) -> Health:
    """How the host's upload does, and how many watch the picture."""
    await service.to_see(session, staff, room_id)
    return await media_gateway.health(str(room_id)) or Health(state="away", viewers=0)


@get(f"{_ROOM}/viewers", tags=["rooms"])
async def show_viewers(
    room_id: UUID, staff: Principal, session: AsyncSession, presence: Presence
) -> ViewersView:
    """Who is in the room now, with who carries them."""
    await service.to_count(session, staff, room_id)
    try:
        here = await presence.here(str(room_id))
    except BrokerUnavailable:
        raise Unavailable(retry_after_s=2) from None
    return ViewersView(len(here), await viewers_here(session, room_id, [UUID(member) for member in here]))


ROUTES = [
    listing,
    create,
    prepare,
    show,
    change,
    show_reach,
    list_on_air,
    show_public,
    direct,
    issue_broadcast_token,
    show_media,
    show_viewers,
    *SHELF_ROUTES,
    *PRESENT_ROUTES,
]
