"""Templates made, read and used: headquarters' are for all stores, a store's own for itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import func
from sqlmodel import col, or_, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.kit.principal import STORE_STAFF, Principal, Role
from server.kit.problems import Conflict, Forbidden, Invalid, NotFound
from server.members.audience import Audience
from server.rooms import shelf
from server.rooms.kinds.models import SessionTemplate
from server.rooms.kinds.rules import Figure, Kind, Panel, Shows, kinds, pattern, shows
from server.rooms.models import Room
from server.stores.models import Store


class TemplateArchived(Conflict):
    slug, title = "template-archived", "This template was archived and is used no more"


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a template says; `title` is a pattern."""

    name: str
    kind: Kind = Kind.SELLING
    title: str = ""
    audience: Audience | None = None
    product_ids: Sequence[UUID] = ()
    figures: Sequence[Figure] = ()
    panels: Sequence[Panel] = ()


class Plan(msgspec.Struct, frozen=True):
    """What a room begins with. `products`: its shelf, where there is one."""

    kind: Kind
    shows: Shows
    title: str
    audience: Audience
    products: Sequence[UUID] = ()
    template_id: UUID | None = None


class Listed(msgspec.Struct, frozen=True):
    template: SessionTemplate
    store: str | None
    last_used_at: datetime | None


def may_manage(staff: Principal, brand_id: UUID, store_id: UUID | None) -> bool:
    """Who runs rooms there, but for guides."""
    return staff.role is not Role.GUIDE and staff.may_run_room(brand_id, store_id)


async def find(
    session: AsyncSession, staff: Principal, template_id: UUID, *, lock: bool = False
) -> SessionTemplate:
    """One that these staff may use. Raises `NotFound`."""
    query = select(SessionTemplate).where(
        SessionTemplate.id == template_id, SessionTemplate.brand_id == staff.brand_id
    )
    found = (await session.exec(query.with_for_update() if lock else query)).first()
    if found is None or (staff.role in STORE_STAFF and found.store_id not in (None, staff.store_id)):
        raise NotFound
    return found


async def listing(session: AsyncSession, staff: Principal) -> list[Listed]:
    """Those not archived, the one used last in front: for store staff in their store, else in the brand."""
    mine = staff.role in STORE_STAFF
    used = (
        select(col(Room.session_template_id).label("template_id"), func.max(Room.started_at).label("at"))
        .where(Room.brand_id == staff.brand_id, *([Room.store_id == staff.store_id] if mine else []))
        .group_by(col(Room.session_template_id))
        .subquery()
    )
    query = (
        select(SessionTemplate, col(Store.name), used.c.at)
        .join(Store, col(Store.id) == col(SessionTemplate.store_id), isouter=True)
        .join(used, used.c.template_id == col(SessionTemplate.id), isouter=True)
        .where(SessionTemplate.brand_id == staff.brand_id, col(SessionTemplate.archived_at).is_(None))
        .order_by(used.c.at.desc().nulls_last(), col(SessionTemplate.id).desc())
    )
    if mine:
        query = query.where(
            or_(col(SessionTemplate.store_id).is_(None), SessionTemplate.store_id == staff.store_id)
        )
    rows: Any = await session.exec(query)
    return [Listed(*row) for row in rows.all()]


async def create(
    session: AsyncSession, staff: Principal, terms: Terms, *, store_id: UUID | None = None
) -> SessionTemplate:
    """Store staff make their own store's. Raises `Forbidden`, `NotFound` (another brand's store or product), `Invalid`
    (422)."""
    if staff.role in STORE_STAFF and store_id is None:
        store_id = staff.store_id
    if not may_manage(staff, staff.brand_id, store_id):
        raise Forbidden
    store = await session.get(Store, store_id) if store_id is not None else None
    if store_id is not None and (store is None or store.brand_id != staff.brand_id):
        raise NotFound
    template = SessionTemplate(
        brand_id=staff.brand_id, store_id=store_id, by_id=staff.id, name="", kind="", title="", audience=""
    )
    await _write(session, template, terms)
    session.add(template)
    await session.flush()
    return template


async def terms_of_room(session: AsyncSession, staff: Principal, room: Room, name: str) -> Terms:
    """A template that makes rooms as this one is: its kind, whom it takes, its shelf, what its pages show."""
    shown = room.shows
    store = await session.get(Store, room.store_id) if room.store_id else None
    products = [card.product_id for card in await shelf.cards(session, room)]
    return Terms(
        name=name,
        kind=Kind(room.kind),
        title=pattern(room.title, store=store.name if store else "", host=staff.name, now=room.created_at),
        audience=Audience(room.audience),
        product_ids=products,
        figures=[Figure(one) for one in shown["figures"]],
        panels=[Panel(one) for one in shown["panels"]],
    )


def terms_of(template: SessionTemplate) -> Terms:
    return Terms(
        name=template.name,
        kind=Kind(template.kind),
        title=template.title,
        audience=Audience(template.audience),
        product_ids=template.product_ids,
        figures=[Figure(one) for one in template.figures],
        panels=[Panel(one) for one in template.panels],
    )


async def to_change(session: AsyncSession, staff: Principal, template_id: UUID) -> SessionTemplate:
    """Locked. Raises `NotFound`, `Forbidden` for one that may be used but not changed."""
    template = await find(session, staff, template_id, lock=True)
    if not may_manage(staff, template.brand_id, template.store_id):
        raise Forbidden
    return template


async def change(session: AsyncSession, template: SessionTemplate, terms: Terms) -> None:
    """Rooms that were made from it stay as they are. Raises `NotFound`, `Invalid` (422)."""
    await _write(session, template, terms)
    await session.flush()


async def archive(session: AsyncSession, template: SessionTemplate, at: datetime | None) -> None:
    """`None` brings it back."""
    template.archived_at = (template.archived_at or at) if at else None
    await session.flush()


async def _write(session: AsyncSession, template: SessionTemplate, terms: Terms) -> None:
    for field in ("product_ids", "figures", "panels"):
        values = getattr(terms, field)
        if len(set(values)) < len(values):
            raise Invalid(errors=[{"field": field, "message": "each once"}])
    of = kinds()[terms.kind]
    as_shown = shows(terms.kind, terms.figures, terms.panels)
    await shelf.must_be_ours(session, template.brand_id, terms.product_ids)
    template.name, template.kind = terms.name, terms.kind.value
    template.title = terms.title or of.title
    template.audience = (terms.audience or of.audience).value
    template.product_ids = list(terms.product_ids) if of.shelf else []
    template.figures = [one.value for one in as_shown.figures]
    template.panels = [one.value for one in as_shown.panels]


# Using one


async def plan(
    session: AsyncSession,
    staff: Principal,
    store_id: UUID | None,
    template_id: UUID | None,
    kind: Kind | None,
) -> Plan:
    """What a room of this store begins with: the template's, else the kind's, else what a room is without either.

    Raises `NotFound` (also for another store's template), `TemplateArchived` (409).
    """
    if template_id is None:
        chosen = kind or Kind.SELLING
        of = kinds()[chosen]
        return Plan(chosen, shows(chosen), of.title, of.audience)
    template = await find(session, staff, template_id)
    if template.store_id not in (None, store_id):
        raise NotFound
    if template.archived_at is not None:
        raise TemplateArchived
    terms = terms_of(template)
    return Plan(
        terms.kind,
        shows(terms.kind, terms.figures, terms.panels),
        terms.title,
        Audience(template.audience),
        terms.product_ids,
        template.id,
    )
