"""By which rules a room's lines are judged: its settings and its words, kept in this process until they change.

The version that a line was judged by is written into the statement that keeps it. A line judged by an older one is not
kept but judged again, so a word that was added counts from its commit on, in every process.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec

from server.chat import rules, word_lists
from server.chat.models import ChatSetting
from server.chat.words import Effect, WordRule, Words
from server.kit.database import Database
from server.kit.problems import Problem

REMEMBERED = 500


class Ruling(msgspec.Struct, frozen=True):
    """What becomes of a line: `refused`, or shown, or held for a moderator because of `why` (the word is `pattern`)."""

    refused: Problem | None = None
    why: str | None = None
    pattern: str | None = None

    @property
    def state(self) -> str:
        return "waiting" if self.why else "shown"


SHOWN = Ruling()


class Policy(msgspec.Struct, frozen=True):
    room_version: int
    words_version: int
    pre_review: bool
    links: bool
    slow_s: int
    words: Words

    def judge(self, line: str) -> Ruling:
        """For a viewer's line; staff say what they like."""
        if not self.links and rules.has_link(line):
            return Ruling(refused=rules.LinksOff())
        found = self.words.judge(line)
        if found is not None and found.effect is Effect.REFUSE:
            return Ruling(refused=rules.WordRefused(), pattern=found.pattern)
        pattern = found.pattern if found is not None else None
        if self.pre_review:
            return Ruling(why="pre-review", pattern=pattern)
        return Ruling(why="word", pattern=pattern) if pattern else SHOWN


class Policies:
    """One process's. `of` loads what it doesn't have; `forget` what turned out to be old."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: OrderedDict[UUID, Policy] = OrderedDict()
        # Rooms with the same words share what was compiled of them: of a long list it is some 50 MB.
        self._compiled: WeakValueDictionary[tuple[WordRule, ...], Words] = WeakValueDictionary()

    async def of(self, brand_id: UUID, room_id: UUID) -> Policy:
        if (known := self._known.get(room_id)) is not None:
            self._known.move_to_end(room_id)
            return known
        async with self._database.transaction() as session:
            setting = await session.get(ChatSetting, room_id) or ChatSetting(room_id=room_id, version=0)
            version, word_rules = await word_lists.load(session, brand_id, room_id)
        policy = Policy(
            room_version=setting.version,
            words_version=version,
            pre_review=setting.pre_review,
            links=setting.links,
            slow_s=setting.slow_s,
            words=await self._words(tuple(word_rules)),
        )
        self._known[room_id] = policy
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return policy

    async def is_as_set(self, room_id: UUID, policy: Policy) -> bool:
        """Whether the room's settings are still those of the policy."""
        async with self._database.transaction() as session:
            setting = await session.get(ChatSetting, room_id)
        return (setting.version if setting is not None else 0) == policy.room_version

    async def _words(self, word_rules: tuple[WordRule, ...]) -> Words:
        if (words := self._compiled.get(word_rules)) is None:
            words = self._compiled[word_rules] = await asyncio.to_thread(Words, word_rules)
        return words

    def forget(self, room_id: UUID) -> None:
        self._known.pop(room_id, None)
