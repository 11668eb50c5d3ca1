"""Sensitive words over HTTP."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from litestar import Response, delete, get, post
from litestar.params import QueryParameter
from litestar.status_codes import HTTP_200_OK
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import word_lists, word_sheet
from server.chat.models import Word
from server.chat.word_lists import WordsImported
from server.chat.words import Effect, Found, WordRule, Words
from server.kit.clock import Clock
from server.kit.database import Database
from server.kit.paging import Page, page
from server.kit.principal import Principal

LONGEST_SOUGHT = 100


class WordView(msgspec.Struct):
    """Without `room_id` it is the brand's. `pattern` is as it was kept: width and case made one."""

    id: UUID
    room_id: UUID | None
    pattern: str
    effect: Effect
    by_sound: bool
    created_at: datetime
    created_by: UUID | None


class NewWord(msgspec.Struct, forbid_unknown_fields=True):
    pattern: Annotated[str, msgspec.Meta(max_length=400)]
    effect: Effect
    by_sound: bool = True
    room_id: UUID | None = None


class TryLine(msgspec.Struct, forbid_unknown_fields=True):
    text: Annotated[str, msgspec.Meta(max_length=2000)]
    room_id: UUID | None = None


class Tried(msgspec.Struct):
    """`found` is null for a line that may pass. Its `start` and `end` count code points."""

    found: Found | None


def _view(word: Word) -> WordView:
    return WordView(
        id=word.id,
        room_id=word.room_id,
        pattern=word.pattern,
        effect=Effect(word.effect),
        by_sound=word.by_sound,
        created_at=word.created_at,
        created_by=word.created_by,
    )


@get("/api/words", tags=["chat"])
async def listing(
    staff: Principal,
    session: AsyncSession,
    room_id: UUID | None = None,
    cursor: Annotated[str | None, QueryParameter(max_length=64)] = None,
    q: Annotated[str, QueryParameter(max_length=LONGEST_SOUGHT)] = "",
) -> Page[WordView]:
    """The brand's words, or one room's own; newest first. With `q`, those whose pattern contains it, in whatever width
    and case."""
    of = await word_lists.must_keep(session, staff, room_id)
    return page(await word_lists.listing(session, of, cursor, q), _view, lambda word: word.id)


@post("/api/words", tags=["chat"])
async def add(data: NewWord, staff: Principal, session: AsyncSession, clock: Clock) -> WordView:
    """The same pattern again takes the new effect. `?` in it is one character, `*` up to 8."""
    rule = WordRule(data.pattern, data.effect, data.by_sound)
    return _view(await word_lists.add(session, staff, data.room_id, rule, clock()))


@delete("/api/words/{word_id:uuid}", status_code=HTTP_200_OK, tags=["chat"])
async def remove(word_id: UUID, staff: Principal, session: AsyncSession, clock: Clock) -> WordView:
    """The word that was, so that it can be added again."""
    return _view(await word_lists.remove(session, staff, word_id, clock()))


@post("/api/words/import", request_max_body_size=word_sheet.MOST_BYTES, tags=["chat"])
async def import_list(
    body: bytes, staff: Principal, session: AsyncSession, clock: Clock, room_id: UUID | None = None
) -> WordsImported:
    """The file itself as the body, at most 20,000 rows and 4 MB: CSV with the columns word, effect and by sound, or
    plain text with a word on each line."""
    return await word_lists.import_list(session, staff, room_id, body, clock())


@get("/api/words/export", media_type="text/csv", tags=["chat"])
async def export(staff: Principal, session: AsyncSession, room_id: UUID | None = None) -> Response[bytes]:
    """All of a list as CSV that imports back to the same."""
    of = await word_lists.must_keep(session, staff, room_id)
    csv = word_sheet.write(await word_lists.rules(session, of))
    headers = {"Content-Disposition": 'attachment; filename="words.csv"'}
    return Response(csv, media_type="text/csv", headers=headers)


@post("/api/words/try", status_code=HTTP_200_OK, tags=["chat"])
async def try_line(data: TryLine, staff: Principal, database: Database) -> Tried:
    """What would be found in a viewer's line: by the brand's words, and in a room by its own too."""
    async with database.transaction() as session:
        of = await word_lists.must_keep(session, staff, data.room_id)
        _, rules = await word_lists.load(session, of.brand_id, of.room_id)
    return Tried(await asyncio.to_thread(lambda: Words(rules).judge(data.text)))


ROUTES = [listing, add, remove, import_list, export, try_line]
