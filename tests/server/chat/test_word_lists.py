"""The words of a brand and of a room over HTTP, on a real database."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import col, select

from server.chat import word_lists
from server.chat.models import ModerationAct
from server.chat.word_routes import ROUTES
from server.chat.words import Effect, WordRule
from server.kit.ids import uuid7
from server.kit.principal import Principal, Role
from server.kit.problems import Forbidden
from tests.server.rooms.stage import NOON, Stage
from tests.server.wallets.serving import Served


class Desk:
    """Asks over HTTP, as the owner unless said otherwise."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self._served = Served(stage.database, ROUTES, lambda: NOON)

    async def ask(
        self, method: str, path: str = "", *, by: Principal | None = None, **request: Any
    ) -> httpx.Response:
        async with self._served.as_(by or self.stage.owner) as client:
            return await client.request(method, f"/api/words{path}", **request)

    async def add(
        self, pattern: str, effect: str = "refuse", *, by: Principal | None = None, **more: Any
    ) -> Any:
        body = {"pattern": pattern, "effect": effect} | {key: str(value) for key, value in more.items()}
        added = await self.ask("POST", json=body, by=by)
        assert added.status_code == 201, added.text
        return added.json()

    async def import_(self, body: str | bytes, *, room: Any = None, by: Principal | None = None) -> Any:
        imported = await self.ask(
            "POST",
            "/import",
            content=body if isinstance(body, bytes) else body.encode(),
            params={"room_id": str(room)} if room else {},
            by=by,
        )
        assert imported.status_code == 201, imported.text
        return imported.json()

    async def words(self, **params: str) -> list[tuple[str, str, bool]]:
        listed = (await self.ask("GET", params=params)).json()["items"]
        return [(word["pattern"], word["effect"], word["by_sound"]) for word in listed]

    async def version(self) -> int:
        return (await self.load())[0]

    async def load(self, room_id: Any = None) -> tuple[int, list[WordRule]]:
        async with self.stage.session() as session:
            return await word_lists.load(session, self.stage.shop.brand_id, room_id)

    async def acts(self) -> list[ModerationAct]:
        query = select(ModerationAct).where(ModerationAct.brand_id == self.stage.shop.brand_id)
        async with self.stage.session() as session:
            return list((await session.exec(query.order_by(col(ModerationAct.id)))).all())

    async def undo(self, act: ModerationAct) -> None:
        async with self.stage.session() as session:
            await word_lists.undo(session, self.stage.owner, act, NOON)


@pytest.fixture
def desk(stage: Stage) -> Desk:
    return Desk(stage)


# One word


async def test_a_word_is_kept_listed_and_holds_in_every_room(desk, stage):
    word = await desk.add("ＶＸ")
    assert {key: word[key] for key in ("pattern", "effect", "by_sound", "room_id", "created_by")} == {
        "pattern": "vx",
        "effect": "refuse",
        "by_sound": True,
        "room_id": None,
        "created_by": str(stage.owner.id),
    }
    assert await desk.words() == [("vx", "refuse", True)]
    assert await desk.load(stage.room_id) == (1, [WordRule("vx", Effect.REFUSE)])


async def test_words_are_sought_by_a_part_in_whatever_width_and_case(desk):
    for pattern in ("vx号", "50%off", "50元off", "a_b", "axb", "a*b"):
        await desk.add(pattern)
    for part, found in {
        "ＶＸ": ["vx号"],
        "50%": ["50%off"],
        "A_": ["a_b"],
        "*": ["a*b"],
        "/": [],
        " ": ["a*b", "axb", "a_b", "50元off", "50%off", "vx号"],
    }.items():
        assert [pattern for pattern, *_ in await desk.words(q=part)] == found, part
    assert (await desk.ask("GET", params={"q": "x" * 101})).status_code == 422


async def test_the_same_pattern_again_takes_the_new_effect(desk):
    first = await desk.add("微信")
    again = await desk.add("微信", "review")
    assert again["id"] == first["id"]
    assert await desk.words() == [("微信", "review", True)]
    assert await desk.version() == 2


