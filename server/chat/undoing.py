"""Undoing an act of moderation by its opposite: an act of its own, so that what was undone can be done again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
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


async def _words_before(u: _Undo) -> None:
    await word_lists.undo(u.session, u.who, u.act, u.now)


_OPPOSITES: dict[str, Callable[[_Undo], Awaitable[Any]]] = {
    "delete": lambda u: moderation.restore(*u.on, u.now),
    "restore": lambda u: moderation.remove(*u.on, u.now),
    "refuse": lambda u: moderation.review(*u.on, True, u.now),
    "approve": lambda u: moderation.remove(*u.on, u.now),
    "mute": lambda u: moderation.unmute(*u.on, u.now),
    "unmute": _mute_again,
    "pin": _pin_before,
    "unpin": _pin_before,
    "setting": _set_before,
    "ban": lambda u: bans.unban(*u.on, u.now),
    "unban": _ban_again,
    "appoint": lambda u: moderators.dismiss(*u.on, u.now),
    "dismiss": lambda u: moderators.appoint(*u.on, u.now),
    "answer": lambda u: asked.reopen(*u.on, u.now),
    "put_aside": lambda u: asked.reopen(*u.on, u.now),
    "reopen": lambda u: asked.settle(*u.on, None, u.now),
    "word.added": _words_before,
    "word.removed": _words_before,
    "words.imported": _words_before,
}


async def undo(
    session: AsyncSession, who: Principal, room_id: UUID, act_id: UUID, now: datetime
) -> ModerationAct:
    """The act, undone, by whoever may do its opposite. The caller tells the room of a line that is shown by it.

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
    latest = await _latest(session, room.brand_id)
    await opposite(_Undo(session, who, act, room_id, now))
    done = await _latest(session, room.brand_id)
    act.undone_by = done if done != latest else act.id  # it had been undone by other means
    await session.flush()
    return act


async def _latest(session: AsyncSession, brand_id: UUID) -> UUID | None:
    query = select(ModerationAct.id).where(ModerationAct.brand_id == brand_id)
    return (await session.exec(query.order_by(col(ModerationAct.id).desc()).limit(1))).first()
