"""Campaigns: what headquarters lets its guides invite for, and what came of it by channel.

A touch counts for the campaign of its link while that runs, an order for that of the touch which brought its buyer. So
a campaign's orders and amounts are sums of credits, and what its links bring after the end stays the guides'.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, UnsetType
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import queries
from server.attribution.models import Campaign, InvitationLink
from server.brands.names import name as clean_name
from server.brands.names import wrong
from server.catalog import service as catalog
from server.kit.paging import PAGE, Page, before, page
from server.kit.principal import INVITES, Principal
from server.kit.problems import Forbidden, Gone, NotFound

LONGEST_NAME = 40

Colour = Annotated[str, msgspec.Meta(pattern=r"^#[0-9a-f]{6}$")]
Picture = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{64}$")]
"""The hash of a kept picture."""
Standing = Literal["none", "soon", "runs", "over"]


class CampaignOver(Gone):
    slug, title = "campaign-over", "This campaign has ended"


class CampaignName(msgspec.Struct, frozen=True):
    campaign_id: UUID
    name: str


class NewCampaign(msgspec.Struct, forbid_unknown_fields=True):
    """Without a `room_id` it is for any room. `background` is a kept picture's hash."""

    name: Annotated[str, msgspec.Meta(max_length=400)]
    room_id: UUID | None = None
    product_id: UUID | None = None
    colour: Colour | None = None
    background: Picture | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None