async def test_what_changes_nothing_is_no_change(desk):
    await desk.add("微信")
    await desk.add("微信")
    assert await desk.version() == 1
    assert len(await desk.acts()) == 1


async def test_a_word_that_is_removed_is_answered_so_that_it_can_be_added_again(desk):
    word = await desk.add("微信", "review")
    removed = await desk.ask("DELETE", f"/{word['id']}")
    assert (removed.status_code, removed.json()) == (200, word)
    assert await desk.words() == []
    assert (await desk.ask("DELETE", f"/{word['id']}")).status_code == 404
    assert await desk.version() == 2


async def test_of_two_who_remove_a_word_at_once_one_does(desk):
    word = await desk.add("微信")
    answers = await asyncio.gather(*(desk.ask("DELETE", f"/{word['id']}") for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 404, 404, 404]
    assert await desk.version() == 2


async def test_the_version_rises_once_for_each_of_many_changes_at_once(desk, stage):
    changes = [desk.add(f"word {n}") for n in range(6)]
    changes += [desk.add(f"word {n}", room_id=stage.room_id) for n in range(6)]
    changes += [desk.add("the same") for _ in range(6)]
    await asyncio.gather(*changes)
    assert await desk.version() == 13
    assert len(await desk.acts()) == 13


async def test_words_are_listed_by_pages(desk):
    await desk.import_("\n".join(f"word{n}x" for n in range(60)))
    first = (await desk.ask("GET")).json()
    rest = (await desk.ask("GET", params={"cursor": first["next"]})).json()
    assert (len(first["items"]), len(rest["items"]), rest["next"]) == (50, 10, None)
    assert len({word["pattern"] for word in first["items"] + rest["items"]}) == 60


# Whose words


async def test_a_room_has_words_of_its_own_that_win_over_the_brands(desk, stage):
    await desk.add("微信")
    await desk.add("便宜", "review")
    await desk.add("微信", "allow", room_id=stage.room_id)
    assert await desk.words(room_id=str(stage.room_id)) == [("微信", "allow", True)]
    assert await desk.words() == [("便宜", "review", True), ("微信", "refuse", True)]
    _, here = await desk.load(stage.room_id)
    _, elsewhere = await desk.load(await stage.room())
    assert {rule.pattern: rule.effect for rule in here} == {"微信": Effect.ALLOW, "便宜": Effect.REVIEW}
    assert {rule.pattern: rule.effect for rule in elsewhere} == {"微信": Effect.REFUSE, "便宜": Effect.REVIEW}


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.MEMBER}))
async def test_the_brands_words_are_the_owners_and_operators(desk, stage, role):
    by, word = stage.staff[role], await desk.add("微信")
    asked = [
        await desk.ask("GET", by=by),
        await desk.ask("POST", json={"pattern": "vx", "effect": "refuse"}, by=by),
        await desk.ask("POST", "/import", content=b"vx", by=by),
        await desk.ask("GET", "/export", by=by),
        await desk.ask("POST", "/try", json={"text": "hm"}, by=by),
        await desk.ask("DELETE", f"/{word['id']}", by=by),
    ]
    keeps = role in {Role.OWNER, Role.OPERATOR}
    assert [answer.status_code for answer in asked] == (
        [200, 201, 201, 200, 200, 200] if keeps else [403] * 6
    )


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.MEMBER}))
async def test_a_rooms_words_are_of_whoever_moderates_there(desk, stage, role):
    room, by = str(stage.room_id), stage.staff[role]
    word = await desk.add("微信", room_id=room)
    here = {"params": {"room_id": room}, "by": by}
    asked = [
        await desk.ask("GET", **here),
        await desk.ask("POST", json={"pattern": "vx", "effect": "refuse", "room_id": room}, by=by),
        await desk.ask("POST", "/import", content=b"vx", **here),
        await desk.ask("GET", "/export", **here),
        await desk.ask("POST", "/try", json={"text": "hm", "room_id": room}, by=by),
        await desk.ask("DELETE", f"/{word['id']}", by=by),
    ]
    moderates = role in {Role.OWNER, Role.OPERATOR, Role.HOST, Role.MODERATOR}
    expected = [200, 201, 201, 200, 200, 200] if moderates else [403] * 6
    assert [answer.status_code for answer in asked] == expected


