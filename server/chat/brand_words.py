"""The brand's words where something is said outside a room. One `BrandWords` a process."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any
from uuid import UUID

from litestar import Request
from litestar.di import Provide
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from server.chat import word_lists
from server.chat.models import WordVersion
from server.chat.rules import WordRefused
from server.chat.words import Effect, Words
from server.kit.problems import Problem

REMEMBERED = 50
"""Brands; a long list is some 50 MB."""


class BrandWords:
    def __init__(self) -> None:
        self._known: OrderedDict[UUID, tuple[int, Words]] = OrderedDict()

    async def refusal(self, session: AsyncSession, brand_id: UUID, text: str) -> Problem | None:
        """`WordRefused` (422) where a word of the brand's list is to refuse. Words to review are let through: nobody
        waits to review what two say to each other."""
        found = (await self._words(session, brand_id)).judge(text)
        return WordRefused() if found is not None and found.effect is Effect.REFUSE else None

    async def _words(self, session: AsyncSession, brand_id: UUID) -> Words:
        asked = select(WordVersion.version).where(WordVersion.brand_id == brand_id)
        version = (await session.exec(asked)).first() or 0
        known = self._known.get(brand_id)
        if known is None or known[0] != version:
            version, rules = await word_lists.load(session, brand_id, None)
            known = version, await asyncio.to_thread(Words, rules)
        self._known[brand_id] = known
        self._known.move_to_end(brand_id)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return known[1]


def provide_brand_words(request: Request[Any, Any, Any]) -> BrandWords:
    """One for each app, made at first use."""
    words: BrandWords | None = request.app.state.get("brand_words")
    if words is None:
        words = request.app.state.brand_words = BrandWords()
    return words


JUDGED = {"brand_words": Provide(provide_brand_words, sync_to_thread=False)}
"""Dependencies of a handler that takes `brand_words: BrandWords`."""
