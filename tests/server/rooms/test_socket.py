from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from server.kit.principal import Role
from server.members.models import Member
from tests.server.rooms.floor import Floor, Visitor, open_floor, pins_told
from tests.server.rooms.test_running_a_room import put_product


@pytest.fixture
async def floor(stage, redis_url) -> AsyncIterator[Floor]:
    async with open_floor(stage, redis_url) as floor:
        yield floor


async def closed_with(visitor) -> int:
    async with asyncio.timeout(20):
        await visitor.socket.wait_closed()
    return visitor.socket.close_code


async def test_two_viewers_and_the_control_page_see_each_other_and_a_mute_silences(floor):
    stage = floor.stage
    wang, zhao = await stage.shop.members(2)
    async with (
        floor.visitor(stage.host, control=True) as desk,
        floor.visitor(wang) as one,
        floor.visitor(zhao) as two,
    ):
        welcome = await desk.hello()
        assert set(welcome["positions"]) == {"room", "me", "control", "moderation"}
        mine = (await one.hello())["you"]
        assert mine == {
            "member_id": str(wang.id),
            "name": wang.name,
            "role": "member",
            "muted_until": None,
            "moderates": False,
        }
        await two.hello()
        await desk.until(lambda frame: frame.get("here") == 2)
        entered = await desk.fact("viewer.entered", "control")
        assert entered["name"] in {wang.name, zhao.name}
        await two.until(lambda frame: any(line["kind"] == "viewer.joined" for line in frame.get("talk", ())))

        await one.send(type="say", ref="c1", text="多少钱?")
        ack = await one.answer("c1")
        for visitor in (desk, two):
            line = await visitor.line("多少钱?")
            assert (line["id"], line["member_id"], line["role"]) == (ack["id"], str(wang.id), "member")
        await desk.send(type="say", ref="h1", text="九十九")
        assert (await one.line("九十九"))["role"] == "host"

        deleted = await floor.ask("DELETE", f"/api/rooms/{stage.room_id}/messages/{ack['id']}", stage.host)
        assert deleted.status_code == 200, deleted.text
        assert await two.fact("chat.deleted") == {"message_id": ack["id"]}
        muted = await floor.ask(
            "POST",
            f"/api/rooms/{stage.room_id}/mutes",
            stage.host,
            json={"member_id": str(wang.id), "minutes": 5},
        )
        assert muted.status_code == 201, muted.text
        assert (await one.fact("muted", "me"))["until"] == muted.json()["until"]
        assert (await desk.fact("member.muted"))["member_id"] == str(wang.id)
        await one.send(type="say", ref="c2", text="再说一句")
        assert (await one.answer("c2"))["problem"]["slug"] == "muted"

    async with floor.visitor(wang) as again:
        welcome = await again.hello()
        assert welcome["you"]["muted_until"] == muted.json()["until"]
        assert [(line["kind"], line["text"]) for line in welcome["talk"]] == [("chat.said", "九十九")]


async def test_a_newcomer_gets_the_room_as_it_is(floor):
    stage = floor.stage
    sale_id = await stage.shop.sale(5)
    member = await stage.shop.member()
    order_id = await stage.order(member)
    await floor.ask(
        "PUT",
        f"/api/rooms/{stage.room_id}/pin",
        stage.host,
        json={"product_id": str(stage.shop.product_id)},
    )
    async with floor.visitor(member) as visitor:
        snapshot = (await visitor.hello())["snapshot"]
    assert set(snapshot) == {
        "room",
        "pinned",
        "beside",
        "shelf",
        "sales",
        "holds",
        "here",
        "likes",
        "gifts",
        "pinned_line",
        "chat",
    }
    assert snapshot["room"]["state"] == "live"
    assert snapshot["pinned"]["product_id"] == str(stage.shop.product_id)
    assert snapshot["beside"] == []
    assert [sku["free"] for sku in snapshot["shelf"][0]["skus"]] == [994]
    assert [sale["sale_id"] for sale in snapshot["sales"]] == [str(sale_id)]
    assert [hold["order_id"] for hold in snapshot["holds"]] == [str(order_id)]
    assert snapshot["here"] == 1


async def test_whoever_comes_back_gets_exactly_the_facts_that_were_missed(floor):
    stage = floor.stage
    member = await stage.shop.member()
    path = f"/api/rooms/{stage.room_id}"
    async with floor.visitor(member) as visitor:
        await visitor.hello()
        await floor.ask("POST", f"{path}/state", stage.host, json={"action": "pause"})
        await visitor.fact("room.state")
        position = visitor.position
    await floor.ask("POST", f"{path}/state", stage.host, json={"action": "resume"})
    tea, honey = str(stage.shop.product_id), str(await put_product(stage))
    await floor.ask("POST", f"{path}/shelf", stage.host, json={"product_id": honey})
    for product_id in (tea, honey):
        await floor.ask("PUT", f"{path}/pin", stage.host, json={"product_id": product_id, "beside": True})
    async with floor.visitor(member) as visitor:
        welcome = await visitor.hello(room=position)
        assert welcome["resumed"]["room"]
        await visitor.until(lambda frame: any(len(cards) == 2 for cards in pins_told(frame)))
        assert visitor.kinds() == ["room.state", "shelf.changed", "room.pinned", "room.pinned"]
        told = [cards for frame in visitor.frames for cards in pins_told(frame)]
        assert [[card["product_id"] for card in cards] for cards in told] == [[tea], [honey, tea]]