async def test_a_stores_guide_keeps_the_words_of_the_stores_own_room(desk, stage):
    room = await stage.room(store_id=stage.shop.store_id)
    await desk.add("微信", room_id=room, by=stage.staff[Role.GUIDE])
    body = {"pattern": "微信", "effect": "refuse", "room_id": str(room)}
    assert (await desk.ask("POST", json=body, by=stage.host)).status_code == 403


async def test_another_brands_words_and_rooms_are_not_there(desk, stage):
    stranger, word = await stage.other_brand_owner(), await desk.add("微信")
    assert (await desk.ask("DELETE", f"/{word['id']}", by=stranger)).status_code == 404
    for asked in (
        desk.ask("GET", params={"room_id": str(stage.room_id)}, by=stranger),
        desk.ask("POST", "/import", content=b"vx", params={"room_id": str(stage.room_id)}, by=stranger),
        desk.ask("POST", "/try", json={"text": "hm", "room_id": str(stage.room_id)}, by=stranger),
        desk.ask("GET", params={"room_id": str(uuid7())}),
    ):
        assert (await asked).status_code == 404
    assert (await desk.ask("GET", by=stranger)).json()["items"] == []


async def test_viewers_have_no_say(desk, stage):
    assert (await desk.ask("GET", by=await stage.shop.member())).status_code == 403


# Trying


async def test_a_line_can_be_tried_before_a_viewer_says_it(desk, stage):
    await desk.add("微信")
    await desk.add("便宜", "review", room_id=stage.room_id)
    here = {"room_id": str(stage.room_id)}
    tried = [
        (await desk.ask("POST", "/try", json=body)).json()
        for body in ({"text": "加 薇.信"}, {"text": "便宜"}, {"text": "便宜", **here}, {"text": "好"})
    ]
    assert tried == [
        {"found": {"pattern": "微信", "effect": "refuse", "start": 2, "end": 5}},
        {"found": None},
        {"found": {"pattern": "便宜", "effect": "review", "start": 0, "end": 2}},
        {"found": None},
    ]


# Files

