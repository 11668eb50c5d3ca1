"""Who may talk and enter, by which rules, and the audit of it all, over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import delete, get, patch, post, put
from litestar.status_codes import HTTP_200_OK, HTTP_201_CREATED, HTTP_204_NO_CONTENT
from msgspec import UNSET, UnsetType
from sqlmodel.ext.asyncio.session import AsyncSession

from server.brands.names import optional
from server.chat import acts, bans, moderation, moderators, settings, undoing
from server.chat.kept import line_of
from server.chat.models import Ban, ChatMessage, ModerationAct, Mute
from server.chat.moderators import Moderator
from server.chat.pace import LONGEST_SLOW_S
from server.chat.routes import ROOM, Cursor
from server.chat.rules import LONGEST_MUTE_MINUTES
from server.chat.service import Chat
from server.chat.settings import Setting
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.paging import Page, page
from server.kit.principal import MODERATES, Principal, allow

LONGEST_REASON = 100
Minutes = Annotated[int, msgspec.Meta(ge=1, le=LONGEST_MUTE_MINUTES)]


class AskMute(msgspec.Struct, forbid_unknown_fields=True):
    member_id: UUID
    minutes: Minutes


class MuteView(msgspec.Struct):
    """`by` is the name of whoever did it: of the staff, or a viewer who helps."""

    member_id: UUID
    name: str
    until: datetime
    by: str


class AskBan(msgspec.Struct, forbid_unknown_fields=True):
    """Without `minutes` for good; `everywhere`: out of all rooms of the brand; `devices`: also whoever comes with a
    device that the member used."""

    member_id: UUID
    minutes: Minutes | None = None
    reason: Annotated[str, msgspec.Meta(max_length=400)] = ""
    everywhere: bool = False
    devices: bool = True


class BanView(msgspec.Struct):
    ban_id: UUID
    member_id: UUID
    name: str
    everywhere: bool
    until: datetime | None
    reason: str
    at: datetime


class ChangeSetting(msgspec.Struct, forbid_unknown_fields=True):
    pre_review: bool | UnsetType = UNSET
    links: bool | UnsetType = UNSET
    slow_s: Annotated[int, msgspec.Meta(ge=0, le=LONGEST_SLOW_S)] | UnsetType = UNSET


class ActView(msgspec.Struct):
    """`undone` acts can't be undone again; undoing is an act of its own. Of what was done to a line, `target` is its
    writer and `note` its text. `detail` is what was before, but for lists of words, which may be long."""

    act_id: UUID
    act: str
    at: datetime
    actor: str
    target_id: UUID
    target: str
    note: str
    detail: dict[str, Any]
    undone: bool


@get(f"{ROOM}/mutes", tags=["moderation"])
async def list_mutes(
    room_id: UUID, staff: Principal, session: AsyncSession, clock: Clock, older_than: Cursor = None
) -> Page[MuteView]:
    """Who is silenced in this room now; whoever joined the brand last is first."""
    await acts.must_moderate(session, staff, room_id)
    rows = await moderation.muted(session, room_id, clock(), older_than)
    known = await acts.names(session, [id_ for row in rows for id_ in (row.member_id, row.by)])
    return page(rows, lambda row: _mute(row, known), lambda row: row.member_id)


@post(f"{ROOM}/mutes", status_code=HTTP_201_CREATED, tags=["moderation"])
async def mute(
    room_id: UUID, data: AskMute, principal: Principal, session: AsyncSession, clock: Clock
) -> MuteView:
    """Silence a viewer for some minutes from now, whatever was set before."""
    muted = await moderation.mute(session, principal, room_id, data.member_id, data.minutes, clock())
    return _mute(muted, await acts.names(session, [muted.member_id, muted.by]))


@delete(f"{ROOM}/mutes/{{member_id:uuid}}", status_code=HTTP_204_NO_CONTENT, tags=["moderation"])
async def unmute(
    room_id: UUID, member_id: UUID, principal: Principal, session: AsyncSession, clock: Clock
) -> None:
    await moderation.unmute(session, principal, room_id, member_id, clock())


def _mute(row: Mute, names: dict[UUID, str]) -> MuteView:
    return MuteView(row.member_id, names.get(row.member_id, ""), row.until, names.get(row.by, ""))


@get(f"{ROOM}/bans", tags=["moderation"])
async def list_bans(
    room_id: UUID, staff: Principal, session: AsyncSession, clock: Clock, older_than: Cursor = None
) -> Page[BanView]:
    """Who is kept out of this room now, newest first."""
    room = await acts.must_moderate(session, staff, room_id)
    rows = await bans.listing(session, room.brand_id, room_id, clock(), older_than)
    known = await acts.names(session, [row.member_id for row in rows])
    return page(rows, lambda row: _ban(row, known), lambda row: row.id)


@post(f"{ROOM}/bans", status_code=HTTP_201_CREATED, tags=["moderation"])
async def ban(room_id: UUID, data: AskBan, staff: Principal, session: AsyncSession, clock: Clock) -> BanView:
    """Their connections end at once, and they don't come in again while it stands."""
    row = await bans.ban(
        session,
        staff,
        room_id,
        data.member_id,
        clock(),
        minutes=data.minutes,
        reason=optional(data.reason, "reason", LONGEST_REASON),
        everywhere=data.everywhere,
        devices=data.devices,
    )
    return _ban(row, await acts.names(session, [row.member_id]))


