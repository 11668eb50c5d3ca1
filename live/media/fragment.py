"""ICE fragments of PATCH (RFC 8840, `application/trickle-ice-sdpfrag`)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from live.media.answer import candidate_lines
from live.media.errors import MalformedFragment, OfferTooLarge
from live.media.offer import LARGEST_OFFER
from live.media.udp import Candidate, Credentials

_LINE = re.compile(r"[am]=\S.*")
_UFRAG = re.compile(r"^a=ice-ufrag:([A-Za-z0-9+/]{4,256})\s*$", re.MULTILINE)
_PASSWORD = re.compile(r"^a=ice-pwd:([A-Za-z0-9+/]{22,256})\s*$", re.MULTILINE)


def remote_ufrag(text: str) -> str | None:
    """The peer's user name in this fragment; None when it names none. Candidates aren't needed: a lite agent waits
    for the peer's checks. Raises MalformedFragment (400), OfferTooLarge (413)."""
    if len(text) > LARGEST_OFFER:
        raise OfferTooLarge
    lines = text.splitlines()
    if not lines or not all(_LINE.fullmatch(line) for line in lines if line):
        raise MalformedFragment
    ufrag, password = _UFRAG.search(text), _PASSWORD.search(text)
    if (ufrag is None) != (password is None):
        raise MalformedFragment("ice-ufrag and ice-pwd come together")
    return ufrag[1] if ufrag else None


def write(credentials: Credentials, candidates: Iterable[Candidate]) -> str:
    lines = [
        "a=ice-lite",
        f"a=ice-ufrag:{credentials.ufrag}",
        f"a=ice-pwd:{credentials.password}",
        *candidate_lines(candidates),
    ]
    return "\r\n".join(lines) + "\r\n"
