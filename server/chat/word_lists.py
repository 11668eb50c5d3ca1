"""The sensitive words of a brand and of its rooms: changed by one transaction at a time, each change a new version."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from sqlalchemy import Boolean, Integer, String, text
from sqlmodel import col, func, select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import word_sheet, words
from server.chat.acts import Place, must_moderate, note
from server.chat.models import ModerationAct, Word
from server.chat.words import Effect, WordRule
from server.kit.ids import uuid7
from server.kit.paging import PAGE, before
from server.kit.principal import Principal, Role
from server.kit.problems import Conflict, Forbidden, NotFound
from server.kit.sheets import RowProblem

KEEPS_WORDS = frozenset({Role.OWNER, Role.OPERATOR})
MOST_WORDS = 20_000
"""Of a brand, its rooms' included."""
WORDS_LOCK = 0x5F0C_0400


class TooManyWords(Conflict):
    """`most` is how many there may be."""

    slug, title = "too-many-words", "The brand has as many words as it can"


class WordsImported(msgspec.Struct):
    """rows = created + updated + unchanged + rows with problems."""

    rows: int
    created: int
    updated: int
    unchanged: int
    problems: list[RowProblem]


class Was(msgspec.Struct, array_like=True, frozen=True):
    """What a pattern was before a change; without `effect` it was no word of the list."""

    pattern: str
    effect: Effect | None = None
    by_sound: bool = True


class WordList(msgspec.Struct, frozen=True):
    """The brand's, or the one of the room `where`."""

    brand_id: UUID
    room_id: UUID | None
    where: Place | UUID

    @property
    def target_id(self) -> UUID:
        return self.room_id or self.brand_id


async def must_keep(session: AsyncSession, staff: Principal, room_id: UUID | None) -> WordList:
    """The brand's list is kept by its owner and operators, a room's by whoever moderates there.

    Raises `NotFound` (another brand's room), `Forbidden`.
    """
    if room_id is not None:
        return WordList(staff.brand_id, room_id, await must_moderate(session, staff, room_id))
    if staff.kind != "staff" or staff.role not in KEEPS_WORDS:
        raise Forbidden
    return WordList(staff.brand_id, None, staff.brand_id)


async def listing(session: AsyncSession, of: WordList, cursor: str | None, part: str = "") -> Sequence[Word]:
    """A page and one more, newest first: those whose pattern contains `part`, in whatever width and case."""
    query = select(Word).where(Word.brand_id == of.brand_id, Word.room_id == of.room_id)
    query = query.where(col(Word.pattern).contains(words.one_form(part), autoescape=True))
    if last := before(cursor):
        query = query.where(col(Word.id) < last)
    return (await session.exec(query.order_by(col(Word.id).desc()).limit(PAGE + 1))).all()


async def rules(session: AsyncSession, of: WordList) -> list[WordRule]:
    """All of the list, oldest first."""
    query = select(Word).where(Word.brand_id == of.brand_id, Word.room_id == of.room_id)
    return [_rule(word) for word in (await session.exec(query.order_by(col(Word.id)))).all()]


_LOAD = text(
    """
    SELECT coalesce((SELECT version FROM word_version WHERE brand_id = :brand_id), 0) AS version,
           w.pattern, w.effect, w.by_sound
    FROM (SELECT 1) AS one
    LEFT JOIN word w ON w.brand_id = :brand_id AND (w.room_id IS NULL OR w.room_id = :room_id)
    ORDER BY w.room_id NULLS FIRST, w.id
    """
).columns(version=Integer, pattern=String, effect=String, by_sound=Boolean)


async def load(session: AsyncSession, brand_id: UUID, room_id: UUID | None) -> tuple[int, list[WordRule]]:
    """The words that hold in a room, and the version that they are: the brand's and its own, which of the same pattern
    wins. Both are of one moment."""
    found = (await session.execute(_LOAD, {"brand_id": brand_id, "room_id": room_id})).all()
    holding = {
        row.pattern: WordRule(row.pattern, Effect(row.effect), row.by_sound) for row in found if row.pattern
    }
    return found[0].version, list(holding.values())