@delete(f"{ROOM}/bans/{{member_id:uuid}}", status_code=HTTP_204_NO_CONTENT, tags=["moderation"])
async def unban(
    room_id: UUID, member_id: UUID, staff: Principal, session: AsyncSession, clock: Clock
) -> None:
    await bans.unban(session, staff, room_id, member_id, clock())


def _ban(row: Ban, names: dict[UUID, str]) -> BanView:
    return BanView(
        ban_id=row.id,
        member_id=row.member_id,
        name=names.get(row.member_id, ""),
        everywhere=row.room_id is None,
        until=row.until,
        reason=row.reason,
        at=row.at,
    )


@get(f"{ROOM}/chat-setting", tags=["moderation"])
async def show_setting(room_id: UUID, staff: Principal, session: AsyncSession) -> Setting:
    await acts.must_moderate(session, staff, room_id)
    return await settings.of_room(session, room_id)


@patch(f"{ROOM}/chat-setting", tags=["moderation"])
async def change_setting(
    room_id: UUID, data: ChangeSetting, staff: Principal, session: AsyncSession, clock: Clock
) -> Setting:
    """Pre-review, links and slow mode; they count from the next line on."""
    to = settings.Changes(data.pre_review, data.links, data.slow_s)
    return await settings.change(session, staff, room_id, to, clock())


@get(f"{ROOM}/moderators", tags=["moderation"])
async def list_moderators(room_id: UUID, staff: Principal, session: AsyncSession) -> Page[Moderator]:
    """The viewers who help in this room."""
    await acts.must_moderate(session, staff, room_id)
    return Page(list(await moderators.listing(session, room_id)), None)


@put(f"{ROOM}/moderators/{{member_id:uuid}}", status_code=HTTP_204_NO_CONTENT, tags=["moderation"])
async def appoint(
    room_id: UUID, member_id: UUID, staff: Principal, session: AsyncSession, clock: Clock
) -> None:
    """This viewer may delete viewers' lines, let held ones go, and mute for up to a day."""
    await moderators.appoint(session, staff, room_id, member_id, clock())


@delete(f"{ROOM}/moderators/{{member_id:uuid}}", status_code=HTTP_204_NO_CONTENT, tags=["moderation"])
async def dismiss(
    room_id: UUID, member_id: UUID, staff: Principal, session: AsyncSession, clock: Clock
) -> None:
    await moderators.dismiss(session, staff, room_id, member_id, clock())


@get(f"{ROOM}/moderation", tags=["moderation"])
async def list_acts(
    room_id: UUID, staff: Principal, session: AsyncSession, older_than: Cursor = None
) -> Page[ActView]:
    """Every act of moderation in this room, newest first."""
    room = await acts.must_moderate(session, staff, room_id)
    return await _acts(session, await acts.listing(session, room.brand_id, room_id, older_than))


@get("/api/moderation", guards=[allow(*MODERATES)], tags=["moderation"])
async def list_all_acts(staff: Principal, session: AsyncSession, older_than: Cursor = None) -> Page[ActView]:
    """The same over all rooms of the brand, and what was done for all of them."""
    return await _acts(session, await acts.listing(session, staff.brand_id, None, older_than))


@post(f"{ROOM}/moderation/{{act_id:uuid}}/undo", status_code=HTTP_200_OK, tags=["moderation"])
async def undo(
    room_id: UUID, act_id: UUID, principal: Principal, database: Database, chat: Chat, clock: Clock
) -> ActView:
    """Do the opposite of an act, as an act of its own."""
    async with database.transaction() as session:
        act = await undoing.undo(session, principal, room_id, act_id, clock())
        view = (await _acts(session, [act])).items[0]
        message = (await acts.lines(session, [act])).get(act.id)
        shown = await line_of(session, message) if message is not None and act.act == "refuse" else None
    if shown is not None and act.undone_by != act.id:
        await chat.tell(room_id, [shown])
    elif message is not None and message.deleted_at is not None:
        await chat.hide(room_id, message.id)
    return view


async def _acts(session: AsyncSession, rows: Sequence[ModerationAct]) -> Page[ActView]:
    known = await acts.names(session, [id_ for row in rows for id_ in (row.actor_id, row.target_id)])
    lines = await acts.lines(session, rows)
    return page(rows, lambda row: _act(row, known, lines.get(row.id)), lambda row: row.id)


def _act(row: ModerationAct, names: dict[UUID, str], line: ChatMessage | None) -> ActView:
    return ActView(
        act_id=row.id,
        act=row.act,
        at=row.at,
        actor=names.get(row.actor_id, ""),
        target_id=row.target_id,
        target=line.name if line is not None else names.get(row.target_id, ""),
        note=row.note or (line.text if line is not None else ""),
        detail={name: value for name, value in row.detail.items() if not isinstance(value, list)},
        undone=row.undone_by is not None,
    )


ROUTES = [
    list_mutes,
    mute,
    unmute,
    list_bans,
    ban,
    unban,
    show_setting,
    change_setting,
    list_moderators,
    appoint,
    dismiss,
    list_acts,
    list_all_acts,
    undo,
]
