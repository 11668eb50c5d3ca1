"""A page says in its head what it is about."""

from __future__ import annotations

import asyncio
import io
from html.parser import HTMLParser
from uuid import UUID

import httpx
import pytest
from PIL import Image
from sqlalchemy import text

from server.catalog import pictures
from server.catalog import service as catalog
from server.kit import link_card
from server.kit.ids import uuid7
from server.kit.principal import Role
from server.web import heads
from server.web.head import Head
from tests.server.rooms.floor import Floor

HOSTILE = 'Tea"></title><script>alert(1)</script>&amp;\u202e'


class Read(HTMLParser):
    """A page as a chat reads it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.said: dict[str, str] = {}
        self.title, self._in_title, self.inline = "", False, 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self._in_title = tag == "title"
        self.inline += tag == "script" and "src" not in found
        if tag == "meta" and (name := found.get("property") or found.get("name")):
            assert name not in self.said
            self.said[name] = found["content"] or ""

    def handle_data(self, data: str) -> None:
        if self._in_title:
            self.title += data
            self._in_title = False


async def sale(floor: Floor, title: str) -> str:
    sale_id = await floor.stage.shop.sale(5)
    async with floor.stage.shop.database.transaction() as session:
        await session.execute(
            text("UPDATE flash_sale SET title = :title WHERE id = :id"), {"id": sale_id, "title": title}
        )
    return str(sale_id)


def test_whatever_a_title_says_stays_text() -> None:
    page = b"<head><title>Proof</title></head>"
    head = Head(
        title=HOSTILE,
        description=HOSTILE,
        url="https://shop",
        site="S",
        picture="https://shop/p",
        size=(1, 1),
    )
    read = Read(head.put_into(page).decode())
    assert read.inline == 0
    assert read.title == read.said["og:title"] == HOSTILE.removesuffix("\u202e")


async def opened(floor: Floor, path: str) -> tuple[httpx.Response, Read]:
    """The page with its head, which a busy machine may have ready only for the second visit."""
    async with asyncio.timeout(10):
        while True:
            answer = await floor.web.get(path)
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
            if "og:title" in (read := Read(answer.text)).said:
                return answer, read


async def rename(floor: Floor, what: str, id_: UUID, title: str) -> None:
    async with floor.stage.session() as session:
        await session.execute(
            text(f"UPDATE {what} SET title = :title WHERE id = :id"), {"id": id_, "title": title}
        )


async def picture_product(floor: Floor) -> None:
    shop = floor.stage.shop
    async with floor.stage.session() as session:
        product = await catalog.get(session, shop.brand_id, shop.product_id)
        picture = Image.new("RGBA", (400, 300), (0, 160, 0, 0))
        out = io.BytesIO()
        picture.save(out, "PNG")
        await catalog.set_picture(session, product, *await pictures.prepare(out.getvalue()))


def path_of(url: str) -> str:
    return "/" + url.split("/", 3)[3]


async def test_a_proof_s_page_has_title_description_and_picture(floor: Floor) -> None:
    sale_id = await sale(floor, "<script>龙井</script>")
    answer, read = await opened(floor, f"/proof/{sale_id}")
    assert read.inline == 0
    assert read.said["og:title"] == "库存证明 · <script>龙井</script>"
    assert read.said["og:description"].startswith("正在抢购，共 5 件")
    assert read.said["twitter:card"] == "summary_large_image"
    assert (read.said["og:image:width"], read.said["og:image:height"]) == ("1200", "630")
    picture = read.said["og:image"]
    assert picture.startswith(("http://", "https://"))
    assert sale_id in picture
    assert read.said["og:url"].endswith(f"/proof/{sale_id}")
    again = await floor.web.get(f"/proof/{sale_id}", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    _, english = await opened(floor, f"/proof/{sale_id}?lang=en")
    assert english.said["og:description"].startswith("On sale now: 5 units")


async def test_the_picture_is_kept_by_its_etag(floor: Floor) -> None:
    sale_id = await sale(floor, "Longjing")
    _, page = await opened(floor, f"/proof/{sale_id}")
    path = path_of(page.said["og:image"])
    answer = await floor.web.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert Image.open(io.BytesIO(answer.content)).size == (1200, 630)
    known = {"If-None-Match": answer.headers["etag"]}
    assert (await floor.web.get(path, headers=known)).status_code == 304


async def test_a_page_comes_also_where_there_is_nothing_to_preview(floor: Floor) -> None:
    for page in ("proof", "live", "p"):
        for name in (str(uuid7()), "nothing", "%00"):
            answer = await floor.web.get(f"/{page}/{name}?i=forged")
            assert answer.status_code == 200
            assert "og:title" not in Read(answer.text).said
    assert (await floor.web.get(f"/api/flash-sales/{uuid7()}/proof.png")).status_code == 404
    assert (await floor.web.get("/api/flash-sales/nothing/proof.png")).status_code == 404


async def test_a_room_s_page_says_what_is_on_where_and_by_whom(floor: Floor) -> None:
    room_id = floor.stage.room_id
    await rename(floor, "room", room_id, HOSTILE)
    answer, read = await opened(floor, f"/live/{room_id}")
    assert read.inline == 0
    assert read.title == read.said["og:title"] == HOSTILE.removesuffix("\u202e")
    assert read.said["og:description"] == "直播中 · Tea House"
    assert read.said["og:url"].endswith(f"/live/{room_id}")
    known = {"If-None-Match": answer.headers["etag"]}
    assert (await floor.web.get(f"/live/{room_id}", headers=known)).status_code == 304
    card = await floor.web.get(path_of(read.said["og:image"]))
    assert (card.status_code, card.headers["content-type"]) == (200, "image/png")
    again = await floor.web.get(
        path_of(read.said["og:image"]), headers={"If-None-Match": card.headers["etag"]}
    )
    assert again.status_code == 304
    assert (await floor.web.get(f"/share/rooms/{uuid7()}/card.png")).status_code == 404


async def test_a_room_that_is_not_for_everybody_says_nothing_but_its_brand(floor: Floor) -> None:
    room_id = await floor.stage.room(state="live", audience="invited")
    answer, read = await opened(floor, f"/live/{room_id}?i=forged")
    assert (read.title, read.said["og:site_name"]) == ("Tea House", "Tea House")
    assert "og:description" not in read.said
    assert "Autumn tea" not in answer.text


async def test_an_invitation_says_who_invites_and_where_to(floor: Floor) -> None:
    guide = floor.stage.staff[Role.GUIDE]
    made = (
        await floor.ask("POST", "/api/invitations", guide, json={"room_id": str(floor.stage.room_id)})
    ).json()
    followed = await floor.web.get(path_of(made["url"]))
    assert followed.status_code == 302
    _, read = await opened(floor, followed.headers["location"])
    assert read.said["og:title"] == read.title == "Guide Li邀请你看直播"
    assert read.said["og:description"] == "直播中 · Spring tea · Tea House"
    assert read.said["og:url"] == made["url"]
    _, english = await opened(floor, followed.headers["location"] + "&lang=en")
    assert english.said["og:title"] == "Guide Li invites you to a live show"


async def test_a_code_says_nothing_that_is_forged_or_of_another_room(floor: Floor) -> None:
    stage = floor.stage
    guide, other = stage.staff[Role.GUIDE], await stage.room(state="live", audience="invited")
    made = (await floor.ask("POST", "/api/invitations", guide, json={"room_id": str(stage.room_id)})).json()
    for room_id, code in ((stage.room_id, made["code"][:-1] + "?"), (other, made["code"]), (other, "%00")):
        answer, _ = await opened(floor, f"/live/{room_id}?i={code}")
        assert "Guide Li" not in answer.text
    for odd in (f"i={'A' * 999}", f"lang={'e' * 99}", "i=%00&lang=%ff", "i=a&i=b"):
        _, read = await opened(floor, f"/live/{stage.room_id}?{odd}")
        assert read.said["og:title"] == "Spring tea"
    assert (await floor.web.get("/i/forged", headers={"Accept": "text/html"})).status_code == 404


async def test_a_product_says_what_it_costs_to_whoever_has_its_code(floor: Floor) -> None:
    shop = floor.stage.shop
    await picture_product(floor)
    await rename(floor, "product", shop.product_id, "<b>龙井</b>")
    path, body = f"/api/stores/{shop.store_id}/shelf-codes", {"product_id": str(shop.product_id)}
    made = (await floor.ask("POST", path, floor.stage.owner, json=body)).json()
    answer, read = await opened(floor, f"/p/{shop.product_id}?i={made['code']}")
    assert (read.inline, read.title) == (0, "<b>龙井</b>")
    assert read.said["og:description"] == "¥99 · Hangzhou · Tea House"
    jpeg = await floor.web.get(path_of(read.said["og:image"]))
    assert (jpeg.status_code, jpeg.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(jpeg.content)) as shown:
        assert (shown.format, shown.size, shown.getpixel((9, 9))) == ("JPEG", (400, 300), (255, 255, 255))
    known = {"If-None-Match": jpeg.headers["etag"]}
    assert (await floor.web.get(path_of(read.said["og:image"]), headers=known)).status_code == 304
    without = await floor.web.get(f"/p/{shop.product_id}")
    assert "龙井" not in without.text
    assert "og:title" not in Read(without.text).said
    assert answer.headers["etag"] != without.headers["etag"]


async def test_a_product_without_a_picture_has_a_drawn_one(floor: Floor) -> None:
    shop = floor.stage.shop
    path, body = f"/api/stores/{shop.store_id}/shelf-codes", {"product_id": str(shop.product_id)}
    made = (await floor.ask("POST", path, floor.stage.owner, json=body)).json()
    _, read = await opened(floor, f"/p/{shop.product_id}?i={made['code']}")
    card = path_of(read.said["og:image"])
    answer = await floor.web.get(card)
    with Image.open(io.BytesIO(answer.content)) as drawn:
        assert (drawn.format, drawn.size) == ("PNG", link_card.SIZE)
    known = {"If-None-Match": answer.headers["etag"]}
    assert (await floor.web.get(card, headers=known)).status_code == 304
    assert (await floor.web.get("/share/shelf-codes/forged/card.png")).status_code == 404
    other = await opened(floor, f"/live/{floor.stage.room_id}?i={made['code']}")
    assert "Longjing" not in other[0].text


async def test_a_page_waits_for_its_head_no_longer_than_a_visitor_would(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = asyncio.Event()

    async def slow(*_: object) -> Head | None:
        await release.wait()
        return Head(title="Late", description="", url="https://shop", site="S")

    monkeypatch.setitem(heads.MAKERS, "live", slow)
    began = asyncio.get_running_loop().time()
    answer = await floor.web.get(f"/live/{floor.stage.room_id}")
    assert (answer.status_code, "og:title" in Read(answer.text).said) == (200, False)
    assert asyncio.get_running_loop().time() - began < 2
    release.set()
    _, read = await opened(floor, f"/live/{floor.stage.room_id}")
    assert read.title == "Late"


async def test_a_head_that_can_t_be_made_leaves_the_page_as_it_is(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = 0

    async def broken(*_: object) -> Head | None:
        nonlocal made
        made += 1
        raise RuntimeError("no")

    monkeypatch.setitem(heads.MAKERS, "live", broken)
    for _ in range(2):
        answer = await floor.web.get(f"/live/{floor.stage.room_id}")
        assert (answer.status_code, "og:title" in Read(answer.text).said) == (200, False)
    assert made == 2
