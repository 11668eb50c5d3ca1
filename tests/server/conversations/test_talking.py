from __future__ import annotations

import asyncio
import io
from datetime import datetime, timedelta

from PIL import Image

from server.chat import word_lists
from server.chat.words import Effect, WordRule
from server.conversations.facts import LineRecalled, LineWritten
from server.kit import facts
from server.kit.ids import uuid7
from tests.server.conversations.pair import Pair, photo
from tests.server.shop import Shop
from tests.server.wallets.serving import waits_for_a_lock


async def test_both_write_and_each_sees_what_is_unread(pair: Pair) -> None:
    said = await pair.say(pair.member, "这款有 38 码吗？")
    assert said.status_code == 201
    assert said.json()["number"] == 1
    assert said.json()["by"] == "member"
    await pair.say(pair.guide, "有的，给您留一双")
    (of_guide,) = (await pair.listed(pair.guide))["items"]
    assert (of_guide["unread"], of_guide["last"]["text"], of_guide["side"]) == (
        1,
        "有的，给您留一双",
        "guide",
    )
    own = await pair.listed(pair.member)
    assert own["guide"] == {"account_id": str(pair.guide.id), "name": "Guide Li"}
    assert own["items"][0]["unread"] == 1
    read = await pair.post(pair.member, pair.at("/read"), {"number": 2})
    assert (read.json()["unread"], read.json()["read_to"]) == (0, 2)
    page = await pair.lines(pair.guide)
    assert [line["text"] for line in page["items"]] == ["这款有 38 码吗？", "有的，给您留一双"]
    assert page["conversation"]["other_read_to"] == 2
    assert await pair.broken_here() == {}


async def test_reading_never_goes_back_nor_beyond_what_was_said(pair: Pair) -> None:
    for words in ("one", "two"):
        await pair.say(pair.guide, words)
    assert (await pair.post(pair.member, pair.at("/read"), {"number": 99})).json()["read_to"] == 2
    assert (await pair.post(pair.member, pair.at("/read"), {"number": 1})).json()["read_to"] == 2


async def test_lines_of_many_senders_at_once_are_numbered_without_gaps(pair: Pair) -> None:
    said = await asyncio.gather(
        *(pair.say(pair.member, f"member {n}") for n in range(12)),
        *(pair.say(pair.guide, f"guide {n}") for n in range(12)),
    )
    assert {answer.status_code for answer in said} == {201}
    assert sorted(answer.json()["number"] for answer in said) == list(range(1, 25))
    assert await pair.broken_here() == {}


async def test_a_key_sent_many_times_at_once_writes_one_line(pair: Pair) -> None:
    said = await asyncio.gather(*(pair.say(pair.member, "一次", key="k1") for _ in range(6)))
    assert {answer.json()["number"] for answer in said} == {1}
    assert (await pair.lines(pair.member))["conversation"]["last_number"] == 1
    other = await pair.say(pair.member, "别的话", key="k1")
    assert (other.status_code, other.json()["slug"]) == (422, "idempotency-key-reused")
    assert (await pair.say(pair.guide, "导购的 k1", key="k1")).json()["number"] == 2


async def test_a_retry_is_answered_when_the_conversation_has_closed_meanwhile(pair: Pair) -> None:
    first = await pair.say(pair.guide, "好的", key="k1")
    await pair.bind_to(pair.other_guide, pair.member)
    again = await pair.say(pair.guide, "好的", key="k1")
    assert (again.status_code, again.json()) == (201, first.json())
    assert (await pair.say(pair.guide, "还在吗")).json()["slug"] == "conversation-closed"


async def test_a_page_backwards_costs_no_line_twice(pair: Pair) -> None:
    for _ in range(2):
        await asyncio.gather(*(pair.say(pair.member if n % 2 else pair.guide, f"{n}") for n in range(28)))
        pair.later(minutes=2)
        assert pair.redis is not None
        await pair.redis.flushall()  # a minute passed for the limits too
    newest = await pair.lines(pair.member)
    assert [line["number"] for line in newest["items"]] == list(range(7, 57))
    older = await pair.lines(pair.member, before=newest["before"])
    assert [line["number"] for line in older["items"]] == list(range(1, 7))
    assert older["before"] is None


async def test_who_writes_too_much_has_to_wait(pair: Pair) -> None:
    said = [await pair.say(pair.member, str(n)) for n in range(31)]
    assert [answer.status_code for answer in said] == [201] * 30 + [429]
    assert (await pair.say(pair.guide)).status_code == 201


async def test_a_product_is_shown_as_it_is_now(pair: Pair) -> None:
    card = await pair.say(pair.guide, product_id=str(pair.shop.product_id))
    assert card.json()["product"] == {
        "product_id": str(pair.shop.product_id),
        "title": "Longjing",
        "image": None,
        "price_minor": 9900,
    }
    elsewhere = await Shop.open(pair.shop.database)
    assert (await pair.say(pair.guide, product_id=str(elsewhere.product_id))).status_code == 404
    both = await pair.say(pair.guide, product_id=str(pair.shop.product_id), text="看看")
    assert both.status_code == 422


async def test_a_word_that_the_brand_refuses_is_refused_to_both(pair: Pair) -> None:
    async with pair.shop.database.transaction() as session:
        rule = WordRule("加微信", Effect.REFUSE, by_sound=False)
        await word_lists.add(session, pair.shop.owner, None, rule, pair.now)
    for who in (pair.member, pair.guide):
        refused = await pair.say(who, "加微信聊吧")
        assert (refused.status_code, refused.json()["slug"]) == (422, "word-refused")
    assert (await pair.say(pair.guide, "店里聊吧")).json()["number"] == 1


