from __future__ import annotations

import asyncio

import msgspec
import pytest
from sqlalchemy import text
from sqlmodel import select

from server.chat import moderation
from server.chat.models import ChatMessage, ModerationAct
from server.kit.facts import announcements, kinds
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.kit.problems import Forbidden, NotFound
from tests.server.rooms.stage import NOON, Stage


async def line(stage: Stage, words: str = "hm") -> ChatMessage:
    message = ChatMessage(
        brand_id=stage.shop.brand_id,
        room_id=stage.room_id,
        writer_id=uuid7(),
        name="Wang",
        role="member",
        ref=str(uuid7()),
        text=words,
        at=NOON,
    )
    async with stage.session() as session:
        session.add(message)
    return message


async def events(stage: Stage, kind: str):
    return [
        event
        for body in await stage.facts(kind)
        for event in announcements(msgspec.convert(body, kinds()[kind]))
    ]


async def test_a_deleted_line_is_told_once_and_can_be_restored(stage):
    message = await line(stage)

    async def delete() -> None:
        async with stage.session() as session:
            await moderation.remove(session, stage.host, stage.room_id, message.id, NOON)

    await asyncio.gather(delete(), delete(), delete())
    (deleted,) = await events(stage, "chat.deleted")
    assert (deleted.topic, deleted.data) == (f"room:{stage.room_id}", {"message_id": str(message.id)})
    async with stage.session() as session:
        await moderation.restore(session, stage.staff[Role.MODERATOR], stage.room_id, message.id, NOON)
    (restored,) = await events(stage, "chat.restored")
    assert restored.data["message"]["text"] == "hm"
    async with stage.session() as session:
        acts = (
            await session.exec(
                select(ModerationAct).where(ModerationAct.room_id == stage.room_id).order_by(ModerationAct.id)
            )
        ).all()
    assert [(act.act, act.actor_id) for act in acts] == [
        ("delete", stage.host.id),
        ("restore", stage.staff[Role.MODERATOR].id),
    ]


async def test_a_mute_is_told_to_the_room_and_to_the_muted(stage):
    member = await stage.shop.member()
    async with stage.session() as session:
        await moderation.mute(session, stage.host, stage.room_id, member.id, 5, NOON)
    room, me = await events(stage, "member.muted")
    assert (room.topic, room.data["member_id"]) == (f"room:{stage.room_id}", str(member.id))
    assert (me.topic, me.kind, me.data) == (f"member:{member.id}", "muted", {"until": "2025-06-01T04:05:00Z"})
    async with stage.session() as session:
        await moderation.unmute(session, stage.host, stage.room_id, member.id, NOON)
        await moderation.unmute(session, stage.host, stage.room_id, member.id, NOON)
    assert [event.data.get("until", "-") for event in await events(stage, "member.unmuted")] == ["-", None]


async def test_a_guest_who_became_a_member_is_muted_as_that_member(stage):
    guest, member = await stage.shop.members(2)
    async with stage.session() as session:
        await session.execute(
            text("UPDATE member SET merged_into = :member WHERE id = :guest"),
            {"member": member.id, "guest": guest.id},
        )
        muted = await moderation.mute(session, stage.host, stage.room_id, guest.id, 5, NOON)
    assert muted.member_id == member.id


async def test_only_moderators_of_the_room_moderate_and_other_brands_find_nothing(stage):
    message = await line(stage)
    for problem, who in (
        (Forbidden, stage.staff[Role.GUIDE]),
        (Forbidden, stage.staff[Role.FINANCE]),
        (NotFound, await stage.other_brand_owner()),
    ):
        with pytest.raises(problem):
            async with stage.session() as session:
                await moderation.remove(session, who, stage.room_id, message.id, NOON)
    with pytest.raises(NotFound):
        async with stage.session() as session:
            await moderation.mute(session, stage.host, stage.room_id, uuid7(), 5, NOON)


async def test_a_line_of_another_room_is_not_found(stage):
    message = await line(stage)
    other = await stage.room()
    with pytest.raises(NotFound):
        async with stage.session() as session:
            await moderation.remove(session, stage.host, other, message.id, NOON)
