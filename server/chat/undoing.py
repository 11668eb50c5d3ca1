"""Undoing an act of moderation by its opposite: an act of its own, so that what was undone can be done again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import asked, bans, moderation, moderators, settings, word_lists
from server.chat.acts import must_moderate, place
from server.chat.models import ModerationAct
from server.kit.principal import Principal
from server.kit.problems import Conflict, NotFound


class AlreadyUndone(Conflict):
    slug, title = "already-undone", "Somebody has undone this already"


class CannotUndo(Conflict):
    slug, title = "cannot-undo", "This can't be undone"


class _Undo(msgspec.Struct, frozen=True):
    session: AsyncSession
    who: Principal
    act: ModerationAct
    room_id: UUID
    now: datetime

    @property
    def on(self) -> tuple[AsyncSession, Principal, UUID, UUID]:
        return self.session, self.who, self.room_id, self.act.target_id


async def _mute_before(u: _Undo) -> None:
    """A mute that had replaced another is that one again."""
    before = msgspec.convert(u.act.detail.get("before"), datetime | None)
    if before is not None and before > u.now:
        await moderation.mute_until(*u.on, before, u.now)
    else:
        await moderation.unmute(*u.on, u.now)


async def _settle_again(u: _Undo) -> None:
    answer_id = u.act.detail.get("answer_id")
    await asked.settle(*u.on, UUID(answer_id) if answer_id else None, u.now)


async def _mute_again(u: _Undo) -> None:
    until = msgspec.convert(u.act.detail.get("until"), datetime)
    await moderation.mute_until(*u.on, max(until, u.now + timedelta(minutes=1)), u.now)


async def _pin_before(u: _Undo) -> None:
    before = u.act.detail.get("before")
    await moderation.pin(u.session, u.who, u.room_id, UUID(before) if before else None, u.now)


async def _set_before(u: _Undo) -> None:
    changes = settings.Changes(**u.act.detail["before"])
    await settings.change(u.session, u.who, u.room_id, changes, u.now)


async def _ban_again(u: _Undo) -> None:
    room = await must_moderate(u.session, u.who, u.room_id)
    await bans.ban_again(u.session, u.who, room, UUID(u.act.detail["ban_id"]), u.now)


async def _ban_before(u: _Undo) -> None:
    """The ban that it had replaced stands again."""
    await bans.unban(*u.on, u.now)
    room = await must_moderate(u.session, u.who, u.room_id)
    for ban_id in u.act.detail.get("before", []):
        await bans.ban_again(u.session, u.who, room, UUID(ban_id), u.now)


async def _words_before(u: _Undo) -> None:
    await word_lists.undo(u.session, u.who, u.act, u.now)


_OPPOSITES: dict[str, Callable[[_Undo], Awaitable[Any]]] = {
    "delete": lambda u: moderation.restore(*u.on, u.now),
    "restore": lambda u: moderation.remove(*u.on, u.now),
    "refuse": lambda u: moderation.review(*u.on, True, u.now),
    "approve": lambda u: moderation.remove(*u.on, u.now),
    "mute": _mute_before,
    "unmute": _mute_again,
    "pin": _pin_before,
    "unpin": _pin_before,
    "setting": _set_before,
    "ban": _ban_before,
    "unban": _ban_again,
    "appoint": lambda u: moderators.dismiss(*u.on, u.now),
    "dismiss": lambda u: moderators.appoint(*u.on, u.now),
    "answer": lambda u: asked.reopen(*u.on, u.now),
    "put_aside": lambda u: asked.reopen(*u.on, u.now),
    "reopen": _settle_again,
    "word.added": _words_before,
    "word.removed": _words_before,
    "words.imported": _words_before,
}


async def undo(
    session: AsyncSession, who: Principal, room_id: UUID, act_id: UUID, now: datetime
) -> ModerationAct:
    """The act, undone, by whoever may do its opposite; `undone_by` itself where other means had undone it before. The
    caller tells the room of a line that is shown by it.

    Raises `NotFound`, `Forbidden`, `AlreadyUndone` (409), `CannotUndo` (409).
    """
    room = await place(session, who, room_id)
    act = await session.get(ModerationAct, act_id, with_for_update=True, populate_existing=True)
    if act is None or act.brand_id != room.brand_id or act.room_id not in (None, room_id):
        raise NotFound
    if act.undone_by is not None:
        raise AlreadyUndone
    opposite = _OPPOSITES.get(act.act)
    if opposite is None:
        raise CannotUndo
    await opposite(_Undo(session, who, act, room_id, now))
    act.undone_by = await _done_here(session, act) or act.id
    await session.flush()
    return act


async def _done_here(session: AsyncSession, act: ModerationAct) -> UUID | None:
    """The last act of this very transaction: others moderate at the same time."""
    query = select(ModerationAct.id).where(
        ModerationAct.brand_id == act.brand_id,
        col(ModerationAct.id) > act.id,
        text("xmin = pg_current_xact_id()::xid"),
    )
    return (await session.exec(query.order_by(col(ModerationAct.id).desc()).limit(1))).first()
