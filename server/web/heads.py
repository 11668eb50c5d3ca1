"""Which page says what of itself to whoever shows its link: one maker of a `Head` for each kind of page.

Pages are opened by crowds: what was made is told again for some seconds. Whatever fails, the page goes without.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from urllib.parse import quote
from uuid import UUID

import msgspec
import structlog
from sqlmodel.ext.asyncio.session import AsyncSession

from server.attribution import codes, shelf_codes
from server.attribution import service as attribution
from server.flash_sales import service as flash_sales
from server.kit.clock import utc_now
from server.kit.database import Database, log_failure
from server.kit.link_card import SIZE
from server.kit.problems import NotFound
from server.kit.settings import Settings
from server.rooms import preview as rooms
from server.web import shared_cards
from server.web.head import Head

log = structlog.get_logger()

PATIENCE_S = 0.3
FRESH_S = 5.0
REMEMBERED = 2_000

Language = rooms.Language

WORDS: dict[Language, dict[str, str]] = {
    "zh-CN": {"invites": "{inviter}邀请你看直播"},
    "en": {"invites": "{inviter} invites you to a live show"},
}


class Asked(msgspec.Struct, frozen=True):
    """`id` is of what the page shows, `code` the invitation that its address came with."""

    id: UUID
    code: str = ""
    language: Language = "zh-CN"

    def say(self, key: str, **values: object) -> str:
        return WORDS[self.language][key].format(**values)


def language_of(lang: str) -> Language:
    """As a page's `?lang=` has it."""
    return "en" if lang.lower().startswith("en") else "zh-CN"


# One for each kind of page


async def _proof(session: AsyncSession, settings: Settings, asked: Asked) -> Head | None:
    preview = await flash_sales.preview(session, asked.id, asked.language)
    if preview is None:
        return None
    path = f"/api/flash-sales/{asked.id}/proof.png?language={asked.language}&v={_tag(preview.etag)}"
    return Head(
        title=preview.heading,
        description=preview.description,
        url=f"{settings.base_url}/proof/{asked.id}",
        site=preview.brand,
        picture=settings.base_url + path,
        size=SIZE,
    )


async def _live(session: AsyncSession, settings: Settings, asked: Asked) -> Head | None:
    """With a genuine code into this room who invites, and the title, as the invitation has them."""
    room = await rooms.of_room(session, asked.id, asked.language)
    if room is None:
        return None
    invitation = await _invitation(session, settings, asked)
    if invitation is not None:
        title = asked.say("invites", inviter=invitation.inviter)
        about = [room.said, invitation.title, room.brand]
        url = f"{settings.base_url}/i/{quote(asked.code)}"
    else:
        title = room.title or room.brand
        about = [room.said, room.host or "", room.brand] if room.title else []
        url = f"{settings.base_url}/live/{asked.id}"
    path = f"/share/rooms/{asked.id}/card.png?language={asked.language}&v={_tag(room.etag)}"
    return Head(
        title=title,
        description=" · ".join(part for part in about if part),
        url=url,
        site=room.brand,
        picture=settings.base_url + path,
        size=SIZE,
    )


async def _invitation(
    session: AsyncSession, settings: Settings, asked: Asked
) -> attribution.Invitation | None:
    try:
        invitation = await attribution.show(session, settings.secret, asked.code, utc_now())
    except NotFound:
        return None
    return invitation if invitation.room_id == asked.id else None


async def _product(session: AsyncSession, settings: Settings, asked: Asked) -> Head | None:
    """The page shows a product to whoever has a store's code for it, and so does its head."""
    try:
        product = await shelf_codes.show(session, settings.secret, asked.code)
    except NotFound:
        return None
    if product.product_id != asked.id or not product.skus:
        return None
    price = shared_cards.price_of(product, asked.language)
    if product.image:
        picture, size = product.image.replace(".webp", ".jpg"), None
    else:
        card = f"/share/shelf-codes/{quote(asked.code)}/card.png?language={asked.language}"
        picture, size = f"{card}&v={_tag(shared_cards.tag_of(product))}", SIZE
    return Head(
        title=product.title,
        description=" · ".join([price, product.store.name, product.brand]),
        url=f"{settings.base_url}/i/{quote(asked.code)}",
        site=product.brand,
        picture=settings.base_url + picture,
        size=size,
    )


def _tag(etag: str) -> str:
    return quote(etag.strip('"'))


Maker = Callable[[AsyncSession, Settings, Asked], Awaitable[Head | None]]
MAKERS: dict[str, Maker] = {"proof": _proof, "live": _live, "product": _product}
"""By the page's name."""


class Heads:
    """One a web process."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings
        self._made: OrderedDict[tuple[str, Asked], tuple[float, asyncio.Task[Head | None]]] = OrderedDict()

    async def of(self, name: str, id_: str, code: str, lang: str) -> Head | None:
        """None where there is nothing to say, or not in time."""
        try:
            known = code if codes.genuine(self._settings.secret, code) else ""  # forged ones are all the same
            asked = Asked(UUID(id_), known, language_of(lang))
            async with asyncio.timeout(PATIENCE_S):
                return await asyncio.shield(self._task(name, asked))
        except ValueError:
            return None
        except Exception as error:
            log_failure(log, "a page goes without its head", error, page=name, id=id_)
            return None

    def _task(self, name: str, asked: Asked) -> asyncio.Task[Head | None]:
        """Whoever asks for the same at once waits for one answer."""
        now, key = time.monotonic(), (name, asked)
        until, task = self._made.get(key, (0.0, None))
        if task is None or until < now or (task.done() and task.exception()):
            task = asyncio.create_task(self._make(name, asked))
            task.add_done_callback(_seen)
            self._made[key] = (now + FRESH_S, task)
            self._made.move_to_end(key)
            while len(self._made) > REMEMBERED:
                self._made.popitem(last=False)
        return task

    async def _make(self, name: str, asked: Asked) -> Head | None:
        async with self._database.transaction() as session:
            return await MAKERS[name](session, self._settings, asked)

    async def stop(self) -> None:
        """What is still being made is given up."""
        tasks = [task for _, task in self._made.values() if not task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _seen(task: asyncio.Task[Head | None]) -> None:
    """Who asked is told of a failure; where nobody waits any more, nobody needs to be."""
    if not task.cancelled():
        task.exception()