class ChangeCampaign(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is. The room stays: links lead there."""

    name: Annotated[str, msgspec.Meta(max_length=400)] | UnsetType = UNSET
    product_id: UUID | UnsetType | None = UNSET
    colour: Colour | UnsetType | None = UNSET
    background: Picture | UnsetType | None = UNSET
    starts_at: datetime | UnsetType | None = UNSET
    ends_at: datetime | UnsetType | None = UNSET


class Came(msgspec.Struct, frozen=True, kw_only=True):
    """`touches` are those that count, `visitors` the people who made them; amounts are the credits'."""

    channel: str = ""
    links: int = 0
    touches: int = 0
    visitors: int = 0
    orders: int = 0
    amount_minor: int = 0
    net_minor: int = 0


class CampaignView(msgspec.Struct, frozen=True, kw_only=True):
    """`totals` are of all `channels`: somebody who came by two of them is one visitor."""

    campaign_id: UUID
    name: str
    room_id: UUID | None
    room: str | None
    product_id: UUID | None
    product: str | None
    colour: str | None
    background: str | None
    starts_at: datetime | None
    ends_at: datetime | None
    standing: Standing
    totals: Came
    channels: list[Came]


class CampaignChoice(msgspec.Struct, frozen=True):
    campaign_id: UUID
    name: str
    ends_at: datetime | None


def stands(starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> Standing:
    """It runs from its start on and ends with its end."""
    if ends_at is not None and ends_at <= now:
        return "over"
    return "soon" if starts_at is not None and now < starts_at else "runs"


# Making


async def make(session: AsyncSession, staff: Principal, new: NewCampaign, now: datetime) -> CampaignView:
    """Raises `NotFound` (404): a room or product of another brand; `Invalid` (422)."""
    if new.room_id is not None:
        await queries.room(session, staff.brand_id, new.room_id)
    campaign = Campaign(brand_id=staff.brand_id, room_id=new.room_id, name="")
    return await _set(session, campaign, msgspec.structs.asdict(new), now)


async def change(
    session: AsyncSession, staff: Principal, campaign_id: UUID, to: ChangeCampaign, now: datetime
) -> CampaignView:
    """Raises `NotFound` (404), `Invalid` (422)."""
    campaign = await _of_brand(session, staff.brand_id, campaign_id)
    given = {name: value for name, value in msgspec.structs.asdict(to).items() if value is not UNSET}
    return await _set(session, campaign, given, now)


async def end(session: AsyncSession, staff: Principal, campaign_id: UUID, now: datetime) -> CampaignView:
    """One that is over already stays as it is. Raises `NotFound` (404)."""
    campaign = await _of_brand(session, staff.brand_id, campaign_id)
    if stands(campaign.starts_at, campaign.ends_at, now) != "over":
        if campaign.starts_at is not None and campaign.starts_at > now:
            campaign.starts_at = now
        campaign.ends_at = now
    return await _set(session, campaign, {}, now)


async def _set(session: AsyncSession, campaign: Campaign, to: dict[str, Any], now: datetime) -> CampaignView:
    if "name" in to:
        to["name"] = clean_name(to["name"], longest=LONGEST_NAME)
    if to.get("product_id"):
        await catalog.get(session, campaign.brand_id, to["product_id"])
    if to.get("background") and await catalog.missing_pictures(session, [to["background"]]):
        raise wrong("background", "No such picture was sent")
    for name, value in to.items():
        setattr(campaign, name, value)
    for name in ("starts_at", "ends_at"):
        if (at := getattr(campaign, name)) is not None and at.tzinfo is None:
            raise wrong(name, "With its time zone, as in 2026-01-31T20:00:00+08:00")
    if campaign.starts_at and campaign.ends_at and campaign.ends_at < campaign.starts_at:
        raise wrong("ends_at", "After its start")
    session.add(campaign)
    await session.flush()
    return (await _views(session, [campaign], now))[0]


async def _of_brand(session: AsyncSession, brand_id: UUID, campaign_id: UUID) -> Campaign:
    campaign = await session.get(Campaign, campaign_id)
    if campaign is None or campaign.brand_id != brand_id:
        raise NotFound
    return campaign


# Inviting for one


async def to_invite_for(
    session: AsyncSession, inviter: Principal, campaign_id: UUID | None, room_id: UUID, now: datetime
) -> UUID | None:
    """Raises `NotFound` (404), also for one of another room, and `CampaignOver` (410)."""
    if campaign_id is None:
        return None
    campaign = await _of_brand(session, inviter.brand_id, campaign_id)
    if campaign.room_id not in (None, room_id):
        raise NotFound
    if stands(campaign.starts_at, campaign.ends_at, now) == "over":
        raise CampaignOver
    return campaign.id


async def choices(
    session: AsyncSession, staff: Principal, room_id: UUID, now: datetime
) -> list[CampaignChoice]:
    """Those that run or are to come, for this room; the newest first, at most 50. Raises `NotFound`."""
    if staff.role not in INVITES:
        raise Forbidden("Guides and store managers invite")
    await queries.room(session, staff.brand_id, room_id)
    rows = await session.execute(
        text(
            """
            SELECT id, name, ends_at FROM campaign
            WHERE brand_id = :brand_id AND (room_id IS NULL OR room_id = :room_id)
              AND (ends_at IS NULL OR ends_at > :now) ORDER BY id DESC LIMIT 50
            """
        ),
        {"brand_id": staff.brand_id, "room_id": room_id, "now": now},
    )
    return [CampaignChoice(*row) for row in rows]


async def of_link(session: AsyncSession, link_id: UUID | None) -> UUID | None:
    if link_id is None:
        return None
    return (
        await session.exec(select(InvitationLink.campaign_id).where(InvitationLink.id == link_id))
    ).one_or_none()


async def standing(session: AsyncSession, campaign_id: UUID | None, now: datetime) -> Standing:
    campaign = await session.get(Campaign, campaign_id) if campaign_id else None
    return stands(campaign.starts_at, campaign.ends_at, now) if campaign else "none"


# Reading


async def listing(
    session: AsyncSession, staff: Principal, cursor: str | None, now: datetime
) -> Page[CampaignView]:
    """The newest first."""
    asked = select(Campaign).where(Campaign.brand_id == staff.brand_id)
    if last := before(cursor):
        asked = asked.where(col(Campaign.id) < last)
    found = (await session.exec(asked.order_by(col(Campaign.id).desc()).limit(PAGE + 1))).all()
    shown = page(found, lambda one: one, lambda one: one.id)
    return Page(await _views(session, shown.items, now), shown.next)


# Sums of what is written anyway: each table by its index on the campaign, rolled up over the channels.
_CAME = text(
    """
    WITH made AS (
        SELECT campaign_id, channel, count(*) AS links FROM invitation_link
        WHERE campaign_id = ANY(CAST(:ids AS uuid[])) GROUP BY GROUPING SETS ((campaign_id, channel), (campaign_id))),
    touched AS (
        SELECT t.campaign_id, l.channel, count(*) AS touches, count(DISTINCT t.member_id) AS visitors
        FROM touch t JOIN invitation_link l ON l.id = t.link_id
        WHERE t.campaign_id = ANY(CAST(:ids AS uuid[])) AND t.refused IS NULL
        GROUP BY GROUPING SETS ((t.campaign_id, l.channel), (t.campaign_id))),
    credited AS (
        SELECT c.campaign_id, l.channel, count(*) AS orders, sum(c.amount_minor)::bigint AS amount_minor,
               sum(c.amount_minor - c.reversed_minor)::bigint AS net_minor
        FROM credit c JOIN invitation_link l ON l.id = c.link_id
        WHERE c.campaign_id = ANY(CAST(:ids AS uuid[])) AND c.superseded_at IS NULL
        GROUP BY GROUPING SETS ((c.campaign_id, l.channel), (c.campaign_id)))
    SELECT m.campaign_id, m.channel, m.links, coalesce(t.touches, 0) AS touches, coalesce(t.visitors, 0) AS visitors,
           coalesce(c.orders, 0) AS orders, coalesce(c.amount_minor, 0) AS amount_minor,
           coalesce(c.net_minor, 0) AS net_minor
    FROM made m
    LEFT JOIN touched t ON t.campaign_id = m.campaign_id AND t.channel IS NOT DISTINCT FROM m.channel
    LEFT JOIN credited c ON c.campaign_id = m.campaign_id AND c.channel IS NOT DISTINCT FROM m.channel
    ORDER BY net_minor DESC, visitors DESC, m.channel
    """
)
_NAMES = text(
    """
    SELECT c.id, r.title AS room, p.title AS product
    FROM campaign c LEFT JOIN room r ON r.id = c.room_id LEFT JOIN product p ON p.id = c.product_id
    WHERE c.id = ANY(CAST(:ids AS uuid[]))
    """
)


async def _views(session: AsyncSession, campaigns: Sequence[Campaign], now: datetime) -> list[CampaignView]:
    ids = {"ids": [campaign.id for campaign in campaigns]}
    names = {row.id: row for row in await session.execute(_NAMES, ids)}
    totals, channels = dict[UUID, Came](), defaultdict[UUID, list[Came]](list)
    for row in (await session.execute(_CAME, ids)).mappings():
        given = {key: value for key, value in row.items() if key not in ("campaign_id", "channel")}
        if row["channel"] is None:
            totals[row["campaign_id"]] = Came(**given)
        else:
            channels[row["campaign_id"]].append(Came(channel=row["channel"], **given))
    return [
        CampaignView(
            campaign_id=one.id,
            name=one.name,
            room_id=one.room_id,
            room=names[one.id].room,
            product_id=one.product_id,
            product=names[one.id].product,
            colour=one.colour,
            background=one.background,
            starts_at=one.starts_at,
            ends_at=one.ends_at,
            standing=stands(one.starts_at, one.ends_at, now),
            totals=totals.get(one.id, Came()),
            channels=channels[one.id],
        )
        for one in campaigns
    ]
