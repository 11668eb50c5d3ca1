"""Moderation as it is lived: over real sockets, by the host, a moderator, a helping viewer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from websockets.asyncio.client import connect

from server.kit.principal import Principal, Role
from tests.live.media.offers import PLAYER_OFFER
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


async def test_a_page_opened_later_shows_of_each_line_what_an_open_page_was_told(floor):
    wang = await floor.stage.shop.member("Wang")
    owner = floor.stage.owner
    word = await floor.ask("POST", "/api/words", owner, json={"pattern": "代购", "effect": "review"})
    try:
        async with floor.visitor(wang) as one, floor.visitor(floor.stage.host, control=True) as desk:
            await one.hello()
            await desk.hello()
            await one.send(type="say", ref="c1", text="来了")
            first = (await one.answer("c1"))["id"]
            said = (await ask(floor, "POST", "messages", text="欢迎", reply_to=first)).json()["id"]
            await one.send(type="say", ref="c2", text="找代购", reply_to=said)
            held = await desk.fact("chat.held", "moderation")
            live = await desk.line("欢迎")
            later = {line["id"]: line for line in (await ask(floor, "GET", "messages")).json()["items"]}
            assert (live["always"], later[said]["always"], later[first]["always"]) == (True, True, False)
            assert later[said]["quoted"] == live["reply_to"]
            waiting = later[held["message"]["id"]]
            assert (waiting["why"], waiting["pattern"]) == (held["why"], held["pattern"]) == ("word", "代购")
            assert waiting["quoted"] == held["message"]["reply_to"]
            assert later[first]["why"] is later[first]["quoted"] is None
            await ask(floor, "POST", f"messages/{waiting['id']}/review", shown=False)
            (refused,) = (await ask(floor, "GET", "messages?state=refused")).json()["items"]
            assert (refused["why"], refused["pattern"]) == ("word", "代购")
            await ask(floor, "POST", f"messages/{waiting['id']}/review", shown=True)
            assert (await desk.line("找代购"))["reply_to"]["text"] == "欢迎"
            await ask(floor, "PUT", "pinned-line", message_id=said)
            pinned = await one.fact("chat.pinned")
            async with floor.visitor(wang) as two:
                snapshot = (await two.hello())["snapshot"]
            assert snapshot["pinned_line"] == pinned["message"]
            assert (pinned["message"]["always"], pinned["message"]["reply_to"]["text"]) == (True, "来了")
    finally:
        await floor.ask("DELETE", f"/api/words/{word.json()['id']}", owner)


async def test_a_line_that_was_deleted_is_quoted_no_longer(floor):
    said = (await ask(floor, "POST", "messages", text="错价")).json()["id"]
    answer = (await ask(floor, "POST", "messages", text="更正", reply_to=said)).json()["id"]
    await ask(floor, "DELETE", f"messages/{said}")
    later = {line["id"]: line for line in (await ask(floor, "GET", "messages")).json()["items"]}
    assert (later[answer]["quoted"], later[answer]["reply_to"]) == (None, said)


async def test_those_muted_now_are_listed_with_who_did_it_for_whoever_moderates(floor):
    wang, helper = await floor.stage.shop.members(2)
    await ask(floor, "PUT", f"moderators/{helper.id}")
    muted = (await ask(floor, "POST", "mutes", helper, member_id=str(wang.id), minutes=5)).json()
    assert (muted["name"], muted["by"]) == (wang.name, helper.name)
    assert (await ask(floor, "GET", "mutes")).json() == {"items": [muted], "next": None}
    at = f"/api/rooms/{floor.stage.room_id}/mutes"
    assert (await floor.ask("GET", at, helper)).status_code == 403
    assert (await floor.ask("GET", at, await floor.stage.other_brand_owner())).status_code == 404
    await ask(floor, "DELETE", f"mutes/{wang.id}")
    assert (await ask(floor, "GET", "mutes")).json()["items"] == []


async def test_the_log_tells_of_every_act_on_a_line_whose_it_was_and_what_it_said(floor):
    wang = await floor.stage.shop.member("Wang")
    await ask(floor, "PATCH", "chat-setting", pre_review=True)
    async with floor.visitor(wang) as one:
        await one.hello()
        await one.send(type="say", ref="c1", text="多少钱")
        line = (await one.answer("c1"))["id"]
    await ask(floor, "PATCH", "chat-setting", pre_review=False)
    for shown in (False, True):
        await ask(floor, "POST", f"messages/{line}/review", shown=shown)
    for message_id in (line, None):
        await floor.ask(
            "PUT",
            f"/api/rooms/{floor.stage.room_id}/pinned-line",
            floor.stage.host,
            json={"message_id": message_id},
        )
    act_id = (await ask(floor, "POST", f"questions/{line}/put-aside")).json()["act_id"]
    undone = (await ask(floor, "POST", f"moderation/{act_id}/undo")).json()
    assert (undone["act"], undone["undone"], undone["target"], undone["note"]) == (
        "put_aside",
        True,
        wang.name,
        "多少钱",
    )
    await ask(floor, "POST", f"questions/{line}/answers", text="¥98")
    await ask(floor, "DELETE", f"messages/{line}")
    await ask(floor, "POST", f"messages/{line}/restore")
    acts = (await ask(floor, "GET", "moderation")).json()["items"]
    on_lines = [one for one in acts if one["act"] != "setting"]
    assert [one["act"] for one in reversed(on_lines)] == [
        "refuse",
        "approve",
        "pin",
        "unpin",
        "put_aside",
        "reopen",
        "answer",
        "delete",
        "restore",
    ]
    assert {(one["target"], one["note"]) for one in on_lines} == {(wang.name, "多少钱")}
    everywhere = (await floor.ask("GET", "/api/moderation", floor.stage.owner)).json()["items"]
    assert everywhere == acts


async def test_a_question_put_aside_comes_back_to_the_desk_and_an_answer_sent_again_is_said_once(floor):
    wang = await floor.stage.shop.member()
    async with floor.visitor(wang) as one, floor.visitor(floor.stage.host, control=True) as desk:
        await one.hello()
        await desk.hello()
        for ref, text_ in (("c1", "包邮吗"), ("c2", "包邮吗？")):
            await one.send(type="say", ref=ref, text=text_)
        first, second = [(await one.answer(ref))["id"] for ref in ("c1", "c2")]
        act_id = (await ask(floor, "POST", f"questions/{second}/put-aside")).json()["act_id"]
        settled = await desk.fact("question.settled", "moderation")
        assert (settled["message_id"], settled["message_ids"]) == (second, [first, second])
        desk.frames.clear()
        await ask(floor, "POST", f"moderation/{act_id}/undo")
        assert (await desk.fact("question.asked", "moderation"))["group"] == first
        (group,) = (await ask(floor, "GET", "questions")).json()["items"]
        assert (group["group"], group["count"], group["names"]) == (first, 2, [wang.name])
        answers = [
            (await ask(floor, "POST", f"questions/{second}/answers", text="满 99 包邮")).json()["id"]
            for _ in range(2)
        ]
        assert answers[0] == answers[1]
        assert (await one.fact("question.answered"))["message_ids"] == [first, second]


async def test_what_was_answered_and_reopened_is_answered_in_other_words(floor):
    wang = await floor.stage.shop.member()
    async with floor.visitor(wang) as one:
        await one.hello()
        await one.send(type="say", ref="c1", text="包邮吗")
        line = (await one.answer("c1"))["id"]
    first = (await ask(floor, "POST", f"questions/{line}/answers", text="包邮")).json()["id"]
    act = (await ask(floor, "GET", "moderation")).json()["items"][0]
    await ask(floor, "POST", f"moderation/{act['act_id']}/undo")
    second = (await ask(floor, "POST", f"questions/{line}/answers", text="满 99 包邮")).json()["id"]
    assert first != second


async def test_a_banned_viewer_gets_no_picture_nor_does_whoever_uses_the_device(floor):
    wang, other = await floor.stage.shop.members(2)
    async with floor.visitor(wang) as one:
        await one.hello(device="phone-1")
        await ask(floor, "POST", "bans", member_id=str(wang.id), reason="广告")
        assert await closed_with(one) == 4523
    place = f"/whep/{floor.stage.room_id}"

    async def watch(
        who: Principal | None, device: str = "", method: str = "POST", at: str = place
    ) -> tuple[int, str]:
        headers = {"Content-Type": "application/sdp"} | ({"Showfloor-Device": device} if device else {})
        answer = await floor.ask(method, at, who, content=PLAYER_OFFER, headers=headers)
        return answer.status_code, answer.json()["slug"]

    no_node = (503, "media-unavailable")  # it came as far as the media node, and there is none
    assert await watch(wang) == (403, "banned")
    assert await watch(other, "phone-1") == (403, "banned")
    assert await watch(wang, method="PATCH", at=f"{place}/r1") == (403, "banned")
    assert await watch(wang, method="DELETE", at=f"{place}/r1") == (404, "media-resource-unknown")
    assert await watch(other, "phone-2") == await watch(None) == no_node
    assert await watch(wang, at=f"/whep/{await floor.stage.room()}") == no_node
    preflight = await floor.web.options(place)
    assert "Showfloor-Device" in preflight.headers["Access-Control-Allow-Headers"]