async def add(
    session: AsyncSession, staff: Principal, room_id: UUID | None, rule: WordRule, now: datetime
) -> Word:
    """A pattern that is there already takes the new effect. Doing it twice changes nothing.

    Raises `NotFound`, `Forbidden`, `Invalid` (422), `TooManyWords` (409).
    """
    pattern = words.pattern(rule.pattern)
    of = await must_keep(session, staff, room_id)
    change = await _Change.begin(session, of, [pattern])
    change.want(Was(pattern, rule.effect, rule.by_sound))
    await change.write(staff, now)
    word = await _word(session, of, pattern)
    if change.before:
        await note(session, of.where, staff, "word.added", word.id, now, pattern, before=change.before)
    return word


async def remove(session: AsyncSession, staff: Principal, word_id: UUID, now: datetime) -> Word:
    """The word that was. Raises `NotFound`, `Forbidden`."""
    word = await session.get(Word, word_id)
    if word is None or word.brand_id != staff.brand_id:
        raise NotFound
    of = await must_keep(session, staff, word.room_id)
    change = await _Change.begin(session, of, [word.pattern])
    if await session.get(Word, word_id, populate_existing=True) is None:  # somebody was quicker
        raise NotFound
    change.want(Was(word.pattern))
    await change.write(staff, now)
    await note(session, of.where, staff, "word.removed", word.id, now, word.pattern, before=change.before)
    return word


async def import_list(
    session: AsyncSession, staff: Principal, room_id: UUID | None, body: bytes, now: datetime
) -> WordsImported:
    """Good rows are added or change what is there, each other row is named. The same file again changes nothing.

    Raises `NotFound`, `Forbidden`, `UnreadableList` (422).
    """
    of = await must_keep(session, staff, room_id)
    sheet = await asyncio.to_thread(word_sheet.read, body)
    change = await _Change.begin(session, of, [rule.pattern for rule in sheet.rules.values()])
    report = WordsImported(sheet.count, 0, 0, 0, sheet.problems)
    for number, rule in sheet.rules.items():
        is_new = rule.pattern not in change.known
        if is_new and change.free == 0:
            report.problems.append(RowProblem(number, "word", f"the brand has its {MOST_WORDS} words"))
        elif not change.want(Was(rule.pattern, rule.effect, rule.by_sound)):
            report.unchanged += 1
        elif is_new:
            report.created += 1
        else:
            report.updated += 1
    await change.write(staff, now)
    if change.before:
        await note(session, of.where, staff, "words.imported", of.target_id, now, before=change.before)
    report.problems.sort(key=lambda problem: problem.row)
    return report


async def undo(session: AsyncSession, staff: Principal, act: ModerationAct, now: datetime) -> None:
    """What a change of words, of any kind, found there is there again. It is a change like those, and leaves its act;
    when all is as it was before, nothing happens.

    Raises `NotFound`, `Forbidden`, `TooManyWords` (409).
    """
    of = await must_keep(session, staff, act.room_id)
    wanted = msgspec.convert(act.detail["before"], list[Was])
    change = await _Change.begin(session, of, [was.pattern for was in wanted])
    for was in wanted:
        change.want(was)
    await change.write(staff, now)
    if not change.before:
        return
    if act.act == "words.imported":
        await note(session, of.where, staff, act.act, of.target_id, now, before=change.before)
        return
    (was,) = wanted
    target_id = act.target_id if was.effect is None else (await _word(session, of, was.pattern)).id
    kind = "word.removed" if was.effect is None else "word.added"
    await note(session, of.where, staff, kind, target_id, now, was.pattern, before=change.before)


