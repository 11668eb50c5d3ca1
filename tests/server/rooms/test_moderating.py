"""Moderation as it is lived: over real sockets, by the host, a moderator, a helping viewer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from websockets.asyncio.client import connect

from server.kit.principal import Principal, Role
from tests.server.rooms.floor import Floor, Visitor, open_floor
from tests.server.rooms.test_socket import closed_with


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


async def ask(
    floor: Floor, method: str, path: str, who: Principal | None = None, **body: Any
) -> httpx.Response:
    answer = await floor.ask(
        method, f"/api/rooms/{floor.stage.room_id}/{path}", who or floor.stage.host, json=body or None
    )
    assert answer.status_code < 300, answer.text
    return answer


async def test_a_banned_viewer_is_sent_away_and_finds_the_door_shut_with_every_name_of_the_device(floor):
    wang, zhao, other = await floor.stage.shop.members(3)
    async with floor.visitor(wang) as one, floor.visitor(zhao) as two, floor.visitor(other) as three:
        await one.hello(device="phone-1")
        await two.hello(device="phone-1")
        await three.hello(device="phone-2")
        await ask(floor, "POST", "bans", member_id=str(wang.id), reason="广告")
        for sent_away in (one, two):
            why = (await sent_away.until(lambda frame: frame["type"] == "problem"))["problem"]
            assert (why["slug"], why["reason"]) == ("banned", "广告")
            assert await closed_with(sent_away) == 4523
        await three.send(type="say", ref="c1", text="还在")
        assert "id" in await three.answer("c1")
    async with floor.visitor(other) as again:
        problem = await again.hello(device="phone-1")
        assert (problem["problem"]["slug"], problem["problem"]["reason"]) == ("banned", "广告")
        assert await closed_with(again) == 4523
    await ask(floor, "DELETE", f"bans/{wang.id}")
    async with floor.visitor(wang) as back:
        assert (await back.hello(device="phone-1"))["type"] == "welcome"


async def test_whoever_is_not_counted_is_sent_away_like_anybody(floor):
    wang = await floor.stage.shop.member()
    address = floor.address(f"/ws/rooms/{floor.stage.room_id}") + f"?token={await floor.token(wang)}"
    async with connect(address, user_agent_header="somebot/1.0") as socket:
        visitor = Visitor(socket)
        await visitor.hello()
        await ask(floor, "POST", "bans", member_id=str(wang.id))
        assert await closed_with(visitor) == 4523


async def test_a_held_line_reaches_the_room_when_a_helping_viewer_lets_it_go(floor):
    wang, helper = await floor.stage.shop.members(2)
    await ask(floor, "PATCH", "chat-setting", pre_review=True)
    async with floor.visitor(wang) as one, floor.visitor(helper) as two:
        assert set((await one.hello())["positions"]) == {"room", "me"}
        await two.hello()
        await ask(floor, "PUT", f"moderators/{helper.id}")
        assert (await two.fact("moderator", "me"))["moderates"] is True
    async with (
        floor.visitor(wang) as one,
        floor.visitor(helper) as two,
        floor.visitor(floor.stage.host, control=True) as desk,
    ):
        await one.hello()
        welcome = await two.hello()
        assert welcome["you"]["moderates"] is True
        assert set(welcome["positions"]) == {"room", "me", "moderation"}
        await desk.hello()
        await one.send(type="say", ref="c1", text="多少钱")
        ack = await one.answer("c1")
        assert "line" not in ack
        held = await two.fact("chat.held", "moderation")
        assert (held["message"]["id"], held["why"]) == (ack["id"], "pre-review")
        await ask(floor, "POST", f"messages/{ack['id']}/review", helper, shown=True)
        assert (await desk.line("多少钱"))["id"] == ack["id"]
        assert (await one.fact("chat.shown", "me"))["message"]["id"] == ack["id"]
        assert (await desk.fact("question.asked", "moderation"))["about"] == "price"


async def test_an_answer_to_a_question_is_heard_by_whoever_asked(floor):
    wang = await floor.stage.shop.member()
    async with floor.visitor(wang) as one, floor.visitor(floor.stage.host, control=True) as desk:
        await one.hello()
        await desk.hello()
        await one.send(type="say", ref="c1", text="包邮吗")
        asked = await desk.fact("question.asked", "moderation")
        message_id = asked["message"]["id"]
        first = await ask(floor, "POST", f"questions/{message_id}/answers", text="满 99 包邮")
        mention = await one.fact("chat.mentioned", "me")
        assert mention["message"]["reply_to"]["text"] == "包邮吗"
        answered = await one.fact("question.answered")
        assert (answered["message_id"], answered["answer"]["id"]) == (message_id, first.json()["id"])
        assert (await desk.fact("question.settled", "moderation"))["answer_id"] == first.json()["id"]
        again = await floor.ask(
            "POST",
            f"/api/rooms/{floor.stage.room_id}/questions/{message_id}/answers",
            floor.stage.host,
            json={"text": "again"},
        )
        assert again.json()["slug"] == "already-settled"


async def test_a_moderator_on_the_staff_hears_of_talk_and_not_of_orders(floor):
    moderator = floor.stage.staff[Role.MODERATOR]
    async with floor.visitor(moderator, control=True) as desk:
        assert set((await desk.hello())["positions"]) == {"room", "me", "moderation"}


async def test_staff_whose_account_was_disabled_are_sent_away_where_they_sit(floor, monkeypatch):
    monkeypatch.setattr("live.hub.SWEEP_S", 0.05)
    monkeypatch.setattr("live.session.RECHECK_S", 0.1)
    stage = floor.stage
    async with floor.visitor(stage.staff[Role.OPERATOR], control=True) as desk:
        await desk.hello()
        async with stage.session() as session:
            await session.execute(
                text("UPDATE account SET disabled_at = now() WHERE id = :id"),
                {"id": stage.staff[Role.OPERATOR].id},
            )
        assert await closed_with(desk) == 4520


async def test_staff_whose_role_changed_come_back_to_hear_what_they_may(floor, monkeypatch):
    monkeypatch.setattr("live.hub.SWEEP_S", 0.05)
    monkeypatch.setattr("live.session.RECHECK_S", 0.1)
    stage = floor.stage
    async with floor.visitor(stage.staff[Role.OPERATOR], control=True) as desk:
        await desk.hello()
        async with stage.session() as session:
            await session.execute(
                text("UPDATE account SET role = 'moderator' WHERE id = :id"),
                {"id": stage.staff[Role.OPERATOR].id},
            )
        assert await closed_with(desk) == 4009


async def test_the_room_as_it_is_shows_the_pinned_line_and_the_rules_of_talking(floor):
    said = await ask(floor, "POST", "messages", text="今晚满减")
    await ask(floor, "PUT", "pinned-line", message_id=said.json()["id"])
    await ask(floor, "PATCH", "chat-setting", slow_s=10)
    async with floor.visitor(await floor.stage.shop.member()) as one:
        snapshot = (await one.hello())["snapshot"]
        assert snapshot["pinned_line"]["text"] == "今晚满减"
        assert snapshot["chat"] == {"pre_review": False, "links": False, "slow_s": 10}
        await one.send(type="say", ref="c1", text="一")
        await one.answer("c1")
        await one.send(type="say", ref="c2", text="二")
        assert (await one.answer("c2"))["problem"]["slug"] == "slow-mode"
        await one.send(type="say", ref="c1", text="一")
        assert "id" in await one.answer("c1")
