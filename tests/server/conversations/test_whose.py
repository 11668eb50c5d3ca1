from __future__ import annotations

import asyncio

import msgspec

from server.kit.principal import Principal, Role
from tests.server.conversations.pair import Pair, photo
from tests.server.shop import Shop

PHONE = "+8613800138000"


async def test_a_guide_writes_to_own_customers_alone(pair: Pair) -> None:
    stranger = await pair.shop.member("Zhao")
    for who in (pair.guide, pair.colleague):
        answer = await pair.open(who, stranger)
        assert (answer.status_code, answer.json()["slug"]) == (403, "not-your-customer")
    assert (await pair.open(pair.colleague, pair.member)).json()["slug"] == "not-your-customer"
    elsewhere = await Shop.open(pair.shop.database)
    assert (await pair.open(pair.guide, await elsewhere.member())).status_code == 404
    assert (await pair.open(pair.shop.owner, pair.member)).status_code == 403


async def test_a_member_writes_to_the_guide_they_have(pair: Pair) -> None:
    opened = await pair.open(pair.member)
    assert opened.json()["conversation_id"] == str(pair.id)
    nobodys = await pair.shop.member("Zhao")
    answer = await pair.open(nobodys)
    assert (answer.status_code, answer.json()["slug"]) == (409, "no-guide")
    assert (await pair.listed(nobodys))["guide"] is None
    assert (await pair.open(pair.member, nobodys)).status_code == 403


async def test_opening_at_once_from_both_sides_makes_one_conversation(pair: Pair) -> None:
    member = await pair.shop.member("Zhao")
    await pair.bring(member)
    opened = await asyncio.gather(
        *(pair.open(member) for _ in range(4)), *(pair.open(pair.guide, member) for _ in range(4))
    )
    assert len({answer.json()["conversation_id"] for answer in opened}) == 1


async def test_for_everybody_else_a_conversation_is_not_there(pair: Pair) -> None:
    await pair.say(pair.member, "在吗")
    other_member = await pair.shop.member("Zhang", brought_by_guide=True)
    elsewhere = await Shop.open(pair.shop.database)
    operator = await pair.hire(Role.OPERATOR, None, "Operator")
    strangers = [other_member, pair.colleague, pair.other_guide, pair.other_manager, operator]
    strangers += [elsewhere.owner, await elsewhere.member()]
    for who in strangers:
        assert (await pair.get(who, pair.at("/lines"))).status_code == 404
        assert (await pair.say(who)).status_code == 404
        assert (await pair.send_picture(who, photo())).status_code == 404
        assert (await pair.post(who, pair.at("/read"), {"number": 1})).status_code == 404
        assert (await pair.delete(who, pair.at("/lines/1"))).status_code == 404
        assert (await pair.listed(who))["items"] == []
        if who.kind == "staff":
            assert (await pair.listed(who, member_id=str(pair.member.id)))["items"] == []


async def test_the_owner_and_the_stores_manager_read_and_do_not_write(pair: Pair) -> None:
    await pair.say(pair.member, "在吗")
    for who in (pair.shop.owner, pair.manager):
        (one,) = (await pair.listed(who, member_id=str(pair.member.id)))["items"]
        assert (one["side"], one["unread"]) == (None, 0)
        assert [line["text"] for line in (await pair.lines(who))["items"]] == ["在吗"]
        assert (await pair.say(who)).status_code == 404
        assert (await pair.post(who, pair.at("/read"), {"number": 1})).status_code == 404
    (one,) = (await pair.listed(pair.guide))["items"]
    assert one["unread"] == 1


async def test_a_conversation_closes_when_another_guide_gets_the_customer_and_can_still_be_read(
    pair: Pair,
) -> None:
    await pair.say(pair.member, "在吗")
    await pair.bind_to(pair.other_guide, pair.member)
    for who in (pair.member, pair.guide):
        refused = await pair.say(who)
        assert (refused.status_code, refused.json()["slug"], refused.json()["why"]) == (
            409,
            "conversation-closed",
            "moved",
        )
        assert (await pair.lines(who))["conversation"]["closed"] == "moved"
    assert (await pair.open(pair.guide, pair.member)).json()["conversation_id"] == str(pair.id)
    fresh = await pair.open(pair.member)
    assert fresh.json()["guide"]["name"] == "Guide Sun"
    assert len((await pair.listed(pair.member))["items"]) == 2
    await pair.bind_to(pair.guide, pair.member)
    assert (await pair.say(pair.member, "又见面了")).json()["number"] == 2