class _Change:
    """Of one list, by one transaction of the brand at a time: what is wanted against what is `known`.

    `free` is how many new words the brand has place for; `before` is what the changed patterns were.
    """

    def __init__(self, session: AsyncSession, of: WordList, known: dict[str, Was], free: int) -> None:
        self._session, self._of = session, of
        self.known, self.free = known, free
        self.before: list[Was] = []
        self._wanted: list[Was] = []

    @classmethod
    async def begin(cls, session: AsyncSession, of: WordList, patterns: Sequence[str]) -> _Change:
        await session.execute(select(func.pg_advisory_xact_lock(WORDS_LOCK, func.hashtext(str(of.brand_id)))))
        count = await session.exec(select(func.count()).select_from(Word).where(Word.brand_id == of.brand_id))
        found = await session.execute(_KNOWN, {**_scope(of), "patterns": patterns})
        known = {row.pattern: Was(row.pattern, Effect(row.effect), row.by_sound) for row in found}
        return cls(session, of, known, max(0, MOST_WORDS - count.one()))

    def want(self, wanted: Was) -> bool:
        """Whether that changes anything."""
        was = self.known.get(wanted.pattern, Was(wanted.pattern))
        if was == wanted or (was.effect is None and wanted.effect is None):
            return False
        self.before.append(was)
        self._wanted.append(wanted)
        self.free -= (was.effect is None) - (wanted.effect is None)
        return True

    async def write(self, staff: Principal, now: datetime) -> None:
        """With a new version, if there is anything to write. Raises `TooManyWords` (409)."""
        if not self._wanted:
            return
        if self.free < 0:
            raise TooManyWords(most=MOST_WORDS)
        gone = [wanted.pattern for wanted in self._wanted if wanted.effect is None]
        kept = [wanted for wanted in self._wanted if wanted.effect is not None]
        if gone:
            await self._session.execute(_REMOVE, {**_scope(self._of), "patterns": gone})
        if kept:
            values = {
                "ids": [uuid7() for _ in kept],
                "patterns": [wanted.pattern for wanted in kept],
                "effects": [wanted.effect for wanted in kept],
                "by_sounds": [wanted.by_sound for wanted in kept],
            }
            await self._session.execute(_KEEP, {**_scope(self._of), **values, "now": now, "by": staff.id})
        await self._session.execute(_NEXT_VERSION, {"brand_id": self._of.brand_id})


_IN_LIST = "brand_id = :brand_id AND room_id IS NOT DISTINCT FROM CAST(:room_id AS uuid)"
_AMONG = f"{_IN_LIST} AND pattern = ANY(CAST(:patterns AS text[]))"
_KNOWN = text(f"SELECT pattern, effect, by_sound FROM word WHERE {_AMONG}")  # noqa: S608  constants of this module
_REMOVE = text(f"DELETE FROM word WHERE {_AMONG}")  # noqa: S608  constants of this module
_KEEP = text(
    """
    INSERT INTO word (id, brand_id, room_id, pattern, effect, by_sound, created_at, created_by)
    SELECT g.id, :brand_id, CAST(:room_id AS uuid), g.pattern, g.effect, g.by_sound, :now, :by
    FROM unnest(
        CAST(:ids AS uuid[]), CAST(:patterns AS text[]), CAST(:effects AS text[]), CAST(:by_sounds AS boolean[]))
    AS g(id, pattern, effect, by_sound)
    ON CONFLICT (brand_id, room_id, pattern)
    DO UPDATE SET effect = excluded.effect, by_sound = excluded.by_sound
    """
)
_NEXT_VERSION = text(
    """
    INSERT INTO word_version (brand_id, version) VALUES (:brand_id, 1)
    ON CONFLICT (brand_id) DO UPDATE SET version = word_version.version + 1
    """
)


def _scope(of: WordList) -> dict[str, UUID | None]:
    return {"brand_id": of.brand_id, "room_id": of.room_id}


def _rule(word: Word) -> WordRule:
    return WordRule(word.pattern, Effect(word.effect), word.by_sound)


async def _word(session: AsyncSession, of: WordList, pattern: str) -> Word:
    found = await session.exec(
        select(Word)
        .where(Word.brand_id == of.brand_id, Word.room_id == of.room_id, Word.pattern == pattern)
        .execution_options(populate_existing=True)
    )
    return found.one()
