"""Who is not counted among a room's viewers: whoever says that it is a robot.

The whole rule, so that a count can be trusted: a member counts once, however many sockets, reloads and devices; only
while a connection of theirs has said hello; and not on a connection whose User-Agent names a robot or a fetcher of link
previews. Nobody is ever added.
"""

from __future__ import annotations

import re

_ROBOT = re.compile(
    r"bot\b|crawl|spider|slurp|scrapy|facebookexternalhit|embedly|link ?preview|monitoring", re.IGNORECASE
)


def is_robot(user_agent: str) -> bool:
    return _ROBOT.search(user_agent) is not None
