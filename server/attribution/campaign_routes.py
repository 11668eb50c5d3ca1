"""Campaigns and the look of posters over HTTP, for headquarters; and what a guide may invite for."""

from __future__ import annotations

from typing import Annotated, Literal
from uuid import UUID

import anyio.to_thread
import msgspec
from litestar import Response, get, patch, post, put
from litestar.params import Parameter
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import campaigns, poster, poster_template
from server.attribution.campaigns import CampaignChoice, CampaignView, ChangeCampaign, NewCampaign
from server.attribution.poster_template import Template
from server.kit.clock import Clock
from server.kit.paging import Page
from server.kit.principal import HEADQUARTERS, Principal, Role, allow

READS = [allow(*HEADQUARTERS)]
KEEPS = [allow(Role.OWNER, Role.OPERATOR)]
Hash = Annotated[str | None, Parameter(pattern=r"^[0-9a-f]{64}$")]


class CampaignChoices(msgspec.Struct):
    items: list[CampaignChoice]


@get("/api/campaigns", guards=READS, tags=["campaigns"])
async def listing(
    staff: Principal,
    session: AsyncSession,
    clock: Clock,
    cursor: Annotated[str | None, Parameter(max_length=64)] = None,
) -> Page[CampaignView]:
    """The newest first, with what came of each by channel; amounts are sums of credits that stand."""
    return await campaigns.listing(session, staff, cursor, clock())


@post("/api/campaigns", status_code=HTTP_201_CREATED, guards=KEEPS, tags=["campaigns"])
async def make(data: NewCampaign, staff: Principal, session: AsyncSession, clock: Clock) -> CampaignView:
    return await campaigns.make(session, staff, data, clock())


@patch("/api/campaigns/{campaign_id:uuid}", guards=KEEPS, tags=["campaigns"])
async def change(
    campaign_id: UUID, data: ChangeCampaign, staff: Principal, session: AsyncSession, clock: Clock
) -> CampaignView:
    """A later end opens one again that had ended; what came in between is not counted for it."""
    return await campaigns.change(session, staff, campaign_id, data, clock())


@post("/api/campaigns/{campaign_id:uuid}/end", status_code=HTTP_200_OK, guards=KEEPS, tags=["campaigns"])
async def end(campaign_id: UUID, staff: Principal, session: AsyncSession, clock: Clock) -> CampaignView:
    """Now. Its links go on opening the room and counting for their guides."""
    return await campaigns.end(session, staff, campaign_id, clock())


@get("/api/rooms/{room_id:uuid}/campaigns", tags=["campaigns"])
async def choices(room_id: UUID, staff: Principal, session: AsyncSession, clock: Clock) -> CampaignChoices:
    """What the calling guide or manager may invite for into this room."""
    return CampaignChoices(await campaigns.choices(session, staff, room_id, clock()))


@get("/api/poster-template", guards=READS, tags=["campaigns"])
async def show_template(staff: Principal, session: AsyncSession) -> Template:
    return await poster_template.get(session, staff.brand_id)


@put("/api/poster-template", guards=KEEPS, tags=["campaigns"])
async def change_template(data: Template, staff: Principal, session: AsyncSession) -> Template:
    """Holds for every poster from now on."""
    return await poster_template.put(session, staff.brand_id, data)


@get("/api/poster-template/sample.png", guards=READS, tags=["campaigns"])
async def sample(
    staff: Principal,
    session: AsyncSession,
    colour: Annotated[str | None, Parameter(pattern=r"^#[0-9a-f]{6}$")] = None,
    logo: Hash = None,
    background: Hash = None,
    product_id: UUID | None = None,
    language: Literal["zh-CN", "en"] = "zh-CN",
) -> Response[bytes]:
    """A poster as it would look, before anything is kept."""
    template = Template(colour=colour, logo=logo, background=background)
    words = await poster_template.sample(session, staff.brand_id, template, product_id, language)
    pictures = await poster_template.pictures_of(session, words)
    picture = await anyio.to_thread.run_sync(poster.poster_png, words, pictures)
    return Response(picture, media_type="image/png", headers={"Cache-Control": "no-store"})


ROUTES = [listing, make, change, end, choices, show_template, change_template, sample]