async def test_whoever_carried_the_customer_last_has_them_for_a_month(pair: Pair) -> None:
    pair.later(days=2)
    await pair.bring(pair.member, pair.other_guide)
    assert (await pair.say(pair.guide)).json()["why"] == "moved"
    assert (await pair.open(pair.other_guide, pair.member)).status_code == 200
    pair.later(days=31)
    assert (await pair.lines(pair.guide))["conversation"]["closed"] == "lapsed"
    assert (await pair.open(pair.member)).json()["slug"] == "no-guide"


async def test_a_guide_who_left_is_written_to_no_more(pair: Pair) -> None:
    await pair.dismiss(pair.guide)
    refused = await pair.say(pair.member)
    assert (refused.json()["slug"], refused.json()["why"]) == ("conversation-closed", "guide-left")
    assert (await pair.open(pair.member)).json()["slug"] == "no-guide"


async def test_what_a_guest_said_is_the_members(pair: Pair) -> None:
    await pair.say(pair.member, "游客说的")
    await pair.say(pair.guide, "好的")
    before = pair.member
    member = await pair.prove_phone(before, PHONE)  # nobody had the number: the guest is that member
    assert member.id == before.id
    guest = await pair.shop.member("Guest")
    await pair.bring(guest)
    of_guest = (await pair.open(guest)).json()["conversation_id"]
    await pair.post(pair.guide, pair.at("/read"), {"number": 2})
    await pair.say(guest, "换了手机", of=of_guest)
    merged = await pair.prove_phone(guest, PHONE)
    assert merged.id == member.id
    page = await pair.lines(member)
    assert [(line["number"], line["text"]) for line in page["items"]] == [
        (1, "游客说的"),
        (2, "好的"),
        (3, "换了手机"),
    ]
    (one,) = (await pair.listed(pair.guide))["items"]
    assert one["unread"] == 1
    assert (await pair.get(pair.guide, pair.at("/lines", of=of_guest))).status_code == 404
    assert (await pair.say(guest, "旧的登录还在")).json()["number"] == 4  # the guest's token is the member's
    assert await pair.broken_here() == {}


async def test_a_guests_only_conversation_moves_whole(pair: Pair) -> None:
    other = await pair.shop.member("Known")
    await pair.prove_phone(other, PHONE[:-1] + "1")
    await pair.say(pair.member, "在吗")
    merged = await pair.prove_phone(pair.member, PHONE[:-1] + "1")
    assert merged.id == other.id
    assert [line["text"] for line in (await pair.lines(other))["items"]] == ["在吗"]


async def test_a_line_written_while_the_guest_is_merged_is_not_lost(pair: Pair) -> None:
    member = await pair.prove_phone(await pair.shop.member("Known"), PHONE[:-1] + "2")
    await pair.bring(member)
    kept = (await pair.open(member)).json()["conversation_id"]
    said, merged = await asyncio.gather(
        pair.say(pair.member, "一边说一边登录"), pair.prove_phone(pair.member, PHONE[:-1] + "2")
    )
    assert merged.id == member.id
    after = await pair.lines(member, of=kept)
    if said.status_code == 201:
        assert [line["text"] for line in after["items"]] == ["一边说一边登录"]
    else:  # the merge was first: its conversation has another id, and the page asks for it
        assert said.status_code == 404
        assert after["items"] == []
    assert await pair.broken_here() == {}


async def test_a_guide_who_moves_to_another_store_begins_anew_there(pair: Pair) -> None:
    from sqlalchemy import text

    await pair.say(pair.guide, "我要调店了")
    async with pair.shop.database.transaction() as session:
        moved = {"store": pair.other_store_id, "id": pair.guide.id}
        await session.execute(text("UPDATE account SET store_id = :store WHERE id = :id"), moved)
    there: Principal = msgspec.structs.replace(pair.guide, store_id=pair.other_store_id)
    assert (await pair.lines(pair.member))["conversation"]["closed"] == "guide-left"
    fresh = await pair.open(there, pair.member)
    assert fresh.json()["conversation_id"] != str(pair.id)
    assert (await pair.listed(pair.other_manager, member_id=str(pair.member.id)))["items"] != []
    assert (await pair.get(pair.other_manager, pair.at("/lines"))).status_code == 404