async def test_the_visit_is_written_once_and_likes_are_counted(floor):
    stage = floor.stage
    member = await stage.shop.member(brought_by_guide=False)
    async with floor.visitor(member) as one, floor.visitor(member) as two:
        await one.hello()
        await two.hello()
        await one.send(type="like", count=3)
        await two.until(lambda frame: frame.get("likes") == 3)
        await two.until(lambda frame: frame.get("here") == 1)
        async with stage.session() as session:
            visits = await session.execute(
                text("SELECT member_id FROM visit WHERE room_id = :room_id"), {"room_id": stage.room_id}
            )
        assert list(visits.scalars()) == [member.id]


async def test_whoever_may_not_come_in_is_told_why_and_not_to_try_again(floor):
    stage = floor.stage
    member = await stage.shop.member()
    cases = [
        (None, stage.room_id, False, 4520, "not-signed-in"),
        (member, stage.room_id, True, 4520, "forbidden"),
        (stage.staff[Role.FINANCE], stage.room_id, True, 4520, "forbidden"),
        (await stage.other_brand_owner(), stage.room_id, False, 4521, "not-found"),
        (member, await stage.room(audience="staff"), False, 4521, "not-found"),
        (member, "no-such-room", False, 4521, "not-found"),
    ]
    for who, room_id, control, code, slug in cases:
        async with floor.visitor(who, room_id, control=control) as visitor:
            await visitor.send(type="hello", v=1)
            problem = await visitor.until(lambda frame: frame["type"] == "problem")
            assert problem["problem"]["slug"] == slug
            assert await closed_with(visitor) == code


async def test_a_handshake_from_another_site_is_refused(floor):
    token = await floor.token(await floor.stage.shop.member())
    address = floor.address(f"/ws/rooms/{floor.stage.room_id}?token={token}")
    with pytest.raises(InvalidStatus) as refused:
        await connect(address, origin="https://evil.example")
    assert refused.value.response.status_code == 403
    async with connect(address, origin=floor.settings.base_url):
        pass


async def test_a_stores_page_hears_of_its_arrivals_and_another_stores_does_not_get_in(floor):
    stage = floor.stage
    path = f"/ws/stores/{stage.shop.store_id}"
    async with floor.visitor(stage.staff[Role.GUIDE], path=path) as page:
        welcome = await page.hello()
        assert welcome["snapshot"]["store"]["name"] == "Hangzhou"
        room_id = await stage.room(state="live", store_id=stage.shop.store_id)
        member = await stage.shop.member()
        async with floor.visitor(member, room_id) as visitor:
            await visitor.hello()
            assert (await page.fact("arrival", "store"))["member_id"] == str(member.id)
    other = await stage.hire(Role.MANAGER, store_id=await stage.store())
    async with floor.visitor(other, path=path) as page:
        await page.send(type="hello", v=1)
        assert await closed_with(page) == 4521


@pytest.mark.parametrize(
    ("name", "counted"),
    [
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) MicroMessenger/8.0", 1),
        ("Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/140.0", 1),
        ("Mozilla/5.0 (compatible; bingbot/2.0)", 0),
        ("facebookexternalhit/1.1", 0),
    ],
)
async def test_whoever_says_that_it_is_a_robot_hears_the_room_and_is_not_counted(floor, name, counted):
    member = await floor.stage.shop.member()
    address = floor.address(f"/ws/rooms/{floor.stage.room_id}") + f"?token={await floor.token(member)}"
    async with connect(address, user_agent_header=name) as socket:
        visitor = Visitor(socket)
        assert (await visitor.hello())["type"] == "welcome"
        viewers = await floor.ask("GET", f"/api/rooms/{floor.stage.room_id}/viewers", floor.stage.host)
        assert viewers.json()["count"] == counted


async def test_whom_a_narrower_audience_does_not_take_is_told_why_and_leaves(floor):
    stage = floor.stage
    guest, member = await stage.shop.members(2)
    async with stage.session() as session:
        (await session.get(Member, member.id)).phone = f"+86{member.id.int % 10**11:011}"
    room = f"/api/rooms/{stage.room_id}"
    async with floor.visitor(guest) as leaves, floor.visitor(member) as stays:
        await leaves.hello()
        await stays.hello()
        await floor.ask("PATCH", room, stage.host, json={"title": "春茶", "audience": "members"})
        assert (await leaves.fact("room.renamed")) == {"title": "春茶"}
        problem = await leaves.until(lambda frame: frame["type"] == "problem")
        assert problem["problem"]["slug"] == "members-only"
        assert await closed_with(leaves) == 4520
        assert (await stays.fact("room.audience")) == {"audience": "members"}
        await floor.ask("PATCH", room, stage.host, json={"audience": "staff"})
        assert await closed_with(stays) == 4521