LIST = """词,处理,谐音,备注
微信,,,
便宜,审核,否,x
微信支付,放行,是,
,拒绝,,
微 信,拦截,是,
VX,block,no,
vx,refuse,no,
好,大概,也许,
"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
async def test_good_rows_are_added_and_each_other_row_is_named(desk, encoding):
    assert await desk.import_(LIST.encode(encoding)) == {
        "rows": 8,
        "created": 5,
        "updated": 0,
        "unchanged": 0,
        "problems": [
            {"row": 1, "column": "备注", "message": "this column was not read"},
            {
                "row": 5,
                "column": "word",
                "message": "at least one letter or digit; signs and emoji are passed over in lines",
            },
            {"row": 8, "column": "word", "message": "the same as row 7"},
            {"row": 9, "column": "effect", "message": "refuse, review or allow"},
            {"row": 9, "column": "by sound", "message": "yes or no"},
        ],
    }
    assert sorted(await desk.words()) == [
        ("vx", "refuse", False),
        ("便宜", "review", False),
        ("微 信", "refuse", True),
        ("微信", "refuse", False),
        ("微信支付", "allow", True),
    ]


async def test_plain_text_is_a_word_a_line(desk):
    report = await desk.import_("微信\r\n\r\n free money \n微信\n加微信,拒绝\n")
    assert (report["rows"], report["created"]) == (4, 2)
    assert [(problem["row"], problem["message"]) for problem in report["problems"]] == [
        (4, "the same as row 1"),
        (5, "several cells; name them in the first row: word, effect, by sound"),
    ]
    assert sorted(await desk.words()) == [("free money", "refuse", False), ("微信", "refuse", False)]


async def test_a_broken_table_is_read_as_far_as_it_goes(desk):
    report = await desk.import_('word;effect\n微信;review\nvx;allow;no\n"便宜;allow\n好;allow\n')
    assert (report["rows"], report["created"]) == (3, 1)
    assert [(problem["row"], problem["message"]) for problem in report["problems"]] == [
        (3, "more cells than the header has"),
        (4, "a quotation mark opens here and never closes; nothing below was read"),
    ]


async def test_the_same_file_again_changes_nothing_and_another_changes_what_differs(desk):
    await desk.import_("word,effect\n微信,refuse\nvx,refuse\n")
    again = await desk.import_("word,effect\n微信,refuse\nvx,refuse\n")
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, 2)
    assert await desk.version() == 1
    other = await desk.import_("word,effect\n微信,allow\nvx,refuse\n便宜,review\n")
    assert (other["created"], other["updated"], other["unchanged"]) == (1, 1, 1)
    assert await desk.version() == 2
    assert [act.act for act in await desk.acts()] == ["words.imported"] * 2


async def test_what_is_exported_imports_back_to_the_same(desk, stage):
    await desk.import_(LIST)
    await desk.import_('word,effect,by sound\n"加?信",review,no\n*ass*,refuse,no\n"it""s",allow,yes\n')
    exported = await desk.ask("GET", "/export")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert exported.headers["content-disposition"] == 'attachment; filename="words.csv"'
    again = await desk.import_(exported.content)
    assert (again["rows"], again["unchanged"], again["problems"]) == (8, 8, [])
    fresh = await desk.import_(exported.content, room=stage.room_id)
    assert (fresh["rows"], fresh["created"], fresh["problems"]) == (8, 8, [])
    assert await desk.words(room_id=str(stage.room_id)) == await desk.words()


async def test_a_brand_has_so_many_words_and_no_more(desk, stage, monkeypatch):
    monkeypatch.setattr(word_lists, "MOST_WORDS", 3)
    await desk.add("one", room_id=stage.room_id)
    report = await desk.import_("one\ntwo\nthree\nfour\n")
    assert report["created"] == 2
    assert [(problem["row"], problem["message"]) for problem in report["problems"]] == [
        (3, "the brand has its 3 words"),
        (4, "the brand has its 3 words"),
    ]
    refused = await desk.ask("POST", json={"pattern": "five", "effect": "refuse"})
    assert (refused.status_code, refused.json()["slug"], refused.json()["most"]) == (409, "too-many-words", 3)
    await desk.add("two", "review")


async def test_twenty_thousand_words_are_imported_at_once(desk, stage):
    report = await desk.import_("\n".join(f"词{n:x}" for n in range(0x10000, 0x10000 + 20_000)))
    assert (report["created"], report["problems"]) == (20_000, [])
    version, rules = await desk.load(stage.room_id)
    assert (version, len(rules)) == (1, 20_000)
    (act,) = await desk.acts()
    await desk.undo(act)
    assert await desk.load(stage.room_id) == (2, [])


# Bad input


@pytest.mark.parametrize(
    "body",
    [
        {"pattern": "!!", "effect": "refuse"},
        {"pattern": "茶" * 65, "effect": "refuse"},
        {"pattern": "茶" * 401, "effect": "refuse"},
        {"pattern": "微信", "effect": "forbid"},
        {"pattern": "微信", "effect": "refuse", "by_sound": "very"},
        {"pattern": "微信", "effect": "refuse", "room_id": "here"},
        {"pattern": "微信", "effect": "refuse", "colour": "red"},
        {"pattern": "微信"},
        {"effect": "refuse"},
        [],
    ],
)
async def test_a_bad_word_is_a_problem_of_the_request(desk, body):
    refused = await desk.ask("POST", json=body)
    assert refused.status_code == 422
    assert refused.headers["content-type"].startswith("application/problem+json")
    assert await desk.version() == 0


@pytest.mark.parametrize(
    "body", [b"", b"\n \n", b"word,effect\n", b"\xff\xfe\x00", b"w\0o\0r\0d\0", b"\x81\xff\xff"]
)
async def test_a_file_that_is_no_list_is_refused(desk, body):
    refused = await desk.ask("POST", "/import", content=body)
    assert refused.status_code == 422
    assert refused.headers["content-type"].startswith("application/problem+json")


async def test_a_file_of_too_many_rows_or_bytes_is_refused(desk):
    refused = await desk.ask("POST", "/import", content="\n".join(map(str, range(20_001))).encode())
    assert (refused.status_code, refused.json()["most_rows"]) == (422, 20_000)
    assert (await desk.ask("POST", "/import", content=b"a" * 4_200_000)).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "request_"),
    [
        ("GET", "", {"params": {"room_id": "here"}}),
        ("GET", "", {"params": {"cursor": "there"}}),
        ("POST", "/try", {"json": {"text": "a" * 2001}}),
        ("POST", "/import", {"content": b"vx", "params": {"room_id": "here"}}),
    ],
)
async def test_bad_parameters_are_problems_of_the_request(desk, method, path, request_):
    assert (await desk.ask(method, path, **request_)).status_code == 422


# Acts, and undoing them


async def test_every_change_leaves_its_act(desk, stage):
    word = await desk.add("微信")
    await desk.add("微信", "allow")
    await desk.ask("DELETE", f"/{word['id']}")
    await desk.import_("微信\n", room=stage.room_id, by=stage.host)
    acts = [(act.act, act.actor_id, act.room_id, str(act.target_id), act.detail) for act in await desk.acts()]
    owner, none = stage.owner.id, ["微信", None, True]
    assert acts == [
        ("word.added", owner, None, word["id"], {"before": [none]}),
        ("word.added", owner, None, word["id"], {"before": [["微信", "refuse", True]]}),
        ("word.removed", owner, None, word["id"], {"before": [["微信", "allow", True]]}),
        ("words.imported", stage.host.id, stage.room_id, str(stage.room_id), {"before": [none]}),
    ]


async def test_each_change_can_be_undone_and_done_again(desk):
    word = await desk.add("微信")
    await desk.add("微信", "review")
    await desk.ask("DELETE", f"/{word['id']}")
    added, changed, removed = await desk.acts()
    for act, left in (
        (removed, [("微信", "review", True)]),
        (changed, [("微信", "refuse", True)]),
        (added, []),
    ):
        await desk.undo(act)
        assert await desk.words() == left
    assert [act.act for act in (await desk.acts())[3:]] == ["word.added", "word.added", "word.removed"]
    await desk.undo((await desk.acts())[-1])
    assert await desk.words() == [("微信", "refuse", True)]
    assert await desk.version() == 7


async def test_an_import_is_undone_whole(desk):
    await desk.import_("word,effect,by sound\n微信,refuse,no\nvx,allow,yes\n")
    await desk.import_("word,effect\n微信,allow\nvx,allow\n便宜,review\n")
    await desk.undo((await desk.acts())[-1])
    before = [("vx", "allow", True), ("微信", "refuse", False)]
    assert sorted(await desk.words()) == before
    await desk.undo((await desk.acts())[-1])
    assert sorted(await desk.words()) == [
        ("vx", "allow", False),
        ("便宜", "review", False),
        ("微信", "allow", False),
    ]


async def test_what_was_undone_by_other_means_is_not_undone_again(desk):
    word = await desk.add("微信")
    await desk.ask("DELETE", f"/{word['id']}")
    added, _ = await desk.acts()
    await desk.undo(added)
    assert (await desk.version(), len(await desk.acts())) == (2, 2)


async def test_only_who_keeps_a_list_undoes_its_changes(desk, stage):
    await desk.add("微信")
    (act,) = await desk.acts()
    for who in (stage.host, await stage.shop.member()):
        with pytest.raises(Forbidden):
            async with stage.session() as session:
                await word_lists.undo(session, who, act, NOON)


async def test_a_change_and_its_version_are_one(desk, stage):
    async with stage.session() as session:
        await word_lists.add(session, stage.owner, None, WordRule("微信", Effect.REFUSE), NOON)
        await session.rollback()
    assert await desk.load() == (0, [])
    async with stage.session() as session:
        rows = await session.execute(
            text("SELECT count(*) FROM word WHERE brand_id = :brand_id"), {"brand_id": stage.shop.brand_id}
        )
        assert rows.scalar_one() == 0
