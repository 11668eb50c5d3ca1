from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import text
from sqlmodel import select

from server.chat import acts, bans, moderation, moderators, settings, undoing
from server.chat.models import ChatMessage, ModerationAct
from server.kit.facts import announcements, kinds
from server.kit.ids import uuid7
from server.kit.paging import PAGE
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden, NotFound
from tests.server.rooms.stage import NOON, Stage
from tests.server.wallets.serving import waits_for_a_lock


async def line(stage: Stage, words: str = "hm", **more) -> ChatMessage:
    message = ChatMessage(
        brand_id=stage.shop.brand_id,
        room_id=stage.room_id,
        ref=str(uuid7()),
        text=words,
        at=NOON,
        **{"writer_id": uuid7(), "name": "Wang", "role": "member"} | more,
    )
    async with stage.session() as session:
        session.add(message)
    return message


async def ended_or_waiting(stage: Stage, task: asyncio.Task) -> None:
    """Once it can't be told from one that runs at the very same time."""
    async with asyncio.timeout(20):
        while not task.done() and not await waits_for_a_lock(stage.database):
            await asyncio.sleep(0.01)


async def events(stage: Stage, kind: str):
    return [
        event
        for body in await stage.facts(kind)
        for event in announcements(msgspec.convert(body, kinds()[kind]))
        if not event.topic.startswith("feed:")
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
    assert (me.topic, me.kind) == (f"member:{member.id}", "muted")
    assert me.data == {"room_id": str(stage.room_id), "until": "2025-06-01T04:05:00Z"}
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


# Held lines


async def held(stage: Stage, words: str = "加微信") -> ChatMessage:
    return await line(stage, words, state="waiting")


async def reviewed(stage: Stage, message: ChatMessage, shown: bool, by: Principal | None = None) -> str:
    async with stage.session() as session:
        done, _ = await moderation.review(session, by or stage.host, stage.room_id, message.id, shown, NOON)
        return done.state


async def test_a_held_line_is_let_go_once_and_its_writer_hears_of_it(stage):
    message = await held(stage, "多少钱")
    await asyncio.gather(*(reviewed(stage, message, True) for _ in range(3)))
    facts = await events(stage, "chat.reviewed")
    assert [(event.topic, event.kind) for event in facts] == [
        (f"moderation:{stage.room_id}", "chat.reviewed"),
        (f"member:{message.writer_id}", "chat.shown"),
    ]
    assert len(await stage.facts("chat.said")) == 1
    assert len(await stage.facts("question.asked")) == 1


async def test_a_refused_line_is_not_told_to_the_room_and_can_still_be_shown(stage):
    message = await held(stage)
    assert await reviewed(stage, message, False) == "refused"
    assert [event.kind for event in await events(stage, "chat.reviewed")] == ["chat.reviewed", "chat.refused"]
    assert await stage.facts("chat.said") == []
    assert await reviewed(stage, message, True) == "shown"
    with pytest.raises(moderation.NotWaiting):
        await reviewed(stage, message, False)


async def test_of_many_who_let_a_held_line_go_at_once_one_tells_the_room(stage):
    message = await held(stage)

    async def review() -> bool:
        async with stage.session() as session:
            return (await moderation.review(session, stage.host, stage.room_id, message.id, True, NOON))[1]

    assert sorted(await asyncio.gather(*(review() for _ in range(4)))) == [False, False, False, True]


async def test_a_held_line_that_was_deleted_and_restored_is_still_nobodys_to_see(stage):
    message = await held(stage)
    async with stage.session() as session:
        await moderation.remove(session, stage.host, stage.room_id, message.id, NOON)
    with pytest.raises(moderation.NotWaiting):
        await reviewed(stage, message, True)
    async with stage.session() as session:
        await moderation.restore(session, stage.host, stage.room_id, message.id, NOON)
    assert await events(stage, "chat.restored") == []
    assert await reviewed(stage, message, True) == "shown"


# The pinned line


async def pinned(stage: Stage, message_id: UUID | None) -> None:
    async with stage.session() as session:
        await moderation.pin(session, stage.host, stage.room_id, message_id, NOON)


async def shown_on_top(stage: Stage) -> str | None:
    async with stage.session() as session:
        found = await moderation.pinned_line(session, stage.room_id)
    return found.text if found is not None else None


async def test_one_line_is_pinned_at_a_time_and_deleting_it_takes_it_off(stage):
    first, second = await line(stage, "one"), await line(stage, "two")
    await pinned(stage, first.id)
    await pinned(stage, second.id)
    await pinned(stage, second.id)
    assert await shown_on_top(stage) == "two"
    async with stage.session() as session:
        await moderation.remove(session, stage.host, stage.room_id, second.id, NOON)
    assert await shown_on_top(stage) is None
    told = [event.data["message"] for event in await events(stage, "chat.pinned")]
    assert [message and message["text"] for message in told] == ["one", "two", None]


async def test_a_held_or_deleted_line_is_not_pinned(stage):
    with pytest.raises(moderation.NotShown):
        await pinned(stage, (await held(stage)).id)
    with pytest.raises(NotFound):
        await pinned(stage, uuid7())


async def test_of_two_who_pin_at_once_the_later_one_knows_what_it_took_off(stage):
    one, two, three = [await line(stage, words) for words in ("one", "two", "three")]
    for first, second in ((one, two), (three, one)):  # before anything was ever pinned, and later
        async with stage.session() as session:
            await moderation.pin(session, stage.host, stage.room_id, first.id, NOON)
            pinning = asyncio.create_task(pinned(stage, second.id))
            await ended_or_waiting(stage, pinning)
        await pinning
        assert (await latest(stage)).detail["before"] == str(first.id)


# Silenced


async def test_those_muted_now_are_listed_a_page_at_a_time(stage):
    members = await stage.shop.members(PAGE + 3)
    async with stage.session() as session:
        for minutes, member in enumerate(members):
            await moderation.mute(session, stage.host, stage.room_id, member.id, minutes + 1, NOON)
        await moderation.mute(session, stage.host, await stage.room(), members[0].id, 60, NOON)
    later = NOON + timedelta(minutes=2)
    async with stage.session() as session:
        found = await moderation.muted(session, stage.room_id, later, None)
        rest = await moderation.muted(session, stage.room_id, later, str(found[PAGE - 1].member_id))
    listed = [mute.member_id for mute in (*found[:PAGE], *rest)]
    assert listed == sorted((member.id for member in members[2:]), reverse=True)


async def test_undoing_a_mute_brings_back_the_one_that_it_replaced(stage):
    member = await stage.shop.member()
    async with stage.session() as session:
        for minutes in (60, 5):
            await moderation.mute(session, stage.host, stage.room_id, member.id, minutes, NOON)
    await undone(stage, await latest(stage))
    async with stage.session() as session:
        until = await moderation.muted_until(session, stage.room_id, member.id, NOON)
    assert until == NOON + timedelta(minutes=60)


# Viewers who help


async def helper(stage: Stage) -> Principal:
    member = await stage.shop.member()
    async with stage.session() as session:
        await moderators.appoint(session, stage.host, stage.room_id, member.id, NOON)
    return member


async def test_a_viewer_who_helps_deletes_viewers_lines_and_lets_held_ones_go(stage):
    member, message = await helper(stage), await line(stage)
    async with stage.session() as session:
        await moderation.remove(session, member, stage.room_id, message.id, NOON)
    assert await reviewed(stage, await held(stage), True, by=member) == "shown"


async def test_a_viewer_who_helps_touches_no_line_of_staff_and_mutes_for_a_day_at_most(stage):
    member, message = await helper(stage), await line(stage, role="moderator", by_staff=True)
    for act in (
        lambda session: moderation.remove(session, member, stage.room_id, message.id, NOON),
        lambda session: moderation.mute(session, member, stage.room_id, uuid7(), 24 * 60 + 1, NOON),
        lambda session: moderation.pin(session, member, stage.room_id, message.id, NOON),
        lambda session: moderators.appoint(session, member, stage.room_id, member.id, NOON),
    ):
        with pytest.raises(Forbidden):
            async with stage.session() as session:
                await act(session)


async def test_a_viewer_helps_in_the_room_they_were_appointed_for_until_dismissed(stage):
    member, other = await helper(stage), await stage.room()
    async with stage.session() as session:
        with pytest.raises(Forbidden):
            await acts.must_help(session, member, other)
        await moderators.dismiss(session, stage.host, stage.room_id, member.id, NOON)
        with pytest.raises(Forbidden):
            await acts.must_help(session, member, stage.room_id)
    told = await events(stage, "moderator.changed")
    assert [event.data["moderates"] for event in told if event.topic.startswith("member:")] == [True, False]


# The audit and undoing


async def latest(stage: Stage) -> ModerationAct:
    async with stage.session() as session:
        return (await acts.listing(session, stage.shop.brand_id, stage.room_id, None))[0]


async def undone(stage: Stage, act: ModerationAct, by: Principal | None = None) -> ModerationAct:
    async with stage.session() as session:
        return await undoing.undo(session, by or stage.host, stage.room_id, act.id, NOON)


async def test_what_was_undone_can_be_done_again(stage):
    message = await line(stage)
    async with stage.session() as session:
        await moderation.remove(session, stage.host, stage.room_id, message.id, NOON)
    deletion = await latest(stage)
    await undone(stage, deletion)
    restoration = await latest(stage)
    assert restoration.act == "restore"
    await undone(stage, restoration)
    again = await latest(stage)
    assert (again.act, again.note) == ("delete", "hm")
    with pytest.raises(undoing.AlreadyUndone):
        await undone(stage, deletion)


async def test_two_who_undo_at_once_undo_once(stage):
    member = await stage.shop.member()
    async with stage.session() as session:
        await moderation.mute(session, stage.host, stage.room_id, member.id, 5, NOON)
    act = await latest(stage)
    outcomes = await asyncio.gather(undone(stage, act), undone(stage, act), return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["AlreadyUndone", "ModerationAct"]
    assert len(await stage.facts("member.unmuted")) == 1


async def test_what_others_do_meanwhile_is_not_taken_for_what_undoing_did(stage):
    message, member = await line(stage), await stage.shop.member()
    async with stage.session() as session:
        await moderation.remove(session, stage.host, stage.room_id, message.id, NOON)
        deletion = (await acts.listing(session, stage.shop.brand_id, stage.room_id, None))[0]
    async with stage.session() as session:
        await moderation.restore(session, stage.host, stage.room_id, message.id, NOON)
    async with stage.session() as session:
        await session.execute(
            text("SELECT 1 FROM chat_message WHERE id = :id FOR UPDATE"), {"id": message.id}
        )
        undoing_it = asyncio.create_task(undone(stage, deletion))
        await ended_or_waiting(stage, undoing_it)
        async with stage.session() as other:
            await moderation.mute(other, stage.host, stage.room_id, member.id, 5, NOON)
    assert (await undoing_it).undone_by == deletion.id


async def test_settings_and_pins_go_back_to_what_they_were(stage):
    first, second = await line(stage, "one"), await line(stage, "two")
    for message in (first, second):
        await pinned(stage, message.id)
    await undone(stage, await latest(stage))
    assert await shown_on_top(stage) == "one"
    for slow_s in (10, 60):
        async with stage.session() as session:
            await settings.change(session, stage.host, stage.room_id, settings.Changes(slow_s=slow_s), NOON)
    await undone(stage, await latest(stage))
    async with stage.session() as session:
        assert (await settings.of_room(session, stage.room_id)).slow_s == 10


async def test_only_who_may_do_the_opposite_undoes_and_other_brands_find_nothing(stage):
    member = await stage.shop.member()
    async with stage.session() as session:
        await bans.ban(session, stage.host, stage.room_id, member.id, NOON)
    act = await latest(stage)
    with pytest.raises(Forbidden):
        await undone(stage, act, by=await helper(stage))
    with pytest.raises(NotFound):
        await undone(stage, act, by=await stage.other_brand_owner())
