"""Refusals of the media engine. Each carries the HTTP status and the slug that a shell renders."""

from __future__ import annotations

from typing import ClassVar


class MediaError(Exception):
    """Base of all refusals; `str()` is a sentence for the developer of a client."""

    status: ClassVar[int] = 400
    slug: ClassVar[str] = "media"
    title: ClassVar[str] = "The media request was refused"

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail or self.title)
        self.detail = detail


class MalformedOffer(MediaError):
    status, slug, title = 400, "malformed-offer", "The session description can't be read"


class OfferTooLarge(MediaError):
    status, slug, title = 413, "offer-too-large", "The session description is too large"


class NotAcceptable(MediaError):
    """RFC 9725, 4.4: an offer that can only be met in part is refused as a whole."""

    status, slug, title = 406, "offer-not-acceptable", "The offer has nothing that this server can use"


class MalformedFragment(MediaError):
    status, slug, title = 400, "malformed-fragment", "The ICE fragment can't be read"


class UnknownResource(MediaError):
    status, slug, title = 404, "media-resource-unknown", "There is no such media session"


class HostReplaced(MediaError):
    """The session ended because another host took the room over; publishing again would take it back."""

    status, slug, title = 410, "host-replaced", "Another host has taken over this room"


class RoomTaken(MediaError):
    """Of a conditional publish (If-None-Match: *)."""

    status, slug, title = 412, "room-taken", "Somebody publishes in this room already"


class EntityTagMismatch(MediaError):
    status, slug, title = 412, "entity-tag-mismatch", "The ICE session has changed since"


class EntityTagMissing(MediaError):
    status, slug, title = 428, "entity-tag-missing", "A PATCH needs an If-Match header"


class Draining(MediaError):
    status, slug, title = 503, "media-draining", "This media node takes no new rooms"


class Busy(MediaError):
    status, slug, title = 503, "media-busy", "This media node is full"
