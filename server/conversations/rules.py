"""Who may say what to whom, and until when it can be taken back. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from server.brands.names import clean_lines
from server.kit.principal import Principal, Role
from server.kit.problems import Conflict, Forbidden, Invalid

LONGEST_TEXT = 500
"""Characters of a line."""
RECALL_WITHIN = timedelta(minutes=2)


class Side(StrEnum):
    MEMBER = "member"
    GUIDE = "guide"

    @property
    def other(self) -> Side:
        return Side.GUIDE if self is Side.MEMBER else Side.MEMBER


class Closed(StrEnum):
    """Why nothing more is written."""

    GUIDE_LEFT = "guide-left"
    """The guide's account is disabled, brings no customers any more, or is another store's now."""
    MOVED = "moved"
    """The member is another guide's customer."""
    LAPSED = "lapsed"
    """The member is nobody's customer: not bound, and carried by nobody for a month."""


class NotYourCustomer(Forbidden):
    slug, title = "not-your-customer", "Only a customer's own guide writes to them"


class NoGuide(Conflict):
    slug, title = "no-guide", "Nobody looks after you yet; open a guide's link first"


class ConversationClosed(Conflict):
    """`why` is one of `Closed`."""

    slug, title = "conversation-closed", "Nothing more can be written in this conversation"


class NotReceiving(Conflict):
    """The customer doesn't want to be written to."""

    slug, title = "not-receiving", "The customer receives no messages now"


class TooLate(Conflict):
    slug, title = "too-late", "A line can be taken back within two minutes"


class EmptyText(Invalid):
    slug, title = "empty-line", "There is nothing to say in this"


class TextTooLong(Invalid):
    """`longest` in characters."""

    slug, title = "line-too-long", "The line is too long"


def closed(guide_id: UUID, *, works: bool, own_guide_id: UUID | None) -> Closed | None:
    """`works`: the guide still does, at the conversation's store. `own_guide_id`: whose customer the member is now."""
    if not works:
        return Closed.GUIDE_LEFT
    if own_guide_id == guide_id:
        return None
    return Closed.LAPSED if own_guide_id is None else Closed.MOVED


def side_of(who: Principal, member_id: UUID, guide_id: UUID) -> Side | None:
    """None for who takes no part, though they may read."""
    if who.kind == "member":
        return Side.MEMBER if who.id == member_id else None
    return Side.GUIDE if who.id == guide_id else None


def may_look_on(who: Principal, brand_id: UUID, store_id: UUID | None) -> bool:
    """The brand's owner, and the manager of the store that the guide wrote for."""
    if who.kind != "staff" or who.brand_id != brand_id:
        return False
    return who.role is Role.OWNER or (
        who.role is Role.MANAGER and store_id is not None and who.store_id == store_id
    )


def must_write(why_closed: Closed | None, *, receiving: bool) -> None:
    """A member who receives nothing asks nothing either. Raises `ConversationClosed`, `NotReceiving` (409)."""
    if why_closed is not None:
        raise ConversationClosed(why=why_closed.value)
    if not receiving:
        raise NotReceiving


def must_take_back(said_at: datetime, now: datetime) -> None:
    """Raises `TooLate` (409)."""
    if now - said_at > RECALL_WITHIN:
        raise TooLate


def text(words: str) -> str:
    """As it is kept: NFC, on several lines, nothing invisible. Raises `EmptyText`, `TextTooLong` (422)."""
    kept = clean_lines(words)
    if not kept:
        raise EmptyText
    if len(kept) > LONGEST_TEXT:
        raise TextTooLong(longest=LONGEST_TEXT)
    return kept
