"""What may be said, and by whom it may be taken back."""

from __future__ import annotations

import re
import unicodedata
from uuid import UUID

from server.brands.names import clean
from server.kit.principal import MODERATES, STORE_STAFF, Principal, Role
from server.kit.problems import Forbidden, Gone, Invalid

LONGEST_LINE = 300
"""Characters of one line."""
LONGEST_MUTE_MINUTES = 30 * 24 * 60


class EmptyLine(Invalid):
    slug, title = "empty-line", "There is nothing to say in this"


class LineTooLong(Invalid):
    """`longest` in characters."""

    slug, title = "line-too-long", "The line is too long"


class LinksOff(Forbidden):
    slug, title = "links-off", "Links are not allowed in this room"


class Muted(Forbidden):
    """`muted_until` says for how long."""

    slug, title = "muted", "You are muted in this room for a while"


class Banned(Forbidden):
    """`until` says for how long; null is for good."""

    slug, title = "banned", "You were banned from this room"


class WordRefused(Invalid):
    """Which word it was is the operators' to know."""

    slug, title = "word-refused", "This can't be said here; put it in other words"


class RoomEnded(Gone):
    slug, title = "room-ended", "The room has ended"


_LINK = re.compile(
    r"https?://|www\.[a-z0-9]"
    r"|(?<![a-z0-9_.-])(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+"
    r"(?:com|cn|net|org|info|biz|io|co|me|cc|tv|vip|top|xyz|shop|store|site|online|club|live|link|app|dev|ru|hk|tw|jp)"
    r"(?![a-z0-9-])"
)


def has_link(text: str) -> bool:
    """Full-width letters and dots are read like plain ones."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return _LINK.search(plain) is not None


def line(text: str) -> str:
    """The line as it is kept: NFC, on one line, no control or invisible characters.

    Raises `EmptyLine`, `LineTooLong` (422).
    """
    kept = clean(text)
    if not kept:
        raise EmptyLine
    if len(kept) > LONGEST_LINE:
        raise LineTooLong(longest=LONGEST_LINE)
    return kept


def may_moderate(staff: Principal, brand_id: UUID, store_id: UUID | None) -> bool:
    """Headquarters' room: owner, operator, host, moderator. A store's own room: its staff, and those but the host."""
    if staff.kind != "staff" or staff.brand_id != brand_id:
        return False
    if store_id is None:
        return staff.role in MODERATES
    if staff.role in STORE_STAFF:
        return staff.store_id == store_id
    return staff.role in MODERATES - {Role.HOST}


def may_speak(who: Principal, brand_id: UUID, store_id: UUID | None) -> bool:
    """Viewers, whoever moderates, and store staff among their customers in headquarters' rooms. Others look on."""
    if who.kind == "member":
        return who.brand_id == brand_id
    if may_moderate(who, brand_id, store_id):
        return True
    return who.brand_id == brand_id and store_id is None and who.role in STORE_STAFF
