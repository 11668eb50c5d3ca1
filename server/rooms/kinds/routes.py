"""Kinds of session and the templates made of them, over HTTP."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import delete, get, patch, post
from litestar.status_codes import HTTP_201_CREATED, HTTP_204_NO_CONTENT
from msgspec import UNSET, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.clock import Clock
from server.kit.principal import HEADQUARTERS, RUNS_ROOMS, STORE_STAFF, Principal, allow
from server.members.audience import Audience
from server.rooms import service as rooms
from server.rooms.kinds import templates
from server.rooms.kinds.models import SessionTemplate
from server.rooms.kinds.rules import TITLE_LENGTH, Definition, Figure, Kind, Panel, kinds, shows
from server.rooms.kinds.templates import Listed, Terms
from server.rooms.rules import SHELF_SIZE
from server.stores.models import Store

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=40, pattern=r"\S")]
Pattern = Annotated[str, msgspec.Meta(max_length=TITLE_LENGTH)]
Products = Annotated[list[UUID], msgspec.Meta(max_length=SHELF_SIZE)]

_TEMPLATES = "/api/session-templates"
_TEMPLATE = f"{_TEMPLATES}/{{template_id:uuid}}"
_reads = allow(*HEADQUARTERS, *RUNS_ROOMS, *STORE_STAFF)


class NewTemplate(msgspec.Struct, forbid_unknown_fields=True):
    """`room_id` is a room that it is made from: the rest is then that room's where it isn't named."""

    name: Name
    room_id: UUID | None = None
    store_id: UUID | None = None
    kind: Kind | UnsetType = UNSET
    title: Pattern | UnsetType = UNSET
    audience: Audience | UnsetType = UNSET
    product_ids: Products | UnsetType = UNSET
    figures: list[Figure] | UnsetType = UNSET
    panels: list[Panel] | UnsetType = UNSET


class ChangeTemplate(msgspec.Struct, forbid_unknown_fields=True):
    """`archived: false` brings it back."""

    name: Name | UnsetType = UNSET
    kind: Kind | UnsetType = UNSET
    title: Pattern | UnsetType = UNSET
    audience: Audience | UnsetType = UNSET
    product_ids: Products | UnsetType = UNSET
    figures: list[Figure] | UnsetType = UNSET
    panels: list[Panel] | UnsetType = UNSET
    archived: bool | UnsetType = UNSET


class OfStore(msgspec.Struct):
    store_id: UUID
    name: str


class TemplateView(msgspec.Struct, kw_only=True):
    """`store` null: headquarters', for all stores. `mine`: the caller may change it."""

    id: UUID
    name: str
    kind: Kind
    title: str
    audience: Audience
    store: OfStore | None
    product_ids: list[UUID]
    figures: list[Figure]
    panels: list[Panel]
    mine: bool
    created_at: datetime
    last_used_at: datetime | None
    archived_at: datetime | None


class KindView(Definition, frozen=True, kw_only=True):
    """`every_figure`, `every_panel`: what a template of this kind may choose from."""

    kind: Kind
    every_figure: list[Figure]
    every_panel: list[Panel]


class Choice(msgspec.Struct):
    """What there is to choose from: the built-in kinds, and templates, the one used last in front."""

    kinds: list[KindView]
    items: list[TemplateView]


def _view(staff: Principal, one: Listed) -> TemplateView:
    template = one.template
    terms = templates.terms_of(template)
    return TemplateView(
        id=template.id,
        name=template.name,
        kind=terms.kind,
        title=template.title,
        audience=Audience(template.audience),
        store=OfStore(template.store_id, one.store or "") if template.store_id else None,
        product_ids=template.product_ids,
        figures=list(terms.figures),
        panels=list(terms.panels),
        mine=templates.may_manage(staff, template.brand_id, template.store_id),
        created_at=template.created_at,
        last_used_at=one.last_used_at,
        archived_at=template.archived_at,
    )


def _kind(kind: Kind, of: Definition) -> KindView:
    every = shows(kind, list(Figure), list(Panel))
    return KindView(
        kind=kind,
        every_figure=list(every.figures),
        every_panel=list(every.panels),
        **msgspec.structs.asdict(of),
    )


async def _one(session: AsyncSession, staff: Principal, template: SessionTemplate) -> TemplateView:
    store = await session.get(Store, template.store_id) if template.store_id else None
    return _view(staff, Listed(template, store.name if store else None, None))


def _merged(data: NewTemplate | ChangeTemplate, terms: Terms) -> Terms:
    names = ("name", "kind", "title", "audience", "product_ids", "figures", "panels")
    told = {name: value for name in names if (value := getattr(data, name)) is not UNSET}
    if "kind" in told and told["kind"] is not terms.kind:
        # What another kind comes first with is its own, unless it is named.
        terms = msgspec.structs.replace(terms, figures=(), panels=())
    told |= {name: told[name].strip() for name in ("name", "title") if name in told}
    return msgspec.structs.replace(terms, **told)


@get(_TEMPLATES, guards=[_reads], tags=["session templates"])
async def listing(staff: Principal, session: AsyncSession) -> Choice:
    """Store staff see headquarters' templates and their own store's."""
    built_in = [_kind(kind, of) for kind, of in kinds().items()]
    return Choice(built_in, [_view(staff, one) for one in await templates.listing(session, staff)])


@post(_TEMPLATES, status_code=HTTP_201_CREATED, tags=["session templates"])
async def create(data: NewTemplate, staff: Principal, session: AsyncSession) -> TemplateView:
    """With a `room_id`, one that makes rooms as that one is. A manager's is their store's."""
    terms, store_id = Terms(name=data.name.strip()), data.store_id
    if data.room_id is not None:
        room = await rooms.to_see(session, staff, data.room_id)
        terms = await templates.terms_of_room(session, staff, room, data.name.strip())
        store_id = store_id or (room.store_id if staff.role not in RUNS_ROOMS else None)
    template = await templates.create(session, staff, _merged(data, terms), store_id=store_id)
    return await _one(session, staff, template)


@patch(_TEMPLATE, tags=["session templates"])
async def change(
    template_id: UUID, data: ChangeTemplate, staff: Principal, session: AsyncSession, clock: Clock
) -> TemplateView:
    """Rooms that were made from it stay as they are."""
    template = await templates.to_change(session, staff, template_id)
    await templates.change(session, template, _merged(data, templates.terms_of(template)))
    if data.archived is not UNSET:
        await templates.archive(session, template, clock() if data.archived else None)
    return await _one(session, staff, template)


@delete(_TEMPLATE, status_code=HTTP_204_NO_CONTENT, tags=["session templates"])
async def archive(template_id: UUID, staff: Principal, session: AsyncSession, clock: Clock) -> None:
    """It is archived: nobody uses it any more, rooms made from it stay, and it can be brought back."""
    await templates.archive(session, await templates.to_change(session, staff, template_id), clock())


ROUTES = [listing, create, change, archive]