async def test_a_line_taken_back_leaves_its_place_and_nothing_else(pair: Pair) -> None:
    await pair.say(pair.guide, "发错了")
    assert (await pair.delete(pair.member, pair.at("/lines/1"))).status_code == 404
    pair.later(seconds=100)
    gone = await pair.delete(pair.guide, pair.at("/lines/1"))
    assert (gone.status_code, gone.json()["recalled"], gone.json()["text"]) == (200, True, None)
    assert (await pair.delete(pair.guide, pair.at("/lines/1"))).json() == gone.json()
    assert [line["recalled"] for line in (await pair.lines(pair.member))["items"]] == [True]
    assert [fact.number for fact in await pair.facts(LineRecalled)] == [1]
    await pair.say(pair.guide, "这句晚了")
    pair.later(minutes=3)
    late = await pair.delete(pair.guide, pair.at("/lines/2"))
    assert (late.status_code, late.json()["slug"]) == (409, "too-late")
    assert await pair.broken_here() == {}


async def test_a_picture_comes_small_upright_and_without_a_word_of_where_it_was_taken(pair: Pair) -> None:
    sent = await pair.send_picture(pair.member, photo(), "k1")
    assert sent.status_code == 201, sent.text
    told = sent.json()["picture"]
    assert max(told["width"], told["height"]) == 1280
    seen = await pair.get(pair.guide, told["url"])
    assert seen.headers["cache-control"].startswith("private")
    with Image.open(io.BytesIO(seen.content)) as opened:
        assert opened.format == "WEBP"
        assert opened.size == (told["width"], told["height"])
        assert not opened.getexif()
    assert (await pair.send_picture(pair.member, photo(), "k1")).json() == sent.json()
    assert (await pair.send_picture(pair.member, photo("red"), "k1")).json()[
        "slug"
    ] == "idempotency-key-reused"
    gif = io.BytesIO()
    Image.new("P", (9, 9)).save(gif, format="GIF")
    assert (await pair.send_picture(pair.member, gif.getvalue())).json()["slug"] == "unreadable-picture"


async def test_a_picture_is_there_for_the_two_and_for_who_looks_on_and_for_nobody_else(pair: Pair) -> None:
    url = (await pair.send_picture(pair.member, photo())).json()["picture"]["url"]
    other_member = await pair.shop.member("Zhang", brought_by_guide=True)
    for who in (pair.member, pair.guide, pair.manager, pair.shop.owner):
        assert (await pair.get(who, url)).status_code == 200
    for who in (other_member, pair.colleague, pair.other_guide, pair.other_manager):
        assert (await pair.get(who, url)).status_code == 404
    assert (await pair.get(None, url)).status_code == 401
    await pair.delete(pair.member, pair.at("/lines/1"))
    assert (await pair.get(pair.guide, url)).status_code == 404
    assert await pair.broken_here() == {}


async def test_who_wants_no_messages_gets_none_until_they_do(pair: Pair) -> None:
    blocked = await pair.put(pair.member, pair.at("/receiving"), {"receiving": False})
    assert blocked.json()["receiving"] is False
    refused = await pair.say(pair.guide)
    assert (refused.status_code, refused.json()["slug"]) == (409, "not-receiving")
    assert (await pair.lines(pair.guide))["conversation"]["receiving"] is False
    assert (await pair.put(pair.guide, pair.at("/receiving"), {"receiving": True})).status_code == 403
    await pair.put(pair.member, pair.at("/receiving"), {"receiving": True})
    assert (await pair.say(pair.guide)).status_code == 201


async def test_the_two_hear_of_a_line_and_nobody_else(pair: Pair) -> None:
    await pair.say(pair.member, "在吗")
    (fact,) = await pair.facts(LineWritten)
    events = facts.announcements(fact)
    assert {event.topic for event in events} == {f"member:{pair.member.id}", f"member:{pair.guide.id}"}
    assert {event.data["line"]["text"] for event in events} == {"在吗"}


async def test_the_timeline_says_once_a_day_that_they_talked(pair: Pair) -> None:
    pair.now = datetime.fromisoformat(
        "2026-03-01T15:30:00+00:00"
    )  # half past eleven in the evening in the shop
    await pair.bring(pair.member)
    for words in ("一", "二", "三"):
        pair.later(seconds=5)
        await pair.say(pair.member, words)
    pair.later(hours=1)
    await pair.say(pair.guide, "早")
    for _ in range(2):  # told twice, it is the same
        await pair.remember()
    today, yesterday = await pair.timeline()
    assert (today["data"]["lines"], yesterday["data"]["lines"]) == (1, 3)
    assert today["at"] - yesterday["at"] == timedelta(hours=1)
    assert today["data"]["guide"] == {"account_id": str(pair.guide.id), "name": "Guide Li"}
    assert today["store_id"] == pair.shop.store_id


async def test_a_line_waits_for_one_that_is_being_written(pair: Pair) -> None:
    from server.conversations import service

    draft = service.text_draft("一", None)
    async with pair.shop.database.transaction() as session:
        first = await service.write(session, pair.guide, pair.id, draft, "k1", b"-", pair.now)
        second = asyncio.create_task(pair.say(pair.member, "二"))
        while not await waits_for_a_lock(pair.shop.database):
            assert not second.done()
    assert (first.number, (await second).json()["number"]) == (1, 2)


async def test_without_a_key_nothing_is_written(pair: Pair) -> None:
    answer = await pair.post(pair.member, pair.at("/lines"), {"text": "hi"})
    assert answer.json()["slug"] == "idempotency-key-required"
    assert (await pair.say(pair.member, of=uuid7())).status_code == 404
